//! Changes of the namespace during the run. A new or changed pod is judged if a planned probe represents it, and is
//! uncovered otherwise.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Gaps, Plan, Request, Uncovered,
    grouping::{Grouping, Key},
    joined,
    places::left_out,
    uncovered::excluded_workload,
};
use crate::case::cluster::{Cluster, Later, Node, PodView, Read, SecondReading, Shared};

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
    let changed: Vec<_> = pods.into_iter().filter_map(|pod| known.changed(pod)).collect();
    if changed.is_empty() {
        return;
    }
    let grouping = Grouping::new(cluster, request);
    // The keys have the order of the plan's first groups.
    let keys = grouping.groups().0.into_keys().zip(plan.firsts.clone()).collect();
    let joining = Joining { grouping, keys, request, known, nodes: later.nodes };
    let mut gaps = Gaps::default();
    for pod in &changed {
        joining.join(plan, &mut gaps, pod);
    }
    gaps.add_to(&mut plan.coverage);
    cluster.pod_views.extend(changed);
}

/// The pods, workloads and nodes of the first reading.
#[derive(Debug)]
pub struct Known<'a> {
    pods: BTreeMap<&'a str, &'a PodView>,
    workloads: BTreeSet<(&'a str, &'a str)>,
    /// The workloads in the order of the first reading.
    owners: Vec<(String, String)>,
    /// The names of the nodes; `None` if nodes may not be read.
    nodes: Option<BTreeSet<&'a str>>,
}

/// The first reading and its plan, which changed pods join.
struct Joining<'a> {
    grouping: Grouping<'a>,
    /// The positions of the plan's groups by the properties that their pods share.
    keys: BTreeMap<Key, usize>,
    request: &'a Request,
    known: Known<'a>,
    /// The nodes of the second reading, if it read them.
    nodes: Option<Read<Vec<Node>>>,
}

impl<'a> Known<'a> {
    /// Returns those of a cluster.
    pub fn of(cluster: &'a Cluster) -> Self {
        let nodes = cluster.nodes.as_ref().ok();
        let nodes = nodes.map(|nodes| nodes.iter().map(|node| node.name.as_str()).collect());
        let mut known = Self { pods: BTreeMap::new(), workloads: BTreeSet::new(), owners: Vec::new(), nodes };
        for pod_view in &cluster.pod_views {
            let origin = &pod_view.origin;
            if let Some(pod) = &origin.pod {
                known.pods.entry(pod).or_insert(pod_view);
            }
            if known.workloads.insert((&origin.kind, &origin.name)) {
                known.owners.push((origin.kind.clone(), origin.name.clone()));
            }
        }
        known
    }

    /// Returns a pod of the second reading, with the workload of the first one; `None` if the first one has the same pod.
    pub fn changed(&self, pod: Shared<PodView>) -> Option<Shared<PodView>> {
        let pod = self.named_by_its_workload(pod);
        (!self.is_unchanged(&pod)).then_some(pod)
    }

    /// Returns the pod's node if the first reading has other nodes alone.
    pub fn new_node<'b>(&self, pod: &'b PodView) -> Option<&'b str> {
        let nodes = self.nodes.as_ref()?;
        pod.node.as_deref().filter(|node| !nodes.contains(node))
    }

    /// Names the pod's workload, and its images, as in the first reading; the second one does not ask for workloads.
    fn named_by_its_workload(&self, mut pod: Shared<PodView>) -> Shared<PodView> {
        let before = pod.origin.pod.as_deref().and_then(|name| self.pods.get(name));
        if let Some(before) = before {
            pod.origin = before.origin.clone();
            // A container that started meanwhile is no other pod.
            pod.images.clone_from(&before.images);
        } else if let Some(owner) = self.owner(&pod) {
            (pod.origin.kind, pod.origin.name) = owner;
        }
        pod
    }

    /// Returns kind and name of the workload whose rollout made a new pod. A ReplicaSet or Job of the first reading is a
    /// workload itself.
    fn owner(&self, PodView { origin, .. }: &PodView) -> Option<(String, String)> {
        if self.workloads.contains(&(origin.kind.as_str(), origin.name.as_str())) {
            return None;
        }
        self.owners.iter().find(|owner| origin.may_be_owned_by(owner)).cloned()
    }

    fn is_unchanged(&self, pod: &PodView) -> bool {
        pod.origin.pod.as_deref().and_then(|name| self.pods.get(name)).is_some_and(|before| *before == pod)
    }
}

