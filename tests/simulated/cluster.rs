//! The simulated cluster: its store, its history, and the parts that act in it by themselves.

mod collector;
mod kubelet;
mod objects;
mod visits;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::HeaderValue;
use jiff::{Timestamp, fmt::rfc2822::DateTimePrinter};
use serde_json::{Value, json};
use tokio::{
    sync::{
        Notify,
        mpsc::UnboundedSender,
        watch::{self, Receiver},
    },
    time::Instant,
};

use crate::{
    fault::Fault,
    history::{Event, History},
    recorded::Exchange,
    simulation::NOW,
    store::{Key, Store, key, text},
};

pub(crate) use objects::{
    ADDRESSES, ARM_DIGEST, CONTROL, DIGEST, EXCHANGED, IMAGE, NAMESPACE, OPEN_AT_FIRST, PLACES, PULL_SECRET,
    ROOM, SLOW, STARTS_IN, UNPLACED, node, objects,
};
pub(crate) use visits::runs;

/// A simulated cluster, shared by everything that acts in it.
#[derive(Clone)]
pub(crate) struct Cluster(Arc<Shared>);

struct Shared {
    store: Mutex<Store>,
    history: Mutex<History>,
    /// The faults of the command under test, by the number of the request.
    faults: Mutex<BTreeMap<usize, Fault>>,
    changed: watch::Sender<u64>,
    /// The first request of the command under test.
    begun: Mutex<Option<Instant>>,
    /// The closing messages of the probes in each pod, as they go over the wire.
    closings: Mutex<Vec<(String, Vec<u8>)>>,
    killed: Notify,
    signals: Mutex<Option<UnboundedSender<()>>>,
    /// The exchanges of the command under test, where they are kept.
    exchanges: Mutex<Option<Vec<Exchange>>>,
    /// The time in which a scheduled pod starts.
    starting: Mutex<Duration>,
    /// The time that passed by the API server's clock alone.
    passed: Mutex<Duration>,
}

