//! Events of a watch, for `kubectl describe` and `kubectl get events`: one for each change of a proof's verdict, and one for each
//! change of a node's taint. An event that is not recorded changes nothing else.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, ObjectReference};
use kube::{
    Client, Resource,
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use tokio::time::timeout;

use crate::{
    plan::startup_taint::Act,
    support::{names::DOMAIN, printable::line},
};

/// The time for one event.
const PATIENCE: Duration = Duration::from_secs(10);

/// The recorder of one watch. It counts an event that comes again within minutes, in the place of a further one.
#[derive(Clone)]
pub(crate) struct Recording(Recorder);

impl Recording {
    /// Returns a recorder, whose instance is this replica.
    pub(crate) fn new(client: Client, instance: String) -> Self {
        let reporter = Reporter { controller: format!("{DOMAIN}/watch"), instance: Some(instance) };
        Self(Recorder::new(client, reporter))
    }

    /// Records that a proof has another verdict, which a sentence tells.
    pub(crate) async fn verdict(&self, proof: &ObjectReference, passes: bool, told: String) {
        let (type_, reason) =
            if passes { (EventType::Normal, "ProofReady") } else { (EventType::Warning, "ProofNotReady") };
        self.record(type_, ("Verify", reason), told, proof).await;
    }

    /// Records the change of a node's taint.
    pub(crate) async fn taint(&self, node: &Node, act: &Act, told: String) {
        let (type_, reason) = match act {
            Act::Remove(_) | Act::Renew(_) => (EventType::Normal, "StartupTaintRemoved"),
            Act::PutBack => (EventType::Warning, "StartupTaintPutBack"),
        };
        self.record(type_, ("Taint", reason), told, &node.object_ref(&())).await;
    }

    async fn record(
        &self,
        type_: EventType,
        (action, reason): (&str, &str),
        told: String,
        of: &ObjectReference,
    ) {
        let (action, reason) = (action.to_owned(), reason.to_owned());
        let event = Event { type_, reason, note: Some(told), action, secondary: None };
        let why = match timeout(PATIENCE, self.0.publish(&event, of)).await {
            Ok(Ok(())) => return,
            Ok(Err(kube::Error::Api(status))) => status.message.clone(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("the API server did not answer within {} s", PATIENCE.as_secs()),
        };
        tracing::warn!("{}", line(&format!("the event {} was not recorded: {why}", event.reason)));
    }
}
