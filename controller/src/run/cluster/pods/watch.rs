//! The current state of the run's pods, from one watch for all of them, and the warnings about them.

use std::{collections::BTreeMap, sync::Arc};

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
};

use super::{PodState, Stage};
use crate::support::names;

/// Messages of events for a node without the runtime handler (containerd, `internal/cri/config`; CRI-O,
/// `server/runtime_status.go`).
const NO_HANDLER: [&str; 2] = ["no runtime for", "failed to find runtime handler"];

/// The known state of the run's pods.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Set when the watch has listed the pods.
    listed: bool,
    /// Why the pods may not be watched; `None` if they may.
    refused: Option<String>,
    pods: BTreeMap<String, PodState>,
    warnings: BTreeMap<String, Vec<String>>,
}

/// The running watches; they end when it is dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    seen: Receiver<Seen>,
    tasks: [JoinHandle<()>; 2],
}

impl Watch {
    pub(super) fn begin(client: &Client, namespace: &str, run: &str) -> Self {
        let (sender, seen) = watch::channel(Seen::default());
        let sender = Arc::new(sender);
        let labels = watcher::Config::default().labels(&format!("{}={run}", names::RUN_LABEL));
        let pods = pods(Api::namespaced(client.clone(), namespace), labels, Arc::clone(&sender));
        let fields = watcher::Config::default().fields("involvedObject.kind=Pod,type=Warning");
        let events = events(Api::namespaced(client.clone(), namespace), fields, run.to_owned(), sender);
        Self { seen, tasks: [tokio::spawn(pods), tokio::spawn(events)] }
    }

    /// Returns the pod's current state; `None` if the watch does not show the pod.
    pub(crate) fn state(&self, pod: &str) -> Option<PodState> {
        self.seen.borrow().pods.get(pod).cloned()
    }

    /// Returns the names of the run's current pods.
    pub(crate) fn names(&self) -> Vec<String> {
        self.seen.borrow().pods.keys().cloned().collect()
    }

    /// Returns the cluster's warnings about the pod.
    pub(crate) fn warnings(&self, pod: &str) -> Vec<String> {
        self.seen.borrow().warnings.get(pod).cloned().unwrap_or_default()
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
                node: None,
                addresses: Vec::new(),
                container: None,
                labels: BTreeMap::new(),
            });
        }
        let mut state = self.pods.get(pod)?.clone();
        let hopeless = |text: &&String| NO_HANDLER.iter().any(|words| text.contains(words));
        let warning = self.warnings.get(pod).into_iter().flatten().find(hopeless);
        if let (Stage::Waiting(_), Some(warning)) = (&state.stage, warning) {
            state.stage = Stage::Failed(warning.clone());
        }
        Some(state)
    }
}

async fn pods(api: Api<Pod>, config: watcher::Config, sender: Arc<Sender<Seen>>) {
    let mut relisted = BTreeMap::new();
    let mut events = Box::pin(kube::runtime::watcher(api, config).default_backoff());
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Apply(pod)) => {
                sender.send_modify(|seen| drop(seen.pods.insert(pod.name_any(), PodState::of(&pod))));
            }
            Ok(Event::Delete(pod)) => sender.send_modify(|seen| drop(seen.pods.remove(&pod.name_any()))),
            Ok(Event::Init) => relisted = BTreeMap::new(),
            Ok(Event::InitApply(pod)) => drop(relisted.insert(pod.name_any(), PodState::of(&pod))),
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
        let pod = event.involved_object.name.unwrap_or_default();
        let text = format!("{}: {}", event.reason.unwrap_or_default(), event.message.unwrap_or_default());
        if pod.starts_with(&run) {
            sender.send_modify(|seen| {
                let warnings = seen.warnings.entry(pod).or_default();
                if !warnings.contains(&text) {
                    warnings.push(text);
                }
            });
        }
    }
}
