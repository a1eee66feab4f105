//! Keeps the startup taint of the cluster's nodes as the last proofs want it. Each change is one patch at a known version of the
//! node, with the taint and its note together, so that a kill leaves no node half changed.

use std::{collections::BTreeSet, fmt, time::Duration};

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Taint};
use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};
use tokio::{
    sync::watch::Receiver,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{recording::Recording, server_time::ServerTime, survey, watching::Observed};
use crate::{
    plan::{
        renewal::Scene,
        startup_taint::{Act, Bound, EFFECT, ENVIRONMENT, Note, Standings, Startup, until},
    },
    support::names::DOMAIN,
};

/// The nodes that are changed at once.
const AT_ONCE: usize = 8;
/// The attempts at a node that others change meanwhile.
const ATTEMPTS: usize = 5;
/// The time for one node, and for the API server to tell its time.
const PATIENCE: Duration = Duration::from_secs(10);
/// The pause after a change that failed; each further pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// The longest pause after a change that failed.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// The time for which the API server's time is taken to go on by this machine's clock, which stands still while the machine sleeps.
const TRUSTED: Duration = Duration::from_mins(5);

/// The startup taint of one watch.
#[derive(Clone, Debug)]
pub(crate) struct StartupTaint {
    /// The key of the taint.
    key: String,
    /// The annotation with the note, which another watch's note does not share.
    annotation: String,
}

/// The end of a change of one node.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    Changed {
        node: String,
        taint: String,
        act: Act,
    },
    /// The node is as it was, and is tried again.
    Failed {
        node: String,
        taint: String,
        why: String,
    },
}

/// A node that may need a change.
struct Due {
    name: String,
    pool: String,
}

/// Keeps the taint of all nodes.
pub(crate) struct Keeper {
    client: Client,
    api: Api<Node>,
    taint: StartupTaint,
    recording: Recording,
}

// === impl StartupTaint ===

impl StartupTaint {
    /// Returns the taint with a key, as the watch of a namespace keeps it.
    pub(crate) fn new(key: String, namespace: &str) -> Self {
        Self { key, annotation: format!("{namespace}.{DOMAIN}/startup-taint") }
    }

    /// Returns true for the taint's own key.
    pub(crate) fn has_key(&self, key: &str) -> bool {
        self.key == key
    }

    /// Returns the state of the taint on a node.
    pub(crate) fn on(&self, node: &Node) -> Startup {
        let text = node.annotations().get(&self.annotation);
        Startup {
            is_tainted: taints(node).iter().any(|taint| taint.key == self.key),
            removed: text.and_then(|text| serde_json::from_str(text).ok()),
        }
    }

    /// Returns the merge patch of a change; it holds at the node's known version alone.
    fn patch(&self, node: &Node, act: &Act) -> Value {
        let mut taints: Vec<_> = taints(node).iter().filter(|taint| taint.key != self.key).cloned().collect();
        let annotation = match act {
            Act::Remove(proof) | Act::Renew(proof) => {
                json!(json!(Note::of(&self.key, proof)).to_string())
            }
            Act::PutBack => {
                let (key, effect) = (self.key.clone(), EFFECT.to_owned());
                taints.push(Taint { key, effect, ..Taint::default() });
                Value::Null
            }
        };
        json!({
            "metadata": {
                "resourceVersion": node.metadata.resource_version,
                "annotations": { &self.annotation: annotation },
            },
            "spec": { "taints": taints },
        })
    }
}

fn taints(node: &Node) -> &[Taint] {
    node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default()
}

/// Returns the parts of a node to which a proof is bound.
pub(super) fn bound(node: &Node) -> Bound {
    let info = node.status.as_ref().and_then(|status| status.node_info.as_ref());
    Bound {
        boot_id: info.map(|info| info.boot_id.clone()).unwrap_or_default(),
        uid: node.metadata.uid.clone().unwrap_or_default(),
        runtime: survey::runtime(node),
    }
}

// === impl Keeper ===

impl Keeper {
    pub(crate) fn new(client: Client, taint: StartupTaint, recording: Recording) -> Self {
        Self { api: Api::all(client.clone()), client, taint, recording }
    }

