//! The state of a group's network: how policies bind the group, the probe pod, and both at the end of the run.

use std::{collections::BTreeSet, net::IpAddr};

use super::{
    InCluster,
    cluster::{ControlPods, Labels, Later, PodView, Shared, Unreadable},
    policy::{Endpoint, Policies},
};

impl InCluster {
    /// Returns true if there is no workload, and no RuntimeClass was named for pods that do not exist yet.
    pub fn is_of_nothing(&self) -> bool {
        self.group.pod_views.is_empty() && self.group.runtime_class.is_none()
    }

    /// Returns the pods and the pod templates of the run's scope.
    pub fn pod_views(&self) -> impl Iterator<Item = &Shared<PodView>> {
        self.cluster.pod_views.iter().filter(|it| !self.coverage.leaves_out(&it.origin))
    }

    /// Returns the failed reads of the scope's pods and pod templates.
    pub fn unread_pod_views(&self) -> impl Iterator<Item = &Unreadable> {
        self.cluster.unread_pod_views.iter().filter(|it| !self.coverage.leaves_out_unread(it))
    }

    /// Returns the group's pods, as policies select them.
    pub fn endpoint(&self) -> Endpoint {
        self.cluster.endpoint(&self.group.labels, &self.group.service_account)
    }

    /// Names the changes during the run, if they change how one of the group's pods is bound; `None` if none does. The pods were bound
    /// alike when the run began, and a change may be for some of them alone.
    pub fn changed(&self) -> Option<String> {
        let mut words = self.cluster.changed.clone();
        if let Some(later) = &self.cluster.later {
            let pods = self.group.pod_views.iter().map(|it| (&*it.labels, it.service_account.as_str()));
            let endpoints: BTreeSet<_> =
                pods.chain([(&self.group.labels, self.group.service_account.as_str())]).collect();
            let mut endpoints =
                endpoints.into_iter().map(|(labels, account)| self.cluster.endpoint(labels, account));
            words.extend(endpoints.find_map(|before| self.changes_of(&before, later)).unwrap_or_default());
        }
        (!words.is_empty())
            .then(|| format!("the network's policies changed during the run: {}", words.join(", ")))
    }

    /// Returns the changes that bind an endpoint otherwise at the end of the run; `None` if it is bound as before.
    fn changes_of(&self, before: &Endpoint, later: &Later) -> Option<Vec<String>> {
        let after = Endpoint { namespace_labels: later.labels.clone(), ..before.clone() };
        let (earlier, later_policies) = (&self.cluster.policies, &later.policies);
        let other = earlier.binding(before) != later_policies.binding(&after)
            || !earlier.opaque_on(before).eq(later_policies.opaque_on(&after))
            || (!earlier.opaque.is_empty() && before.namespace_labels != after.namespace_labels);
        if !other {
            return None;
        }
        let titles = earlier.titles_on(before).into_iter().chain(later_policies.titles_on(&after));
        let opaque = earlier.opaque_on(before).chain(later_policies.opaque_on(&after));
        let titles: Vec<_> = titles.chain(opaque.map(|opaque| opaque.gap.place.clone())).collect();
        let concerns = |policy: &Option<String>| policy.as_ref().is_none_or(|title| titles.contains(title));
        // A rule may change by an object that no title names, such as a set of networks.
        let (named, others): (Vec<_>, Vec<_>) =
            later.changes.iter().partition(|change| concerns(&change.policy));
        let told = if named.is_empty() { others } else { named };
        let words: Vec<_> = told.into_iter().map(|change| change.words.clone()).collect();
        Some(if words.is_empty() {
            vec!["the rules for these pods are others at its end".to_owned()]
        } else {
            words
        })
    }

    /// Names the policies that bind the probe pod and not its group, or the group and not the probe pod. The probe pod has
    /// labels and a service account of its own, and a webhook or an operator may add more labels, or other policies, while the
    /// probe looks.
    pub fn bound_otherwise(&self) -> Option<String> {
        let pod = self.pod.as_ref()?;
        let of_probe = |labels| {
            let mut states = self.policies_with_labels();
            states.find_map(|(policies, of_namespace)| {
                let probe = self.endpoint_with(labels, &pod.service_account, of_namespace);
                let pods = self.endpoint_with(&self.group.labels, &self.group.service_account, of_namespace);
                policies.bound_otherwise(&probe, &pods)
            })
        };
        self.labels_of_probe().into_iter().find_map(of_probe)
    }

