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
/// The size of the allowed destinations in bytes.
const MOST_OF_ALLOWED: usize = 4 << 10;
/// The size of all keys in bytes: 64 KiB without 2 KiB for the object's metadata, the times and the syntax around them.
const MOST: usize = 62 << 10;

/// The facts of a run that a cluster keeps.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Proof {
    /// Keys whose change is news: verdict, extent, environment, pools and nodes.
    pub(crate) content: BTreeMap<String, String>,
    /// Keys that are others in each run.
    pub(crate) origin: BTreeMap<String, String>,
}

/// The files of a run, which its proof names by their digests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Files {
    /// The SHA-256 of the saved evidence; `None` if it was not saved.
    pub(crate) evidence: Option<String>,
    /// The SHA-256 of the policy file; `None` without one.
    pub(crate) policy: Option<String>,
    /// The signed attestation; `None` if the verdict was not signed.
    pub(crate) bundle: Option<String>,
}

/// The nodes of each pool, each with its boot id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pools {
    /// The boot id of each node; empty where it is not known, or where probes saw several.
    boots: BTreeMap<String, BTreeMap<String, String>>,
    /// The pool and the name of each node whose probes saw several boot ids.
    rebooted: BTreeSet<(String, String)>,
}

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
        let content = [
            (proof::VERDICT, report.verdict.id().to_owned()),
            (proof::ENVIRONMENT, report.environment.environment.to_string()),
            (proof::NAMESPACE, namespace.to_owned()),
            (proof::WHOLE, report.extent.whole.to_string()),
            (proof::CLASSES, classes(report)),
            (proof::PROFILES, profiles(&report.profiles.iter().map(|it| (it.kind, it.allowed.as_slice())))),
            (proof::POOLS, pools.text()),
        ];
        let run = report.run.as_ref();
        let origin = [
            (proof::RUN, run.map(|run| run.id.clone()).unwrap_or_default()),
            ("controller", run.map(|run| run.controller.clone()).unwrap_or_default()),
            ("reportDigest", serde_json::to_vec(report).map(|json| sha256(&json)).unwrap_or_default()),
        ];
        let owned = |(key, value): (&str, String)| (key.to_owned(), value);
        Some(Self { content: content.map(owned).into(), origin: origin.map(owned).into() })
    }

    /// Returns the proof with the digests of its run's files, and the attestation as far as it fits.
    pub(crate) fn with(mut self, Files { evidence, policy, bundle }: Files) -> Self {
        let bundle_digest = bundle.as_ref().map(|bundle| sha256(bundle.as_bytes()));
        let digests = [
            (proof::EVIDENCE_DIGEST, evidence),
            (proof::POLICY_DIGEST, policy),
            (proof::BUNDLE_DIGEST, bundle_digest),
        ];
        let known = digests.into_iter().filter_map(|(key, digest)| Some((key.to_owned(), digest?)));
        self.origin.extend(known);
        let bundle = bundle.filter(|bundle| self.size() + proof::BUNDLE.len() + bundle.len() <= MOST);
        self.origin.extend(bundle.map(|bundle| (proof::BUNDLE.to_owned(), bundle)));
        self
    }

    /// Returns true if the proof names an attestation that it has no room for.
    pub(crate) fn lacks_its_bundle(&self) -> bool {
        self.origin.contains_key(proof::BUNDLE_DIGEST) && !self.origin.contains_key(proof::BUNDLE)
    }

    /// Returns the bytes of all keys and values.
    fn size(&self) -> usize {
        self.content.iter().chain(&self.origin).map(|(key, value)| key.len() + value.len()).sum()
    }
}

/// Returns the RuntimeClasses of the sandboxes that passed, with a comma between two; empty where they are too many for a proof.
pub(super) fn classes(report: &Report) -> String {
    let passed = report.sandboxes.iter().filter(|sandbox| sandbox.verdict.passes());
    let classes: BTreeSet<_> = passed
        .filter_map(|sandbox| match &sandbox.subject {
            Subject::Pods { runtime_class, .. } => runtime_class.as_deref(),
            _ => None,
        })
        .collect();
    let names = classes.into_iter().collect::<Vec<_>>().join(",");
    if names.len() > MOST_OF_CLASSES { String::new() } else { names }
}

