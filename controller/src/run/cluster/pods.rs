//! Probe pods and control pods in a cluster: creation, watch, conversation and removal.

pub(super) mod again;
mod batches;
mod collection;
mod conversation;
mod create;
mod exec;
mod ownership;
mod rehearsal;
mod remove;
mod seen;
mod shown;
mod state;
mod visits;
mod watch;

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::{
    Api, Client,
    api::{DeleteParams, PostParams},
};
use tokio::{sync::OnceCell, time::Instant};

use batches::Batches;
pub(crate) use conversation::{Gathered, Staying, gather, gather_and_stay};
pub(crate) use create::Refusal;
pub(crate) use exec::Exec;
pub(crate) use ownership::{run_of_pod, visit_of};
pub(crate) use rehearsal::{Rehearsals, Rehearsed};
pub(crate) use remove::{Found, Listed, found, remove_found};
pub(crate) use state::{Failing, PodState, Stage};
pub(crate) use visits::{Visits, patch_of};
pub(crate) use watch::Watch;

use super::manifest::{self, Admission};
use crate::{
    case::{
        cluster::{PodView, Shared},
        leftover::Leftover,
    },
    support::{
        names::{self, AGAIN, ANEW},
        printable::line,
    },
};

/// The most pods that are deleted one by one, and removed as soon as they have stopped. More pods are removed together, by batches of
/// groups, and by the kubelets.
const FEW: usize = 32;

/// The API server's message for a webhook with side effects (apiserver, `pkg/admission/plugin/webhook/errors`).
const NO_DRY_RUN: &str = "does not support dry run";

/// All objects that one run creates in one namespace.
pub(crate) struct Fleet {
    client: Client,
    namespace: String,
    run: String,
    owner: OnceCell<ConfigMap>,
    watch: Watch,
    deadline: Instant,
    created: Mutex<BTreeSet<String>>,
    batches: Batches,
    rehearsals: Rehearsals,
}

// === impl Fleet ===

impl Fleet {
    /// Starts the watch; creates no object yet.
    pub(crate) fn begin(client: &Client, namespace: &str, run: &str, deadline: Instant) -> Self {
        Self {
            client: client.clone(),
            namespace: namespace.to_owned(),
            run: run.to_owned(),
            owner: OnceCell::new(),
            watch: Watch::begin(client, namespace, run),
            deadline,
            created: Mutex::default(),
            batches: Batches::of(0),
            rehearsals: Rehearsals::begin(client, namespace),
        }
    }

    /// Prepares for the probe pods of this many groups.
    pub(crate) fn for_groups(self, groups: usize) -> Self {
        Self { batches: Batches::of(groups), ..self }
    }

    /// Labels the probe pod of a group with the pods that will be removed beside it.
    pub(crate) fn label(&self, pod: &mut Pod, index: usize) {
        let batch = self.batches.name(index).map(|batch| (names::BATCH_LABEL.to_owned(), batch));
        pod.metadata.labels.get_or_insert_default().extend(batch);
    }

    /// Returns the owner of the run's pods; creates it on the first call.
    pub(crate) async fn owner(&self) -> Result<&ConfigMap, Refusal> {
        let owners = Api::<ConfigMap>::namespaced(self.client.clone(), &self.namespace);
        let wanted = manifest::owner(&self.run, &self.namespace);
        let params = create_params(false);
        self.owner.get_or_try_init(|| create::insist(&owners, &wanted, &params, self.deadline)).await
    }

    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    pub(crate) fn watch(&self) -> &Watch {
        &self.watch
    }

