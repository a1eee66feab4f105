//! The RuntimeClass exists, and its handler is gVisor's.

use crate::judge::platforms;
use crate::judge::requirement::{Area, Class, Explanation, Judge, Judgement, Requirement, Scope};
use crate::{
    case::Case,
    judge::gvisor::{Assessment, Kernel},
};

pub(in crate::judge) const REQUIREMENT: Requirement = Requirement {
    id: "runtime-class-exists",
    title: "The RuntimeClass exists, and its handler is gVisor's",
    area: Area::Runtime,
    class: Class::ProductionOnly,
    scope: Scope::Cluster,
    mandatory: false,
    weight: 5,
    protects: "A RuntimeClass that is gVisor's by name alone runs its pods on the node's own kernel.",
    remedy: "Apply a RuntimeClass whose handler is runsc (`deploy/runtime-class.yaml`), and give the nodes that handler. GKE: \
             a node pool with `--sandbox type=gvisor`, whose RuntimeClass is gvisor; EKS: a custom AMI with runsc and its shim; \
             minikube: `minikube addons enable gvisor`; elsewhere: gVisor's containerd quick start.",
    explanation: Explanation {
        looks_at: &["cluster", "runtime-isolation"],
        met: "the RuntimeClass exists, its handler has gVisor's name, and the probe saw no other kernel",
        unmet: "the RuntimeClass does not exist, its handler is not gVisor's, or the probe saw another kernel",
        inconclusive: "RuntimeClasses could not be read, or the namespace has no workload",
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
    let Some(name) = &known.group.runtime_class else {
        return Judgement::unmet(
            "the pods name no RuntimeClass, so that the node's default handler runs them",
        );
    };
    if let Err(unreadable) = &known.cluster.classes {
        return Judgement::inconclusive(unreadable.to_string());
    }
    let Some(class) = known.cluster.class(name) else {
        return Judgement::unmet(format!("there is no RuntimeClass {name}"));
    };
    let declared = format!("RuntimeClass {name}, handler {}", class.handler);
    match (class.claims_gvisor(), assessment.kernel) {
        (true, Kernel::Other) => Judgement::unmet(format!(
            "the handler {} has gVisor's name, and the probe saw another kernel",
            class.handler
        ))
        .citing("cluster", declared)
        .citing_all(assessment.citations.clone()),
        (true, _) => Judgement::met("the RuntimeClass exists, and its handler has gVisor's name")
            .citing("cluster", declared),
        (false, Kernel::Gvisor) => Judgement::met(format!(
            "the handler {} has another name than gVisor's, and the probe saw gVisor's kernel",
            class.handler
        ))
        .citing("cluster", declared)
        .citing_all(assessment.citations.clone()),
        (false, _) => Judgement::unmet(format!("the handler {} is not gVisor's", class.handler))
            .citing("cluster", declared),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{case::cluster::Class as RuntimeClass, fixture, judge::requirement::Outcome};

    fn handler(case: &mut Case, handler: &str) {
        let cluster = Arc::make_mut(&mut fixture::in_cluster(case).cluster);
        let class =
            RuntimeClass { name: "gvisor".into(), handler: handler.into(), ..RuntimeClass::default() };
        cluster.classes = Ok(vec![class]);
    }

    fn judge(case: &Case) -> Judgement {
        fixture::judged(&REQUIREMENT, case)
    }

    #[test]
    fn the_probe_outweighs_the_handlers_name() {
        let mut case = fixture::pod();
        assert_eq!(judge(&case).outcome, Outcome::Met);
        handler(&mut case, "sandboxed");
        assert_eq!(judge(&case).outcome, Outcome::Met);
        case.collected.evidence = fixture::runc().collected.evidence;
        assert_eq!(judge(&case).outcome, Outcome::Unmet);
        handler(&mut case, "runsc");
        assert_eq!(judge(&case).outcome, Outcome::Unmet);
    }

    #[test]
    fn a_missing_class_is_unmet_and_an_unreadable_one_inconclusive() {
        let mut case = fixture::pod();
        let cluster = Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster);
        cluster.classes = Ok(Vec::new());
        assert_eq!(judge(&case).outcome, Outcome::Unmet);
        let cluster = Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster);
        cluster.classes = Err(fixture::forbidden("list runtimeclasses"));
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
    }
}
