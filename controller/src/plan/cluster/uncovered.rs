//! Pods and templates that no probe represents: uncovered ones, and those that the user's flags leave out.

use std::{collections::BTreeSet, fmt};

use super::{Nodes, Request};
use crate::case::cluster::{Access, Cluster, Coverage, Part, PodView, Restriction};

/// Everything that no probe represents.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    /// Pods, templates and pools that the run should cover and does not.
    pub(super) uncovered: Vec<Uncovered>,
    /// The parts that flags leave out.
    pub(super) left_out: Vec<Part>,
    /// Pools without a probe because of a flag.
    pub(super) pools: BTreeSet<String>,
}

impl Gaps {
    /// Adds these gaps to the coverage of a run.
    pub(super) fn add_to(self, coverage: &mut Coverage) {
        coverage.uncovered.extend(super::in_words(&self.uncovered));
        let mut known: BTreeSet<_> = coverage.left_out.iter().cloned().collect();
        coverage.left_out.extend(self.left_out.into_iter().filter(|part| known.insert(part.clone())));
    }
}

/// Returns the workload of a pod or a template that `--like` leaves out.
pub(super) fn excluded_workload(pod_view: &PodView) -> Part {
    Part { by: Restriction::Like, name: pod_view.origin.workload() }
}

/// Returns the objects that `--like` leaves out, and whose pods could not be read.
pub(super) fn excluded_objects(cluster: &Cluster, request: &Request) -> impl Iterator<Item = Part> {
    let asked = request.like.as_ref().map(|(kind, name)| format!("{kind}/{name}"));
    cluster.unread_pod_views.iter().filter_map(move |unread| match &unread.what {
        Access::PodsOf(title) if asked.as_ref().is_some_and(|asked| asked != title) => {
            Some(Part { by: Restriction::Like, name: title.clone() })
        }
        _ => None,
    })
}

/// Returns the parts of the namespace that the flags ask for.
pub(super) fn requested_parts(cluster: &Cluster, request: &Request) -> Vec<Part> {
    let part = |by, name| Part { by, name };
    let like = request.like.iter().map(|(kind, name)| part(Restriction::Like, format!("{kind}/{name}")));
    let nodes = match &request.nodes {
        Nodes::PerPool | Nodes::All => None,
        Nodes::Named(names) => {
            let noun = if names.len() == 1 { "node" } else { "nodes" };
            Some(part(Restriction::Nodes, format!("{noun} {}", names.join(", "))))
        }
    };
    let to_come = request.to_come.iter().filter(|_| cluster.pod_views.is_empty());
    let to_come = to_come.map(|(class, _)| part(Restriction::RuntimeClass, not_yet(class)));
    like.chain(to_come).chain(nodes).collect()
}

/// Returns the title of pods that do not exist yet.
pub(super) fn not_yet(class: &str) -> String {
    format!("pods of the RuntimeClass {class} that do not exist yet")
}

/// A pod, template or pool that no probe represents, with the reason.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Uncovered {
    /// The title of the pod, the template or the pool.
    pub(super) title: String,
    /// The reason, as the end of a sentence.
    pub(super) why: String,
}

impl Uncovered {
    pub(super) fn new(title: impl Into<String>, why: impl Into<String>) -> Self {
        Self { title: title.into(), why: why.into() }
    }
}

impl fmt::Display for Uncovered {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.title, self.why)
    }
}