// === impl Joining ===

impl Joining<'_> {
    fn join(&self, plan: &mut Plan, gaps: &mut Gaps, pod: &Shared<PodView>) {
        let Self { grouping, keys, request, known, nodes } = self;
        let title = pod.origin.title();
        // The second reading knows no owners of owners: a new pod that may be of the workload is not left out.
        let may_be_asked_for = request.like.as_ref().is_some_and(|like| pod.origin.may_be_owned_by(like));
        if !super::is_requested(pod, request) && !may_be_asked_for {
            gaps.left_out.push(excluded_workload(pod));
            return;
        }
        let places = if let Some(node) = known.new_node(pod) {
            match joined::place(&grouping.places, &request.nodes, nodes.as_ref(), node) {
                Ok(place) => vec![place],
                Err(why) => return gaps.uncovered.push(Uncovered::new(title, why)),
            }
        } else {
            let places = grouping.places.of(pod);
            left_out(&grouping.places, pod, &places, gaps);
            places
        };
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
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        case::cluster::{Bonds, Image, Read},
        fixture,
        plan::cluster::{namespace, tests},
    };

    /// Returns the cluster and the plan after this second reading.
    fn read(
        later: impl FnOnce(&mut Vec<Shared<PodView>>, &mut Bonds) -> Option<Read<Vec<Shared<PodView>>>>,
    ) -> (Cluster, Plan) {
        let mut cluster = tests::cluster();
        let request = tests::request();
        let mut plan = namespace(&cluster, &request).unwrap();
        let mut bonds = cluster.bonds.clone();
        let mut pods: Vec<_> = cluster.pods().cloned().map(Shared::from).collect();
        // The second reading does not ask for workloads.
        pods[0].origin.kind = "replicaset".into();
        let instead = later(&mut pods, &mut bonds);
        let policies = cluster.policies.clone();
        let later =
            SecondReading { pods: instead.unwrap_or(Ok(pods)), nodes: None, bonds, policies, control: None };
        apply_second_reading(&mut cluster, &mut plan, &request, later);
        (cluster, plan)
    }

    fn another(pods: &mut Vec<Shared<PodView>>, change: impl FnOnce(&mut PodView)) {
        let mut pod = pods[0].clone();
        pod.origin.pod = Some("web-2".into());
        change(&mut pod);
        pods.push(pod);
    }

    #[test]
    fn an_unchanged_namespace_has_no_remarks() {
        let (cluster, plan) = read(|_, _| None);
        assert!(cluster.changed.is_empty() && plan.coverage.uncovered.is_empty(), "{plan:?}");
        assert_eq!(cluster.pod_views, tests::cluster().pod_views);
    }

    #[test]
    fn an_image_that_a_node_reports_meanwhile_is_no_change() {
        let (cluster, _) = read(|pods, _| {
            let image = Image { name: "web:1".into(), id: Some("web@sha256:00".into()) };
            pods[0].images = Some(vec![image.into()]);
            None
        });
        assert_eq!(cluster.pod_views, tests::cluster().pod_views);
    }

    #[test]
    fn a_new_pod_joins_the_group_that_represents_it() {
        let (cluster, plan) = read(|pods, _| {
            another(pods, |pod| pod.token = true);
            None
        });
        assert!(plan.coverage.uncovered.is_empty(), "{plan:?}");
        assert_eq!(plan.groups[0].represents(), ["pod/web-1", "pod/web-2"]);
        assert!(cluster.pod_views.iter().any(|pod_view| pod_view.token));
    }

    #[test]
    fn a_changed_pod_is_judged_in_both_states() {
        let (_, plan) = read(|pods, _| {
            pods[0].containers[0].privileged = true;
            None
        });
        assert_eq!(plan.groups[0].represents(), ["pod/web-1"]);
        assert!(plan.groups[0].pod_views.iter().any(|pod_view| pod_view.containers[0].privileged));
    }

    #[test]
    fn a_new_pod_outside_of_all_groups_is_uncovered() {
        type Change = fn(&mut PodView);
        let changes: [(&str, Change); 3] = [
            ("pod/web-2: the pod was created", |pod| pod.runtime_class = None),
            ("pod/web-2: the pod was created", |pod| {
                drop(pod.gvisor_annotations.insert("a".into(), "b".into()));
            }),
            ("pod/web-2: its node three does not exist", |pod| pod.node = Some("three".into())),
        ];
        for (words, change) in changes {
            let (_, plan) = read(|pods, _| {
                another(pods, change);
                None
            });
            assert!(plan.coverage.uncovered[0].contains(words), "{:?}", plan.coverage);
        }
    }

    /// Reads a new pod with this owner in a run that is restricted to the Deployment web.
    fn restricted(kind: &str, name: &str) -> Plan {
        let mut cluster = tests::cluster();
        let like = Some(("deployment".to_owned(), "web".to_owned()));
        let request = Request { like, ..tests::request() };
        let mut plan = namespace(&cluster, &request).unwrap();
        let mut pods: Vec<_> = cluster.pods().cloned().map(Shared::from).collect();
        another(&mut pods, |pod| {
            (pod.origin.kind, pod.origin.name) = (kind.to_owned(), name.to_owned());
            pod.runtime_class = None;
        });
        let (bonds, policies) = (cluster.bonds.clone(), cluster.policies.clone());
        let later = SecondReading { pods: Ok(pods), nodes: None, bonds, policies, control: None };
        apply_second_reading(&mut cluster, &mut plan, &request, later);
        plan
    }

    #[test]
    fn a_new_pod_that_may_be_of_the_workload_is_not_left_out() {
        let coverage = restricted("replicaset", "web-5d4f8").coverage;
        assert!(coverage.uncovered[0].contains("pod/web-2: the pod was created"), "{coverage:?}");
        assert!(coverage.left_out.is_empty(), "{coverage:?}");
    }

    #[test]
    fn a_new_pod_of_another_workload_is_left_out() {
        for (kind, name) in [("replicaset", "web-api-5d4f8"), ("statefulset", "web-5d4f8")] {
            let coverage = restricted(kind, name).coverage;
            assert_eq!(coverage.left_out[0].name, format!("{kind}/{name}"));
            assert!(coverage.uncovered.is_empty(), "{coverage:?}");
        }
    }

    #[test]
    fn unreadable_pods_are_uncovered_and_changed_policies_named() {
        let (_, plan) = read(|_, _| Some(Err(fixture::forbidden("list pods"))));
        assert!(plan.coverage.uncovered[0].contains("pods at the end of the run"), "{:?}", plan.coverage);
        let (cluster, _) = read(|_, bonds| {
            bonds.policies = Ok(BTreeMap::new());
            None
        });
        let changes = cluster.later.unwrap().changes;
        assert_eq!(changes[0].words, "NetworkPolicy default-deny was removed");
    }

    #[test]
    fn a_removed_policy_is_a_change_though_the_namespaces_labels_may_not_be_read() {
        let mut cluster = tests::cluster();
        cluster.bonds.labels = Err(fixture::forbidden("get namespaces"));
        cluster.policies = fixture::policies(&[fixture::default_deny()]);
        let request = tests::request();
        let mut plan = namespace(&cluster, &request).unwrap();
        let pods = cluster.pods().cloned().map(Shared::from).collect();
        let later = SecondReading {
            pods: Ok(pods),
            nodes: None,
            bonds: cluster.bonds.clone(),
            policies: fixture::policies(&[]),
            control: None,
        };
        apply_second_reading(&mut cluster, &mut plan, &request, later);
        let later = cluster.later.unwrap();
        assert_eq!((later.labels, later.policies), (None, fixture::policies(&[])));
    }

    #[test]
    fn a_new_pod_of_a_rollout_is_known_by_its_deployment() {
        let (_, plan) = read(|pods, _| {
            another(pods, |pod| {
                pod.token = true;
                (pod.origin.kind, pod.origin.name) = ("replicaset".into(), "web-5d4f".into());
            });
            None
        });
        let origin = &plan.groups[0].pod_views.last().unwrap().origin;
        assert_eq!((origin.workload(), origin.title()), ("deployment/web".into(), "pod/web-2".into()));
    }
}
