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
    time::{Instant, sleep, timeout, timeout_at},
};

use super::{
    patience,
    startup_taint::StartupTaint,
    survey::{self, OtherKinds},
};
use crate::{
    plan::renewal::{self, Change, Scene, Used},
    run::jitter,
    support::printable::line,
};
use sources::{Objects, Source, View};

/// The time for the discovery of the kinds of policies. Without an answer, those of before are watched.
const DISCOVERED: Duration = Duration::from_secs(30);
/// The time for the first lists of all watches. A run goes on without the lists that take longer.
const LISTED: Duration = Duration::from_secs(30);
/// The time without a further change after which a run begins.
const QUIET: Duration = Duration::from_secs(2);
/// The longest wait for that time.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// The time after which a refusal is the first one of its kind again.
const LASTING: Duration = Duration::from_mins(30);

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
    /// True if the last discovery told every kind of policies.
    is_whole: bool,
    seen: Arc<Sender<Seen>>,
}

/// Everything that the watches have shown so far.
#[derive(Clone, Debug, Default)]
struct Seen {
    scene: Scene,
    /// Watches that have a list, or that cannot have one for now.
    listed: BTreeSet<renewal::Watch>,
    /// Watches that the API server refuses.
    refused: BTreeSet<renewal::Watch>,
    /// True if kinds may be missing among the watches.
    undiscovered: bool,
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

/// The number of watches that are missing for now, for a task beside the runs. Kinds that were not discovered count as one.
#[derive(Clone, Debug)]
pub(crate) struct Unwatched(Receiver<Seen>);

impl Default for Unwatched {
    /// Returns the number of no watches at all.
    fn default() -> Self {
        Self(Sender::default().subscribe())
    }
}

impl Unwatched {
    /// Returns the number as it is now.
    pub(crate) fn count(&self) -> usize {
        let seen = self.0.borrow();
        seen.refused.len() + usize::from(seen.undiscovered)
    }
}

impl Watching {
    /// Returns no watch yet; [`refresh`](Self::refresh) begins them.
    pub(crate) fn new(client: Client, scope: Scope) -> Self {
        let seen = Arc::new(Sender::default());
        Self { client, scope, titles: Vec::new(), running: BTreeMap::new(), is_whole: true, seen }
    }

    /// Begins the watches that are not running: at first all of them, later those of new kinds. Ends those of kinds that are gone. Waits
    /// for the lists, within a time.
    pub(crate) async fn refresh(&mut self) {
        let kinds = timeout(DISCOVERED, survey::other_kinds(&self.client)).await.unwrap_or_default();
        let was_whole = std::mem::replace(&mut self.is_whole, kinds.is_whole());
        if was_whole && !self.is_whole {
            tracing::warn!(
                "the API server did not tell all kinds of policies, and is asked again after a pause: new kinds are not watched"
            );
        }
        self.seen.send_if_modified(|seen| {
            seen.undiscovered = !self.is_whole;
            false
        });
        let mut known = BTreeSet::new();
        for source in self.sources(&kinds) {
            let number = self.number(&source.title);
            known.insert(number);
            if self.running.get(&number).is_some_and(|watch| !watch.is_finished()) {
                continue;
            }
            self.seen.send_if_modified(|seen| seen.listed.remove(&number));
            self.running.insert(number, tokio::spawn(kept(source, number, Arc::clone(&self.seen))));
        }
        if self.is_whole {
            self.forget_all_but(&known);
        }
        let numbers: BTreeSet<_> = self.running.keys().copied().collect();
        let mut seen = self.seen.subscribe();
        // A list that is late shows new objects, and they call for a run of their own.
        _ = timeout(LISTED, seen.wait_for(|seen| seen.listed.is_superset(&numbers))).await;
    }

    /// Returns true if no kind of policies is missing among the watches; else [`refresh`](Self::refresh) may find it later.
    pub(crate) const fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Ends the watches that are refused and that no known kind needs.
    fn forget_all_but(&mut self, known: &BTreeSet<renewal::Watch>) {
        let refused = self.seen.borrow().refused.clone();
        for number in refused.difference(known) {
            if let Some(watch) = self.running.remove(number) {
                watch.abort();
            }
            self.seen.send_if_modified(|seen| {
                seen.refused.remove(number);
                seen.scene.list(*number, BTreeMap::new())
            });
        }
    }

    /// Returns the number of missing watches, as it changes.
    pub(crate) fn unwatched(&self) -> Unwatched {
        Unwatched(self.seen.subscribe())
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

/// Keeps the records of a source, and begins its watch again after each refusal, which may be a proxy's or of a moment. Each further pause
/// is twice as long.
async fn kept(source: Source, number: renewal::Watch, seen: Arc<Sender<Seen>>) {
    let mut refusals = 0_u32;
    loop {
        let begun = Instant::now();
        let Err(why) = followed((source.begin)(), &source.view, number, &seen).await else { return };
        let has_lasted = begun.elapsed() > LASTING;
        refusals = if has_lasted { 1 } else { refusals.saturating_add(1) };
        if refusals == 1 {
            let told = format!(
                "{} are not watched, and the watch is begun again after a pause: {why}",
                source.title
            );
            tracing::warn!("{}", line(&told));
        }
        seen.send_if_modified(|seen| {
            seen.refused.insert(number);
            seen.listed.insert(number)
        });
        sleep(renewal::after_failure(refusals, jitter())).await;
    }
}

/// Keeps the records of a watch. Returns only if the API server refuses the watch or does not serve the kind, with the reason.
async fn followed(
    stream: Objects,
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
                seen.send_if_modified(|seen| {
                    seen.refused.remove(&number);
                    seen.scene.list(number, listed) | seen.listed.insert(number)
                });
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

/// Returns the message of a refusal, which no attempt at once mends; `None` for any other error.
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

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use kube::core::Status;

    use super::*;

    const NUMBER: renewal::Watch = 3;

    /// Returns a watch that begins with these events, and then lasts.
    fn source(begins: Vec<Vec<watcher::Result<Event<kube::api::DynamicObject>>>>) -> Source {
        let begins = std::sync::Mutex::new(begins.into_iter());
        let begin = move || -> Objects {
            let events = begins.lock().unwrap().next().unwrap_or_default();
            stream::iter(events).chain(stream::pending()).boxed()
        };
        Source {
            title: "tests".into(),
            begin: Box::new(begin),
            view: Box::new(|_| ("none".to_owned(), None)),
        }
    }

    fn refused() -> watcher::Error {
        let status = Status { code: 403, message: "not you".into(), ..Status::default() };
        watcher::Error::WatchStartFailed(kube::Error::Api(Box::new(status)))
    }

    #[tokio::test]
    async fn a_refused_watch_is_counted_until_it_has_a_list() {
        let seen = Arc::new(Sender::<Seen>::default());
        let unwatched = Unwatched(seen.subscribe());
        let mut listed = seen.subscribe();
        let list = || vec![Ok(Event::Init), Ok(Event::InitDone)];
        let never = kept(source(vec![vec![Err(refused())]]), NUMBER, Arc::clone(&seen));
        tokio::select! {
            () = never => panic!("a watch has ended"),
            _ = listed.wait_for(|seen| seen.listed.contains(&NUMBER)) => (),
        }
        assert_eq!(unwatched.count(), 1);
        seen.send_modify(|seen| seen.listed.clear());
        tokio::select! {
            () = kept(source(vec![list()]), NUMBER, Arc::clone(&seen)) => panic!("a watch has ended"),
            _ = listed.wait_for(|seen| seen.listed.contains(&NUMBER)) => (),
        }
        assert_eq!(unwatched.count(), 0);
    }
}
