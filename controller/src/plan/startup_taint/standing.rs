//! The standing of each node after the published runs. Times count from any moment that stays the same.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// One judged sandbox of a run whose proof is published.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Judged {
    pub(crate) pool: String,
    /// The node of the probe; `None` for a probe that ran nowhere.
    pub(crate) node: Option<String>,
    /// The boot id of that node in the run's evidence; empty if it is not known.
    pub(crate) boot_id: String,
    /// True for a verdict that passes.
    pub(crate) passes: bool,
}

/// The standing of a node.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Standing {
    /// No run has judged the node.
    Unknown,
    /// Every sandbox on the node passed in this boot, and the proof has not ended.
    Proven(String),
    /// A sandbox on the node did not pass, or the proof has ended.
    Unproven,
}

/// The standing of all nodes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Standings {
    nodes: BTreeMap<String, Node>,
    /// The pools with a sandbox that did not pass in the last run.
    failed: BTreeSet<String>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Node {
    pool: String,
    boot_id: String,
    passes: bool,
    /// The end of the proof.
    until: Duration,
}

impl Standings {
    /// Takes the sandboxes of a run whose proof ends at a time. A node without a probe in this run keeps its standing while every
    /// sandbox of its pool passes.
    pub(crate) fn take(&mut self, run: Vec<Judged>, until: Duration) {
        self.failed = run.iter().filter(|it| !it.passes).map(|it| it.pool.clone()).collect();
        self.nodes.retain(|_, node| !self.failed.contains(&node.pool));
        let mut judged = BTreeMap::<String, Node>::new();
        for Judged { pool, node, boot_id, passes } in run {
            let Some(name) = node else { continue };
            let node =
                judged.entry(name).or_insert(Node { pool, boot_id: boot_id.clone(), passes: true, until });
            node.passes &= passes && node.boot_id == boot_id;
        }
        self.nodes.extend(judged);
    }

    /// Returns the standing of a node at a time.
    pub(crate) fn of(&self, name: &str, pool: &str, now: Duration) -> Standing {
        match self.nodes.get(name) {
            Some(node) if node.passes && now < node.until => Standing::Proven(node.boot_id.clone()),
            Some(_) => Standing::Unproven,
            None if self.failed.contains(pool) => Standing::Unproven,
            None => Standing::Unknown,
        }
    }

    /// Returns the time until the next proof ends; `None` if none is to end.
    pub(crate) fn next_end(&self, now: Duration) -> Option<Duration> {
        self.nodes
            .values()
            .filter_map(|node| node.until.checked_sub(now))
            .filter(|left| !left.is_zero())
            .min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::ZERO;
    const HOUR: Duration = Duration::from_hours(1);

    fn judged(node: &str, passes: bool) -> Judged {
        Judged { pool: "a".into(), node: Some(node.into()), boot_id: "b1".into(), passes }
    }

    fn after(runs: &[&[Judged]]) -> Standings {
        let mut standings = Standings::default();
        for run in runs {
            standings.take(run.to_vec(), HOUR);
        }
        standings
    }

    #[test]
    fn a_node_is_proven_in_the_boot_of_the_evidence() {
        assert_eq!(after(&[&[judged("one", true)]]).of("one", "a", NOW), Standing::Proven("b1".into()));
    }

    #[test]
    fn one_sandbox_that_does_not_pass_decides_for_its_node() {
        let standings = after(&[&[judged("one", true), judged("one", false), judged("two", true)]]);
        assert_eq!(standings.of("one", "a", NOW), Standing::Unproven);
        assert_eq!(standings.of("two", "a", NOW), Standing::Proven("b1".into()));
    }

    #[test]
    fn two_boot_ids_of_a_node_prove_nothing() {
        let rebooted = Judged { boot_id: "b2".into(), ..judged("one", true) };
        assert_eq!(after(&[&[judged("one", true), rebooted]]).of("one", "a", NOW), Standing::Unproven);
    }

    #[test]
    fn a_proof_ends() {
        let standings = after(&[&[judged("one", true)]]);
        assert_eq!(standings.next_end(NOW), Some(HOUR));
        assert_eq!(standings.of("one", "a", HOUR), Standing::Unproven);
        assert_eq!(standings.next_end(HOUR), None);
    }

    #[test]
    fn a_node_without_a_probe_keeps_its_proof_while_its_pool_passes() {
        let standings = after(&[&[judged("one", true)], &[judged("two", true)]]);
        assert_eq!(standings.of("one", "a", NOW), Standing::Proven("b1".into()));
    }

    #[test]
    fn a_node_without_a_probe_loses_its_proof_with_its_pool() {
        let standings = after(&[&[judged("one", true)], &[judged("two", false)]]);
        assert_eq!(standings.of("one", "a", NOW), Standing::Unproven);
    }

    #[test]
    fn a_probe_that_ran_nowhere_proves_nothing_in_its_pool() {
        let nowhere = Judged { node: None, ..judged("", false) };
        assert_eq!(after(&[&[nowhere]]).of("one", "a", NOW), Standing::Unproven);
    }

    #[test]
    fn a_node_that_no_run_judged_is_unknown() {
        assert_eq!(after(&[&[judged("one", false)]]).of("two", "b", NOW), Standing::Unknown);
    }
}
