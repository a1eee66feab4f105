//! The pods that one probe represents, and the coverage of all probes.

use super::{
    form::{each, optional, saved_enum, saved_struct},
    group_pod::{self, GroupPod},
    node::NodeKind,
    placement::Placement,
    selector::Labels,
};
use crate::case::cluster;

saved_struct! {
    /// The pods that one probe represents. Their declarations are converted apart, with the cluster's.
    Group for cluster::Group {
        pool: String,
        kind: Option<NodeKind> => optional,
        node: Option<String>,
        runtime_class: Option<String>,
        policies: Vec<String>,
        gvisor_annotations: Labels,
        labels: Labels,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        service_account: String,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        withheld: Vec<String>,
        placement: Placement => Into::into,
        #[serde(rename = "shapes")]
        pod_views: Vec<GroupPod> => group_pod::apart,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        in_place: Option<String>,
        refused: Option<String>,
    }
}

impl Group {
    /// Takes the pods out, which the cluster's list completes.
    pub(super) fn take_pods(&mut self) -> Vec<GroupPod> {
        std::mem::take(&mut self.pod_views)
    }

    /// Returns the group with these pods.
    pub(super) fn with(self, pod_views: Vec<GroupPod>) -> Self {
        Self { pod_views, ..self }
    }
}

saved_struct! {
    /// The nodes and pods that the run covers.
    Coverage for cluster::Coverage {
        nodes_planned: usize,
        nodes: usize,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        architectures: Vec<CoveredArchitecture> => each,
        unused_pools: Vec<String>,
        uncovered: Vec<String>,
        unknown: Option<String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        asked_for: Vec<Part> => each,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        left_out: Vec<Part> => each,
    }
}

saved_struct! {
    /// The nodes of one architecture that the run covers.
    CoveredArchitecture for cluster::CoveredArchitecture {
        name: String,
        nodes_planned: usize,
        nodes: usize,
    }
}

saved_struct! {
    /// A part of the namespace, and the flag that asks for it or leaves it out.
    Part for cluster::Part {
        by: Restriction => Into::into,
        name: String,
    }
}

saved_enum! {
    /// A flag that restricts a run to a part of a namespace.
    Restriction for cluster::Restriction {
        Like, "like";
        Nodes, "nodes";
        RuntimeClass, "runtime-class";
    }
}
