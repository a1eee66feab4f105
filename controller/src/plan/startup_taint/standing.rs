//! The standing of each node after the runs so far. Times are the API server's.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;

use super::{Bound, Proof};

/// One judged sandbox of a run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Judged {
    pub(crate) pool: String,
    /// The node of the probe; `None` for a probe that ran nowhere.
    pub(crate) node: Option<String>,
    pub(crate) judgement: Judgement,
}

/// The judgement of a sandbox, as the taint of its node goes by it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Judgement {
    /// The sandbox passed, on a node with these parts.
    Passed(Bound),
    /// The sandbox did not pass by its own findings.
    Failed,
    /// The sandbox gave no evidence, or did not pass because of the namespace, the cluster or the run alone: nothing is known of its
    /// node.
    HeldBack,
}

/// The standing of a node.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Standing {
    /// No run has judged the node.
    Unknown,
    /// Every sandbox on the node passed, and the proof has not ended.
    Proven(Proof),
    /// A sandbox on the node failed, or the proof has ended.
    Failed,
}

/// The standing of all nodes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Standings {
    nodes: BTreeMap<String, Node>,
    /// The pools with a sandbox that failed, and that no later run found without one.
    failed: BTreeSet<String>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Node {
    pool: String,
    standing: Standing,
}

impl Judgement {
    /// Returns the judgement of two sandboxes on one node.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Failed, _) | (_, Self::Failed) => Self::Failed,
            (Self::Passed(one), Self::Passed(two)) if one == two => Self::Passed(one),
            _ => Self::HeldBack,
        }
    }
}

impl Standings {
    /// Takes the sandboxes of a run whose proof ends at a time; `None` if no proof was published, so that none is proven. Nodes that are
    /// not there are forgotten. A node that the run held back keeps its standing; a node without a probe keeps it while no sandbox of
    /// its pool fails.
    pub(crate) fn take(
        &mut self,
        run: Vec<Judged>,
        expires: Option<Timestamp>,
        is_there: impl Fn(&str) -> bool,
    ) {
        let pools = |judgement| {
            let of_it = run.iter().filter(move |it| it.judgement == judgement);
            of_it.map(|it| it.pool.clone()).collect::<BTreeSet<_>>()
        };
        let (failed, held_back) = (pools(Judgement::Failed), pools(Judgement::HeldBack));
        let mut judged = BTreeMap::<String, (String, Judgement)>::new();
        for Judged { pool, node, judgement } in run {
            let Some(name) = node else { continue };
            let known = judged.remove(&name);
            let judgement = known.into_iter().fold(judgement, |one, (_, other)| one.and(other));
            judged.insert(name, (pool, judgement));
        }
        self.nodes.retain(|name, node| {
            is_there(name) && (judged.contains_key(name) || !failed.contains(&node.pool))
        });
        for (name, (pool, judgement)) in judged {
            let standing = match (judgement, expires) {
                (Judgement::Failed, _) => Standing::Failed,
                (Judgement::Passed(bound), Some(expires)) => Standing::Proven(Proof { bound, expires }),
                (Judgement::HeldBack, _) | (Judgement::Passed(_), None) => {
                    let former = self.nodes.remove(&name);
                    former.map_or(Standing::Unknown, |node| node.standing)
                }
            };
            if is_there(&name) {
                self.nodes.insert(name, Node { pool, standing });
            }
        }
        self.failed.retain(|pool| held_back.contains(pool));
        self.failed.extend(failed);
    }

    /// Returns the standing of a node at a time; while the time is not known, no node is proven.
    pub(crate) fn of(&self, name: &str, pool: &str, now: Option<Timestamp>) -> Standing {
        match (self.nodes.get(name).map(|node| &node.standing), now) {
            (Some(Standing::Proven(_)), None) => Standing::Unknown,
            (Some(Standing::Proven(proof)), Some(now)) if proof.expires <= now => Standing::Failed,
            (Some(standing), _) => standing.clone(),
            (None, _) if self.failed.contains(pool) => Standing::Failed,
            (None, _) => Standing::Unknown,
        }
    }

    /// Returns the time until the next proof ends; `None` if none is to end.
    pub(crate) fn next_end(&self, now: Timestamp) -> Option<Duration> {
        let ends = self.nodes.values().filter_map(|node| match &node.standing {
            Standing::Proven(proof) => Some(proof.expires),
            Standing::Unknown | Standing::Failed => None,
        });
        ends.filter_map(|end| until(end, now)).min()
    }
}

