//! The current state of the run's pods, from one watch for all of them, and the warnings about them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use futures_util::StreamExt;
use k8s_openapi::api::core::v1::{Event as ApiEvent, Pod};
use kube::{
    Api, Client, ResourceExt,
    runtime::{
        WatchStreamExt,
        watcher::{self, Event},
    },
};
use tokio::{
    sync::Notify,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use super::{Failing, PodState, Stage, ownership::run_of_pod, seen::Seen, shown::Shown};
use crate::{run::cluster::patience::patient, support::names};

/// The time in which most pods start. Only a pod that takes longer, or fails, has warnings that matter.
const STARTED: Duration = Duration::from_secs(2);
/// The time limit of the first list of warnings.
pub(super) const WARNED: Duration = Duration::from_secs(1);

/// The running watches; they end when it is dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    shown: Arc<Shown>,
    /// Has the warnings watched at once.
    explain: Arc<Notify>,
    tasks: Vec<JoinHandle<()>>,
}

/// A view of a watched pod; `None` for a pod that is not meant.
type View = Box<dyn Fn(&Pod) -> Option<PodState> + Send>;

impl Watch {
    pub(super) fn begin(client: &Client, namespace: &str, run: &str) -> Self {
        let shown = Arc::new(Shown::default());
        let labels = watcher::Config::default().labels(&format!("{}={run}", names::RUN_LABEL));
        // Another pod may bear the run's label.
        let view: View = Box::new(|pod| run_of_pod(pod).map(|_| PodState::of(pod)));
        let client = patient(client.clone());
        let pods = pods(Api::namespaced(client.clone(), namespace), labels, view, Arc::clone(&shown));
        let fields = watcher::Config::default().fields("involvedObject.kind=Pod,type=Warning");
        let events = events(Api::namespaced(client, namespace), fields, run.to_owned(), Arc::clone(&shown));
        let explain = Arc::new(Notify::new());
        let (pods_so_far, wanted) = (Arc::clone(&shown), Arc::clone(&explain));
        let events = async move {
            while timeout(STARTED, wanted.notified()).await.is_err() && !pods_so_far.read(Seen::waits) {}
            events.await;
        };
        Self { shown, explain, tasks: vec![tokio::spawn(pods), tokio::spawn(events)] }
    }

    /// Watches a running pod with the probe's ephemeral container. Warnings about the pod are not read.
    pub(super) fn of_visit(client: &Client, namespace: &str, pod: &str, container: &str) -> Self {
        let shown = Arc::new(Shown::default());
        let fields = watcher::Config::default().fields(&format!("metadata.name={pod}"));
        let container = container.to_owned();
        let view: View = Box::new(move |pod| Some(PodState::of_visit(pod, &container)));
        let pods =
            pods(Api::namespaced(patient(client.clone()), namespace), fields, view, Arc::clone(&shown));
        Self { shown, explain: Arc::default(), tasks: vec![tokio::spawn(pods)] }
    }

    /// Returns a watch that shows this and nothing later.
    #[cfg(test)]
    pub(super) fn of(seen: Seen) -> Self {
        Self { shown: Arc::new(Shown::of(seen)), explain: Arc::default(), tasks: Vec::new() }
    }

    /// Returns the pod's current state; `None` if the watch does not show the pod.
    pub(crate) fn state(&self, pod: &str) -> Option<PodState> {
        self.shown.read(|seen| seen.pods.get(pod).cloned())
    }

    /// Returns the reason for which a pod waits.
    pub(crate) fn waits_for(&self, pod: &str) -> String {
        match self.state(pod).map(|state| state.stage) {
            Some(Stage::Waiting(what)) => what,
            Some(Stage::Running | Stage::Failed(_)) => "the pod did not come up in time".to_owned(),
            None => "the cluster did not show the pod".to_owned(),
        }
    }

    /// Returns the part of the pod that the kubelet's last attempt could not make; `None` if no attempt failed.
    pub(crate) fn failing(&self, pod: &str) -> Option<Failing> {
        self.shown.read(|seen| seen.pods.get(pod)?.failing)
    }

    /// Returns the names of the run's current pods.
    pub(crate) fn names(&self) -> Vec<String> {
        self.shown.read(|seen| seen.pods.keys().cloned().collect())
    }

    /// Waits until the cluster's warnings so far are known.
    pub(crate) async fn warned(&self) {
        self.explain.notify_one();
        // Without the permission to list events, an explanation is lost and nothing else.
        _ = timeout(WARNED, self.shown.until(|seen| seen.warned.then_some(()))).await;
    }

    /// Returns the cluster's warnings about the pod, one for each reason.
    pub(crate) fn warnings(&self, pod: &str) -> Vec<String> {
        self.shown.read(|seen| seen.told(pod))
    }

