//! The pods that one probe represents, and the coverage of all probes.

use super::{
    form::{each, optional, saved_struct},
    node::NodeKind,
    placement::Placement,
    pod::PodView,
    selector::Labels,
};
use crate::case::cluster;

saved_struct! {
    /// The pods that one probe represents.
    Group for cluster::Group {
        pool: String,
        kind: Option<NodeKind> => optional,
        node: Option<String>,
        runtime_class: Option<String>,
        policies: Vec<String>,
        gvisor_annotations: Labels,
        labels: Labels,
        placement: Placement => Into::into,
        #[serde(rename = "shapes")]
        pod_views: Vec<PodView> => each,
        refused: Option<String>,
    }
}

saved_struct! {
    /// The nodes and pods that the run covers.
    Coverage for cluster::Coverage {
        nodes_planned: usize,
        nodes: usize,
        unused_pools: Vec<String>,
        uncovered: Vec<String>,
        unknown: Option<String>,
    }
}
