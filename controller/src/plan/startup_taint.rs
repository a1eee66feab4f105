//! The startup taint of nodes: it goes from a node that is proven as it is now, and comes back when the node is another one, when it
//! fails, or when the proof ends. A note on the node tells that the taint was removed, so that a node that never had the taint is left
//! alone, and a controller that begins anew knows.

mod note;
mod standing;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::case::environment::Environment;

pub(crate) use note::Note;
pub(crate) use standing::{Judged, Judgement, Standing, Standings, until};

/// The effect of a taint that is put back: new pods stay away, and running pods stay.
pub(crate) const EFFECT: &str = "NoSchedule";

/// The environment for which a run must be judged to prove a node: others let a node without gVisor pass with warnings.
pub(crate) const ENVIRONMENT: Environment = Environment::Production;

/// The parts of a node to which a proof is bound: a proof says nothing of a node with another one of them.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Bound {
    #[serde(rename = "bootID")]
    pub(crate) boot_id: String,
    /// The uid of the Node object, which a node that registers again does not keep.
    pub(crate) uid: String,
    /// The container runtime with its version, and its handlers with their features.
    pub(crate) runtime: String,
}

/// The proof of one node.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Proof {
    pub(crate) bound: Bound,
    /// The end of the proof, by the API server's clock.
    pub(crate) expires: Timestamp,
}

/// A node, as far as its startup taint is concerned.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Startup {
    /// True if the node has the taint, whatever its value and its effect.
    pub(crate) is_tainted: bool,
    /// The note of an earlier removal; `None` without one.
    pub(crate) removed: Option<Note>,
}

/// A change of a node.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Act {
    /// Remove the taint, and note the proof.
    Remove(Proof),
    /// Note a later proof of a node that has no taint.
    Renew(Proof),
    /// Put the taint back, and remove the note.
    PutBack,
}

impl Bound {
    /// Returns true if a proof can be bound to the node.
    fn is_known(&self) -> bool {
        !self.boot_id.is_empty() && !self.uid.is_empty()
    }
}