    /// Returns the pod's state once it runs or has failed; `waits` is told each reason for waiting.
    pub(crate) async fn decided(&self, pod: &str, mut waits: impl FnMut(&str)) -> PodState {
        let mut last = String::new();
        loop {
            let is_known = |state: &PodState| matches!(&state.stage, Stage::Waiting(what) if *what == last);
            let state = self.shown.until(|seen| seen.verdict(pod).filter(|state| !is_known(state))).await;
            let Stage::Waiting(what) = &state.stage else { return state };
            waits(what);
            last.clone_from(what);
        }
    }

    /// Waits until the scheduler finds no node for the pod, and still finds none after some time; returns the reason.
    pub(crate) async fn unscheduled(&self, pod: &str, patience: Duration) -> String {
        let why = |seen: &Seen| seen.pods.get(pod).and_then(|state| state.unscheduled.clone());
        loop {
            self.shown.until(why).await;
            sleep(patience).await;
            if let Some(why) = self.shown.read(why) {
                return why;
            }
        }
    }

    /// Waits until the pod does not run any more; returns the reason.
    pub(crate) async fn ended(&self, pod: &str) -> String {
        let gone = |seen: &Seen| match seen.pods.get(pod).map(|state| &state.stage) {
            Some(Stage::Failed(why)) => Some(why.clone()),
            Some(_) => None,
            None => Some(seen.end_of(pod).unwrap_or("the pod is gone").to_owned()),
        };
        self.shown.until(gone).await
    }

    /// Returns those of the created pods that nobody has deleted yet, as far as the watch shows.
    pub(super) fn undeleted(&self, created: &BTreeSet<String>) -> Vec<String> {
        self.shown.read(|seen| created.iter().filter(|name| !seen.is_deleted(name)).cloned().collect())
    }

    /// Returns the version at which all pods with the run's label were its own, as far as one is known.
    pub(super) fn own_at(&self) -> Option<String> {
        self.shown.read(|seen| seen.own_at().map(str::to_owned))
    }

    /// Waits until the watch shows that all created pods are deleted.
    pub(super) async fn deleted(&self, created: &BTreeSet<String>) {
        self.shown.until(|seen| created.iter().all(|name| seen.is_deleted(name)).then_some(())).await;
    }

    /// Waits for deleted pods that the kubelet has stopped, besides those of `but`; returns their names.
    pub(super) async fn stopped(&self, but: &BTreeSet<String>) -> BTreeSet<String> {
        self.shown.until(|seen| Some(seen.stopped(but)).filter(|stopped| !stopped.is_empty())).await
    }

    /// Waits until none of the run's pods remains.
    pub(crate) async fn emptied(&self) {
        self.shown.until(|seen| (seen.listed && seen.pods.is_empty()).then_some(())).await;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn pods(api: Api<Pod>, config: watcher::Config, view: View, shown: Arc<Shown>) {
    let mut relisted = BTreeMap::new();
    let mut events = Box::pin(kube::runtime::watcher(api, config).default_backoff());
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Apply(pod)) => {
                let state = view(&pod);
                shown.change(|seen| {
                    seen.allow();
                    seen.version = pod.resource_version();
                    match state {
                        Some(state) => seen.show(pod.name_any(), state),
                        None => seen.strangers = true,
                    }
                });
            }
            Ok(Event::Delete(pod)) => {
                let state = view(&pod);
                shown.change(|seen| {
                    seen.allow();
                    seen.version = pod.resource_version();
                    seen.remove(pod.name_any(), state);
                });
            }
            Ok(Event::Init) => {
                relisted = BTreeMap::new();
                // The versions of listed objects are not that of the list.
                shown.change(|seen| seen.version = None);
            }
            Ok(Event::InitApply(pod)) => match view(&pod) {
                Some(state) => drop(relisted.insert(pod.name_any(), state)),
                None => shown.change(|seen| seen.strangers = true),
            },
            Ok(Event::InitDone) => shown.change(|seen| {
                seen.allow();
                seen.list(std::mem::take(&mut relisted));
            }),
            Err(error) => {
                tracing::debug!(%error, "the watch of the pods is begun again");
                shown.change(|seen| seen.fail(refused(error), Instant::now()));
            }
        }
    }
}

/// Returns the message of a missing permission; `None` for any other error.
fn refused(error: watcher::Error) -> Option<String> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
            if status.code == 403 =>
        {
            Some(status.message.clone())
        }
        _ => None,
    }
}

async fn events(api: Api<ApiEvent>, config: watcher::Config, run: String, shown: Arc<Shown>) {
    let mut events = Box::pin(kube::runtime::watcher(api, config).default_backoff());
    while let Some(event) = events.next().await {
        let event = match event {
            Ok(Event::Apply(event) | Event::InitApply(event)) => event,
            Ok(Event::InitDone) | Err(_) => {
                shown.change(|seen| seen.warned = true);
                continue;
            }
            Ok(Event::Init | Event::Delete(_)) => continue,
        };
        let name = event.name_any();
        let pod = event.involved_object.name.clone().unwrap_or_default();
        if pod.starts_with(&run) {
            shown.change(|seen| seen.warn(pod, name, event));
        }
    }
}
