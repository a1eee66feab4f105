//! Every container has a memory and a CPU limit: its own, its pod's, or the namespace's default.

use crate::case::{
    Case, InCluster,
    cluster::{Container, PodView},
    limits::Limits,
};
use crate::judge::requirement::{Area, Class, Explanation, Judge, Judgement, Requirement, Scope};

pub(in crate::judge) const REQUIREMENT: Requirement = Requirement {
    id: "limits-declared",
    title: "Every container declares a memory and a CPU limit",
    area: Area::Limits,
    class: Class::ProductionOnly,
    scope: Scope::Cluster,
    mandatory: false,
    weight: 5,
    protects: "A container without limits can starve every other pod of its node.",
    remedy: "Set resources.limits.memory and resources.limits.cpu on every container, init containers too, or on the pod \
             (spec.resources, since Kubernetes 1.34), or give the namespace a LimitRange with defaults.",
    explanation: Explanation {
        looks_at: &["cluster"],
        met: "every container has both limits, of its own or of its pod",
        unmet: "a container has no memory limit or no CPU limit, or has it by a resize that is not in force",
        inconclusive: "the declared limits could not be read",
        on_platforms: &[],
    },
    mappings: &["CIS Kubernetes 5.7"],
    judge: Judge::Case(judge),
};

fn judge(case: &Case) -> Judgement {
    let Some(known) = &case.surroundings.in_cluster else {
        return Judgement::not_applicable("there is no cluster");
    };
    let lacking = lacking(known);
    if let Some(first) = lacking.first() {
        let judgement = Judgement::unmet(format!("{first} has no memory limit or no CPU limit"));
        return lacking.iter().fold(judgement, |judgement, it| judgement.citing("cluster", it.clone()));
    }
    match &known.cluster.default_limits {
        _ if known.group.pod_views.is_empty() => {
            Judgement::met("the namespace has no workload yet, so that no container lacks a limit")
        }
        _ => Judgement::met("every container declares both limits")
            .citing("cluster", format!("{} pods and pod templates", known.group.pod_views.len())),
    }
}

/// Returns the containers without limits, each as "pod/web-1, container app".
pub(super) fn lacking(known: &InCluster) -> Vec<String> {
    let default = known.cluster.default_limits.as_ref().ok().copied().flatten().unwrap_or_default();
    let lacks = |pod_view: &PodView, container: &&Container| {
        // A default is applied when a pod is admitted, and never to a pod that exists.
        let default = if pod_view.origin.is_template() { default } else { Limits::default() };
        let Limits { memory, cpu_millis, .. } = pod_view.limits;
        let (memory, cpu_millis) = (memory.or(default.memory), cpu_millis.or(default.cpu_millis));
        container.memory.or(memory).is_none() || container.cpu_millis.or(cpu_millis).is_none()
    };
    let pod_views = known.group.pod_views.iter();
    pod_views
        .flat_map(|pod_view| {
            pod_view
                .without_limits()
                .into_iter()
                .filter(|it| lacks(pod_view, it))
                .map(|container| format!("{}, container {}", pod_view.origin.title(), container.name))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{fixture, judge::requirement::Outcome};

    #[test]
    fn a_container_without_a_limit_is_named() {
        let mut case = fixture::pod();
        assert_eq!(judge(&case).outcome, Outcome::Met);
        fixture::pod_view(&mut case).containers[0].cpu_millis = None;
        let judgement = judge(&case);
        assert_eq!(judgement.outcome, Outcome::Unmet);
        assert!(judgement.because.contains("container app"), "{}", judgement.because);
    }

    #[test]
    fn a_limit_of_the_pod_binds_its_containers() {
        let mut case = fixture::pod();
        let pod_view = fixture::pod_view(&mut case);
        pod_view.containers[0].memory = None;
        pod_view.containers[0].cpu_millis = None;
        pod_view.limits.memory = Some(1 << 28);
        assert_eq!(judge(&case).outcome, Outcome::Unmet);
        fixture::pod_view(&mut case).limits.cpu_millis = Some(500);
        assert_eq!(judge(&case).outcome, Outcome::Met);
    }

    #[test]
    fn a_default_counts_for_templates_and_not_for_existing_pods() {
        let mut case = fixture::pod();
        fixture::pod_view(&mut case).containers[0].memory = None;
        let known = fixture::in_cluster(&mut case);
        Arc::make_mut(&mut known.cluster).default_limits =
            Ok(Some(Limits { memory: Some(1 << 28), cpu_millis: Some(100), pids: None }));
        assert_eq!(judge(&case).outcome, Outcome::Unmet);
        fixture::pod_view(&mut case).origin.pod = None;
        assert_eq!(judge(&case).outcome, Outcome::Met);
    }
}
