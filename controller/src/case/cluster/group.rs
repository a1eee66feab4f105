//! Pods that are bound alike, and the probe that stands for them.

use std::collections::BTreeSet;

use super::{Labels, NodeKind, Placement, PodView};

/// One probe, and what it stands for.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Group {
    /// The pool of its node.
    pub pool: String,
    /// The kind of its nodes, where its pool has several.
    pub kind: Option<NodeKind>,
    /// The node that it is put on; `None` where the scheduler chooses.
    pub node: Option<String>,
    /// The RuntimeClass.
    pub runtime_class: Option<String>,
    /// The NetworkPolicies that select it.
    pub policies: Vec<String>,
    /// The annotations that change gVisor's settings.
    pub gvisor_annotations: Labels,
    /// The labels of one of its pods, which the probe carries.
    pub labels: Labels,
    /// What that pod asks of its node.
    pub placement: Placement,
    /// The pods and templates that it stands for; none where it stands for what is to come.
    pub pod_views: Vec<PodView>,
    /// Why no probe may be launched for it.
    pub refused: Option<String>,
}

/// What a run covers, and what not.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Coverage {
    /// How many of the used pools' nodes a probe was planned for.
    pub nodes_planned: usize,
    /// How many nodes the used pools have.
    pub nodes: usize,
    /// Pools on which nothing of the namespace can be scheduled.
    pub unused_pools: Vec<String>,
    /// What no probe stands for, each with the reason.
    pub uncovered: Vec<String>,
    /// Why the pools are not known, if they are not.
    pub unknown: Option<String>,
}

impl Group {
    /// The first of its pods that is in the node's own network, where no policy binds it.
    pub fn in_the_nodes_network(&self) -> Option<&PodView> {
        self.pod_views.iter().find(|pod_view| pod_view.in_the_nodes_network())
    }

    /// The pods that it stands for, as people write them; templates where there is no pod.
    pub fn represents(&self) -> Vec<String> {
        let pods: Vec<_> = self.pod_views.iter().filter(|pod_view| !pod_view.origin.is_template()).collect();
        let pod_views = if pods.is_empty() { self.pod_views.iter().collect() } else { pods };
        let mut titles: Vec<_> = pod_views.iter().map(|pod_view| pod_view.origin.title()).collect();
        // A pod that changed while it was looked at is there as it was and as it is.
        let mut told = BTreeSet::new();
        titles.retain(|title| told.insert(title.clone()));
        titles
    }
}
