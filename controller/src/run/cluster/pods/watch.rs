//! The current state of the run's pods, from one watch for all of them, and the warnings about them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

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
    sync::watch::{self, Receiver, Sender},
    task::JoinHandle,
    time::sleep,
};

use super::{PodState, Stage, ownership::run_of_pod};
use crate::support::names;

/// Messages of events for a node without the runtime handler (containerd, `internal/cri/config`; CRI-O,
/// `server/runtime_status.go`).
const NO_HANDLER: [&str; 2] = ["no runtime for", "failed to find runtime handler"];

/// The reason of events for a sandbox that the container runtime did not create (kubelet, `pkg/kubelet/events/event.go`), and
/// the number of attempts after which no further one is awaited. The kubelet pauses for some ten seconds between attempts, so
/// that a network plugin which has just started is not taken for a lasting failure.
const NO_SANDBOX: (&str, u32) = ("FailedCreatePodSandBox", 3);

/// A warning of the cluster about a pod.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Warning {
    reason: String,
    message: String,
    /// The number of times that the cluster gave the warning.
    count: u32,
}

/// The known state of the run's pods.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Set when the watch has listed the pods.
    listed: bool,
    /// Why the pods may not be watched; `None` if they may.
    refused: Option<String>,
    pods: BTreeMap<String, PodState>,
    /// Warnings about each pod, by the event's name.
    warnings: BTreeMap<String, BTreeMap<String, Warning>>,
}

/// The running watches; they end when it is dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    seen: Receiver<Seen>,
    tasks: Vec<JoinHandle<()>>,
}

/// A view of a watched pod; `None` for a pod that is not meant.
type View = Box<dyn Fn(&Pod) -> Option<PodState> + Send>;

impl Watch {
    pub(super) fn begin(client: &Client, namespace: &str, run: &str) -> Self {
        let (sender, seen) = watch::channel(Seen::default());
        let sender = Arc::new(sender);
        let labels = watcher::Config::default().labels(&format!("{}={run}", names::RUN_LABEL));
        // Another pod may bear the run's label.
        let view: View = Box::new(|pod| run_of_pod(pod).map(|_| PodState::of(pod)));
        let pods = pods(Api::namespaced(client.clone(), namespace), labels, view, Arc::clone(&sender));
        let fields = watcher::Config::default().fields("involvedObject.kind=Pod,type=Warning");
        let events = events(Api::namespaced(client.clone(), namespace), fields, run.to_owned(), sender);
        Self { seen, tasks: vec![tokio::spawn(pods), tokio::spawn(events)] }
    }

    /// Watches a running pod with the probe's ephemeral container.
    pub(super) fn of_visit(client: &Client, namespace: &str, pod: &str, container: &str) -> Self {
        let (sender, seen) = watch::channel(Seen::default());
        let fields = watcher::Config::default().fields(&format!("metadata.name={pod}"));
        let container = container.to_owned();
        let view: View = Box::new(move |pod| Some(PodState::of_visit(pod, &container)));
        let pods = pods(Api::namespaced(client.clone(), namespace), fields, view, Arc::new(sender));
        Self { seen, tasks: vec![tokio::spawn(pods)] }
    }

    /// Returns the pod's current state; `None` if the watch does not show the pod.
    pub(crate) fn state(&self, pod: &str) -> Option<PodState> {
        self.seen.borrow().pods.get(pod).cloned()
    }

    /// Returns the names of the run's current pods.
    pub(crate) fn names(&self) -> Vec<String> {
        self.seen.borrow().pods.keys().cloned().collect()
    }

    /// Returns the cluster's warnings about the pod, one for each reason.
    pub(crate) fn warnings(&self, pod: &str) -> Vec<String> {
        self.seen.borrow().told(pod)
    }

