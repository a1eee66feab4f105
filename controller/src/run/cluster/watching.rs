//! The watches of a namespace between two runs: nodes, RuntimeClasses, policies, workloads and pods, reduced to small records as they
//! arrive.

mod sources;
mod views;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use futures_util::StreamExt;
use kube::{
    Client,
    runtime::{
        WatchStreamExt,
        watcher::{self, Event},
    },
};
use tokio::{
    sync::watch::{Receiver, Sender},
    task::JoinHandle,
    time::{Instant, timeout, timeout_at},
};

use super::{
    patience,
    startup_taint::StartupTaint,
    survey::{self, OtherKinds},
};
use crate::{
    plan::renewal::{self, Change, Scene, Used},
    support::printable::line,
};
use sources::{Source, View};

/// The time for the first lists of all watches. A run goes on without the lists that take longer.
const LISTED: Duration = Duration::from_secs(30);
/// The time without a further change after which a run begins.
const QUIET: Duration = Duration::from_secs(2);
/// The longest wait for that time.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// The place that is watched.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    /// The namespace that is judged.
    pub(crate) namespace: String,
    /// The namespace of the control pods; `None` for a run without control pods.
    pub(crate) control: Option<String>,
    /// The node label that names a pool; `None` for the providers' labels.
    pub(crate) pool_label: Option<String>,
    /// The startup taint of nodes; `None` without one.
    pub(crate) startup_taint: Option<StartupTaint>,
}

/// The running watches; they end when it is dropped.
pub(crate) struct Watching {
    client: Client,
    scope: Scope,
    /// Each watch by the title of its source. The position of a title is the watch's number.
    titles: Vec<String>,
    running: BTreeMap<renewal::Watch, JoinHandle<()>>,
    seen: Arc<Sender<Seen>>,
}

/// Everything that the watches have shown so far.
#[derive(Clone, Debug, Default)]
struct Seen {
    scene: Scene,
    /// Watches that have a list, or that cannot have one.
    listed: BTreeSet<renewal::Watch>,
}

/// The records of the watches, for a task beside the runs.
pub(crate) struct Observed(Receiver<Seen>);

impl Observed {
    /// Reads the records as they are now.
    pub(crate) fn read<T>(&mut self, read: impl FnOnce(&Scene) -> T) -> T {
        read(&self.0.borrow_and_update().scene)
    }

    /// Waits for another scene.
    pub(crate) async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Watching {
    /// Returns no watch yet; [`refresh`](Self::refresh) begins them.
    pub(crate) fn new(client: Client, scope: Scope) -> Self {
        let seen = Arc::new(Sender::default());
        Self { client, scope, titles: Vec::new(), running: BTreeMap::new(), seen }
    }

    /// Begins the watches that are not running: at first all of them, later those of new kinds, and those that were refused. Waits for
    /// their lists, within a time.
    pub(crate) async fn refresh(&mut self) {
        let kinds = survey::other_kinds(&self.client).await;
        for source in self.sources(&kinds) {
            let number = self.number(&source.title);
            if self.running.get(&number).is_some_and(|watch| !watch.is_finished()) {
                continue;
            }
            let seen = Arc::clone(&self.seen);
            let watch = async move {
                if let Err(why) = followed(source.stream, &source.view, number, &seen).await {
                    let told = format!("{} are not watched until the next run: {why}", source.title);
                    tracing::warn!("{}", line(&told));
                    seen.send_if_modified(|seen| seen.listed.insert(number));
                }
            };
            self.seen.send_if_modified(|seen| seen.listed.remove(&number));
            self.running.insert(number, tokio::spawn(watch));
        }
        let numbers: BTreeSet<_> = self.running.keys().copied().collect();
        let mut seen = self.seen.subscribe();
        // A list that is late shows new objects, and they call for a run of their own.
        _ = timeout(LISTED, seen.wait_for(|seen| seen.listed.is_superset(&numbers))).await;
    }

    /// Returns the records as they change.
    pub(crate) fn observed(&self) -> Observed {
        Observed(self.seen.subscribe())
    }

    /// Returns the records as they are now.
    pub(crate) fn scene(&self) -> Scene {
        self.seen.borrow().scene.clone()
    }

    /// Waits for changes since a scene that call for a run, and for a short time of quiet after them.
    pub(crate) async fn changes(&self, then: &Scene, used: &Used) -> Vec<Change> {
        let mut seen = self.seen.subscribe();
        loop {
            let changes = renewal::changes(then, &seen.borrow_and_update().scene, used);
            if !changes.is_empty() {
                let latest = Instant::now() + LONGEST_WAIT;
                while timeout_at(latest.min(Instant::now() + QUIET), seen.changed()).await.is_ok() {}
                let changes = renewal::changes(then, &seen.borrow_and_update().scene, used);
                if !changes.is_empty() {
                    return changes;
                }
            }
            // The sender lives as long as the watches.
            if seen.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    fn number(&mut self, title: &str) -> renewal::Watch {
        if let Some(number) = self.titles.iter().position(|known| known == title) {
            return number;
        }
        self.titles.push(title.to_owned());
        self.titles.len() - 1
    }

    fn sources(&self, kinds: &OtherKinds) -> Vec<Source> {
        sources::all(&patience::patient(self.client.clone()), &self.scope, kinds)
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.running.values().for_each(JoinHandle::abort);
    }
}

/// Keeps the records of a watch. Returns only if the API server refuses the watch or does not serve the kind, with the reason.
async fn followed(
    stream: sources::Objects,
    view: &View,
    number: renewal::Watch,
    seen: &Sender<Seen>,
) -> Result<(), String> {
    let mut relisted = BTreeMap::new();
    let mut events = Box::pin(stream.default_backoff());
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Apply(object)) => {
                let (title, record) = view(&object);
                seen.send_if_modified(|seen| seen.scene.show(number, title, record));
            }
            Ok(Event::Delete(object)) => {
                let (title, _) = view(&object);
                seen.send_if_modified(|seen| seen.scene.hide(number, &title));
            }
            Ok(Event::Init) => relisted = BTreeMap::new(),
            Ok(Event::InitApply(object)) => {
                if let (title, Some(record)) = view(&object) {
                    relisted.insert(title, record);
                }
            }
            Ok(Event::InitDone) => {
                let listed = std::mem::take(&mut relisted);
                seen.send_if_modified(|seen| seen.scene.list(number, listed) | seen.listed.insert(number));
            }
            Err(error) => {
                if let Some(why) = refusal(&error) {
                    return Err(why);
                }
                tracing::debug!(%error, "a watch is begun again");
            }
        }
    }
    Ok(())
}

/// Returns the message of a refusal that no new attempt mends; `None` for any other error.
fn refusal(error: &watcher::Error) -> Option<String> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
            if [403, 404, 405].contains(&status.code) =>
        {
            Some(status.message.clone())
        }
        _ => None,
    }
}