impl Startup {
    /// Returns the change that a node needs now; `None` if it is as it should be. While the time is not known, no note has expired.
    pub(crate) fn act(
        &self,
        key: &str,
        present: &Bound,
        standing: &Standing,
        now: Option<Timestamp>,
    ) -> Option<Act> {
        let noted = self.removed.as_ref().filter(|note| note.taint == key);
        if let Standing::Proven(proof) = standing
            && proof.bound == *present
            && present.is_known()
        {
            let is_former = |note: &Note| note.bound != proof.bound || note.expires_at != proof.expires;
            let is_renewed = !self.is_tainted && noted.is_some_and(is_former);
            let removal = self.is_tainted.then(|| Act::Remove(proof.clone()));
            return removal.or_else(|| is_renewed.then(|| Act::Renew(proof.clone())));
        }
        let is_due = |note: &Note| {
            note.bound != *present
                || *standing == Standing::Failed
                || now.is_some_and(|now| note.expires_at <= now)
        };
        (!self.is_tainted && noted.is_some_and(is_due)).then_some(Act::PutBack)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "podproof.dev/unproven";
    const NOW: Option<Timestamp> = Some(Timestamp::UNIX_EPOCH);

    fn bound(boot_id: &str) -> Bound {
        Bound { boot_id: boot_id.into(), uid: "u1".into(), runtime: "containerd runsc".into() }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn tainted() -> Startup {
        Startup { is_tainted: true, removed: None }
    }

    fn proof(boot_id: &str) -> Proof {
        Proof { bound: bound(boot_id), expires: at(9) }
    }

    fn removed(taint: &str, boot_id: &str) -> Startup {
        Startup { is_tainted: false, removed: Some(Note::of(taint, &proof(boot_id))) }
    }

    fn proven(boot_id: &str) -> Standing {
        Standing::Proven(proof(boot_id))
    }

    #[test]
    fn the_taint_goes_from_a_node_that_is_proven_in_its_present_boot() {
        assert_eq!(tainted().act(KEY, &bound("b1"), &proven("b1"), NOW), Some(Act::Remove(proof("b1"))));
    }

    #[test]
    fn the_taint_stays_without_a_proof_of_the_present_boot() {
        for standing in [proven("b0"), proven(""), Standing::Failed, Standing::Unknown] {
            assert_eq!(tainted().act(KEY, &bound("b1"), &standing, NOW), None, "{standing:?}");
        }
    }

    #[test]
    fn the_taint_stays_on_a_node_that_registered_again_or_has_another_runtime() {
        let others = [
            Bound { uid: "u2".into(), ..bound("b1") },
            Bound { runtime: "containerd runc".into(), ..bound("b1") },
        ];
        for present in others {
            assert_eq!(tainted().act(KEY, &present, &proven("b1"), NOW), None, "{present:?}");
        }
    }

    #[test]
    fn a_node_without_a_boot_id_is_never_proven() {
        assert_eq!(tainted().act(KEY, &bound(""), &proven(""), NOW), None);
    }

    #[test]
    fn a_node_that_never_had_the_taint_is_left_alone() {
        for standing in [proven("b1"), proven("b0"), Standing::Failed, Standing::Unknown] {
            assert_eq!(Startup::default().act(KEY, &bound("b1"), &standing, NOW), None, "{standing:?}");
        }
    }

    #[test]
    fn another_boot_id_brings_the_taint_back() {
        for standing in [proven("b1"), Standing::Failed, Standing::Unknown] {
            let act = removed(KEY, "b1").act(KEY, &bound("b2"), &standing, NOW);
            assert_eq!(act, Some(Act::PutBack), "{standing:?}");
        }
    }

    #[test]
    fn another_runtime_brings_the_taint_back() {
        let present = Bound { runtime: "containerd runc".into(), ..bound("b1") };
        assert_eq!(removed(KEY, "b1").act(KEY, &present, &proven("b1"), NOW), Some(Act::PutBack));
    }

    #[test]
    fn a_node_that_fails_gets_the_taint_back() {
        let act = removed(KEY, "b1").act(KEY, &bound("b1"), &Standing::Failed, NOW);
        assert_eq!(act, Some(Act::PutBack));
    }

    #[test]
    fn a_removed_taint_stays_away_in_the_same_boot() {
        for standing in [proven("b1"), Standing::Unknown] {
            assert_eq!(removed(KEY, "b1").act(KEY, &bound("b1"), &standing, NOW), None, "{standing:?}");
        }
    }

    #[test]
    fn an_expired_note_brings_the_taint_back_without_a_standing() {
        let act = |now| removed(KEY, "b1").act(KEY, &bound("b1"), &Standing::Unknown, now);
        assert_eq!((act(None), act(Some(at(8)))), (None, None));
        assert_eq!(act(Some(at(9))), Some(Act::PutBack));
    }

    #[test]
    fn the_note_follows_a_proof_of_a_later_boot() {
        let act = removed(KEY, "b1").act(KEY, &bound("b2"), &proven("b2"), NOW);
        assert_eq!(act, Some(Act::Renew(proof("b2"))));
    }

    #[test]
    fn the_note_follows_a_proof_with_another_end() {
        let renewed = Proof { expires: at(20), ..proof("b1") };
        let act = removed(KEY, "b1").act(KEY, &bound("b1"), &Standing::Proven(renewed.clone()), NOW);
        assert_eq!(act, Some(Act::Renew(renewed)));
    }

    #[test]
    fn a_note_of_another_taint_counts_for_nothing() {
        assert_eq!(removed("other", "b1").act(KEY, &bound("b2"), &Standing::Failed, NOW), None);
    }

    #[test]
    fn a_taint_that_somebody_put_back_goes_again() {
        let node = Startup { is_tainted: true, ..removed(KEY, "b1") };
        assert_eq!(node.act(KEY, &bound("b1"), &proven("b1"), NOW), Some(Act::Remove(proof("b1"))));
    }
}
