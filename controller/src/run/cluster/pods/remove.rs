//! Removal of objects that runs created: those of one run, or of all runs.

use std::{collections::BTreeSet, time::Duration};

use futures_util::{StreamExt, stream};
use k8s_openapi::{
    api::core::v1::{ConfigMap, Pod},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, Preconditions},
};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::{
    FEW, Watch, again, collection,
    ownership::{run_of_owner, run_of_pod},
    watch::WARNED,
};
use crate::{case::leftover::Leftover, run::cluster::pages, support::names};

/// The time limit of a whole removal, and the time that each pod adds to it; the help of `--timeout` mentions both.
const GRACE: Duration = Duration::from_secs(20);
const GRACE_EACH: Duration = Duration::from_millis(20);

/// The most deletions that wait for their answers at once.
const AT_ONCE: usize = 32;

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
    let (pods, owners) = apis(client, namespace);
    created.extend(watch.names());
    // The last second is for the cluster's warnings about pods that remain.
    let (deadline, params) = (deadline(watch.undeleted(&created).len()) - WARNED, DeleteParams::background());
    // Garbage collection deletes the pods of a deleted owner, at no request for each of them.
    let owner = delete(&owners, run, &params, deadline).await;
    if !collect(client, namespace, run, (&created, watch), deadline).await && owner.is_none() {
        _ = timeout(COLLECTION, watch.deleted(&created)).await;
    }
    let undeleted = watch.undeleted(&created);
    let failures = delete_all(&pods, &undeleted, &params, deadline).await;
    let emptied = async {
        // The kubelets remove the objects of a large run.
        if created.len() > FEW {
            watch.emptied().await;
        } else {
            emptied(&pods, watch, deadline).await;
        }
        let unseen = watch.undeleted(&created).into_iter().collect();
        unlisted(&pods, run, &unseen).await;
    };
    let emptied = timeout_at(deadline, emptied).await.is_ok();
    let remaining = remaining(&pods, run, (&created, watch));
    let stuck = if emptied { Vec::new() } else { tokio::join!(remaining, watch.warned()).0 };
    let stuck = stuck.iter().map(|name| explained(name, watch));
    let stuck = stuck.reduce(|told, next| format!("{told}, {next}"));
    let stuck = stuck.map(|stuck| format!("pods that were not removed in time: {stuck}"));
    let told = failures.into_iter().chain(owner).chain(stuck);
    let leftover = |why| Leftover {
        what: format!("objects of {run} in namespace {namespace}: {why}"),
        remedy: remedy(namespace),
    };
    told.map(leftover).collect()
}

/// Deletes many pods by one request. Returns false for a few pods, and if the request could not be made.
async fn collect(
    client: &Client,
    namespace: &str,
    run: &str,
    (created, watch): (&BTreeSet<String>, &Watch),
    deadline: Instant,
) -> bool {
    let is_many = watch.undeleted(created).len() > FEW;
    let Some(version) = watch.own_at().filter(|_| is_many) else { return false };
    let labels = [(names::RUN_LABEL, run)];
    if let Some(why) = collection::delete(client, namespace, &labels, &version, deadline).await {
        tracing::debug!("the pods are deleted one by one: {why}");
        return false;
    }
    settled(watch, created).await;
    true
}

/// Waits as long as the watch shows further deletions.
async fn settled(watch: &Watch, created: &BTreeSet<String>) {
    let (mut before, mut left) = (usize::MAX, watch.undeleted(created).len());
    while 0 < left && left < before {
        _ = timeout(COLLECTION, watch.deleted(created)).await;
        (before, left) = (left, watch.undeleted(created).len());
    }
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
        let names: Vec<_> = stopped.iter().cloned().collect();
        let failures = delete_all(pods, &names, &at_once, deadline).await;
        // A cluster may forbid it, and the kubelet removes the object all the same.
        for why in failures {
            tracing::debug!("a stopped pod stays for now: {why}");
        }
        removed.extend(stopped);
    }
}

/// Waits until none of these pods is there, which the watch never showed: it may be silent. Pods whose creation failed are among them.
async fn unlisted(pods: &Api<Pod>, run: &str, unseen: &BTreeSet<String>) {
    while !unseen.is_empty() && present(pods, run, unseen).await.is_none_or(|present| !present.is_empty()) {
        sleep(AGAIN).await;
    }
}

/// Returns the names of the run's pods that are there, since the watch may have missed an end or a pod. Without an answer those that
/// the watch shows, or never showed.
async fn remaining(pods: &Api<Pod>, run: &str, (created, watch): (&BTreeSet<String>, &Watch)) -> Vec<String> {
    let known = || watch.names().into_iter().chain(watch.undeleted(created)).collect::<BTreeSet<_>>();
    present(pods, run, created).await.unwrap_or_else(|| known().into_iter().collect())
}

/// Returns those of the pods that are there; `None` without an answer.
async fn present(pods: &Api<Pod>, run: &str, of: &BTreeSet<String>) -> Option<Vec<String>> {
    let params = ListParams::default().labels(&format!("{}={run}", names::RUN_LABEL));
    let listed = timeout(WARNED, pods.list_metadata(&params)).await.ok()?.ok()?;
    let listed = listed.items.into_iter().filter_map(|pod| pod.metadata.name);
    Some(listed.filter(|name| of.contains(name)).collect())
}