    /// Changes nodes whenever the cluster or the proofs ask for it, and tells each change. Never returns. Dropped, it leaves each node
    /// with its taint and its note together.
    pub(crate) async fn keep(
        &self,
        mut seen: Observed,
        mut proofs: Receiver<Standings>,
        tell: impl Fn(&Outcome),
    ) {
        let mut pause = FIRST_PAUSE;
        let mut told = BTreeSet::new();
        let mut time = None;
        // An event that waits for its answer delays no change.
        let mut events = JoinSet::new();
        loop {
            if time.is_none_or(|time: ServerTime| time.age() >= TRUSTED) {
                time = self.time().await.or(time);
            }
            let now = time.map(ServerTime::now);
            proofs.mark_unchanged();
            let due = seen.read(|scene| self.due(scene, &proofs.borrow(), now));
            let mut changes =
                stream::iter(due).map(|due| self.change(due, &proofs, time)).buffer_unordered(AT_ONCE);
            let mut failed = time.is_none();
            while let Some(outcome) = changes.next().await {
                let Some((outcome, object)) = outcome else { continue };
                let has_failed = matches!(outcome, Outcome::Failed { .. });
                failed |= has_failed;
                if let (Outcome::Changed { act, .. }, Some(object)) = (&outcome, object) {
                    let (recording, act, words) = (self.recording.clone(), act.clone(), outcome.to_string());
                    events.spawn(async move { recording.taint(&object, &act, words).await });
                }
                // A reason that stays is told once.
                if !has_failed || told.insert(outcome.to_string()) {
                    tell(&outcome);
                }
            }
            drop(changes);
            while events.try_join_next().is_some() {}
            let next = if failed {
                let next = pause;
                pause = (pause * 2).min(LONGEST_PAUSE);
                Some(next)
            } else {
                (pause, told) = (FIRST_PAUSE, BTreeSet::new());
                time.map(ServerTime::now).and_then(|now| {
                    let of_proofs = proofs.borrow().next_end(now);
                    let of_notes = seen.read(|scene| next_end(scene, now));
                    of_proofs.into_iter().chain(of_notes).chain([TRUSTED]).min()
                })
            };
            let later = async {
                match next {
                    Some(next) => sleep(next).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = later => (),
                () = seen.changed() => (),
                Ok(()) = proofs.changed() => (),
            }
        }
    }

    /// Asks for the API server's time. Without it, no node is proven and no note expires.
    async fn time(&self) -> Option<ServerTime> {
        match timeout(PATIENCE, ServerTime::ask(&self.client)).await {
            Ok(Ok(time)) => time,
            Ok(Err(_)) | Err(_) => None,
        }
    }

    /// Returns the nodes that need a change.
    fn due(&self, scene: &Scene, standings: &Standings, now: Option<Timestamp>) -> Vec<Due> {
        let nodes = scene.nodes().filter_map(|(name, node)| {
            let standing = standings.of(name, &node.pool, now);
            node.startup.act(&self.taint.key, &node.bound, &standing, now)?;
            Some(Due { name: name.to_owned(), pool: node.pool.clone() })
        });
        nodes.collect()
    }

    /// Changes a node as its present state and its present standing need it, and again where others changed the node meanwhile. Returns
    /// the outcome, with the node if its taint changed; `None` for a node that is as it should be, or whose note alone was renewed.
    async fn change(
        &self,
        due: Due,
        proofs: &Receiver<Standings>,
        time: Option<ServerTime>,
    ) -> Option<(Outcome, Option<Node>)> {
        let taint = self.taint.key.clone();
        let changed = timeout(PATIENCE, self.try_change(&due, proofs, time)).await;
        let node = due.name;
        let why = match changed {
            Ok(Ok(None | Some((_, Act::Renew(_))))) => return None,
            Ok(Ok(Some((object, act)))) => {
                return Some((Outcome::Changed { node, taint, act }, Some(object)));
            }
            Ok(Err(error)) => why(&error),
            Err(_) => format!("the API server did not answer within {} s", PATIENCE.as_secs()),
        };
        Some((Outcome::Failed { node, taint, why }, None))
    }

    /// Returns the changed node and the change; `None` for a node that is as it should be.
    async fn try_change(
        &self,
        Due { name, pool }: &Due,
        proofs: &Receiver<Standings>,
        time: Option<ServerTime>,
    ) -> Result<Option<(Node, Act)>, kube::Error> {
        let mut attempts = 0;
        loop {
            let Some(node) = self.api.get_opt(name).await? else { return Ok(None) };
            // A run may have ended since the change became due.
            let now = time.map(ServerTime::now);
            let standing = proofs.borrow().of(name, pool, now);
            let Some(act) = self.taint.on(&node).act(&self.taint.key, &bound(&node), &standing, now) else {
                return Ok(None);
            };
            let patch = Patch::Merge(self.taint.patch(&node, &act));
            match self.api.patch(name, &PatchParams::default(), &patch).await {
                Ok(changed) => return Ok(Some((changed, act))),
                Err(kube::Error::Api(status)) if status.code == 404 => return Ok(None),
                Err(kube::Error::Api(status)) if status.code == 409 && attempts < ATTEMPTS => attempts += 1,
                Err(error) => return Err(error),
            }
        }
    }
}

/// Returns the time until the next note expires; `None` if none is to expire.
fn next_end(scene: &Scene, now: Timestamp) -> Option<Duration> {
    let notes = scene.nodes().filter_map(|(_, node)| node.startup.removed.as_ref());
    notes.filter_map(|note| until(note.expires_at, now)).min()
}

// === impl Outcome ===

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed { node, taint, act: Act::Remove(_) } => write!(
                formatter,
                "node {node} is proven for {ENVIRONMENT} in its present boot: the taint {taint} is removed"
            ),
            Self::Changed { node, taint, act: Act::Renew(_) } => {
                write!(formatter, "node {node} is proven anew: the taint {taint} stays away")
            }
            Self::Changed { node, taint, act: Act::PutBack } => {
                write!(formatter, "node {node} is no longer proven: the taint {taint} is back")
            }
            Self::Failed { node, taint, why } => {
                write!(formatter, "the taint {taint} of node {node} stays as it was: {why}")
            }
        }
    }
}

