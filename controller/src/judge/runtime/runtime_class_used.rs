//! Every workload and every running pod names the RuntimeClass. A corrected pod template does not change the pods that it
//! made before.

use crate::case::{
    Case, InCluster,
    cluster::{PodView, Shared},
};
use crate::judge::gvisor::{Assessment, Kernel};
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
        looks_at: &["cluster", "runtime-isolation"],
        met: "all pod templates and pods name a RuntimeClass, and the probe saw gVisor's kernel under it",
        unmet: "a pod template or pod names none, the class does not exist, or the probe saw another kernel under it",
        inconclusive: "pod templates or pods could not be read, it is not known whose kernel answers, or a pod is older than its \
                       RuntimeClass",
        on_platforms: platforms::RUNTIME_ON_PLATFORMS,
    },
    mappings: &["KAR-0020", "GKE secure-sandbox-policy"],
    judge: Judge::Kernel(judge),
};

fn judge(case: &Case, assessment: &Assessment) -> Judgement {
    let Some(known) = &case.surroundings.in_cluster else {
        return Judgement::not_applicable("there is no cluster");
    };
    if known.is_of_nothing() {
        return Judgement::inconclusive("the namespace has no workload");
    }
    let pod_views: Vec<_> = known.pod_views().collect();
    let without: Vec<_> = pod_views.iter().filter(|pod_view| pod_view.runtime_class.is_none()).collect();
    if let Some(first) = without.first() {
        let because =
            format!("{} names no RuntimeClass{}", first.origin.title(), template_says(&pod_views, first));
        let judgement = Judgement::unmet(because);
        return judgement.citing_objects(without.iter().map(|pod_view| pod_view.origin.title()));
    }
    if let Some(unreadable) = known.unread_pod_views().next() {
        return Judgement::inconclusive(unreadable.to_string());
    }
    if let Some(judgement) = of_the_group(known, assessment) {
        return judgement;
    }
    if let Some(pod_view) = pod_views.iter().find(|pod_view| older_than_its_class(known, pod_view)) {
        return Judgement::inconclusive(format!(
            "{} is older than its RuntimeClass, which may have had another handler before; replace the pod",
            pod_view.origin.title()
        ));
    }
    if pod_views.is_empty() {
        return Judgement::not_applicable(
            "the namespace has no workload yet whose RuntimeClass could be read",
        );
    }
    Judgement::met("every workload and every pod names a RuntimeClass, and the probe saw gVisor's kernel in a pod of its own")
        .citing("cluster", format!("{} pods and pod templates", pod_views.len()))
}

/// Returns the judgement against the class of the probe's own pods; `None` if nothing speaks against it. Pods of another
/// class have a probe of their own, whose finding judges that class. The kernel decides, whatever the class and its handler
/// are called.
fn of_the_group(known: &InCluster, assessment: &Assessment) -> Option<Judgement> {
    let pod_view = known.group.pod_views.first()?;
    let name = pod_view.runtime_class.as_deref()?;
    let title = pod_view.origin.title();
    if known.cluster.classes.is_ok() && known.cluster.class(name).is_none() {
        return Some(Judgement::unmet(format!("{title} uses the RuntimeClass {name}, which does not exist")));
    }
    let judgement = match assessment.kernel {
        Kernel::Gvisor => return None,
        Kernel::Other => Judgement::unmet(format!(
            "{title} uses the RuntimeClass {name}, and the probe saw another kernel than gVisor's in a pod of it"
        )),
        Kernel::Unclear => Judgement::inconclusive(format!(
            "{title} uses the RuntimeClass {name}, and the probe does not show whose kernel answers in a pod of it"
        )),
    };
    Some(judgement.citing_all(assessment.citations.clone()))
}

/// True if a pod is older than its class. A class's handler cannot change, but a class of the same name can replace it;
/// running pods keep the old handler.
fn older_than_its_class(known: &InCluster, pod_view: &PodView) -> bool {
    let class = pod_view.runtime_class.as_deref().and_then(|name| known.cluster.class(name));
    class.and_then(|class| class.created).zip(pod_view.created).is_some_and(|(class, pod)| pod < class)
}

/// Returns a hint for a pod that is older than its corrected template; empty for any other.
fn template_says(pod_views: &[&Shared<PodView>], pod: &PodView) -> String {
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
    use crate::{
        case::cluster::{Access, Origin, Part, Restriction, Unreadable},
        fixture,
        judge::requirement::Outcome,
    };

    fn judge(case: &Case) -> Judgement {
        fixture::judged(&REQUIREMENT, case)
    }

    fn handler(case: &mut Case, name: &str) {
        let cluster = Arc::make_mut(&mut fixture::in_cluster(case).cluster);
        cluster.classes.as_mut().unwrap()[0].handler = name.into();
    }

    #[test]
    fn the_probe_outweighs_the_handlers_name() {
        for (name, evidence, outcome) in [
            ("sandboxed", fixture::gvisor(), Outcome::Met),
            ("sandboxed", fixture::runc(), Outcome::Unmet),
            ("runsc", fixture::runc(), Outcome::Unmet),
        ] {
            let mut case = fixture::pod();
            case.collected.evidence = evidence.collected.evidence;
            handler(&mut case, name);
            assert_eq!(judge(&case).outcome, outcome, "{name}");
        }
        let mut case = fixture::pod();
        case.collected = fixture::silent().collected;
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
    }

    #[test]
    fn the_class_of_another_group_is_judged_by_its_own_probe() {
        let mut case = fixture::pod();
        let cluster = Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster);
        let mut other = cluster.pod_views[0].clone();
        other.runtime_class = Some("other".into());
        cluster.pod_views.push(other);
        let class = crate::case::cluster::Class {
            name: "other".into(),
            handler: "runc".into(),
            ..Default::default()
        };
        cluster.classes.as_mut().unwrap().push(class);
        assert_eq!(judge(&case).outcome, Outcome::Met);
    }

    #[test]
    fn pods_that_like_leaves_out_are_out_of_scope() {
        let mut case = fixture::pod();
        let cluster = Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster);
        let mut other = cluster.pod_views[0].clone();
        other.origin = Origin { kind: "deployment".into(), name: "db".into(), pod: Some("db-1".into()) };
        other.runtime_class = None;
        cluster.pod_views.push(other);
        let what = Access::PodsOf("workflow/build".into());
        cluster.unread_pod_views.push(Unreadable { what, forbidden: false, message: String::new() });
        assert_eq!(judge(&case).outcome, Outcome::Unmet);
        let like = |name: &str| Part { by: Restriction::Like, name: name.into() };
        fixture::coverage(&mut case).left_out.push(like("deployment/db"));
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
        fixture::coverage(&mut case).left_out.push(like("workflow/build"));
        assert_eq!(judge(&case).outcome, Outcome::Met);
        // The pod that `--like` names stays, and the other pods of its workload are left out.
        fixture::coverage(&mut case).asked_for.push(like("pod/db-1"));
        assert_eq!(judge(&case).outcome, Outcome::Unmet);
    }

    #[test]
    fn an_empty_namespace_is_never_met() {
        let mut case = fixture::pod();
        let known = fixture::in_cluster(&mut case);
        known.group.pod_views.clear();
        Arc::make_mut(&mut known.cluster).pod_views.clear();
        assert!(matches!(judge(&case).outcome, Outcome::NotApplicable(_)));
        fixture::in_cluster(&mut case).group.runtime_class = None;
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
    }

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
