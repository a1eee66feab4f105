//! The probes that a namespace needs. Policies bind by label, so a probe without labels would be bound by other
//! policies than the workloads. Pods are therefore grouped by all that binds them, and each group gets a probe that is
//! bound alike.

mod admitted;
mod alternatives;
mod bound;
mod claims;
mod grouping;
mod homeless;
mod ingress;
mod joined;
mod kinds;
mod listening;
mod live;
mod places;
mod probes;
mod reached;
mod represented;
mod second_reading;
mod settling;
mod targets;
mod uncovered;
mod withheld;

use std::collections::{BTreeMap, BTreeSet};

pub use admitted::remarks as remarks_on_admission;
pub use alternatives::{alternatives, displaced};
pub use bound::MostProbes;
pub use homeless::homeless;
pub use ingress::Reception;
pub use kinds::divided;
pub(crate) use kinds::tells_a_setup;
pub use listening::{Listening, unanswered};
pub use live::{Chosen, Live};
pub use probes::{Maker, Probes};
pub use reached::reached;
pub use represented::Represented;
pub use second_reading::{Known, apply_second_reading};
pub use targets::{ListenerAt, destinations};
pub use withheld::remarks as remarks_on_labels;

use super::needs::Entry;
use crate::case::{
    abridged::abridged,
    cluster::{
        Class, Cluster, Coverage, CoveredArchitecture, Group, Labels, Node, Placement, PodView, Running,
        SelectingKind, Shared, Toleration,
    },
};
use grouping::Grouping;
use uncovered::{Gaps, Uncovered};

/// The most nodes that a message names; it counts the rest.
const NAMED: usize = 4;

/// The user's request, as far as it affects the plan.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The value of `--nodes`.
    pub nodes: Nodes,
    /// The value of `--like` as kind and name; `None` without the flag.
    pub like: Option<(String, String)>,
    /// The values of `--runtime-class` and `--labels`, for pods that do not exist yet; `None` without
    /// `--runtime-class`.
    pub to_come: Option<(String, Labels)>,
    /// The values of `--expect-pool`.
    pub expected_pools: Vec<String>,
    /// The value of `--max-probes`.
    pub most_probes: MostProbes,
    /// Entries of the policy file: the pods of different entries need probes of their own.
    pub entries: Vec<Entry>,
    /// The running pods to examine in place; `None` for probe pods alone.
    pub live: Option<Live>,
    /// The pods by their names, as far as they may be examined in place.
    pub running: BTreeMap<String, Running>,
    /// The architectures for which there is a probe.
    pub probes: Probes,
    /// The key of a taint that keeps pods from nodes without a proof, and that every probe tolerates; `None` without one.
    pub startup_taint: Option<String>,
}

impl Request {
    /// Returns a workload's placement as its probe has it: nodes with the startup taint are open to it, too.
    fn probes_placement(&self, placement: &Placement) -> Placement {
        let mut placement = placement.clone();
        placement.tolerations.extend(self.startup_taint.as_deref().map(Toleration::of_key));
        placement
    }

    /// Returns the placements of a group's pods that differ from that of its probe, as the probe may have them. The pods are bound alike,
    /// and may choose different nodes of their pool.
    fn other_placements(&self, group: &Group) -> Vec<Placement> {
        let of_pods: BTreeSet<_> = group.pod_views.iter().map(|pod_view| &*pod_view.placement).collect();
        let of_pods = of_pods.into_iter().map(|placement| self.probes_placement(placement));
        of_pods.filter(|placement| *placement != group.placement).collect()
    }
}

/// The nodes that get a probe of each group.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Nodes {
    /// One node of each pool, and of each kind of node in it.
    #[default]
    PerPool,
    /// Every node of the cluster that can run a probe now.
    All,
    /// The nodes with these names.
    Named(Vec<String>),
}

/// The planned probes of a namespace.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The groups in the order of pools; each gets one probe, unless it is refused.
    pub groups: Vec<Group>,
    /// For each set of pods that are bound alike, the position of its first group.
    firsts: Vec<usize>,
    /// The positions of the groups that have no probe because of `--max-probes`.
    pub beyond: BTreeSet<usize>,
    /// The pods and nodes that the probes cover.
    pub coverage: Coverage,
    /// The nodes without a probe whose pods a probe on another node represents.
    pub represented: Represented,
}

// === impl Plan ===

impl Plan {
    /// Returns a remark on the groups beyond the bound of the probes; `None` if there are none.
    pub fn beyond(&self) -> Option<String> {
        let probes = self.groups.iter().filter(|group| group.refused.is_none()).count();
        let beyond = self.beyond.len();
        (beyond > 0).then(|| {
            format!(
                "{probes} groups of pods get a probe, and {beyond} more do not: `--max-probes {}` makes them all",
                probes + beyond
            )
        })
    }
}