impl Cluster {
    /// Returns a cluster with a namespace to judge and a namespace for control pods.
    pub(crate) fn new() -> Self {
        let mut store = Store::default();
        for (key, object) in objects() {
            store.add(key, object);
        }
        Self(Arc::new(Shared {
            changed: watch::Sender::new(store.version()),
            store: Mutex::new(store),
            history: Mutex::default(),
            faults: Mutex::default(),
            begun: Mutex::default(),
            closings: Mutex::default(),
            killed: Notify::new(),
            signals: Mutex::default(),
            exchanges: Mutex::default(),
            starting: Mutex::new(kubelet::STARTING),
            passed: Mutex::default(),
        }))
    }

    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        locked(&self.0.store)
    }

    pub(crate) fn history(&self) -> History {
        locked(&self.0.history).clone()
    }

    pub(crate) fn note(&self, event: Event) {
        locked(&self.0.history).0.push(event);
    }

    /// Begins a new history, whose requests meet these faults.
    pub(crate) fn begin(&self, faults: &[(usize, Fault)]) {
        *locked(&self.0.history) = History::default();
        *locked(&self.0.begun) = None;
        if let Some(exchanges) = &mut *locked(&self.0.exchanges) {
            exchanges.clear();
        }
        *locked(&self.0.faults) = faults.iter().copied().collect();
    }

    /// Notes a request; returns its fault.
    pub(crate) fn asked(&self, method: &str, path: &str) -> Option<Fault> {
        locked(&self.0.begun).get_or_insert_with(Instant::now);
        let number = locked(&self.0.history).asked();
        self.note(Event::Asked { method: method.to_owned(), path: path.to_owned() });
        locked(&self.0.faults).get(&number).copied()
    }

    /// Keeps the exchanges of each further command.
    pub(crate) fn keep_exchanges(&self) {
        *locked(&self.0.exchanges) = Some(Vec::new());
    }

    /// Returns the place of a new exchange, where exchanges are kept.
    pub(crate) fn arrived(&self, exchange: Exchange) -> Option<usize> {
        let mut exchanges = locked(&self.0.exchanges);
        let exchanges = exchanges.as_mut()?;
        exchanges.push(exchange);
        Some(exchanges.len() - 1)
    }

    /// Puts an exchange in its place, as soon as it has an answer.
    pub(crate) fn answered(&self, place: usize, exchange: Exchange) {
        if let Some(exchanges) = &mut *locked(&self.0.exchanges) {
            exchanges[place] = exchange;
        }
    }

    /// Returns the kept exchanges of the command under test.
    pub(crate) fn exchanges(&self) -> Vec<Exchange> {
        locked(&self.0.exchanges).clone().unwrap_or_default()
    }

    /// Has each further pod start in this time.
    pub(crate) fn start_in(&self, starting: Duration) {
        *locked(&self.0.starting) = starting;
    }

    fn starting(&self) -> Duration {
        *locked(&self.0.starting)
    }

    /// Lets some time pass by the API server's clock alone, as while the controller's machine sleeps.
    pub(crate) fn let_pass(&self, time: Duration) {
        *locked(&self.0.passed) += time;
    }

    /// Changes the store, and wakes the watches.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Store) -> T) -> T {
        let mut store = self.store();
        let changed = change(&mut store);
        let version = store.version();
        drop(store);
        self.0.changed.send_replace(version);
        changed
    }

    /// Returns the version of the store, as it changes.
    pub(crate) fn versions(&self) -> Receiver<u64> {
        self.0.changed.subscribe()
    }

    /// Takes the closing message of a probe, whose arrival completes its evidence.
    pub(crate) fn expect(&self, pod: &str, closing: Vec<u8>) {
        locked(&self.0.closings).push((pod.to_owned(), closing));
    }

    /// Notes a probe whose closing message is among bytes that went to the controller.
    pub(crate) fn sent(&self, pod: &str, bytes: &[u8]) {
        let is_closing = |(of, closing): &&(String, Vec<u8>)| {
            of == pod && bytes.windows(closing.len()).any(|it| it == closing)
        };
        if locked(&self.0.closings).iter().any(|closing| is_closing(&closing)) {
            self.note(Event::Whole { pod: pod.to_owned() });
        }
    }

    /// Returns the time of day of the API server, which goes on while a command runs.
    pub(crate) fn date(&self) -> HeaderValue {
        let begun = *locked(&self.0.begun).get_or_insert_with(Instant::now);
        let now = Timestamp::from_second(NOW.try_into().unwrap()).unwrap()
            + begun.elapsed()
            + *locked(&self.0.passed);
        let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&now).unwrap();
        HeaderValue::from_str(&date).unwrap()
    }

    /// Has the API server refuse a verb on a resource, in every namespace.
    pub(crate) fn refuse(&self, verb: &str, resource: &str) {
        self.change(|store| store.add(refusal(verb, resource), Value::Null));
    }

    /// Returns true if the API server refuses a verb on a resource.
    pub(crate) fn refuses(&self, verb: &str, resource: &str) -> bool {
        self.get(&refusal(verb, resource)).is_some()
    }

    pub(crate) fn kill(&self) {
        self.0.killed.notify_waiters();
    }

    pub(crate) async fn killed(&self) {
        self.0.killed.notified().await;
    }

    pub(crate) fn interrupt(&self) {
        if let Some(signals) = &*locked(&self.0.signals) {
            _ = signals.send(());
        }
    }

    pub(crate) fn signal(&self, signals: UnboundedSender<()>) {
        *locked(&self.0.signals) = Some(signals);
    }

    /// Returns the keys and the objects of a kind; an empty namespace is every namespace.
    pub(crate) fn of_kind(&self, resource: &str, namespace: &str) -> Vec<(Key, Value)> {
        let found = self.store().of_kind(resource, namespace);
        found.into_iter().map(|(key, object)| (key, Arc::unwrap_or_clone(object))).collect()
    }

    /// Returns the architecture of a pod's node, as Go names it; empty if there is no such node.
    pub(crate) fn architecture(&self, pod: &Value) -> String {
        let node = self.get(&key("nodes", "", &text(pod, "/spec/nodeName"))).unwrap_or_default();
        text(&node, "/status/nodeInfo/architecture")
    }

    /// Returns the image of a pod's containers, as the kubelet reports it.
    fn image_id(&self, pod: &Key) -> String {
        let exchanged = self.annotation(&pod.1, EXCHANGED);
        let pod = self.get(pod).unwrap_or_default();
        let digest = if self.architecture(&pod) == "arm64" { ARM_DIGEST } else { DIGEST };
        format!("registry.example/probe@{}", exchanged.as_deref().unwrap_or(digest))
    }

    /// Returns true if the nodes may pull a pod's image.
    fn may_pull(&self, pod: &Key) -> bool {
        let Some(wanted) = self.annotation(&pod.1, PULL_SECRET) else { return true };
        let pod = self.get(pod).unwrap_or_default();
        let mut named = pod["spec"]["imagePullSecrets"].as_array().into_iter().flatten();
        named.any(|secret| secret["name"] == *wanted)
    }

    /// Returns an annotation of a namespace; `None` without it.
    pub(crate) fn annotation(&self, namespace: &str, annotation: &str) -> Option<String> {
        let namespace = self.get(&key("namespaces", "", namespace))?;
        namespace["metadata"]["annotations"][annotation].as_str().map(str::to_owned)
    }

    /// Gives a namespace this annotation alone.
    pub(crate) fn annotate(&self, namespace: &str, annotation: &str, value: &str) {
        self.change(|store| {
            store.modify(&key("namespaces", "", namespace), |it| {
                it["metadata"]["annotations"] = json!({ annotation: value });
            })
        });
    }

    /// Returns an object; `None` if it is not there.
    pub(crate) fn get(&self, key: &Key) -> Option<Value> {
        self.store().get(key).cloned()
    }
}

fn refusal(verb: &str, resource: &str) -> Key {
    key("refusals", "", &format!("{verb} {resource}"))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
