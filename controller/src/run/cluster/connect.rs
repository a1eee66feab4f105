//! The connection to a cluster, which is named by a kubeconfig and a context, or by the pod's own service account.

mod bearer;
pub(crate) mod credential;
mod door;
mod kubeconfig;
mod made;
mod outside;
mod pace;
mod proxy;
pub(super) mod refusal;

use std::{env, net::SocketAddr, path::PathBuf, sync::Arc};

use http::{HeaderValue, header::USER_AGENT};
use kube::{
    Client,
    client::ClientBuilder,
    config::{AuthInfo, InClusterError, KubeconfigError},
};
use tower::{Layer, util::AndThenLayer};

use bearer::Bearer;
use credential::CredentialError;
use door::DoorLayer;
use kubeconfig::Found;
pub(crate) use made::Made;
use outside::Outside;
pub(crate) use pace::Pace;
use proxy::ProxyRefused;

use crate::support::world;

/// The address of a simulated API server.
const SIMULATED: &str = "http://simulated/";

/// How a command logs in to a cluster.
#[derive(Clone, Debug, Default)]
pub(crate) struct Login {
    /// The path of the kubeconfig; `None` for the default files.
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig; `None` for the current context.
    pub(crate) context: Option<String>,
    /// The user to act as; `None` for the kubeconfig's own.
    pub(crate) user: Option<String>,
    /// The groups to act as a member of; empty for the kubeconfig's own.
    pub(crate) groups: Vec<String>,
}

/// A client and the address of its server.
#[derive(Clone)]
pub(crate) struct Connection {
    pub(crate) client: Client,
    /// The API server's address, for messages.
    pub(crate) server: String,
    /// The API server's host outside the cluster; `None` if the host is this machine, or simulated.
    pub(crate) outside: Option<Outside>,
    /// The pace of the requests.
    pub(crate) pace: Pace,
}