    pub(crate) fn api(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Creates a pod after a rehearsal of its kind; refuses it if admission changed it in a way that matters. `like` are the pods
    /// that it represents.
    pub(crate) async fn create(&self, pod: &Pod, like: &[Shared<PodView>]) -> Result<Admission, Refusal> {
        let rehearsed = Box::pin(self.rehearsals.rehearse(pod, like, self.deadline)).await;
        let Rehearsed { pod, admission } = match rehearsed {
            // Such a webhook shows its changes only in the creation itself.
            Err(Refusal::Admission(why)) if why.contains(NO_DRY_RUN) => {
                tracing::warn!("the pod is created without a dry run: {}", line(&why));
                Rehearsed { pod: pod.clone(), admission: Admission::default() }
            }
            rehearsed => rehearsed?,
        };
        let admitted = self.admit(&pod, like).await?;
        Ok(Admission { fitted: admission.fitted, ..admitted })
    }

    /// Creates a pod that represents no pods. It is rehearsed only after a refusal.
    pub(crate) async fn create_unlike(&self, pod: &Pod) -> Result<Admission, Refusal> {
        match self.admit(pod, &[]).await {
            Err(Refusal::Admission(_)) => self.create(pod, &[]).await,
            admitted => admitted,
        }
    }

    async fn admit(&self, pod: &Pod, like: &[Shared<PodView>]) -> Result<Admission, Refusal> {
        let name = pod.metadata.name.clone().unwrap_or_default();
        // From here on the pod may exist, even if the answer is lost.
        self.created().insert(name.clone());
        let params = create_params(false);
        match Box::pin(create::insist(&self.api(), pod, &params, self.deadline)).await {
            Ok(admitted) => Ok(manifest::admission(pod, &admitted, like)?),
            Err(refusal) => {
                if !matches!(refusal, Refusal::Unanswered(_) | Refusal::TimeOver) {
                    self.created().remove(&name);
                }
                Err(refusal)
            }
        }
    }

    /// Removes a pod before the end of the run. A failure is no matter: the end removes what remains.
    pub(crate) async fn remove(&self, pod: &str) {
        if let Some(why) = remove::delete(&self.api(), pod, &DeleteParams::background(), self.deadline).await
        {
            tracing::debug!("{pod} stays for now: {why}");
        }
    }

    /// Removes the probe pods of one group before the end of the run, as far as they are there. In a large run, the pods of a
    /// batch are removed with those of the last of its groups.
    pub(crate) async fn remove_of(&self, index: usize) {
        let groups = self.batches.finish(index);
        let names = groups.clone().map(|group| names::probe_pod(&self.run, group));
        let names = names.flat_map(|name| {
            ["", AGAIN, ANEW, &format!("{ANEW}{AGAIN}")].map(|ending| format!("{name}{ending}"))
        });
        let made: BTreeSet<_> = names.filter(|name| self.created().contains(name)).collect();
        let version = self.watch.own_at().filter(|_| groups.len() > 1);
        if let (Some(version), Some(batch)) = (version, self.batches.name(index)) {
            let labels = [(names::RUN_LABEL, self.run.as_str()), (names::BATCH_LABEL, batch.as_str())];
            let deleted =
                collection::delete(&self.client, &self.namespace, &labels, &version, self.deadline).await;
            let Some(why) = deleted else { return };
            tracing::debug!("the pods of batch {batch} are deleted one by one: {why}");
        }
        for pod in self.watch.undeleted(&made) {
            self.remove(&pod).await;
        }
    }

    pub(crate) fn exec(&self, pod: &str) -> Exec {
        Exec::new(self.client.clone(), self.api(), pod, names::CONTAINER)
    }

    /// Returns the names of the pods that it created or tried to create.
    pub(crate) fn made(&self) -> BTreeSet<String> {
        self.created().clone()
    }

    fn created(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.created.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes all objects of the run; returns those that remain.
    pub(crate) async fn clean_up(&self) -> Vec<Leftover> {
        remove::run(&self.client, &self.namespace, &self.run, self.made(), &self.watch).await
    }
}

/// Asks the API server whether it would admit a pod; creates nothing.
async fn dry_run(api: &Api<Pod>, pod: &Pod, deadline: Instant) -> Result<Pod, Refusal> {
    Box::pin(create::insist(api, pod, &create_params(true), deadline)).await
}

fn create_params(dry_run: bool) -> PostParams {
    PostParams { dry_run, field_manager: Some(names::PRODUCT.to_owned()) }
}
