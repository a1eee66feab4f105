//! The startup taint of nodes: it goes from a node that is proven in its present boot, and comes back when the boot is another one
//! or the proof is no longer ready there. A note on the node tells that the taint was removed, so that a node that never had the
//! taint is left alone, and a controller that begins anew knows.

mod standing;

use serde::{Deserialize, Serialize};

pub(crate) use standing::{Judged, Standing, Standings};

/// The effect of a taint that is put back: new pods stay away, and running pods stay.
pub(crate) const EFFECT: &str = "NoSchedule";

/// A node, as far as its startup taint is concerned.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Startup {
    /// True if the node has the taint, whatever its value and its effect.
    pub(crate) is_tainted: bool,
    /// The note of an earlier removal; `None` without one.
    pub(crate) removed: Option<Note>,
}

/// The note of a removal, as JSON in an annotation of the node.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Note {
    /// The key of the removed taint.
    pub(crate) taint: String,
    /// The boot id in which the node was proven.
    #[serde(rename = "bootID")]
    pub(crate) boot_id: String,
}

/// A change of a node.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Act {
    /// Remove the taint, and note the node's present boot id.
    Remove,
    /// Put the taint back, and remove the note.
    PutBack,
}

impl Startup {
    /// Returns the change that a node needs; `None` if it is as it should be.
    pub(crate) fn act(&self, key: &str, boot_id: &str, standing: &Standing) -> Option<Act> {
        let noted = self.removed.as_ref().filter(|note| note.taint == key);
        let is_of_this_boot = |note: &Note| note.boot_id == boot_id;
        let is_proven = matches!(standing, Standing::Proven(proven) if proven == boot_id);
        if is_proven && !boot_id.is_empty() {
            let is_new = self.is_tainted || noted.is_some_and(|note| !is_of_this_boot(note));
            return is_new.then_some(Act::Remove);
        }
        let is_due = |note: &Note| !is_of_this_boot(note) || *standing == Standing::Unproven;
        (!self.is_tainted && noted.is_some_and(is_due)).then_some(Act::PutBack)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "podproof.dev/unproven";

    fn tainted() -> Startup {
        Startup { is_tainted: true, removed: None }
    }

    fn removed(taint: &str, boot_id: &str) -> Startup {
        Startup { is_tainted: false, removed: Some(Note { taint: taint.into(), boot_id: boot_id.into() }) }
    }

    fn proven(boot_id: &str) -> Standing {
        Standing::Proven(boot_id.into())
    }

    #[test]
    fn the_taint_goes_from_a_node_that_is_proven_in_its_present_boot() {
        assert_eq!(tainted().act(KEY, "b1", &proven("b1")), Some(Act::Remove));
    }

    #[test]
    fn the_taint_stays_without_a_proof_of_the_present_boot() {
        for standing in [proven("b0"), proven(""), Standing::Unproven, Standing::Unknown] {
            assert_eq!(tainted().act(KEY, "b1", &standing), None, "{standing:?}");
        }
    }

    #[test]
    fn a_node_without_a_boot_id_is_never_proven() {
        assert_eq!(tainted().act(KEY, "", &proven("")), None);
    }

    #[test]
    fn a_node_that_never_had_the_taint_is_left_alone() {
        for standing in [proven("b1"), proven("b0"), Standing::Unproven, Standing::Unknown] {
            assert_eq!(Startup::default().act(KEY, "b1", &standing), None, "{standing:?}");
        }
    }

    #[test]
    fn another_boot_id_brings_the_taint_back() {
        for standing in [proven("b1"), Standing::Unproven, Standing::Unknown] {
            assert_eq!(removed(KEY, "b1").act(KEY, "b2", &standing), Some(Act::PutBack), "{standing:?}");
        }
    }

    #[test]
    fn a_proof_that_is_no_longer_ready_brings_the_taint_back() {
        assert_eq!(removed(KEY, "b1").act(KEY, "b1", &Standing::Unproven), Some(Act::PutBack));
    }

    #[test]
    fn a_removed_taint_stays_away_in_the_same_boot() {
        for standing in [proven("b1"), Standing::Unknown] {
            assert_eq!(removed(KEY, "b1").act(KEY, "b1", &standing), None, "{standing:?}");
        }
    }

    #[test]
    fn the_note_follows_a_proof_of_a_later_boot() {
        assert_eq!(removed(KEY, "b1").act(KEY, "b2", &proven("b2")), Some(Act::Remove));
    }

    #[test]
    fn a_note_of_another_taint_counts_for_nothing() {
        assert_eq!(removed("other", "b1").act(KEY, "b2", &Standing::Unproven), None);
    }

    #[test]
    fn a_taint_that_somebody_put_back_goes_again() {
        let node = Startup { is_tainted: true, ..removed(KEY, "b1") };
        assert_eq!(node.act(KEY, "b1", &proven("b1")), Some(Act::Remove));
    }
}
