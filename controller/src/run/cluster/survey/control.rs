//! Facts for the control pods: the policies that could shut off the listener.

use kube::Client;

use super::policies::{self, OtherKinds};
use crate::case::cluster::ControlNamespace;

/// Returns the control namespace with the policies that may keep a probe from the listener.
pub(super) async fn namespace(
    client: &Client,
    kinds: &OtherKinds,
    name: Option<&str>,
) -> Option<ControlNamespace> {
    let name = name?;
    let (labels, policies) =
        tokio::join!(super::labels_of(client, name), policies::read(client, kinds, name));
    Some(ControlNamespace { name: name.to_owned(), labels, policies, later: None })
}
