//! The records of watched objects: the parts of each object whose change counts, and nothing else.

use std::collections::BTreeSet;

use super::Shape;
use crate::{
    case::cluster::Labels,
    plan::startup_taint::{Bound, Startup},
};

/// The parts of an object whose change counts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Record {
    Node(NodeRecord),
    /// An object that declares something, with its version.
    Declared(Declared, String),
    /// The shape of the pods that a workload makes.
    Template(Shape),
    /// A pod's shape, and its node; `None` for a pod that no node runs yet.
    Pod {
        shape: Shape,
        node: Option<String>,
    },
}

/// The kind of an object that declares something.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Declared {
    RuntimeClass,
    Policy,
}

/// The parts of a node whose change counts.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct NodeRecord {
    pub(crate) pool: String,
    /// True if nothing keeps new pods from the node for a while.
    pub(crate) is_open: bool,
    /// The number of times that the node became open, open to other pods, or another node, while it was watched.
    pub(crate) opened: u64,
    /// The parts to which a proof of the node is bound.
    pub(crate) bound: Bound,
    /// The state of the startup taint; the default without such a taint.
    pub(crate) startup: Startup,
    /// In memory of its own: most records are not those of nodes.
    pub(crate) offer: Box<Offer>,
}

/// The parts of a node that decide which pods may run there.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Offer {
    /// The digest of the node's labels.
    pub(crate) labels: String,
    /// The taints, but for those of a state and the startup taint.
    pub(crate) taints: BTreeSet<String>,
    /// The labels that may tell how the node is set up, in a pool that no label names; none in another pool.
    pub(crate) setup: Labels,
}

impl Offer {
    /// Returns true if the node may take pods that it refused before.
    pub(super) fn is_wider(&self, before: &Self) -> bool {
        self.labels != before.labels || !before.taints.is_subset(&self.taints)
    }
}

impl Record {
    /// Returns the record with the history of the object's former record.
    pub(super) fn after(self, former: Option<&Self>) -> Self {
        match (self, former) {
            (Self::Node(node), Some(Self::Node(former))) => {
                let is_other = node.bound != former.bound || node.offer.is_wider(&former.offer);
                let became_open = u64::from(node.is_open && (is_other || !former.is_open));
                Self::Node(NodeRecord { opened: former.opened + became_open, ..node })
            }
            (record, _) => record,
        }
    }
}
