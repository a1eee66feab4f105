//! The rules by which the scheduler finds a node for a pod.

use super::{
    form::{each, saved_struct},
    selector::{Labels, Requirement},
};
use crate::case::cluster;

saved_struct! {
    /// The demands of a pod on its node.
    Placement for cluster::Placement {
        node_selector: Labels,
        affinity: Vec<Affinity> => each,
        tolerations: Vec<Toleration> => each,
    }
}

saved_struct! {
    /// One term of required node affinity.
    Affinity for cluster::Affinity {
        labels: Vec<Requirement> => each,
        fields: Vec<Requirement> => each,
    }
}

saved_struct! {
    /// A taint that a pod tolerates.
    Toleration for cluster::Toleration {
        key: Option<String>,
        operator: Option<String>,
        value: Option<String>,
        effect: Option<String>,
        seconds: Option<i64>,
    }
}
