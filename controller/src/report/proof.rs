//! The proof of a run: what a cluster keeps of it, and its gate reads.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Report, Subject, attestation::verification_v1::SignedPool};
use crate::{
    case::Case,
    evidence::record::Record,
    support::{digest::sha256, proof},
};

/// The size of the list of nodes in bytes. Beyond it, a pool has the number of its nodes and their digest.
const MOST_OF_NODES: usize = 32 << 10;
/// The size of the RuntimeClasses' names in bytes.
const MOST_OF_CLASSES: usize = 8 << 10;

/// The facts of a run that a cluster keeps.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Proof {
    /// Keys whose change is news: verdict, extent, environment, pools and nodes.
    pub(crate) content: BTreeMap<String, String>,
    /// Keys that are others in each run.
    pub(crate) origin: BTreeMap<String, String>,
}

/// The nodes of each pool, each with its boot id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pools(BTreeMap<String, BTreeMap<String, String>>);

/// The nodes of one pool.
#[derive(Debug, Serialize)]
struct Pool<'a> {
    #[serde(rename = "pool")]
    name: &'a str,
    nodes: usize,
    /// The SHA-256 of each node with its boot id, a line each.
    digest: String,
    /// Each node with its boot id; left out where the list would be too long.
    #[serde(skip_serializing_if = "Option::is_none")]
    boots: Option<&'a BTreeMap<String, String>>,
}

impl Proof {
    /// Returns the proof of a run of a namespace; `None` for a run on one machine.
    pub(crate) fn of(report: &Report, pools: &Pools) -> Option<Self> {
        let namespace = report.sandboxes.iter().find_map(|sandbox| sandbox.subject.namespace())?;
        let classes: BTreeSet<_> = report
            .sandboxes
            .iter()
            .filter(|sandbox| sandbox.verdict.passes())
            .filter_map(|sandbox| match &sandbox.subject {
                Subject::Pods { runtime_class, .. } => runtime_class.as_deref(),
                _ => None,
            })
            .collect();
        let mut names = classes.into_iter().collect::<Vec<_>>().join(",");
        if names.len() > MOST_OF_CLASSES {
            names.clear();
        }
        let content = [
            (proof::VERDICT, report.verdict.id().to_owned()),
            (proof::ENVIRONMENT, report.environment.environment.to_string()),
            (proof::NAMESPACE, namespace.to_owned()),
            (proof::WHOLE, report.extent.whole.to_string()),
            (proof::CLASSES, names),
            ("pools", pools.text()),
        ];
        let run = report.run.as_ref();
        let origin = [
            ("run", run.map(|run| run.id.clone()).unwrap_or_default()),
            ("controller", run.map(|run| run.controller.clone()).unwrap_or_default()),
            ("reportDigest", serde_json::to_vec(report).map(|json| sha256(&json)).unwrap_or_default()),
        ];
        let owned = |(key, value): (&str, String)| (key.to_owned(), value);
        Some(Self { content: content.map(owned).into(), origin: origin.map(owned).into() })
    }
}

// === impl Pools ===

impl Pools {
    pub(crate) fn of(record: &Record) -> Self {
        let mut pools = Self::default();
        record.cases.iter().for_each(|case| pools.add(case));
        pools
    }

    /// Returns the pools' names.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        self.0.keys().cloned().collect()
    }

    /// Adds the node of a case, if its probe ran on one.
    pub(super) fn add(&mut self, case: &Case) {
        let Self(pools) = self;
        if let Some((pool, node)) = place(case) {
            let boot = case.surroundings.machine.boot_id.seen();
            let boot = boot.map(|boot| boot.uuid.clone()).unwrap_or_default();
            pools.entry(pool.to_owned()).or_default().insert(node, boot);
        }
    }

    /// Returns the form of the pools in an attestation.
    pub(super) fn signed(&self) -> Vec<SignedPool> {
        let Self(pools) = self;
        let signed = |(name, boots): (&String, &BTreeMap<_, _>)| SignedPool {
            name: name.clone(),
            digest: digest(boots).into(),
            boots: boots.clone(),
        };
        pools.iter().map(signed).collect()
    }

    fn text(&self) -> String {
        let Self(pools) = self;
        let size: usize = pools.values().flatten().map(|(node, boot)| node.len() + boot.len() + 6).sum();
        let pools: Vec<_> = pools
            .iter()
            .map(|(name, boots)| Pool {
                name,
                nodes: boots.len(),
                digest: digest(boots),
                boots: (size <= MOST_OF_NODES).then_some(boots),
            })
            .collect();
        // A list of such structs has no value that JSON lacks.
        serde_json::to_string(&pools).unwrap_or_default()
    }
}

/// Returns the SHA-256 of each node with its boot id, a line each.
fn digest(boots: &BTreeMap<String, String>) -> String {
    let lines = boots.iter().map(|(node, boot)| format!("{node} {boot}\n"));
    sha256(lines.collect::<String>().as_bytes())
}

/// Returns the pool and the node of a case; `None` if its probe ran nowhere.
fn place(case: &Case) -> Option<(&str, String)> {
    let crate::case::Subject::Pods { pool, node, .. } = &case.surroundings.subject else { return None };
    let ran = case.surroundings.in_cluster.as_ref().and_then(|known| known.pod.as_ref());
    let node = ran.and_then(|pod| pod.node.clone()).or_else(|| node.clone())?;
    Some((pool, node))
}
