//! The RuntimeClass exists, and its handler is gVisor's.

use crate::judge::platforms;
use crate::judge::requirement::{Area, Class, Explanation, Judge, Judgement, Requirement, Scope};
use crate::{
    case::{Case, Citation, cluster::Class as RuntimeClass},
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
        met: "the RuntimeClass exists, and the probe saw gVisor's kernel in a pod of it, whatever its handler's name",
        unmet: "the RuntimeClass does not exist, or the probe saw another kernel in a pod of it",
        inconclusive: "RuntimeClasses could not be read, the namespace has no workload, or it is not known whose kernel answers",
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
    shown_by_the_probe(class, assessment).citing("cluster", declared).citing_all(kernel(class, assessment))
}

/// Judges a handler by the kernel that the probe saw in a pod of its class. A name is only a claim.
fn shown_by_the_probe(class: &RuntimeClass, assessment: &Assessment) -> Judgement {
    let handler = &class.handler;
    let claim = if class.claims_gvisor() { "has gVisor's name" } else { "has another name than gVisor's" };
    match assessment.kernel {
        Kernel::Gvisor => {
            Judgement::met(format!("the handler {handler} {claim}, and the probe saw gVisor's kernel"))
        }
        Kernel::Other => {
            Judgement::unmet(format!("the handler {handler} {claim}, and the probe saw another kernel"))
        }
        Kernel::Unclear => Judgement::inconclusive(format!(
            "the handler {handler} {claim}, and the probe does not show whose kernel answers"
        )),
    }
}

/// Returns the citations of the kernel, unless it is the one that the handler's name claims.
fn kernel(class: &RuntimeClass, assessment: &Assessment) -> Vec<Citation> {
    let as_claimed = class.claims_gvisor() && assessment.kernel == Kernel::Gvisor;
    if as_claimed { Vec::new() } else { assessment.citations.clone() }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{fixture, judge::requirement::Outcome};

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
    fn a_name_without_the_probes_evidence_is_inconclusive() {
        for name in ["runsc", "sandboxed"] {
            let mut case = fixture::pod();
            case.collected = fixture::silent().collected;
            handler(&mut case, name);
            assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)), "{name}");
        }
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