/// Returns the end of the time for the removal of this many pods.
fn deadline(pods: usize) -> Instant {
    Instant::now() + GRACE + GRACE_EACH * u32::try_from(pods).unwrap_or(u32::MAX)
}

/// Deletes pods, a few at a time. Returns the reasons of the failures.
async fn delete_all(
    pods: &Api<Pod>,
    names: &[String],
    params: &DeleteParams,
    deadline: Instant,
) -> Vec<String> {
    let deleted = stream::iter(names).map(|name| delete(pods, name, params, deadline));
    deleted.buffer_unordered(AT_ONCE).filter_map(std::future::ready).collect().await
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
    let deadline = Instant::now() + GRACE;
    let (pods, owners) = apis(client, namespace);
    let params = ListParams::default().labels(names::RUN_LABEL);
    let mut listed = Listed::default();
    let pod = |pod: Pod| labelled("pod", &pod.metadata, run_of_pod(&pod));
    let owner = |owner: ConfigMap| labelled("configmap", &owner.metadata, run_of_owner(&owner));
    let pods = again::retry_until(deadline, || pages::list(&pods, &params, pod)).await?;
    let owners = again::retry_until(deadline, || pages::list(&owners, &params, owner)).await?;
    for object in pods.into_iter().chain(owners) {
        match object {
            Ok(own) => listed.own.push(own),
            Err(other) => listed.others.push(other),
        }
    }
    Ok(listed)
}

fn apis(client: &Client, namespace: &str) -> (Api<Pod>, Api<ConfigMap>) {
    (Api::namespaced(client.clone(), namespace), Api::namespaced(client.clone(), namespace))
}

/// Removes the objects; returns those that could not be removed, with the reason. The owners come first, so that garbage
/// collection helps with the pods.
pub(crate) async fn remove_found(client: &Client, namespace: &str, found: &[Found]) -> Vec<(String, String)> {
    let deadline = deadline(found.len());
    let (pods, owners) = apis(client, namespace);
    let (of_pods, of_owners): (Vec<_>, Vec<_>) = found.iter().partition(|it| it.kind == "pod");
    let delete = async |it: &Found| {
        let params = DeleteParams {
            preconditions: Some(Preconditions { uid: it.uid.clone(), resource_version: None }),
            ..DeleteParams::background()
        };
        let failed = match it.kind {
            "pod" => delete(&pods, &it.name, &params, deadline).await,
            _ => delete(&owners, &it.name, &params, deadline).await,
        };
        failed.map(|why| (it.name.clone(), why))
    };
    let mut failures = Vec::new();
    for objects in [of_owners, of_pods] {
        let deleted = stream::iter(objects).map(&delete).buffer_unordered(AT_ONCE);
        failures.extend(deleted.filter_map(std::future::ready).collect::<Vec<_>>().await);
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
    loop {
        // Without an answer, every object counts as remaining.
        let there = identities(client, namespace, deadline).await;
        let there = |it: &&Found| there.as_ref().map_or(true, |there| there.contains(&it.identity()));
        let staying: Vec<_> = deleted.iter().filter(there).collect();
        if staying.is_empty() || Instant::now() >= deadline {
            return staying
                .into_iter()
                .map(|it| (it.name.clone(), "it was not removed in time".to_owned()))
                .collect();
        }
        sleep(AGAIN).await;
    }
}

/// Kind, name and uid of an object.
type Identity = (&'static str, String, Option<String>);

/// Returns the objects that bear the label of runs. Their metadata is enough to know them again.
async fn identities(client: &Client, namespace: &str, deadline: Instant) -> kube::Result<BTreeSet<Identity>> {
    let params = ListParams::default().labels(names::RUN_LABEL);
    let (pods, owners) = apis(client, namespace);
    let pods =
        again::retry_until(deadline, || pages::list_metadata(&pods, &params, |it| identity("pod", &it)));
    let owners = again::retry_until(deadline, || {
        pages::list_metadata(&owners, &params, |it| identity("configmap", &it))
    });
    let (pods, owners) = tokio::try_join!(pods, owners)?;
    Ok(pods.into_iter().chain(owners).collect())
}

fn identity(kind: &'static str, metadata: &ObjectMeta) -> Identity {
    (kind, metadata.name.clone().unwrap_or_default(), metadata.uid.clone())
}

/// Returns an object that bears the label of runs; `Err` with kind and name if no run created it.
fn labelled(
    kind: &'static str,
    metadata: &ObjectMeta,
    run: Option<&str>,
) -> Result<Found, (&'static str, String)> {
    let (kind, name, uid) = identity(kind, metadata);
    match run {
        Some(run) => Ok(Found { kind, name, run: run.to_owned(), uid }),
        None => Err((kind, name)),
    }
}

impl Found {
    fn identity(&self) -> Identity {
        (self.kind, self.name.clone(), self.uid.clone())
    }
}

#[cfg(test)]
mod tests;