/// Returns the time from now until a later time; `None` if it is over.
pub(crate) fn until(end: Timestamp, now: Timestamp) -> Option<Duration> {
    Duration::try_from(end.duration_since(now)).ok().filter(|left| !left.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    const NOW: Option<Timestamp> = Some(Timestamp::UNIX_EPOCH);

    fn bound() -> Bound {
        Bound { boot_id: "b1".into(), uid: "u1".into(), runtime: "containerd runsc".into() }
    }

    fn judged(node: &str, judgement: Judgement) -> Judged {
        Judged { pool: "a".into(), node: Some(node.into()), judgement }
    }

    fn passed(node: &str) -> Judged {
        judged(node, Judgement::Passed(bound()))
    }

    fn failed(node: &str) -> Judged {
        judged(node, Judgement::Failed)
    }

    fn held_back(node: &str) -> Judged {
        judged(node, Judgement::HeldBack)
    }

    fn proven() -> Standing {
        Standing::Proven(Proof { bound: bound(), expires: at(9) })
    }

    fn after(runs: &[&[Judged]]) -> Standings {
        let mut standings = Standings::default();
        for run in runs {
            standings.take(run.to_vec(), Some(at(9)), |_| true);
        }
        standings
    }

    #[test]
    fn a_node_is_proven_as_it_was_in_the_run() {
        assert_eq!(after(&[&[passed("one")]]).of("one", "a", NOW), proven());
    }

    #[test]
    fn one_sandbox_that_fails_decides_for_its_node() {
        let standings = after(&[&[passed("one"), failed("one"), passed("two")]]);
        assert_eq!(standings.of("one", "a", NOW), Standing::Failed);
        assert_eq!(standings.of("two", "a", NOW), proven());
    }

    #[test]
    fn one_sandbox_that_is_held_back_proves_nothing_of_its_node() {
        let standings = after(&[&[held_back("one"), passed("one")]]);
        assert_eq!(standings.of("one", "a", NOW), Standing::Unknown);
    }

    #[test]
    fn two_states_of_a_node_prove_nothing() {
        let rebooted = Bound { boot_id: "b2".into(), ..bound() };
        let standings = after(&[&[passed("one"), judged("one", Judgement::Passed(rebooted))]]);
        assert_eq!(standings.of("one", "a", NOW), Standing::Unknown);
    }

    #[test]
    fn a_proof_ends() {
        let standings = after(&[&[passed("one")]]);
        assert_eq!(standings.next_end(at(0)), Some(Duration::from_secs(9)));
        assert_eq!(standings.of("one", "a", Some(at(9))), Standing::Failed);
        assert_eq!(standings.next_end(at(9)), None);
    }

    #[test]
    fn no_node_is_proven_while_the_time_is_not_known() {
        assert_eq!(after(&[&[passed("one")]]).of("one", "a", None), Standing::Unknown);
    }

    #[test]
    fn a_node_that_is_held_back_keeps_its_standing() {
        for (former, standing) in [(passed("one"), proven()), (failed("one"), Standing::Failed)] {
            let standings = after(&[&[former], &[held_back("one"), failed("two")]]);
            assert_eq!(standings.of("one", "a", NOW), standing);
        }
        assert_eq!(after(&[&[held_back("one"), failed("two")]]).of("one", "a", NOW), Standing::Unknown);
    }

    #[test]
    fn a_run_without_a_publication_proves_nothing() {
        let mut standings = Standings::default();
        standings.take(vec![passed("one")], None, |_| true);
        assert_eq!(standings.of("one", "a", NOW), Standing::Unknown);
    }

    #[test]
    fn a_run_without_a_publication_fails_nodes() {
        let mut standings = after(&[&[passed("one")]]);
        standings.take(vec![failed("one")], None, |_| true);
        assert_eq!(standings.of("one", "a", NOW), Standing::Failed);
    }

    #[test]
    fn a_node_without_a_probe_keeps_its_proof_while_its_pool_passes() {
        let standings = after(&[&[passed("one")], &[passed("two")]]);
        assert_eq!(standings.of("one", "a", NOW), proven());
    }

    #[test]
    fn a_node_without_a_probe_stays_failed_while_its_pool_passes() {
        let standings = after(&[&[failed("one")], &[passed("two")]]);
        assert_eq!(standings.of("one", "a", NOW), Standing::Failed);
    }

    #[test]
    fn a_node_without_a_probe_loses_its_proof_with_its_pool() {
        let standings = after(&[&[passed("one")], &[failed("two")]]);
        assert_eq!(standings.of("one", "a", NOW), Standing::Failed);
    }

    #[test]
    fn a_probe_that_ran_nowhere_changes_nothing_in_its_pool() {
        let nowhere = Judged { node: None, ..held_back("") };
        assert_eq!(after(&[&[passed("one")], &[nowhere]]).of("one", "a", NOW), proven());
    }

    #[test]
    fn a_node_that_no_run_judged_is_unknown() {
        assert_eq!(after(&[&[failed("one")]]).of("two", "b", NOW), Standing::Unknown);
    }

    #[test]
    fn a_node_that_is_gone_is_forgotten() {
        let mut standings = after(&[&[passed("one")]]);
        standings.take(vec![passed("one"), passed("two")], Some(at(9)), |name| name == "two");
        assert_eq!(standings.of("one", "a", NOW), Standing::Unknown);
        assert_eq!(standings.nodes.len(), 1);
    }
}
