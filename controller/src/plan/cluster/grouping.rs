//! The groups of pods that are bound alike.

use std::{
    cell::RefCell,
    collections::{BTreeMap, btree_map::Entry as MapEntry},
    rc::Rc,
};

use super::{
    Entry, Request, is_requested,
    places::{Place, Places, left_out},
    to_come,
    uncovered::{Gaps, excluded_objects, excluded_workload},
};
use crate::case::{
    cluster::{Cluster, Group, Labels, PodView, Shared},
    policy::Binding,
};

/// The properties that two pods of a group share.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Key {
    place: Place,
    traits: Rc<Traits>,
}

/// The properties of a pod that are the same in every place.
#[derive(Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Traits {
    /// The position of the entry that says what the pod needs; `None` without one.
    entry: Option<usize>,
    class: Option<String>,
    binding: Rc<Binding>,
    annotations: Labels,
    nodes_network: bool,
    networks: Labels,
    injections: Labels,
}

/// The grouping of a cluster's pods.
pub(super) struct Grouping<'a> {
    cluster: &'a Cluster,
    request: &'a Request,
    pub(super) places: Places<'a>,
    /// How the policies bind pods, by their service accounts and their labels.
    bindings: RefCell<BTreeMap<String, BTreeMap<Labels, Rc<Binding>>>>,
}

// === impl Grouping ===

impl<'a> Grouping<'a> {
    pub(super) fn new(cluster: &'a Cluster, request: &'a Request) -> Self {
        let places = Places::new(cluster, request, &request.nodes);
        Self { cluster, request, places, bindings: RefCell::default() }
    }

    /// Returns the groups by their shared properties, and the pods that are in no group.
    pub(super) fn groups(&self) -> (BTreeMap<Key, Group>, Gaps) {
        let to_come = to_come(self.request);
        let mut groups = BTreeMap::new();
        let mut gaps = Gaps::default();
        gaps.left_out.extend(excluded_objects(self.cluster, self.request));
        for pod_view in self.cluster.pod_views.iter().chain(&to_come) {
            if !is_requested(pod_view, self.request) {
                gaps.left_out.push(excluded_workload(pod_view));
                continue;
            }
            let places = self.places.of(pod_view);
            left_out(&self.places, pod_view, &places, &mut gaps);
            for key in self.keys(pod_view, places) {
                self.join(&mut groups, pod_view, key);
            }
        }
        (groups, gaps)
    }

    /// Returns the properties that a pod shares with its group in each of these places.
    pub(super) fn keys(&self, pod_view: &PodView, places: Vec<Place>) -> impl Iterator<Item = Key> {
        let selects = |entry: &Entry| entry.selects(&pod_view.origin, &pod_view.labels);
        let traits = Rc::new(Traits {
            entry: self.request.entries.iter().position(selects),
            class: pod_view.runtime_class.clone(),
            binding: self.binding(&pod_view.labels, &pod_view.service_account),
            annotations: pod_view.gvisor_annotations.clone(),
            nodes_network: pod_view.in_the_nodes_network(),
            networks: pod_view.network_annotations.clone(),
            injections: pod_view.injection_annotations.clone(),
        });
        places.into_iter().map(move |place| Key { place, traits: Rc::clone(&traits) })
    }

    fn binding(&self, labels: &Labels, account: &str) -> Rc<Binding> {
        let known = self.bindings.borrow().get(account).and_then(|bindings| bindings.get(labels)).cloned();
        known.unwrap_or_else(|| {
            let binding = Rc::new(self.cluster.binding(labels, account));
            let mut bindings = self.bindings.borrow_mut();
            bindings.entry(account.to_owned()).or_default().insert(labels.clone(), Rc::clone(&binding));
            binding
        })
    }

    /// Adds a pod or a pod template to its group. The probe copies a pod rather than a template, since policies bind pods.
    fn join(&self, groups: &mut BTreeMap<Key, Group>, pod_view: &Shared<PodView>, key: Key) {
        let group = match groups.entry(key) {
            MapEntry::Occupied(known) => known.into_mut(),
            MapEntry::Vacant(new) => {
                let group = new.key().group();
                new.insert(group)
            }
        };
        let modelled_on_a_pod = group.pod_views.iter().any(|pod_view| !pod_view.origin.is_template());
        if group.pod_views.is_empty() || (!modelled_on_a_pod && !pod_view.origin.is_template()) {
            group.labels.clone_from(&pod_view.labels);
            group.service_account.clone_from(&pod_view.service_account);
            let endpoint = self.cluster.endpoint(&pod_view.labels, &pod_view.service_account);
            group.policies = self.cluster.policies.names_on(&endpoint);
            group.placement = self.request.probes_placement(&pod_view.placement);
        }
        if !pod_view.origin.name.is_empty() {
            group.pod_views.push(pod_view.clone());
        }
    }
}

// === impl Key ===

impl Key {
    fn group(&self) -> Group {
        Group {
            pool: self.place.pool.clone(),
            kind: self.place.kind.clone(),
            node: self.place.node.clone(),
            runtime_class: self.traits.class.clone(),
            gvisor_annotations: self.traits.annotations.clone(),
            ..Group::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{
        case::cluster::Labels,
        fixture,
        plan::cluster::{namespace, tests},
    };

    /// Returns the number of groups of two pods, of which one has a service account of its own, with a policy for these pods.
    fn groups_of_two_accounts(selector: &serde_json::Value) -> usize {
        let mut cluster = tests::cluster();
        let mut other = cluster.pod_views[0].clone();
        other.origin.pod = Some("web-2".into());
        other.service_account = "web".into();
        cluster.pod_views.push(other);
        cluster.policies = fixture::policies(&[
            fixture::default_deny(),
            json!({
                "apiVersion": "cilium.io/v2",
                "kind": "CiliumNetworkPolicy",
                "metadata": { "name": "open", "namespace": "shop" },
                "spec": { "endpointSelector": selector, "egress": [{ "toEntities": ["all"] }] },
            }),
        ]);
        namespace(&cluster, &tests::request()).unwrap().groups.len()
    }

    #[test]
    fn a_service_account_makes_another_group_only_if_a_policy_selects_by_it() {
        let by_account = json!({ "matchLabels": { "io.cilium.k8s.policy.serviceaccount": "web" } });
        assert_eq!(groups_of_two_accounts(&by_account), 2);
        assert_eq!(groups_of_two_accounts(&json!({ "matchLabels": { "app": "web" } })), 1);
    }

    #[test]
    fn a_rule_for_one_workload_of_a_policy_for_all_makes_another_group() {
        let mut cluster = tests::cluster();
        let mut crawler = cluster.pod_views[0].clone();
        crawler.origin.name = "crawler".into();
        crawler.origin.pod = Some("crawler-1".into());
        crawler.labels = Labels::from([("role".into(), "crawler".into())]).into();
        cluster.pod_views.push(crawler);
        let source = json!({ "selector": "role == 'crawler'" });
        cluster.policies = fixture::policies(&[json!({
            "apiVersion": "crd.projectcalico.org/v1",
            "kind": "NetworkPolicy",
            "metadata": { "name": "default.all", "namespace": "shop" },
            "spec": {
                "selector": "all()",
                "types": ["Ingress", "Egress"],
                "egress": [{ "action": "Allow", "source": source }],
            },
        })]);
        let groups = namespace(&cluster, &tests::request()).unwrap().groups;
        let represented: Vec<_> = groups.iter().map(crate::case::cluster::Group::represents).collect();
        assert_eq!(represented.len(), 2, "{represented:?}");
    }
}
