//! The state of a group's network: how policies bind the group, the probe pod, and both at the end of the run.

use std::net::IpAddr;

use super::{
    InCluster,
    cluster::{ControlPods, Labels},
    policy::{Endpoint, Policies},
};

impl InCluster {
    /// Returns true if there is no workload, and no RuntimeClass was named for pods that do not exist yet.
    pub fn is_of_nothing(&self) -> bool {
        self.group.pod_views.is_empty() && self.group.runtime_class.is_none()
    }

    /// Returns the group's pods, as policies select them.
    pub fn endpoint(&self) -> Endpoint {
        self.cluster.endpoint(&self.group.labels)
    }

    /// Names the changes during the run, if they change how the group is bound; `None` if none does.
    pub fn changed(&self) -> Option<String> {
        let mut words = self.cluster.changed.clone();
        if let Some(later) = &self.cluster.later {
            let before = self.endpoint();
            let after = Endpoint { namespace_labels: Some(later.labels.clone()), ..before.clone() };
            let (earlier, later_policies) = (&self.cluster.policies, &later.policies);
            let other = earlier.binding(&before) != later_policies.binding(&after)
                || !earlier.opaque.iter().eq(&later_policies.opaque)
                || (!earlier.opaque.is_empty() && before.namespace_labels != after.namespace_labels);
            let titles = earlier.titles_on(&before).into_iter().chain(later_policies.titles_on(&after));
            let opaque = earlier.opaque.iter().chain(&later_policies.opaque);
            let titles: Vec<_> = titles.chain(opaque.map(|opaque| opaque.gap.place.clone())).collect();
            let concerns =
                |policy: &Option<String>| policy.as_ref().is_none_or(|title| titles.contains(title));
            let changes = later.changes.iter().filter(|change| other && concerns(&change.policy));
            words.extend(changes.map(|change| change.words.clone()));
        }
        (!words.is_empty())
            .then(|| format!("the network's policies changed during the run: {}", words.join(", ")))
    }

    /// Names the policies that bind the probe pod and not its group, or the group and not the probe pod. The probe pod has
    /// labels of its own, and a webhook or an operator may add more, or other policies, while the probe looks.
    pub fn bound_otherwise(&self) -> Option<String> {
        let pod = self.pod.as_ref()?;
        let probes = pod.labels.iter().chain(&pod.earlier_labels);
        let of_probe = |labels| {
            let mut states = self.policies_with_labels();
            states.find_map(|(policies, namespace_labels)| {
                let endpoint = |labels| self.endpoint_with(labels, namespace_labels);
                otherwise(policies, &endpoint(labels), &endpoint(&self.group.labels))
            })
        };
        let otherwise = probes.into_iter().find_map(of_probe)?;
        Some(format!("the probe is not bound as its pods are: {}", otherwise.join(", ")))
    }

    /// Returns the probe pod in each of its states during the run, as policies select it.
    pub fn probes(&self, addresses: &[IpAddr]) -> Vec<Endpoint> {
        let pod = self.pod.as_ref();
        let ran = pod.into_iter().flat_map(|pod| pod.labels.iter().chain(&pod.earlier_labels));
        let mut labels: Vec<_> = ran.collect();
        if labels.is_empty() {
            labels.push(&self.group.labels);
        }
        let of_namespace: Vec<_> = self.policies_with_labels().map(|(_, labels)| labels).collect();
        let states = labels.into_iter().flat_map(|labels| {
            of_namespace.iter().map(move |of_namespace| self.endpoint_with(labels, *of_namespace))
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

    /// Returns the policies and the labels of the namespace at the start, and those at the end if something changed.
    fn policies_with_labels(&self) -> impl Iterator<Item = (&Policies, Option<&Labels>)> {
        let cluster = &self.cluster;
        let later = cluster.later.iter().map(|later| (&later.policies, Some(&later.labels)));
        std::iter::once((&cluster.policies, cluster.bonds.labels.as_ref().ok())).chain(later)
    }

    fn endpoint_with(&self, labels: &Labels, of_namespace: Option<&Labels>) -> Endpoint {
        Endpoint { namespace_labels: of_namespace.cloned(), ..self.cluster.endpoint(labels) }
    }
}

/// Names the policies that bind one of two endpoints alone; `None` if both are bound alike.
fn otherwise(policies: &Policies, probe: &Endpoint, pods: &Endpoint) -> Option<Vec<String>> {
    if policies.binding(probe) == policies.binding(pods) {
        return None;
    }
    let (on_probe, on_pods) = (policies.titles_on(probe), policies.titles_on(pods));
    let alone = |one: &[String], other: &[String], words: &str| {
        let alone = one.iter().filter(|title| !other.contains(title));
        alone.map(|title| format!("{title} {words}")).collect::<Vec<_>>()
    };
    let mut otherwise = alone(&on_probe, &on_pods, "binds the probe pod alone");
    otherwise.extend(alone(&on_pods, &on_probe, "binds the pods and not the probe pod"));
    if otherwise.is_empty() {
        let opaque = policies.opaque.iter().map(|opaque| opaque.gap.place.clone());
        otherwise = opaque.map(|title| format!("{title} may tell them apart")).collect();
    }
    Some(otherwise)
}