    /// Returns the labels of the probe pod in each of its states; those of its group if they are not known.
    fn labels_of_probe(&self) -> Vec<&Labels> {
        let ran = self.pod.iter().flat_map(|pod| pod.labels.iter().chain(&pod.earlier_labels));
        let labels: Vec<_> = ran.collect();
        if labels.is_empty() { vec![&self.group.labels] } else { labels }
    }

    /// Returns the probe pod in each of its states during the run, as policies select it.
    pub fn probes(&self, addresses: &[IpAddr]) -> Vec<Endpoint> {
        let pod = self.pod.as_ref();
        let of_namespace: Vec<_> = self.policies_with_labels().map(|(_, labels)| labels).collect();
        let account = pod.map_or(self.group.service_account.as_str(), |pod| pod.service_account.as_str());
        let states = self.labels_of_probe().into_iter().flat_map(|labels| {
            of_namespace.iter().map(move |of_namespace| self.endpoint_with(labels, account, *of_namespace))
        });
        states.map(|endpoint| Endpoint { addresses: addresses.to_vec(), ..endpoint }).collect()
    }

    /// Returns the control pods, as far as policies select them. Saved files of older versions keep no labels of theirs.
    pub fn control_pods(&self) -> ControlPods {
        self.control_pods.clone().unwrap_or_else(|| ControlPods::planned(&Labels::new()))
    }

    /// Returns the run's own listener in each of its states, if it has this address. As a peer it is a pod with labels, and no
    /// mere address.
    pub fn listeners_at(&self, address: IpAddr) -> Vec<Endpoint> {
        let own = self.control_pods.as_ref().filter(|pods| pods.listener.addresses.contains(&address));
        let control = self.cluster.control.as_ref();
        control.zip(own).map(|(control, pods)| control.listeners(pods)).unwrap_or_default()
    }

    /// Returns the run's own listener in each of its states; none without a control namespace.
    pub fn listeners(&self) -> Vec<Endpoint> {
        let control = self.cluster.control.as_ref();
        control.map(|control| control.listeners(&self.control_pods())).unwrap_or_default()
    }

    /// Returns the policies and the labels of the namespace at the start, and those at the end if something changed.
    fn policies_with_labels(&self) -> impl Iterator<Item = (&Policies, Option<&Labels>)> {
        let cluster = &self.cluster;
        let later = cluster.later.iter().map(|later| (&later.policies, later.labels.as_ref()));
        std::iter::once((&cluster.policies, cluster.bonds.labels.as_ref().ok())).chain(later)
    }