/// Why there is no plan.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// `--nodes` names a missing node.
    #[error("there is no node {0}")]
    NoSuchNode(String),
    /// `--like` names a missing pod or workload.
    #[error("there is no {0} in the namespace")]
    NothingAlike(String),
    /// An entry of the policy file selects nothing.
    #[error("the namespace {namespace} has no {title}, which {place}, names")]
    NothingSelected {
        /// The name of the surveyed namespace.
        namespace: String,
        /// The workloads that the entry selects.
        title: String,
        /// The entry's file and line.
        place: String,
    },
}

// === impl Error ===

impl Error {
    /// Returns the remedy.
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::NoSuchNode(_) => {
                "--nodes takes all, per-pool, or names from `kubectl get nodes` separated by commas"
            }
            Self::NothingAlike(_) => "--like takes KIND/NAME, such as deployment/web or pod/web-1",
            Self::NothingSelected { .. } => {
                "correct the entry, remove it, or give it the `namespace` that has the workload"
            }
        }
    }
}

/// Plans the probes of a namespace.
pub fn namespace(cluster: &Cluster, request: &Request) -> Result<Plan, Error> {
    refuse_unknown_names(cluster, request)?;
    let grouping = Grouping::new(cluster, request);
    let (groups, gaps) = grouping.groups();
    let settle = |group| settling::settled(group, cluster, request, &grouping.places);
    let groups: Vec<_> = groups.into_values().map(settle).collect();
    let split = match &request.live {
        Some(live) => live::apply(groups, &request.running, live)?,
        None => groups.into_iter().map(|group| vec![group]).collect(),
    };
    let firsts =
        split.iter().scan(0, |next, groups| Some(std::mem::replace(next, *next + groups.len()))).collect();
    let mut groups: Vec<_> = split.into_iter().flatten().collect();
    for group in groups.iter_mut().filter(|group| group.in_place.is_some()) {
        let node = group.node.as_deref().and_then(|name| cluster.node(name));
        group.refused = group.refused.take().or_else(|| unfit(node?, &[node?], None, request));
    }
    let beyond = bound::apply(&mut groups, request.most_probes);
    if groups.is_empty()
        && let Some((kind, name)) = &request.like
    {
        return Err(Error::NothingAlike(format!("{kind}/{name}")));
    }
    let coverage = coverage(cluster, request, (&groups, &beyond), gaps);
    Ok(Plan { groups, firsts, beyond, coverage, represented: grouping.places.represented() })
}

/// Returns the requested pods that do not exist yet.
fn to_come(request: &Request) -> Vec<Shared<PodView>> {
    let to_come = request.to_come.iter().map(|(class, labels)| PodView {
        runtime_class: Some(class.clone()),
        labels: labels.clone().into(),
        ..PodView::default()
    });
    to_come.map(Shared::from).collect()
}

/// Refuses entries that select nothing, and nodes that do not exist.
fn refuse_unknown_names(cluster: &Cluster, request: &Request) -> Result<(), Error> {
    let to_come = to_come(request);
    if let Some(entry) = request.entries.iter().find(|entry| !entry.is_of_use(cluster, &to_come)) {
        let (title, place) = (entry.title(), entry.place.clone());
        return Err(Error::NothingSelected { namespace: cluster.namespace.clone(), title, place });
    }
    let (Nodes::Named(names), Ok(nodes)) = (&request.nodes, &cluster.nodes) else { return Ok(()) };
    let missing = names.iter().find(|name| nodes.iter().all(|node| node.name != **name));
    missing.map_or(Ok(()), |name| Err(Error::NoSuchNode(name.clone())))
}

/// Returns true if `--like` names the pod's workload, or nothing.
fn is_requested(pod_view: &PodView, request: &Request) -> bool {
    let to_come = pod_view.origin.name.is_empty();
    to_come || request.like.as_ref().is_none_or(|asked| pod_view.origin.is(asked))
}

/// Returns the reason that forbids a probe of the group on every node; `None` if there is none.
fn refused(group: &Group, cluster: &Cluster) -> Option<String> {
    if let (Some(name), Ok(_)) = (&group.runtime_class, &cluster.classes)
        && cluster.class(name).is_none()
    {
        return Some(format!("the RuntimeClass {name} does not exist, so its pods cannot be created"));
    }
    None
}

