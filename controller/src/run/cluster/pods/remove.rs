//! Removal of objects that runs created: those of one run, or of all runs.

use std::{collections::BTreeSet, time::Duration};

use futures_util::future::join_all;
use k8s_openapi::{
    api::core::v1::{ConfigMap, Pod},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, Preconditions},
};
use tokio::time::{Instant, interval, timeout, timeout_at};

use super::{
    Watch, again,
    ownership::{run_of_owner, run_of_pod},
};
use crate::{case::leftover::Leftover, support::names};

/// The time limit of a whole removal; the help of `--timeout` mentions it.
const GRACE: Duration = Duration::from_secs(20);

/// The time in which garbage collection begins to delete an owner's pods; those that it does not delete in time are deleted here.
const COLLECTION: Duration = Duration::from_millis(500);

/// The pause between two looks for remaining objects.
const AGAIN: Duration = Duration::from_millis(300);

/// A remaining object that a run created.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Found {
    pub(crate) kind: &'static str,
    pub(crate) name: String,
    pub(crate) run: String,
    /// The object's uid, so that no later object with the same name is removed; `None` if the API server did not tell.
    uid: Option<String>,
}

/// The objects of a namespace that bear the label of runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listed {
    /// The objects that runs created.
    pub(crate) own: Vec<Found>,
    /// Kind and name of the objects that no run created.
    pub(crate) others: Vec<(&'static str, String)>,
}

/// Removes all objects with the run's label; returns those that remain.
pub(super) async fn run(
    client: &Client,
    namespace: &str,
    run: &str,
    mut created: BTreeSet<String>,
    watch: &Watch,
) -> Vec<Leftover> {
    let pods = Api::<Pod>::namespaced(client.clone(), namespace);
    let owners = Api::<ConfigMap>::namespaced(client.clone(), namespace);
    created.extend(watch.names());
    let (deadline, params) = (Instant::now() + GRACE, DeleteParams::background());
    // Garbage collection deletes the pods of a deleted owner, at no request for each of them.
    let owner = delete(&owners, run, &params, deadline).await;
    if owner.is_none() {
        _ = timeout(COLLECTION, watch.deleted(&created)).await;
    }
    let undeleted = watch.undeleted(&created);
    let failures = join_all(undeleted.iter().map(|name| delete(&pods, name, &params, deadline))).await;
    let emptied = timeout_at(deadline, emptied(&pods, watch, deadline)).await.is_ok();
    if !emptied {
        watch.warned().await;
    }
    let stuck = if emptied { Vec::new() } else { watch.names() };
    let stuck = stuck.iter().map(|name| explained(name, watch));
    let stuck = stuck.reduce(|told, next| format!("{told}, {next}"));
    let stuck = stuck.map(|stuck| format!("pods that were not removed in time: {stuck}"));
    let told = failures.into_iter().flatten().chain(owner).chain(stuck);
    let leftover = |why| Leftover {
        what: format!("objects of {run} in namespace {namespace}: {why}"),
        remedy: remedy(namespace),
    };
    told.map(leftover).collect()
}

/// Waits until none of the run's pods remains. The kubelet removes a stopped pod's object at its next look at its pods, up to a
/// second later. The object is removed here: nothing of the pod runs any more.
async fn emptied(pods: &Api<Pod>, watch: &Watch, deadline: Instant) {
    let at_once = DeleteParams::background().grace_period(0);
    let mut removed = BTreeSet::new();
    loop {
        let stopped = tokio::select! {
            biased;
            () = watch.emptied() => return,
            stopped = watch.stopped(&removed) => stopped,
        };
        let failures = join_all(stopped.iter().map(|name| delete(pods, name, &at_once, deadline))).await;
        // A cluster may forbid it, and the kubelet removes the object all the same.
        failures.into_iter().flatten().for_each(|why| tracing::debug!("a stopped pod stays for now: {why}"));
        removed.extend(stopped);
    }
}

