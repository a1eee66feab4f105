//! Every workload and every running pod names the RuntimeClass. A corrected pod template does not change the pods that it
//! made before.

use crate::case::{Case, InCluster, cluster::PodView};
use crate::judge::platforms;
use crate::judge::requirement::{Area, Class, Explanation, Judge, Judgement, Requirement, Scope};

pub(in crate::judge) const REQUIREMENT: Requirement = Requirement {
    id: "runtime-class-used",
    title: "Every workload and every running pod uses a gVisor RuntimeClass",
    area: Area::Runtime,
    class: Class::ProductionOnly,
    scope: Scope::Cluster,
    mandatory: false,
    weight: 10,
    protects: "A pod without the RuntimeClass runs on the node's own kernel, beside pods that are isolated.",
    remedy: "Set spec.runtimeClassName in every pod template, and replace the pods made before: `kubectl rollout restart`.",
    explanation: Explanation {
        looks_at: &["cluster"],
        met: "all pod templates and pods name a gVisor RuntimeClass",
        unmet: "a pod template or pod does not, or a pod is older than its corrected template",
        inconclusive: "pod templates, pods or RuntimeClasses could not be read, or a pod is older than its RuntimeClass",
        on_platforms: platforms::RUNTIME_ON_PLATFORMS,
    },
    mappings: &["KAR-0020", "GKE secure-sandbox-policy"],
    judge: Judge::Case(judge),
};

fn judge(case: &Case) -> Judgement {
    let Some(known) = &case.surroundings.in_cluster else {
        return Judgement::not_applicable("there is no cluster");
    };
    let pod_views = &known.cluster.pod_views;
    let without: Vec<_> = pod_views.iter().filter(|pod_view| pod_view.runtime_class.is_none()).collect();
    if let Some(first) = without.first() {
        let because =
            format!("{} names no RuntimeClass{}", first.origin.title(), template_says(pod_views, first));
        let judgement = Judgement::unmet(because);
        return without
            .iter()
            .fold(judgement, |judgement, pod_view| judgement.citing("cluster", pod_view.origin.title()));
    }
    if let Some(unreadable) = known.cluster.unread_pod_views.first() {
        return Judgement::inconclusive(unreadable.to_string());
    }
    if known.cluster.classes.is_ok() {
        let not_gvisors = pod_views.iter().find(|pod_view| {
            let class = pod_view.runtime_class.as_deref().and_then(|name| known.cluster.class(name));
            class.is_some_and(|class| !class.claims_gvisor())
        });
        if let Some(pod_view) = not_gvisors {
            let class = pod_view.runtime_class.clone().unwrap_or_default();
            return Judgement::unmet(format!(
                "{} uses the RuntimeClass {class}, whose handler does not have gVisor's name",
                pod_view.origin.title()
            ));
        }
    }
    if let Some(pod_view) = pod_views.iter().find(|pod_view| older_than_its_class(known, pod_view)) {
        return Judgement::inconclusive(format!(
            "{} is older than its RuntimeClass, which may have had another handler before; replace the pod",
            pod_view.origin.title()
        ));
    }
    if pod_views.is_empty() {
        return Judgement::met(
            "the namespace has no workload yet; the probe ran with the RuntimeClass that was named",
        );
    }
    Judgement::met("every workload and every pod names a RuntimeClass")
        .citing("cluster", format!("{} pods and pod templates", pod_views.len()))
}

/// True if a pod is older than its class. A class's handler cannot change, but a class of the same name can replace it;
/// running pods keep the old handler.
fn older_than_its_class(known: &InCluster, pod_view: &PodView) -> bool {
    let class = pod_view.runtime_class.as_deref().and_then(|name| known.cluster.class(name));
    class.and_then(|class| class.created).zip(pod_view.created).is_some_and(|(class, pod)| pod < class)
}

/// Returns a hint for a pod that is older than its corrected template; empty for any other.
fn template_says(pod_views: &[PodView], pod: &PodView) -> String {
    let template = pod_views.iter().find(|pod_view| {
        pod_view.origin.is_template()
            && pod_view.origin.kind == pod.origin.kind
            && pod_view.origin.name == pod.origin.name
    });
    match template.filter(|_| !pod.origin.is_template()).and_then(|template| template.runtime_class.as_ref())
    {
        Some(class) => format!("; its {} now names {class}, and the pod was made before", pod.origin.kind),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{fixture, judge::requirement::Outcome};

    #[test]
    fn a_corrected_template_does_not_excuse_an_old_pod() {
        let mut case = fixture::pod();
        assert_eq!(judge(&case).outcome, Outcome::Met);
        let cluster = Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster);
        let mut old = cluster.pod_views[0].clone();
        old.origin.pod = Some("web-old".into());
        old.runtime_class = None;
        cluster.pod_views.push(old);
        let judgement = judge(&case);
        assert_eq!(judgement.outcome, Outcome::Unmet);
        assert!(
            judgement.because.contains("pod/web-old") && judgement.because.contains("made before"),
            "{judgement:?}"
        );
    }

    #[test]
    fn a_pod_older_than_its_class_is_inconclusive() {
        let mut case = fixture::pod();
        let cluster = Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster);
        cluster.pod_views[0].created = Some(1);
        cluster.classes.as_mut().unwrap()[0].created = Some(2);
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
    }

    #[test]
    fn unreadable_workloads_are_inconclusive() {
        let mut case = fixture::pod();
        let cluster = Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster);
        cluster.unread_pod_views.push(fixture::forbidden("list jobs"));
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
    }
}
