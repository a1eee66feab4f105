//! Changes of the namespace during the run. A new or changed pod is judged if a planned probe represents it, and is
//! uncovered otherwise.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Gaps, Plan, Request, Uncovered,
    grouping::{Grouping, Key},
    joined::{self, NodesNow},
    places::left_out,
    uncovered::excluded_workload,
};
use crate::case::cluster::{
    Cluster, DaemonSets, Later, MadeBy, Node, Origin, PodView, Read, SecondReading, Shared,
};

/// The kind of the object that owns the pods of another run, and that nothing made.
const OF_A_RUN: &str = "configmap";

/// Applies the second reading to the first one and to the plan.
pub fn apply_second_reading(cluster: &mut Cluster, plan: &mut Plan, request: &Request, later: SecondReading) {
    cluster.changed = cluster.bonds.lost(&later.bonds);
    let between = cluster.bonds.changes(&later.bonds);
    if !between.is_empty() || cluster.policies != later.policies {
        let labels = later.bonds.labels.ok();
        cluster.later = Some(Later { changes: between, labels, policies: later.policies });
    }
    if let (Some(control), Some((labels, policies))) = (&mut cluster.control, later.control) {
        control.later_labels = (control.labels != labels).then_some(labels);
        control.later = (control.policies != policies).then_some(policies);
    }
    let pods = match later.pods {
        Ok(pods) => pods,
        Err(unreadable) => {
            let uncovered = Uncovered::new("pods at the end of the run", unreadable.to_string());
            plan.coverage.uncovered.push(uncovered.to_string());
            return;
        }
    };
    let known = Known::of(cluster);
    let changed = pods.into_iter().filter_map(|pod| known.changed(pod));
    let changed: Vec<_> = changed.map(|pod| known.traced(pod, &later.made_by)).collect();
    if changed.is_empty() {
        return;
    }
    let grouping = Grouping::new(cluster, request);
    // The keys have the order of the plan's first groups.
    let keys = grouping.groups().0.into_keys().zip(plan.firsts.clone()).collect();
    let by_name = |nodes: Vec<Node>| nodes.into_iter().map(|node| (node.name.clone(), node)).collect();
    let nodes = later.nodes.map(|read| read.map(by_name));
    let joining = Joining { grouping, keys, request, known, nodes };
    let mut gaps = Gaps::default();
    for pod in &changed {
        joining.join(plan, &mut gaps, pod);
    }
    gaps.add_to(&mut plan.coverage);
    cluster.pod_views.extend(changed.into_iter().map(|traced| traced.pod));
}

/// The pods, workloads and nodes of the first reading.
#[derive(Debug)]
pub struct Known<'a> {
    pods: BTreeMap<&'a str, &'a PodView>,
    /// The workloads of these pods.
    of_pods: BTreeSet<(&'a str, &'a str)>,
    /// All workloads in the order of the first reading.
    owners: Vec<(String, String)>,
    /// The names of the nodes; `None` if nodes may not be read.
    nodes: Option<BTreeSet<&'a str>>,
    daemon_sets: DaemonSets<'a>,
}

/// The first reading and its plan, which changed pods join.
struct Joining<'a> {
    grouping: Grouping<'a>,
    /// The positions of the plan's groups by the properties that their pods share.
    keys: BTreeMap<Key, usize>,
    request: &'a Request,
    known: Known<'a>,
    /// The nodes of the second reading by their names, if it read them.
    nodes: Option<Read<NodesNow>>,
}

/// A new or changed pod, named by its workload.
struct Traced {
    pod: Shared<PodView>,
    /// False if the pod's workload is a guess, or the maker of the pod's maker is not known.
    is_certain: bool,
}

impl<'a> Known<'a> {
    /// Returns those of a cluster.
    pub fn of(cluster: &'a Cluster) -> Self {
        let nodes = cluster.nodes.as_ref().ok();
        let nodes = nodes.map(|nodes| nodes.iter().map(|node| node.name.as_str()).collect());
        let daemon_sets = DaemonSets::of(&cluster.pod_views);
        let (pods, of_pods, owners) = Default::default();
        let mut known = Self { pods, of_pods, owners, nodes, daemon_sets };
        let mut workloads = BTreeSet::new();
        for pod_view in &cluster.pod_views {
            let origin = &pod_view.origin;
            let workload = (origin.kind.as_str(), origin.name.as_str());
            if let Some(pod) = &origin.pod {
                known.pods.entry(pod).or_insert(pod_view);
                known.of_pods.insert(workload);
            }
            if workloads.insert(workload) {
                known.owners.push((origin.kind.clone(), origin.name.clone()));
            }
        }
        known
    }

    /// Returns a pod of the second reading, which a pod of the first reading gives its workload; `None` if the first one has the same
    /// pod. A new pod has the workload that made it.
    pub fn changed(&self, mut pod: Shared<PodView>) -> Option<Shared<PodView>> {
        let before = self.before(&pod.origin);
        let made_by = (pod.origin.kind.as_str(), pod.origin.name.as_str());
        if before.is_none_or(|before| !is_alone(&before.origin))
            && let Some(affinity) = self.daemon_sets.affinity(made_by, &pod.placement)
        {
            pod.placement.affinity = affinity;
        }
        if let Some(before) = before {
            pod.origin = before.origin.clone();
            // A container that started meanwhile is no other pod.
            pod.images.clone_from(&before.images);
        }
        (before != Some(&*pod)).then_some(pod)
    }

