//! Visits: probes in ephemeral containers of running pods. Such a container cannot be removed before its pod, so the end of a visit
//! ends the container's process, and the container's own lifetime ends it where that fails (kubernetes.io, "Ephemeral
//! Containers").

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use k8s_openapi::api::core::v1::{EphemeralContainer, Pod};
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use proto::Nonce;
use serde_json::json;
use tokio::{
    sync::OnceCell,
    time::{Instant, sleep, timeout},
};

use super::{Exec, Watch, again, create::Refusal, create::refusal};
use crate::{
    case::leftover::Leftover,
    run::cluster::{
        manifest::{self, Admission, Common},
        permission::EXEC,
        review,
    },
    support::names,
};

/// Time for the end of one visit.
const ENDING: Duration = Duration::from_secs(5);
/// Time between two looks at a pod.
const AGAIN: Duration = Duration::from_millis(500);

/// All visits of one run.
pub(crate) struct Visits {
    client: Client,
    namespace: String,
    run: String,
    token: Nonce,
    lifetime: Duration,
    deadline: Instant,
    /// The visited pods; true for a visit that has ended.
    visited: Mutex<BTreeMap<String, bool>>,
    /// True if the run may ask a probe.
    may_ask: OnceCell<bool>,
}

impl Visits {
    pub(crate) fn begin(client: &Client, namespace: &str, common: &Common, deadline: Instant) -> Self {
        Self {
            client: client.clone(),
            namespace: namespace.to_owned(),
            run: common.run.clone(),
            token: common.reception,
            lifetime: common.lifetime,
            deadline,
            visited: Mutex::default(),
            may_ask: OnceCell::new(),
        }
    }

    /// Returns a pod as it is now.
    pub(crate) async fn pod(&self, pod: &str) -> Result<Pod, Refusal> {
        let api = self.api();
        let found = again::retry_until(self.deadline, || api.get_opt(pod)).await.map_err(refusal)?;
        found.ok_or_else(|| Refusal::NotStarted(format!("pod/{pod} is gone")))
    }

    /// Adds a probe's container to a pod; refuses a container that admission changed in a way that matters.
    pub(crate) async fn visit(
        &self,
        pod: &str,
        container: &EphemeralContainer,
    ) -> Result<Admission, Refusal> {
        self.permitted().await?;
        // From here on the container may exist, even if the answer is lost.
        self.visited().insert(pod.to_owned(), false);
        let answer = self.patch(pod, container, false, self.deadline).await;
        let is_refused =
            matches!(answer, Err(Refusal::Permission(_) | Refusal::Admission(_) | Refusal::Broken(_)));
        // A request whose answer was lost may have added the container before a later one was refused.
        if is_refused && !self.may_be_visited(pod).await {
            self.visited().remove(pod);
        }
        Ok(manifest::admitted(container, &answer?)?)
    }

    /// Returns true unless a pod is known to have no container of the run.
    async fn may_be_visited(&self, pod: &str) -> bool {
        let api = self.api();
        let found = again::retry_until(self.deadline, || api.get_opt(pod)).await;
        found.map_or(true, |pod| pod.is_some_and(|pod| may_run(&pod, &self.run)))
    }

    /// Refuses a visit if nobody may ask the probe: it would stay in the pod for its whole lifetime. Every version of Kubernetes
    /// needs the verb `get`. A question without an answer refuses nothing.
    async fn permitted(&self) -> Result<(), Refusal> {
        const VERB: &str = "get";
        let Self { client, namespace, .. } = self;
        let ask = || review::is_granted(client, &EXEC, VERB, Some(namespace));
        let granted = self
            .may_ask
            .get_or_init(|| async { again::retry_until(self.deadline, ask).await.unwrap_or(true) });
        if *granted.await {
            return Ok(());
        }
        let resource = EXEC.resource;
        Err(Refusal::Permission(format!(
            "the permission to {VERB} {resource} in namespace {namespace} is missing"
        )))
    }

    /// Asks the API server whether it would admit a probe's container; changes nothing.
    pub(crate) async fn rehearse(
        &self,
        pod: &str,
        container: &EphemeralContainer,
    ) -> Result<Admission, Refusal> {
        Ok(manifest::admitted(container, &self.patch(pod, container, true, self.deadline).await?)?)
    }