/// Why no client can be made for a cluster.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("failed to read the kubeconfig")]
    Kubeconfig(#[from] KubeconfigError),
    #[error("KUBECONFIG names no file that exists: {}", listed(paths))]
    Missing { paths: Vec<PathBuf> },
    #[error("the text in the place of the kubeconfig's path is no path")]
    Content,
    #[error("there is no kubeconfig, and the controller does not run in a pod with a service account")]
    Nowhere(#[from] InClusterError),
    #[error("failed to get a credential for the cluster")]
    Credential(#[from] CredentialError),
    #[error("failed to choose the proxy for the cluster")]
    Proxy(#[from] ProxyRefused),
    #[error("{by} without a user to act as")]
    NoUser { by: &'static str },
    #[error("failed to create a client for the cluster")]
    Client(#[source] Box<kube::Error>),
}

impl Connection {
    /// Returns the addresses by which the controller reaches the API server, and a remark if they are not known.
    pub(crate) async fn addresses_outside(&self) -> (Vec<SocketAddr>, Option<String>) {
        let Some(outside) = &self.outside else { return (Vec::new(), None) };
        match outside.addresses().await {
            Ok(addresses) => (addresses, None),
            Err(error) => (Vec::new(), Some(outside.untried(&error))),
        }
    }
}

fn listed(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// Creates a client, and asks a credential plugin if the kubeconfig names one. The first request opens the connection.
pub(crate) async fn connect(login: &Login) -> Result<Connection, ConnectError> {
    if let Some(world) = world::simulated() {
        let pace = Pace::default();
        let door = DoorLayer { bearer: None, proxy: None, pace: pace.clone() };
        let client = AndThenLayer::new(refusal::with_code).layer(door.layer(world.server()));
        let client = Client::new(client, "default");
        return Ok(Connection { client, server: SIMULATED.to_owned(), outside: None, pace });
    }
    let Found { mut config, proxy } = kubeconfig::find(login)?;
    impersonate(&mut config.auth_info, login)?;
    config
        .headers
        .push((USER_AGENT, HeaderValue::from_static(concat!("podproof/", env!("CARGO_PKG_VERSION")))));
    // A silent watch or a silent exec is no failure.
    config.read_timeout = None;
    // The door asks again by itself: a webhook's refusal may have the same status as an API server under load.
    config.default_retry = false;
    let proxy = proxy::choose(proxy.as_deref(), &config.cluster_url, |name| env::var(name).ok())?;
    config.proxy_url = proxy.as_ref().map(|proxy| proxy.url().clone());
    let bearer = Bearer::of(&mut config.auth_info).await?;
    let server = config.cluster_url.to_string();
    let outside = Outside::of(&config.cluster_url, proxy.is_some());
    let builder = ClientBuilder::try_from(config).map_err(|error| ConnectError::Client(Box::new(error)))?;
    let pace = Pace::default();
    let door = DoorLayer {
        bearer: bearer.map(Arc::new),
        proxy: proxy.map(|proxy| proxy.to_string().into()),
        pace: pace.clone(),
    };
    let builder = builder.with_layer(&door).with_layer(&AndThenLayer::new(refusal::with_code));
    Ok(Connection { client: builder.build(), server, outside, pace })
}

/// Lets flags replace the user and the groups of the kubeconfig, each by itself, as kubectl does.
fn impersonate(account: &mut AuthInfo, Login { user, groups, .. }: &Login) -> Result<(), ConnectError> {
    if user.is_some() {
        account.impersonate.clone_from(user);
    }
    if !groups.is_empty() {
        account.impersonate_groups = Some(groups.clone());
    }
    let has_user = account.impersonate.as_ref().is_some_and(|user| !user.is_empty());
    let by = if !groups.is_empty() {
        "--as-group is given"
    } else if account.impersonate_groups.as_ref().is_some_and(|groups| !groups.is_empty()) {
        "the kubeconfig has as-groups"
    } else if account.impersonate_uid.is_some() {
        "the kubeconfig has as-uid"
    } else if account.impersonate_user_extra.as_ref().is_some_and(|extra| !extra.is_empty()) {
        "the kubeconfig has as-user-extra"
    } else {
        return Ok(());
    };
    if has_user { Ok(()) } else { Err(ConnectError::NoUser { by }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acted(
        account: &serde_json::Value,
        user: Option<&str>,
        groups: &[&str],
    ) -> Result<AuthInfo, ConnectError> {
        let mut account = serde_json::from_value(account.clone()).unwrap();
        let groups = groups.iter().map(ToString::to_string).collect();
        impersonate(&mut account, &Login { user: user.map(str::to_owned), groups, ..Login::default() })?;
        Ok(account)
    }

    #[test]
    fn flags_replace_the_user_and_the_groups_of_the_kubeconfig() {
        let account = serde_json::json!({ "as": "ann", "as-groups": ["dev"], "as-uid": "7" });
        let kept = acted(&account, None, &[]).unwrap();
        assert_eq!(
            (kept.impersonate.as_deref(), kept.impersonate_groups),
            (Some("ann"), Some(vec!["dev".into()]))
        );
        let replaced = acted(&account, Some("bob"), &["ops", "all"]).unwrap();
        assert_eq!(replaced.impersonate.as_deref(), Some("bob"));
        assert_eq!(replaced.impersonate_groups, Some(vec!["ops".into(), "all".into()]));
    }

    #[test]
    fn groups_without_a_user_are_refused_by_the_name_of_their_source() {
        for (account, groups, by) in [
            (serde_json::json!({}), &["ops"][..], "--as-group"),
            (serde_json::json!({ "as-groups": ["ops"] }), &[], "as-groups"),
            (serde_json::json!({ "as-uid": "7" }), &[], "as-uid"),
            (serde_json::json!({ "as-user-extra": { "scopes": ["all"] } }), &[], "as-user-extra"),
        ] {
            let refused = acted(&account, None, groups).unwrap_err().to_string();
            assert!(refused.contains(by), "{refused}");
        }
    }
}
