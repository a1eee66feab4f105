//! Pods that are bound alike, and the probe that represents them.

use std::{collections::BTreeSet, fmt};

use super::{Access, Labels, NodeKind, Origin, Part, Placement, PodView, Restriction, Shared, Unreadable};
use crate::support::names::is_own_label;

/// One probe with the pods that it represents.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Group {
    /// The pool of the probe's node.
    pub pool: String,
    /// The kind of its nodes; `None` if its pool has a single kind.
    pub kind: Option<NodeKind>,
    /// The probe's node; `None` if the scheduler chooses.
    pub node: Option<String>,
    /// The pods' RuntimeClass; `None` if they name none.
    pub runtime_class: Option<String>,
    /// The NetworkPolicies that select the pods.
    pub policies: Vec<String>,
    /// The annotations that change gVisor's settings.
    pub gvisor_annotations: Labels,
    /// The labels of one of its pods, which the probe carries but for the product's own.
    pub labels: Labels,
    /// The name of that pod's service account; empty if it is not known.
    pub service_account: String,
    /// The keys of those labels that the probe does without.
    pub withheld: Vec<String>,
    /// The requirements of that pod for its node.
    pub placement: Placement,
    /// The represented pods and templates; none for pods that do not exist yet.
    pub pod_views: Vec<Shared<PodView>>,
    /// The running pod that is examined in place; `None` if a probe pod represents the pods.
    pub in_place: Option<String>,
    /// Why no probe may be launched; `None` if it may.
    pub refused: Option<String>,
}

/// A network of a pod beside the cluster's, or in its place. A probe may lack it.
#[derive(Clone, Copy, Debug)]
pub enum OtherNetwork<'a> {
    /// The node's own network.
    Nodes(&'a PodView),
    /// A network that an annotation with this key requests, or tells of.
    Annotated(&'a PodView, &'a str),
}

/// The coverage of a run.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Coverage {
    /// The number of nodes in used pools that get a probe.
    pub nodes_planned: usize,
    /// The number of nodes in used pools.
    pub nodes: usize,
    /// The coverage of the used pools by architecture; empty if they have a single one.
    pub architectures: Vec<CoveredArchitecture>,
    /// Pools where no pod of the namespace can be scheduled.
    pub unused_pools: Vec<String>,
    /// Pods and pools that no probe represents, each with the reason.
    pub uncovered: Vec<String>,
    /// Why the pools are not known; `None` if they are known.
    pub unknown: Option<String>,
    /// The parts of the namespace that flags ask for.
    pub asked_for: Vec<Part>,
    /// The parts that these flags leave out. They are out of the run's scope, and not uncovered.
    pub left_out: Vec<Part>,
}

/// The coverage of the nodes of one architecture.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CoveredArchitecture {
    /// The architecture, as Go names it; empty if the nodes name none.
    pub name: String,
    /// The number of these nodes in used pools that get a probe.
    pub nodes_planned: usize,
    /// The number of these nodes in used pools.
    pub nodes: usize,
}

impl Coverage {
    /// Returns the coverage by architecture in words, such as "amd64: 1 of 2, arm64: 0 of 1"; `None` for a single architecture.
    pub fn by_architecture(&self) -> Option<String> {
        let name = |name: &str| if name.is_empty() { "not known".to_owned() } else { name.to_owned() };
        let covered = self.architectures.iter();
        let told: Vec<_> =
            covered.map(|it| format!("{}: {} of {}", name(&it.name), it.nodes_planned, it.nodes)).collect();
        (!told.is_empty()).then(|| told.join(", "))
    }

    /// Returns true if `--like` leaves out a pod or a pod template.
    pub fn leaves_out(&self, origin: &Origin) -> bool {
        let workload = origin.workload();
        let is_asked_for = |part: &Part| part.name == workload || part.name == origin.title();
        self.leaves_out_pods_of(&workload) && !self.asked_for.iter().any(is_asked_for)
    }

    /// Returns true if a read of pods failed that `--like` leaves out.
    pub fn leaves_out_unread(&self, unread: &Unreadable) -> bool {
        matches!(&unread.what, Access::PodsOf(workload) if self.leaves_out_pods_of(workload))
    }

    fn leaves_out_pods_of(&self, workload: &str) -> bool {
        self.left_out.iter().any(|part| part.by == Restriction::Like && part.name == workload)
    }

    /// Returns the parts that the run is restricted to: a flag that leaves nothing out restricts nothing.
    pub fn restricted_to(&self) -> impl Iterator<Item = &Part> {
        let restricts =
            |by| by == Restriction::RuntimeClass || self.left_out.iter().any(|part| part.by == by);
        self.asked_for.iter().filter(move |part| restricts(part.by))
    }
}

/// A fragment with the pod's name.
impl fmt::Display for OtherNetwork<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nodes(pod_view) => {
                write!(formatter, "{} runs in the node's own network", pod_view.origin.title())
            }
            Self::Annotated(pod_view, annotation) => {
                let title = pod_view.origin.title();
                write!(formatter, "{title} has a network of its own by the annotation {annotation}")
            }
        }
    }
}

impl Group {
    /// Returns the workload's labels that the probe carries. It has values of its own for the product's labels.
    pub fn probes_labels(&self) -> Labels {
        let mut labels = self.labels.clone();
        labels.retain(|key, _| !self.withheld.contains(key) && !is_own_label(key));
        labels
    }

    /// Returns the first pod in the node's own network, where no policy binds it.
    pub fn in_the_nodes_network(&self) -> Option<&PodView> {
        self.pod_views.iter().map(|pod_view| &**pod_view).find(|pod_view| pod_view.in_the_nodes_network())
    }

    /// Returns the first network of a pod that a probe lacks; `None` if all pods have the cluster's network alone.
    pub fn other_network(&self) -> Option<OtherNetwork<'_>> {
        if let Some(pod_view) = self.in_the_nodes_network() {
            return Some(OtherNetwork::Nodes(pod_view));
        }
        self.pod_views.iter().find_map(|pod_view| {
            let annotation = pod_view.network_annotations.keys().next()?;
            Some(OtherNetwork::Annotated(pod_view, annotation))
        })
    }

    /// Returns the titles of the represented pods, or of the templates if there is no pod.
    pub fn represents(&self) -> Vec<String> {
        let pods: Vec<_> = self.pod_views.iter().filter(|pod_view| !pod_view.origin.is_template()).collect();
        let pod_views = if pods.is_empty() { self.pod_views.iter().collect() } else { pods };
        let mut titles: Vec<_> = pod_views.iter().map(|pod_view| pod_view.origin.title()).collect();
        // A pod that changed during the run is in the list twice, in both states.
        let mut told = BTreeSet::new();
        titles.retain(|title| told.insert(title.clone()));
        titles
    }
}
