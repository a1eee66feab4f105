//! The place of the proof that a run would publish: a run reads the place, and writes the proof there.

use std::error::Error;

use kube::Client;
use tokio::time::timeout;

use super::{Check, PATIENCE, Weight};
use crate::{
    run::cluster::{
        publish::{self, PublishError},
        review,
    },
    support::proof,
};

/// The verb by which a proof is written.
const VERB: &str = "patch";

/// Returns the check of the place for the proof of a namespace.
pub(super) async fn check(client: &Client, keeper: &str, namespace: &str) -> Check {
    let what = "the place of the proof";
    let name = proof::name(namespace);
    let remedy = format!(
        "`controller gate --namespace {namespace} --runtime-class CLASS --proof-namespace {keeper} --service-account NAMESPACE:NAME \
         | kubectl apply -f -` makes the place and the role of its writer"
    );
    let again = "run `controller doctor` again";
    match publish::look(client, keeper, namespace).await {
        Ok(()) => (),
        Err(error) if error.is_refused() => {
            return Check::trouble(what, Weight::Fatal, told(&error), remedy);
        }
        Err(error) => return Check::trouble(what, Weight::Inconclusive, told(&error), again),
    }
    let asked = review::is_granted_on(client, VERB, ("configmaps", keeper, &name));
    match timeout(PATIENCE, asked).await {
        Ok(Ok(true)) => Check::fine(what, format!("the ConfigMap {keeper}/{name} can be written")),
        Ok(Ok(false)) => {
            let why = format!("the permission to {VERB} the ConfigMap {keeper}/{name} is missing");
            Check::trouble(what, Weight::Fatal, why, remedy)
        }
        Ok(Err(error)) => Check::trouble(what, Weight::Inconclusive, error.to_string(), again),
        Err(_) => Check::trouble(what, Weight::Inconclusive, "the API server did not answer", again),
    }
}

/// Returns an error with its source.
fn told(error: &PublishError) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}