    async fn patch(
        &self,
        pod: &str,
        container: &EphemeralContainer,
        dry_run: bool,
        deadline: Instant,
    ) -> Result<Pod, Refusal> {
        let params =
            PatchParams { dry_run, field_manager: Some(names::PRODUCT.to_owned()), ..PatchParams::default() };
        // Containers are merged by their names, so that a repeated request adds nothing.
        let patch = Patch::Strategic(patch_of(container));
        let api = self.api();
        again::retry_conflicts_until(deadline, || api.patch_ephemeral_containers(pod, &params, &patch))
            .await
            .map_err(refusal)
    }

    pub(crate) fn watch(&self, pod: &str) -> Watch {
        Watch::of_visit(&self.client, &self.namespace, pod, &self.run)
    }

    pub(crate) fn exec(&self, pod: &str) -> Exec {
        Exec::new(self.client.clone(), self.api(), pod, &self.run)
    }

    /// Ends a visit. A failure is no matter: the end of the run tries again.
    pub(crate) async fn end(&self, pod: &str) {
        if let Some(why) = self.failed_to_end(pod).await {
            tracing::debug!("the probe in {pod} stays for now: {why}");
        }
    }

    async fn failed_to_end(&self, pod: &str) -> Option<String> {
        let released = timeout(ENDING, self.exec(pod).release(self.token)).await;
        match released {
            Ok(Ok(())) => {
                self.visited().insert(pod.to_owned(), true);
                None
            }
            Ok(Err(refusal)) => Some(refusal.to_string()),
            Err(_) => Some("the cluster did not answer in time".to_owned()),
        }
    }

    /// Ends all visits that have not ended, and returns those that could not be ended.
    pub(crate) async fn clean_up(&self) -> Vec<Leftover> {
        let open: Vec<_> =
            self.visited().iter().filter(|(_, ended)| !**ended).map(|(pod, _)| pod.clone()).collect();
        join_all(open.iter().map(|pod| self.last_end(pod))).await.into_iter().flatten().collect()
    }

    async fn last_end(&self, pod: &str) -> Option<Leftover> {
        let why = self.failed_to_end(pod).await?;
        let is_left = timeout(ENDING, self.ended_at_last(pod)).await.is_err();
        is_left.then(|| Leftover {
            what: format!("the probe {} in pod {pod} of namespace {}: {why}", self.run, self.namespace),
            remedy: format!(
                "nothing; the probe ends by itself {} s after its start",
                self.lifetime.as_secs()
            ),
        })
    }

    /// Waits until the probe's container in a pod has ended. The pod's status tells it some time after the container's end. A
    /// container that was still starting is asked again to end.
    async fn ended_at_last(&self, pod: &str) {
        loop {
            match self.api().get_opt(pod).await {
                Ok(Some(found)) if may_run(&found, &self.run) => {
                    if self.failed_to_end(pod).await.is_none() {
                        return;
                    }
                }
                Ok(_) => return,
                Err(error) => tracing::debug!(%error, "the pod {pod} is asked for again"),
            }
            sleep(AGAIN).await;
        }
    }

    /// Returns the names of the visited pods.
    pub(crate) fn pods(&self) -> Vec<String> {
        self.visited().keys().cloned().collect()
    }

    fn api(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    fn visited(&self) -> MutexGuard<'_, BTreeMap<String, bool>> {
        self.visited.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns true if a pod has an ephemeral container that has not ended.
fn may_run(pod: &Pod, container: &str) -> bool {
    let mut declared = pod.spec.iter().flat_map(|spec| spec.ephemeral_containers.iter().flatten());
    let mut told = pod.status.iter().flat_map(|status| status.ephemeral_container_statuses.iter().flatten());
    let has_ended = told
        .any(|it| it.name == container && it.state.as_ref().is_some_and(|state| state.terminated.is_some()));
    declared.any(|it| it.name == container) && !has_ended
}

/// Returns the patch that adds an ephemeral container to a pod.
pub(crate) fn patch_of(container: &EphemeralContainer) -> serde_json::Value {
    json!({ "spec": { "ephemeralContainers": [container] } })
}