    /// Returns the pod's state once it runs or has failed; `waits` is told each reason for waiting.
    pub(crate) async fn decided(&self, pod: &str, mut waits: impl FnMut(&str)) -> PodState {
        let mut seen = self.seen.clone();
        let mut last = String::new();
        loop {
            let state = seen.borrow_and_update().verdict(pod);
            match state {
                Some(PodState { stage: Stage::Waiting(what), .. }) if what != last => {
                    waits(&what);
                    last = what;
                }
                Some(state @ PodState { stage: Stage::Running | Stage::Failed(_), .. }) => return state,
                _ => (),
            }
            if seen.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Waits until the scheduler finds no node for the pod, and still finds none after some time; returns the reason.
    pub(crate) async fn unscheduled(&self, pod: &str, patience: Duration) -> String {
        let mut seen = self.seen.clone();
        let why = |seen: &Seen| seen.pods.get(pod).and_then(|state| state.unscheduled.clone());
        loop {
            if seen.wait_for(|seen| why(seen).is_some()).await.is_err() {
                std::future::pending::<()>().await;
            }
            sleep(patience).await;
            let lasting = why(&seen.borrow());
            if let Some(why) = lasting {
                return why;
            }
        }
    }

    /// Waits until the pod does not run any more; returns the reason.
    pub(crate) async fn ended(&self, pod: &str) -> String {
        let mut seen = self.seen.clone();
        loop {
            let gone = match seen.borrow_and_update().pods.get(pod).map(|state| state.stage.clone()) {
                Some(Stage::Failed(why)) => Some(why),
                Some(_) => None,
                None => Some("the pod is gone".to_owned()),
            };
            match gone {
                Some(why) => return why,
                None if seen.changed().await.is_err() => std::future::pending::<()>().await,
                None => (),
            }
        }
    }

    /// Waits until none of the run's pods remains.
    pub(crate) async fn emptied(&self) {
        let mut seen = self.seen.clone();
        if seen.wait_for(|seen| seen.listed && seen.pods.is_empty()).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Seen {
    /// Returns the pod's state, corrected by an event if the status lacks the failure.
    fn verdict(&self, pod: &str) -> Option<PodState> {
        if let Some(why) = &self.refused {
            let stage = Stage::Failed(format!("the pods may not be watched: {why}"));
            return Some(PodState {
                stage,
                unscheduled: None,
                node: None,
                addresses: Vec::new(),
                container: None,
                labels: BTreeMap::new(),
            });
        }
        let mut state = self.pods.get(pod)?.clone();
        if let (Stage::Waiting(_), Some(warning)) = (&state.stage, self.hopeless(pod)) {
            state.stage = Stage::Failed(warning);
        }
        Some(state)
    }

    /// Returns the warning after which the pod will not run; `None` if it may still run.
    fn hopeless(&self, pod: &str) -> Option<String> {
        let (reason, most) = NO_SANDBOX;
        let warnings = || self.warnings.get(pod).into_iter().flat_map(BTreeMap::values);
        let attempts: u32 = warnings().filter(|it| it.reason == reason).map(|it| it.count).sum();
        let told = self.told(pod);
        let lasting = |text: &&String| {
            NO_HANDLER.iter().any(|words| text.contains(words))
                || attempts >= most && text.starts_with(reason)
        };
        told.iter().find(lasting).cloned()
    }

    /// Returns one warning of each reason. The messages of one reason often differ in a generated name alone.
    fn told(&self, pod: &str) -> Vec<String> {
        let warnings = self.warnings.get(pod).into_iter().flat_map(BTreeMap::values);
        let by_reason: BTreeMap<_, _> = warnings.map(|it| (&it.reason, &it.message)).collect();
        by_reason.into_iter().map(|(reason, message)| format!("{reason}: {message}")).collect()
    }
}

async fn pods(api: Api<Pod>, config: watcher::Config, view: View, sender: Arc<Sender<Seen>>) {
    let mut relisted = BTreeMap::new();
    let mut events = Box::pin(kube::runtime::watcher(api, config).default_backoff());
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Apply(pod)) => {
                if let Some(state) = view(&pod) {
                    sender.send_modify(|seen| drop(seen.pods.insert(pod.name_any(), state)));
                }
            }
            Ok(Event::Delete(pod)) => sender.send_modify(|seen| drop(seen.pods.remove(&pod.name_any()))),
            Ok(Event::Init) => relisted = BTreeMap::new(),
            Ok(Event::InitApply(pod)) => relisted.extend(view(&pod).map(|state| (pod.name_any(), state))),
            Ok(Event::InitDone) => sender.send_modify(|seen| {
                seen.listed = true;
                seen.pods = std::mem::take(&mut relisted);
            }),
            Err(error) => {
                tracing::debug!(%error, "the watch of the pods is begun again");
                sender.send_modify(|seen| seen.refused = refused(error));
            }
        }
    }
}

/// Returns the message of a missing permission, which no new watch mends; `None` for any other error.
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

async fn events(api: Api<ApiEvent>, config: watcher::Config, run: String, sender: Arc<Sender<Seen>>) {
    let mut events = Box::pin(kube::runtime::watcher(api, config).default_backoff());
    while let Some(event) = events.next().await {
        let Ok(Event::Apply(event) | Event::InitApply(event)) = event else { continue };
        let name = event.name_any();
        let pod = event.involved_object.name.clone().unwrap_or_default();
        if pod.starts_with(&run) {
            sender
                .send_modify(|seen| drop(seen.warnings.entry(pod).or_default().insert(name, warning(event))));
        }
    }
}

/// Returns an event as a warning. A series counts in a field of its own.
fn warning(event: ApiEvent) -> Warning {
    let count = event.series.and_then(|series| series.count).max(event.count).unwrap_or(1);
    Warning {
        reason: event.reason.unwrap_or_default(),
        message: event.message.unwrap_or_default(),
        count: u32::try_from(count).unwrap_or(1),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seen(warnings: &[(&str, &str, u32)]) -> Seen {
        let pod = json!({ "metadata": {}, "spec": { "containers": [] }, "status": { "phase": "Pending" } });
        let warnings = warnings.iter().enumerate().map(|(index, &(reason, message, count))| {
            (index.to_string(), Warning { reason: reason.into(), message: message.into(), count })
        });
        Seen {
            pods: [("probe".to_owned(), PodState::of(&serde_json::from_value(pod).unwrap()))].into(),
            warnings: [("probe".to_owned(), warnings.collect())].into(),
            ..Seen::default()
        }
    }

    fn stage(warnings: &[(&str, &str, u32)]) -> Stage {
        seen(warnings).verdict("probe").unwrap().stage
    }

    #[test]
    fn a_sandbox_that_is_refused_repeatedly_fails_with_the_last_reason() {
        let (reason, _) = NO_SANDBOX;
        assert_eq!(stage(&[]), Stage::Waiting("Pending".into()));
        assert_eq!(stage(&[(reason, "no network yet", 2)]), Stage::Waiting("Pending".into()));
        let failed = Stage::Failed(format!("{reason}: b failed"));
        assert_eq!(stage(&[(reason, "a failed", 2), (reason, "b failed", 1)]), failed);
        assert_eq!(stage(&[(reason, "b failed", 3)]), failed);
        assert_eq!(stage(&[("FailedMount", "m", 9)]), Stage::Waiting("Pending".into()));
    }

    #[test]
    fn one_reason_is_told_once() {
        let (reason, _) = NO_SANDBOX;
        let seen = seen(&[(reason, "a failed", 1), (reason, "b failed", 1), ("FailedMount", "m", 9)]);
        assert_eq!(seen.told("probe"), [format!("{reason}: b failed"), "FailedMount: m".to_owned()]);
    }
}
