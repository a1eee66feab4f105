//! The state of a group's network: how policies bind the group, the probe pod, and both at the end of the run.

use super::{InCluster, policy::Endpoint};

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
    /// labels of its own, and a webhook or an operator may add more.
    pub fn bound_otherwise(&self) -> Option<String> {
        let labels = self.pod.as_ref()?.labels.as_ref()?;
        let (probe, pods) = (self.cluster.endpoint(labels), self.endpoint());
        let policies = &self.cluster.policies;
        if policies.binding(&probe) == policies.binding(&pods) {
            return None;
        }
        let (on_probe, on_pods) = (policies.titles_on(&probe), policies.titles_on(&pods));
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
        Some(format!("the probe is not bound as its pods are: {}", otherwise.join(", ")))
    }
}
