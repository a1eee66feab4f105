//! Every workload, and every pod that runs, names the RuntimeClass. A template that was corrected does not move the pods
//! that it made before.

use crate::case::{Case, InCluster, cluster::Shape};
use crate::judge::platforms;
use crate::judge::requirement::{Area, Class, Explanation, Judgement, Requirement, Scope};

pub(in crate::judge) const REQUIREMENT: Requirement = Requirement {
    id: "runtime-class-used",
    title: "Every workload and every running pod uses a RuntimeClass of gVisor's",
    area: Area::Runtime,
    class: Class::ProductionOnly,
    scope: Scope::Cluster,
    mandatory: false,
    weight: 10,
    protects: "A pod without the class runs on the node's own kernel, beside all those that do not.",
    remedy: "Set spec.runtimeClassName in every template, and replace pods that were made before: `kubectl rollout restart`.",
    explanation: Explanation {
        looks_at: &["cluster"],
        met: "all templates and pods name a class of gVisor's",
        unmet: "one does not, or was made before its template did",
        inconclusive: "templates, pods or classes may not be read",
        on_platforms: platforms::RUNTIME_ON_PLATFORMS,
    },
    mappings: &["KAR-0020", "GKE secure-sandbox-policy"],
    judge,
};

fn judge(case: &Case) -> Judgement {
    let Some(known) = &case.survey.in_cluster else {
        return Judgement::not_applicable("there is no cluster");
    };
    let shapes = &known.cluster.shapes;
    let without: Vec<_> = shapes.iter().filter(|shape| shape.runtime_class.is_none()).collect();
    if let Some(first) = without.first() {
        let because =
            format!("{} names no RuntimeClass{}", first.origin.title(), template_says(shapes, first));
        let judgement = Judgement::unmet(because);
        return without
            .iter()
            .fold(judgement, |judgement, shape| judgement.citing("cluster", shape.origin.title()));
    }
    if let Some(unreadable) = known.cluster.unread_shapes.first() {
        return Judgement::inconclusive(unreadable.to_string());
    }
    if known.cluster.classes.is_ok() {
        let not_gvisors = shapes.iter().find(|shape| {
            let class = shape.runtime_class.as_deref().and_then(|name| known.cluster.class(name));
            class.is_some_and(|class| !class.claims_gvisor())
        });
        if let Some(shape) = not_gvisors {
            let class = shape.runtime_class.clone().unwrap_or_default();
            return Judgement::unmet(format!(
                "{} uses the RuntimeClass {class}, whose handler is not gVisor's by its name",
                shape.origin.title()
            ));
        }
    }
    if let Some(shape) = shapes.iter().find(|shape| older_than_its_class(known, shape)) {
        return Judgement::inconclusive(format!(
            "{} is older than its RuntimeClass, which may have had another handler then; replace the pod",
            shape.origin.title()
        ));
    }
    if shapes.is_empty() {
        return Judgement::met("there is no workload yet; the class that was named is what was probed");
    }
    Judgement::met("every workload and every pod names a RuntimeClass")
        .citing("cluster", format!("{} pods and templates", shapes.len()))
}

/// A handler cannot be changed, but a class can be replaced by one of the same name; what runs stays as it was.
fn older_than_its_class(known: &InCluster, shape: &Shape) -> bool {
    let class = shape.runtime_class.as_deref().and_then(|name| known.cluster.class(name));
    class.and_then(|class| class.created).zip(shape.created).is_some_and(|(class, pod)| pod < class)
}

/// A pod that was made before its template was corrected.
fn template_says(shapes: &[Shape], pod: &Shape) -> String {
    let template = shapes.iter().find(|shape| {
        shape.origin.is_template()
            && shape.origin.kind == pod.origin.kind
            && shape.origin.name == pod.origin.name
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
    fn one_pod_without_the_class_is_enough_and_the_template_does_not_excuse_it() {
        let mut case = fixture::pod();
        assert_eq!(judge(&case).outcome, Outcome::Met);
        let cluster = Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster);
        let mut old = cluster.shapes[0].clone();
        old.origin.pod = Some("web-old".into());
        old.runtime_class = None;
        cluster.shapes.push(old);
        let judgement = judge(&case);
        assert_eq!(judgement.outcome, Outcome::Unmet);
        assert!(
            judgement.because.contains("pod/web-old") && judgement.because.contains("made before"),
            "{judgement:?}"
        );
    }

    #[test]
    fn a_pod_that_is_older_than_its_class_leaves_it_open() {
        let mut case = fixture::pod();
        let cluster = Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster);
        cluster.shapes[0].created = Some(1);
        cluster.classes.as_mut().unwrap()[0].created = Some(2);
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
    }

    #[test]
    fn workloads_that_may_not_be_read_leave_it_open() {
        let mut case = fixture::pod();
        let cluster = Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster);
        cluster.unread_shapes.push(fixture::forbidden("list jobs"));
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
    }
}