fn why(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::startup_taint::Proof;

    const KEY: &str = "podproof.dev/unproven";

    fn taint() -> StartupTaint {
        StartupTaint::new(KEY.to_owned(), "shop")
    }

    fn node(taints: &Value, annotations: &Value) -> Node {
        let metadata =
            json!({ "name": "one", "uid": "u1", "resourceVersion": "7", "annotations": annotations });
        let info = json!({
            "architecture": "", "bootID": "b1", "containerRuntimeVersion": "", "kernelVersion": "", "kubeProxyVersion": "",
            "kubeletVersion": "", "machineID": "", "operatingSystem": "", "osImage": "", "systemUUID": "",
        });
        let node =
            json!({ "metadata": metadata, "spec": { "taints": taints }, "status": { "nodeInfo": info } });
        serde_json::from_value(node).unwrap()
    }

    fn removal() -> Act {
        let bound = Bound { boot_id: "b1".into(), uid: "u1".into(), runtime: "containerd".into() };
        Act::Remove(Proof { bound, expires: Timestamp::UNIX_EPOCH })
    }

    #[test]
    fn a_removal_takes_the_one_taint_and_notes_the_proof() {
        let others = json!({ "key": "sandbox", "value": "gvisor", "effect": "NoSchedule" });
        let own = json!({ "key": KEY, "effect": "NoExecute" });
        let patch = taint().patch(&node(&json!([others, own]), &json!({})), &removal());
        assert_eq!(patch["spec"]["taints"], json!([others]));
        assert_eq!(patch["metadata"]["resourceVersion"], "7");
        let after = node(&patch["spec"]["taints"], &patch["metadata"]["annotations"]);
        let Act::Remove(proof) = removal() else { panic!("no removal") };
        assert_eq!(taint().on(&after), Startup { is_tainted: false, removed: Some(Note::of(KEY, &proof)) });
    }

    #[test]
    fn a_taint_that_comes_back_keeps_the_others_and_ends_the_note() {
        let others = json!({ "key": "sandbox", "effect": "NoSchedule" });
        let patch = taint().patch(&node(&json!([others]), &json!({})), &Act::PutBack);
        assert_eq!(patch["spec"]["taints"], json!([others, { "key": KEY, "effect": "NoSchedule" }]));
        assert_eq!(patch["metadata"]["annotations"], json!({ "shop.podproof.dev/startup-taint": null }));
    }

    #[test]
    fn a_note_that_cannot_be_read_is_none() {
        let node = node(&json!([]), &json!({ "shop.podproof.dev/startup-taint": "yes" }));
        assert_eq!(taint().on(&node), Startup::default());
    }
}
