//! Keeps the startup taint of the cluster's nodes as the last proofs want it. Each change is one patch at a known version of the
//! node, with the taint and its note together, so that a kill leaves no node half changed.

use std::{collections::BTreeSet, fmt, time::Duration};

use futures_util::{StreamExt, stream};
use k8s_openapi::api::core::v1::{Node, Taint};
use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use super::{recording::Recording, watching::Observed};
use crate::{
    plan::{
        renewal::Scene,
        startup_taint::{Act, EFFECT, Note, Standing, Standings, Startup},
    },
    support::names::DOMAIN,
};

/// The nodes that are changed at once.
const AT_ONCE: usize = 8;
/// The attempts at a node that others change meanwhile.
const ATTEMPTS: usize = 5;
/// The pause after a change that failed; each further pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// The longest pause after a change that failed.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// The startup taint of one watch.
#[derive(Clone, Debug)]
pub(crate) struct StartupTaint {
    /// The key of the taint.
    key: String,
    /// The annotation with the note, which another watch's note does not share.
    annotation: String,
}

/// The standing of each node, and the moment from which its times count.
#[derive(Clone, Debug)]
pub(crate) struct Proofs {
    pub(crate) standings: Standings,
    pub(crate) since: Instant,
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

/// Keeps the taint of all nodes.
pub(crate) struct Keeper {
    api: Api<Node>,
    taint: StartupTaint,
    recording: Recording,
}

impl Default for Proofs {
    fn default() -> Self {
        Self { standings: Standings::default(), since: Instant::now() }
    }
}

// === impl StartupTaint ===

impl StartupTaint {
    /// Returns the taint with a key, as the watch of a namespace keeps it.
    pub(crate) fn new(key: String, namespace: &str) -> Self {
        Self { key, annotation: format!("{namespace}.{DOMAIN}/startup-taint") }
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
    fn patch(&self, node: &Node, act: Act) -> Value {
        let mut taints: Vec<_> = taints(node).iter().filter(|taint| taint.key != self.key).cloned().collect();
        let annotation = match act {
            Act::Remove => {
                let removed = Note { taint: self.key.clone(), boot_id: boot_id(node).to_owned() };
                json!(json!(removed).to_string())
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

fn boot_id(node: &Node) -> &str {
    let info = node.status.as_ref().and_then(|status| status.node_info.as_ref());
    info.map(|info| info.boot_id.as_str()).unwrap_or_default()
}

// === impl Keeper ===

impl Keeper {
    pub(crate) fn new(client: Client, taint: StartupTaint, recording: Recording) -> Self {
        Self { api: Api::all(client), taint, recording }
    }

    /// Changes nodes whenever the cluster or the proofs ask for it, and tells each change. Never returns.
    pub(crate) async fn keep(
        &self,
        mut seen: Observed,
        mut proofs: watch::Receiver<Proofs>,
        tell: impl Fn(&Outcome),
    ) {
        let mut pause = FIRST_PAUSE;
        let mut told = BTreeSet::new();
        loop {
            let Proofs { standings, since } = proofs.borrow_and_update().clone();
            let due = seen.read(|scene| self.due(scene, &standings, since.elapsed()));
            let mut changes = stream::iter(due)
                .map(|(name, standing)| async move { self.change(name, &standing).await })
                .buffer_unordered(AT_ONCE);
            let mut failed = false;
            while let Some(outcome) = changes.next().await {
                let Some(outcome) = outcome else { continue };
                let has_failed = matches!(outcome, Outcome::Failed { .. });
                failed |= has_failed;
                // A reason that stays is told once.
                if !has_failed || told.insert(outcome.to_string()) {
                    tell(&outcome);
                }
            }
            let next = if failed {
                let next = pause;
                pause = (pause * 2).min(LONGEST_PAUSE);
                Some(next)
            } else {
                (pause, told) = (FIRST_PAUSE, BTreeSet::new());
                standings.next_end(since.elapsed())
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

    /// Returns the nodes that need a change, with their standing.
    fn due(&self, scene: &Scene, standings: &Standings, now: Duration) -> Vec<(String, Standing)> {
        let nodes = scene.nodes().filter_map(|(name, node)| {
            let standing = standings.of(name, &node.pool, now);
            node.startup.act(&self.taint.key, &node.boot_id, &standing)?;
            Some((name.to_owned(), standing))
        });
        nodes.collect()
    }

    /// Changes a node as its present state needs it, and again where others changed the node meanwhile. Returns `None` for a node
    /// that is as it should be.
    async fn change(&self, node: String, standing: &Standing) -> Option<Outcome> {
        let taint = self.taint.key.clone();
        match self.try_change(&node, standing).await {
            Ok(changed) => {
                let (object, act) = changed?;
                let outcome = Outcome::Changed { node, taint, act };
                self.recording.taint(&object, act, outcome.to_string()).await;
                Some(outcome)
            }
            Err(error) => Some(Outcome::Failed { node, taint, why: why(&error) }),
        }
    }

    /// Returns the changed node and the change; `None` for a node that is as it should be.
    async fn try_change(&self, name: &str, standing: &Standing) -> Result<Option<(Node, Act)>, kube::Error> {
        let mut attempts = 0;
        loop {
            let Some(node) = self.api.get_opt(name).await? else { return Ok(None) };
            let Some(act) = self.taint.on(&node).act(&self.taint.key, boot_id(&node), standing) else {
                return Ok(None);
            };
            let patch = Patch::Merge(self.taint.patch(&node, act));
            match self.api.patch(name, &PatchParams::default(), &patch).await {
                Ok(changed) => return Ok(Some((changed, act))),
                Err(kube::Error::Api(status)) if status.code == 404 => return Ok(None),
                Err(kube::Error::Api(status)) if status.code == 409 && attempts < ATTEMPTS => attempts += 1,
                Err(error) => return Err(error),
            }
        }
    }
}

// === impl Outcome ===

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed { node, taint, act: Act::Remove } => {
                write!(formatter, "node {node} is proven in its present boot: the taint {taint} is removed")
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

    const KEY: &str = "podproof.dev/unproven";

    fn taint() -> StartupTaint {
        StartupTaint::new(KEY.to_owned(), "shop")
    }

    fn node(taints: &Value, annotations: &Value) -> Node {
        let metadata = json!({ "name": "one", "resourceVersion": "7", "annotations": annotations });
        let info = json!({
            "architecture": "", "bootID": "b1", "containerRuntimeVersion": "", "kernelVersion": "", "kubeProxyVersion": "",
            "kubeletVersion": "", "machineID": "", "operatingSystem": "", "osImage": "", "systemUUID": "",
        });
        let node =
            json!({ "metadata": metadata, "spec": { "taints": taints }, "status": { "nodeInfo": info } });
        serde_json::from_value(node).unwrap()
    }

    #[test]
    fn a_removal_takes_the_one_taint_and_notes_the_boot() {
        let others = json!({ "key": "sandbox", "value": "gvisor", "effect": "NoSchedule" });
        let own = json!({ "key": KEY, "effect": "NoExecute" });
        let patch = taint().patch(&node(&json!([others, own]), &json!({})), Act::Remove);
        assert_eq!(patch["spec"]["taints"], json!([others]));
        assert_eq!(patch["metadata"]["resourceVersion"], "7");
        let after = node(&patch["spec"]["taints"], &patch["metadata"]["annotations"]);
        let note = Note { taint: KEY.into(), boot_id: "b1".into() };
        assert_eq!(taint().on(&after), Startup { is_tainted: false, removed: Some(note) });
    }

    #[test]
    fn a_taint_that_comes_back_keeps_the_others_and_ends_the_note() {
        let others = json!({ "key": "sandbox", "effect": "NoSchedule" });
        let patch = taint().patch(&node(&json!([others]), &json!({})), Act::PutBack);
        assert_eq!(patch["spec"]["taints"], json!([others, { "key": KEY, "effect": "NoSchedule" }]));
        assert_eq!(patch["metadata"]["annotations"], json!({ "shop.podproof.dev/startup-taint": null }));
    }

    #[test]
    fn a_note_that_cannot_be_read_is_none() {
        let node = node(&json!([]), &json!({ "shop.podproof.dev/startup-taint": "yes" }));
        assert_eq!(taint().on(&node), Startup::default());
    }
}