/// Returns network profiles, each by its kind and the destinations that it allows; their number where they are too many for a proof.
pub(crate) fn profiles<'a>(profiles: &(impl Iterator<Item = (&'a str, &'a [String])> + Clone)) -> String {
    let with = |allowed: fn(&[String]) -> String| {
        let profile = |(kind, names): (&str, &[String])| match names {
            [] => kind.to_owned(),
            names => format!("{kind}:{}", allowed(names)),
        };
        profiles.clone().map(profile).collect::<Vec<_>>().join(";")
    };
    let whole = with(|names| names.join(","));
    if whole.len() <= MOST_OF_ALLOWED { whole } else { with(|names| format!("{} destinations", names.len())) }
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
        self.boots.keys().cloned().collect()
    }

    /// Returns the boot id of a node; `None` if no probe ran there, or if no one boot id is known.
    pub(crate) fn boot_id(&self, pool: &str, node: &str) -> Option<&str> {
        let boot_id = self.boots.get(pool)?.get(node)?;
        Some(boot_id.as_str()).filter(|boot_id| !boot_id.is_empty())
    }

    /// Adds the node of a case, if its probe ran on one.
    pub(super) fn add(&mut self, case: &Case) {
        let Some((pool, node)) = place(case) else { return };
        let boot = case.surroundings.machine.boot_id.seen();
        self.add_boot(pool, node, boot.map(|boot| boot.uuid.as_str()).unwrap_or_default());
    }

    /// Adds a node with its boot id, which is empty if it is not known. A node with several boot ids has none from then on.
    fn add_boot(&mut self, pool: &str, node: String, boot: &str) {
        let key = (pool.to_owned(), node);
        let known = self.boots.entry(key.0.clone()).or_default().entry(key.1.clone()).or_default();
        if boot.is_empty() || self.rebooted.contains(&key) {
            return;
        }
        if known.is_empty() || known == boot {
            boot.clone_into(known);
        } else {
            known.clear();
            self.rebooted.insert(key);
        }
    }

    /// Returns the form of the pools in an attestation.
    pub(super) fn signed(&self) -> Vec<SignedPool> {
        let signed = |(name, boots): (&String, &BTreeMap<_, _>)| SignedPool {
            name: name.clone(),
            digest: digest(boots).into(),
            boots: boots.clone(),
        };
        self.boots.iter().map(signed).collect()
    }

    fn text(&self) -> String {
        let size: usize = self.boots.values().flatten().map(|(node, boot)| node.len() + boot.len() + 6).sum();
        let pools: Vec<_> = self
            .boots
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
    let node = ran_on(ran.and_then(|pod| pod.node.as_ref()), node.as_ref())?;
    Some((pool, node.clone()))
}

/// Returns the node of a probe: that of its pod, by default the planned one.
pub(crate) fn ran_on<'a>(of_pod: Option<&'a String>, planned: Option<&'a String>) -> Option<&'a String> {
    of_pod.or(planned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Verdict;

    fn proof() -> Proof {
        let verdict = (proof::VERDICT.to_owned(), "ready".to_owned());
        Proof { content: [verdict].into(), origin: BTreeMap::new() }
    }

    fn signed(length: usize) -> Proof {
        proof().with(Files { bundle: Some("b".repeat(length)), ..Files::default() })
    }

    fn boots(seen: &[&str]) -> Pools {
        let mut pools = Pools::default();
        for boot in seen {
            pools.add_boot("a", "one".to_owned(), boot);
        }
        pools
    }

    #[test]
    fn a_gate_opens_by_the_verdicts_that_pass() {
        for verdict in [Verdict::Ready, Verdict::ReadyWithWarnings, Verdict::NotReady, Verdict::Undetermined]
        {
            assert_eq!(proof::PASSING.contains(&verdict.id()), verdict.passes(), "{verdict:?}");
        }
    }

    #[test]
    fn a_node_with_several_boot_ids_has_none() {
        for seen in [&["b1", "b2"][..], &["b1", "b2", "b1"], &["b1", "", "b2", "b2"]] {
            assert_eq!(boots(seen).boot_id("a", "one"), None, "{seen:?}");
            assert_eq!(boots(seen).text(), boots(&[""]).text(), "{seen:?}");
        }
    }

    #[test]
    fn a_probe_that_saw_no_boot_id_takes_none_from_its_node() {
        for seen in [&["b1", ""][..], &["", "b1"], &["b1", "b1"]] {
            assert_eq!(boots(seen).boot_id("a", "one"), Some("b1"), "{seen:?}");
        }
    }

    #[test]
    fn a_proof_holds_the_attestation_that_fits() {
        let room = MOST - signed(MOST).size() - proof::BUNDLE.len();
        let full = signed(room);
        assert_eq!((full.size(), full.lacks_its_bundle()), (MOST, false));
        assert_eq!(full.origin[proof::BUNDLE].len(), room);
    }

    #[test]
    fn a_proof_names_a_longer_attestation_by_its_digest() {
        let proof = signed(MOST);
        assert!(proof.lacks_its_bundle() && proof.size() < 1_000);
        assert_eq!(proof.origin[proof::BUNDLE_DIGEST], sha256("b".repeat(MOST).as_bytes()));
    }

    #[test]
    fn an_unsigned_proof_lacks_nothing() {
        let proof = proof().with(Files { evidence: Some("ab".into()), ..Files::default() });
        assert!(!proof.lacks_its_bundle());
        assert_eq!(proof.origin.keys().collect::<Vec<_>>(), [proof::EVIDENCE_DIGEST]);
    }
}