    fn endpoint_with(&self, labels: &Labels, account: &str, of_namespace: Option<&Labels>) -> Endpoint {
        Endpoint { namespace_labels: of_namespace.cloned(), ..self.cluster.endpoint(labels, account) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use crate::{
        case::{
            Case,
            cluster::{Change, Labels, Later},
        },
        fixture,
    };

    /// Returns the words for other policies at the end of the run, of which the second reading names these titles.
    fn changed(before: &[Value], after: &[Value], titles: &[&str]) -> Option<String> {
        changed_for(fixture::pod(), before, after, titles)
    }

    fn changed_for(mut case: Case, before: &[Value], after: &[Value], titles: &[&str]) -> Option<String> {
        fixture::bind(&mut case, before);
        let known = fixture::in_cluster(&mut case);
        let changes = titles
            .iter()
            .map(|title| Change { policy: Some((*title).to_owned()), words: format!("{title} was changed") });
        let later = Later {
            changes: changes.collect(),
            labels: known.cluster.bonds.labels.clone().ok(),
            policies: fixture::policies(after),
        };
        Arc::make_mut(&mut known.cluster).later = Some(later);
        known.changed()
    }

    /// Returns Calico's policy of the default tier and its sets, of which one has these networks.
    fn calico(egress: &Value, networks: &[&str]) -> Vec<Value> {
        let list = |kind: &str, items: Value| json!({ "apiVersion": "crd.projectcalico.org/v1", "kind": kind, "items": items });
        let set = json!({
            "metadata": { "name": "offices", "namespace": "shop", "labels": { "kind": "office" } },
            "spec": { "nets": networks },
        });
        vec![
            json!({
                "apiVersion": "crd.projectcalico.org/v1",
                "kind": "NetworkPolicy",
                "metadata": { "name": "default.deny", "namespace": "shop" },
                "spec": { "selector": "all()", "types": ["Egress"], "egress": egress },
            }),
            list("NetworkSetList", json!([set])),
            list("GlobalNetworkSetList", json!([])),
            list("HostEndpointList", json!([])),
        ]
    }

    #[test]
    fn a_policy_that_calico_stores_by_its_tier_is_named_after_a_change() {
        let (closed, open) = (calico(&json!([]), &[]), calico(&json!([{ "action": "Allow" }]), &[]));
        let said = changed(&closed, &open, &["NetworkPolicy default.deny"]).unwrap();
        assert!(said.ends_with("NetworkPolicy default.deny was changed"), "{said}");
    }

    #[test]
    fn a_set_of_networks_that_changed_is_named_by_its_list() {
        let rules = json!([{ "action": "Allow", "destination": { "selector": "kind == 'office'" } }]);
        let [before, after] =
            [&["192.0.2.0/24"], &["198.51.100.0/24"]].map(|networks| calico(&rules, networks));
        let said = changed(&before, &after, &["NetworkSetList "]).unwrap();
        assert!(said.contains("NetworkSetList"), "{said}");
    }

    #[test]
    fn other_rules_are_a_change_though_no_object_is_named() {
        let said = changed(&[fixture::default_deny()], &[], &[]).unwrap();
        assert!(said.contains("the rules for these pods are others"), "{said}");
    }

    #[test]
    fn a_policy_of_a_kind_that_is_not_evaluated_is_a_change_for_its_own_pods() {
        let policy = |app: &str| {
            json!({
                "apiVersion": "networking.gke.io/v1alpha1", "kind": "FQDNNetworkPolicy",
                "metadata": { "name": "names", "namespace": "shop" },
                "spec": { "podSelector": { "matchLabels": { "app": app } }, "egress": [{}] },
            })
        };
        let said = |app| changed(&[], &[policy(app)], &["FQDNNetworkPolicy names"]);
        assert!(said("web").unwrap().contains("FQDNNetworkPolicy names"));
        assert_eq!(said("api"), None);
    }

    #[test]
    fn a_rule_for_the_probes_own_label_alone_is_named() {
        let rules = json!([
            { "action": "Deny", "source": { "selector": "has(run)" } },
            { "action": "Allow" },
        ]);
        let mut case = fixture::pod();
        fixture::bind(&mut case, &calico(&rules, &[]));
        let known = fixture::in_cluster(&mut case);
        let mut labels = known.group.labels.clone();
        labels.insert("run".into(), "1".into());
        known.pod.as_mut().unwrap().labels = Some(labels);
        let said = known.bound_otherwise().unwrap();
        assert!(said.ends_with("Calico NetworkPolicy deny tells the probe pod and the pods apart"), "{said}");
    }

    /// Returns a group of the usual pod and of one with another label, which the probe does not have.
    fn with_an_api() -> Case {
        let mut case = fixture::pod();
        let group = &mut fixture::in_cluster(&mut case).group;
        let mut api = (*group.pod_views[0]).clone();
        api.origin.pod = Some("api-1".into());
        api.labels = Labels::from([("app".into(), "api".into())]).into();
        group.pod_views.push(api.into());
        case
    }

    #[test]
    fn a_policy_that_leaves_one_pod_of_the_group_free_is_a_change() {
        let deny = |selector: Value| {
            let spec = json!({ "podSelector": selector, "policyTypes": ["Ingress", "Egress"] });
            fixture::network_policy("deny", &spec)
        };
        let (all, web) = (deny(json!({})), deny(json!({ "matchLabels": { "app": "web" } })));
        let before = [all.clone()];
        let said = changed_for(with_an_api(), &before, &[web], &["NetworkPolicy deny"]).unwrap();
        assert!(said.ends_with("NetworkPolicy deny was changed"), "{said}");
        let open = json!({
            "podSelector": { "matchLabels": { "app": "api" } }, "policyTypes": ["Egress"], "egress": [{}],
        });
        let opened = [all, fixture::network_policy("open", &open)];
        let said = changed_for(with_an_api(), &before, &opened, &["NetworkPolicy open"]).unwrap();
        assert!(said.ends_with("NetworkPolicy open was changed"), "{said}");
        assert_eq!(changed_for(with_an_api(), &before, &before, &["NetworkPolicy deny"]), None);
    }

    #[test]
    fn a_policy_of_other_pods_is_no_change() {
        let other =
            json!({ "podSelector": { "matchLabels": { "app": "other" } }, "policyTypes": ["Egress"] });
        let objects = [fixture::default_deny(), fixture::network_policy("other", &other)];
        assert_eq!(changed(&[fixture::default_deny()], &objects, &["NetworkPolicy other"]), None);
    }
}