/// Returns a remark for each disruption budget and autoscaler that counts probe pods as pods of the workload during the
/// run.
pub fn counted_by(cluster: &Cluster, groups: &[Group]) -> Vec<String> {
    let selecting = cluster.selecting.iter().flatten().flatten();
    let counting = selecting.filter(|it| {
        matches!(it.kind, SelectingKind::DisruptionBudget | SelectingKind::Autoscaler)
            && groups
                .iter()
                .any(|group| group.refused.is_none() && group.in_place.is_none() && it.takes(group))
    });
    counting
        .map(|it| {
            format!(
                "the {} {} counted a probe pod as one of its pods during the run",
                it.kind.name(),
                it.name
            )
        })
        .collect()
}

/// Returns the reason that forbids a probe on this node, one of the nodes of its place; `None` if there is none.
fn unfit(node: &Node, of_place: &[&Node], class: Option<&Class>, request: &Request) -> Option<String> {
    let alike = of_place.iter().filter(|other| other.architecture == node.architecture);
    let alike: Vec<_> = alike.map(|other| other.name.as_str()).collect();
    if let Some(why) = request.probes.missing(&node.architecture, &alike) {
        return Some(why);
    }
    let handler = &class?.handler;
    let unknown = !node.handlers.is_empty() && !node.handlers.contains(handler);
    unknown.then(|| {
        format!(
            "node {} has no runtime handler {handler}; its handlers are {}",
            node.name,
            listed(&node.handlers)
        )
    })
}

/// Returns the coverage of groups, of which some are beyond the bound of the probes.
fn coverage(
    cluster: &Cluster,
    request: &Request,
    (groups, beyond): (&[Group], &BTreeSet<usize>),
    mut gaps: Gaps,
) -> Coverage {
    for (position, group) in groups.iter().enumerate() {
        if let Some(why) = &group.refused {
            let mut titles = group.represents();
            if titles.is_empty() {
                titles.push(uncovered::not_yet(group.runtime_class.as_deref().unwrap_or_default()));
            }
            if beyond.contains(&position) {
                titles = vec![first(titles.into_iter())];
            }
            gaps.uncovered.extend(titles.into_iter().map(|title| Uncovered::new(title, why)));
        }
    }
    let mut coverage =
        Coverage { asked_for: uncovered::requested_parts(cluster, request), ..Coverage::default() };
    let Ok(nodes) = &cluster.nodes else {
        coverage.unknown = cluster.nodes.as_ref().err().map(ToString::to_string);
        gaps.add_to(&mut coverage);
        return coverage;
    };
    for pool in &request.expected_pools {
        if !groups.iter().any(|group| group.pool == *pool) {
            let why = "expected by --expect-pool, but no workload can run there";
            gaps.uncovered.push(Uncovered::new(format!("pool {pool}"), why));
        }
    }
    let used: BTreeSet<_> = groups.iter().map(|group| group.pool.as_str()).collect();
    let probed = groups.iter().filter(|group| group.refused.is_none());
    let planned: BTreeSet<_> = probed.filter_map(|group| group.node.as_ref()).collect();
    coverage.nodes_planned = planned.len();
    let of_used_pools = nodes.iter().filter(|node| used.contains(node.pool.as_str()));
    coverage.nodes = of_used_pools.clone().count();
    coverage.architectures = by_architecture(of_used_pools, |node| planned.contains(&node.name));
    let pools: BTreeSet<_> = nodes.iter().map(|node| node.pool.clone()).collect();
    let unused = |pool: &String| !used.contains(pool.as_str()) && !gaps.pools.contains(pool);
    coverage.unused_pools = pools.into_iter().filter(unused).collect();
    gaps.add_to(&mut coverage);
    coverage
}

/// Returns the coverage of nodes by architecture; nothing for a single architecture.
fn by_architecture<'a>(
    nodes: impl Iterator<Item = &'a Node>,
    is_planned: impl Fn(&Node) -> bool,
) -> Vec<CoveredArchitecture> {
    let mut covered = BTreeMap::<_, CoveredArchitecture>::new();
    for node in nodes {
        let known = covered.entry(&node.architecture).or_insert_with(|| CoveredArchitecture {
            name: node.architecture.clone(),
            ..CoveredArchitecture::default()
        });
        known.nodes += 1;
        known.nodes_planned += usize::from(is_planned(node));
    }
    if covered.len() > 1 { covered.into_values().collect() } else { Vec::new() }
}

fn in_words(uncovered: &[Uncovered]) -> Vec<String> {
    uncovered.iter().map(ToString::to_string).collect()
}

/// Joins the first few texts and counts the rest.
fn first(all: impl Iterator<Item = String>) -> String {
    abridged(&all.collect::<Vec<_>>(), NAMED, ", ")
}

fn listed(handlers: &[String]) -> String {
    let named = handlers.iter().filter(|handler| !handler.is_empty());
    named.map(String::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