/// Returns a pod's name with the cluster's last warning about it.
fn explained(name: &str, watch: &Watch) -> String {
    let warning = watch.warnings(name).pop();
    warning.map_or_else(|| name.to_owned(), |warning| format!("{name} ({warning})"))
}

fn remedy(namespace: &str) -> String {
    format!("controller cleanup --namespace {namespace}")
}

/// Deletes an object. Returns the reason if it failed; a missing object counts as deleted.
pub(super) async fn delete<K>(
    api: &Api<K>,
    name: &str,
    params: &DeleteParams,
    deadline: Instant,
) -> Option<String>
where
    K: Clone + serde::de::DeserializeOwned + std::fmt::Debug,
{
    match again::retry_until(deadline, || api.delete(name, params)).await {
        Err(kube::Error::Api(status)) if status.code == 404 => None,
        Err(kube::Error::Api(status)) => Some(status.message.clone()),
        Err(error) => Some(error.to_string()),
        Ok(_) => None,
    }
}

/// Returns all objects that any run left in a namespace, and others with the same label.
pub(crate) async fn found(client: &Client, namespace: &str) -> kube::Result<Listed> {
    found_until(client, namespace, Instant::now() + GRACE).await
}

async fn found_until(client: &Client, namespace: &str, deadline: Instant) -> kube::Result<Listed> {
    let params = ListParams::default().labels(names::RUN_LABEL);
    let pods = Api::<Pod>::namespaced(client.clone(), namespace);
    let pods = again::retry_until(deadline, || pods.list(&params)).await?;
    let owners = Api::<ConfigMap>::namespaced(client.clone(), namespace);
    let owners = again::retry_until(deadline, || owners.list(&params)).await?;
    let mut listed = Listed::default();
    for pod in &pods.items {
        listed.add("pod", &pod.metadata, run_of_pod(pod));
    }
    for owner in &owners.items {
        listed.add("configmap", &owner.metadata, run_of_owner(owner));
    }
    Ok(listed)
}

/// Removes the objects; returns those that could not be removed, with the reason.
pub(crate) async fn remove_found(client: &Client, namespace: &str, found: &[Found]) -> Vec<(String, String)> {
    let deadline = Instant::now() + GRACE;
    let pods = Api::<Pod>::namespaced(client.clone(), namespace);
    let owners = Api::<ConfigMap>::namespaced(client.clone(), namespace);
    let mut failures = Vec::new();
    for it in found {
        let params = DeleteParams {
            preconditions: Some(Preconditions { uid: it.uid.clone(), resource_version: None }),
            ..DeleteParams::background()
        };
        let failed = match it.kind {
            "pod" => delete(&pods, &it.name, &params, deadline).await,
            _ => delete(&owners, &it.name, &params, deadline).await,
        };
        failures.extend(failed.map(|why| (it.name.clone(), why)));
    }
    if failures.is_empty() {
        failures.extend(staying(client, namespace, found, deadline).await);
    }
    failures
}

/// Waits until the deleted objects are gone; returns those that remain at the deadline.
async fn staying(
    client: &Client,
    namespace: &str,
    deleted: &[Found],
    deadline: Instant,
) -> Vec<(String, String)> {
    let mut again = interval(AGAIN);
    loop {
        again.tick().await;
        // Without an answer, every object counts as remaining.
        let there = found_until(client, namespace, deadline).await;
        let there = |it: &&Found| there.as_ref().map_or(true, |there| there.own.contains(it));
        let staying: Vec<_> = deleted.iter().filter(there).collect();
        if staying.is_empty() || Instant::now() >= deadline {
            return staying
                .into_iter()
                .map(|it| (it.name.clone(), "it was not removed in time".to_owned()))
                .collect();
        }
    }
}

impl Listed {
    fn add(&mut self, kind: &'static str, metadata: &ObjectMeta, run: Option<&str>) {
        let name = metadata.name.clone().unwrap_or_default();
        match run {
            Some(run) => {
                let (run, uid) = (run.to_owned(), metadata.uid.clone());
                self.own.push(Found { kind, name, run, uid });
            }
            None => self.others.push((kind, name)),
        }
    }
}
