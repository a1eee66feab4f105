//! Probes and controls as pods of a cluster: made, watched, spoken to, and removed.

mod again;
mod connect;
mod conversation;
mod create;
mod exec;
mod remove;
mod state;
mod watch;

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::{Api, Client, api::PostParams};
use tokio::time::Instant;

pub(crate) use connect::{Connection, connect};
pub(crate) use conversation::{Gathered, gather};
pub(crate) use create::Refusal;
pub(crate) use exec::Exec;
pub(crate) use remove::{Found, found, remove_found};
pub(crate) use state::{PodState, Stage};
pub(crate) use watch::Watch;

use crate::{launch::Leftover, manifest, names};

/// Everything that one run makes in one namespace.
pub(crate) struct Fleet {
    client: Client,
    namespace: String,
    run: String,
    owner: ConfigMap,
    watch: Watch,
    deadline: Instant,
    created: Mutex<BTreeSet<String>>,
}

/// Why nothing could be made in a namespace.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("failed to read the kubeconfig")]
    Kubeconfig(#[from] kube::config::KubeconfigError),
    #[error("there is no kubeconfig, and this is no pod with a service account")]
    Nowhere(#[from] kube::config::InferConfigError),
    #[error("failed to make a client for the cluster")]
    Client(#[source] Box<kube::Error>),
    #[error("failed to create the owner of the run's pods in namespace {namespace}: {refusal}")]
    Owner { namespace: String, refusal: Refusal },
}

// === impl Fleet ===

impl Fleet {
    /// Makes the owner and begins to watch.
    pub(crate) async fn begin(
        client: &Client,
        namespace: &str,
        run: &str,
        deadline: Instant,
    ) -> Result<Self, Error> {
        let owners = Api::<ConfigMap>::namespaced(client.clone(), namespace);
        let wanted = manifest::owner(run, namespace);
        let owner = create::insist(&owners, &wanted, &create_params(false), deadline).await;
        let owner = owner.map_err(|refusal| Error::Owner { namespace: namespace.to_owned(), refusal })?;
        let watch = Watch::begin(client, namespace, run);
        Ok(Self {
            client: client.clone(),
            namespace: namespace.to_owned(),
            run: run.to_owned(),
            owner,
            watch,
            deadline,
            created: Mutex::default(),
        })
    }

    pub(crate) fn owner(&self) -> &ConfigMap {
        &self.owner
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

    /// Asks whether the pod would be admitted, then makes it; says what a webhook changed.
    pub(crate) async fn create(&self, pod: &Pod) -> Result<(), Refusal> {
        unaltered(pod, &dry_run(&self.api(), pod, self.deadline).await?)?;
        // From here on it may exist, whatever becomes of the answer.
        self.created().extend(pod.metadata.name.clone());
        let admitted = create::insist(&self.api(), pod, &create_params(false), self.deadline).await?;
        unaltered(pod, &admitted)
    }

    pub(crate) fn exec(&self, pod: &str) -> Exec {
        Exec::new(self.client.clone(), self.api(), pod)
    }

    fn created(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.created.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes everything that was made, and names what is still there.
    pub(crate) async fn clean_up(&self) -> Vec<Leftover> {
        let created = self.created().clone();
        remove::run(&self.client, &self.namespace, &self.run, created, &self.watch).await
    }
}

fn unaltered(sent: &Pod, admitted: &Pod) -> Result<(), Refusal> {
    manifest::altered(sent, admitted).map_or(Ok(()), |change| Err(Refusal::Altered(change)))
}

/// Asks whether a pod would be admitted, and makes nothing.
pub(crate) async fn dry_run(api: &Api<Pod>, pod: &Pod, deadline: Instant) -> Result<Pod, Refusal> {
    create::insist(api, pod, &create_params(true), deadline).await
}

fn create_params(dry_run: bool) -> PostParams {
    PostParams { dry_run, field_manager: Some(names::PRODUCT.to_owned()) }
}