    /// Returns true for a new pod whose maker made no pod of the first reading. Something else may have made that maker.
    pub fn lacks_maker_of(&self, PodView { origin, .. }: &PodView) -> bool {
        !is_alone(origin)
            && origin.kind != OF_A_RUN
            && self.before(origin).is_none()
            && !self.of_pods.contains(&(origin.kind.as_str(), origin.name.as_str()))
    }

    /// Returns true if the pod has a node, and the first reading has nodes.
    pub fn names_a_node(&self, pod: &PodView) -> bool {
        self.nodes.is_some() && pod.node.is_some()
    }

    /// Returns the pod's node if the first reading has other nodes alone.
    fn new_node<'b>(&self, pod: &'b PodView) -> Option<&'b str> {
        let nodes = self.nodes.as_ref()?;
        pod.node.as_deref().filter(|node| !nodes.contains(node))
    }

    fn before(&self, origin: &Origin) -> Option<&'a PodView> {
        origin.pod.as_deref().and_then(|name| self.pods.get(name)).copied()
    }

    /// Names a new pod by the workload that made its maker.
    fn traced(&self, mut pod: Shared<PodView>, made_by: &MadeBy) -> Traced {
        let maker = (pod.origin.kind.clone(), pod.origin.name.clone());
        let is_new = self.before(&pod.origin).is_none();
        let told = made_by.get(&maker).filter(|_| is_new);
        let is_certain = told.is_some() || !self.lacks_maker_of(&pod);
        let guessed = || self.owners.iter().find(|owner| pod.origin.may_be_owned_by(owner)).cloned();
        let workload = if is_certain { told.cloned().flatten() } else { guessed() };
        if let Some(workload) = workload {
            (pod.origin.kind, pod.origin.name) = workload;
        }
        Traced { pod, is_certain }
    }
}

/// Returns true for a pod that no workload made.
fn is_alone(origin: &Origin) -> bool {
    origin.kind == "pod" && origin.pod.as_ref() == Some(&origin.name)
}

// === impl Joining ===

impl Joining<'_> {
    fn join(&self, plan: &mut Plan, gaps: &mut Gaps, Traced { pod, is_certain }: &Traced) {
        let Self { grouping, keys, request, known, nodes } = self;
        let title = pod.origin.title();
        // A new pod that may be of the workload is not left out.
        if *is_certain && !super::is_requested(pod, request) {
            gaps.left_out.push(excluded_workload(pod));
            return;
        }
        let places = if let Some(node) = known.new_node(pod).or_else(|| self.changed_node(pod)) {
            match joined::place(&grouping.places, &request.nodes, nodes.as_ref(), node) {
                Ok(place) => vec![place],
                Err(why) => return gaps.uncovered.push(Uncovered::new(title, why)),
            }
        } else {
            let places = grouping.places.of(pod);
            left_out(&grouping.places, pod, &places, gaps);
            places
        };
        if !places.is_empty() && self.is_unexamined(plan, pod) {
            let why = "it came or changed during the run, and was not examined in place";
            return gaps.uncovered.push(Uncovered::new(title, why));
        }
        if let Some(label) = grouping.places.overlooked(pod, &places, self.node_now(pod)) {
            let why =
                format!("it chooses its node by the label {label}, by which no pod did when the run began");
            return gaps.uncovered.push(Uncovered::new(title, why));
        }
        for key in grouping.keys(pod, places) {
            let group = keys.get(&key).and_then(|first| plan.groups.get_mut(*first));
            if let Some(group) = group.filter(|group| group.refused.is_none()) {
                group.pod_views.push(pod.clone());
            } else {
                let why = "the pod was created or changed during the run";
                gaps.uncovered.push(Uncovered::new(title.clone(), why));
            }
        }
    }

    /// Returns true for a pod that was to be examined in place and was not. A pod that was made anew may have the name of one that was.
    fn is_unexamined(&self, plan: &Plan, pod: &PodView) -> bool {
        let is_it = |it: &Shared<PodView>| it.origin.pod == pod.origin.pod && it.created == pod.created;
        let mut groups = plan.groups.iter();
        self.request.live.as_ref().is_some_and(|live| live.asks_for(pod))
            && !groups.any(|group| group.in_place == pod.origin.pod && group.pod_views.iter().any(is_it))
    }

    /// Returns the pod's node if it has another pool or kind than when the run began, as a node that was made anew.
    fn changed_node<'b>(&self, pod: &'b PodView) -> Option<&'b str> {
        let name = pod.node.as_deref()?;
        let is_known = self.nodes.as_ref()?.is_ok();
        let is_changed = |now| self.grouping.places.has_changed(now);
        (!is_known || self.node_now(pod).is_some_and(is_changed)).then_some(name)
    }

    /// Returns the pod's node, as the second reading has it.
    fn node_now(&self, pod: &PodView) -> Option<&Node> {
        self.nodes.as_ref()?.as_ref().ok()?.get(pod.node.as_ref()?)
    }
}

#[cfg(test)]
mod tests;
