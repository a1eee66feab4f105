//! What the workloads that a probe stands for are given: the probe itself never has it.

use super::{Gap, Reading};
use crate::{
    case::{
        Case,
        cluster::{Container, SeccompProfile, Shape},
    },
    judge::gvisor::Kernel,
};

/// What workloads ask for, and what they leave open; nothing on this machine, which has none.
pub(super) fn readings(case: &Case, kernel: Kernel) -> Vec<Reading> {
    if case.survey.in_cluster.is_none() {
        return Vec::new();
    }
    let asked_for = match case.shapes().iter().find_map(privilege) {
        Some(privilege) => Err(Gap::Open("cluster", privilege)),
        None => Ok(("cluster", "no workload asks for a privilege".to_owned())),
    };
    [asked_for].into_iter().chain(unfiltered(case.shapes(), kernel)).collect()
}

/// A container that names no seccomp profile is filtered by none, which matters where Linux answers its system calls.
fn unfiltered(shapes: &[Shape], kernel: Kernel) -> Option<Reading> {
    let (shape, container) = shapes.iter().find_map(|shape| {
        let unnamed =
            |container: &&Container| container.seccomp == SeccompProfile::Unnamed && !container.privileged;
        Some((shape, shape.containers.iter().find(unnamed)?))
    })?;
    let what = format!("{}: container {} names no seccomp profile", shape.origin.title(), container.name);
    Some(match kernel {
        Kernel::Gvisor => Ok(("cluster", format!("{what}; gVisor answers its system calls"))),
        Kernel::Other => {
            let unless = "and only a kubelet with seccompDefault gives it one";
            Err(Gap::Open("cluster", format!("{what}, {unless}")))
        }
        Kernel::Unclear => Err(Gap::Unseen(format!("{what}, and it is not clear which kernel answers"))),
    })
}

fn privilege(shape: &Shape) -> Option<String> {
    let title = shape.origin.title();
    if let Some(namespace) = shape.host_namespaces.first() {
        return Some(format!("{title} shares the node's {namespace} namespace"));
    }
    if let Some(sysctl) = shape.sysctls.first() {
        return Some(format!("{title} sets the kernel's {sysctl}"));
    }
    let of_container = |container: &Container| {
        let name = &container.name;
        let added = container.added_capabilities.first();
        [
            container.privileged.then(|| format!("container {name} is privileged")),
            added.map(|capability| format!("container {name} adds the capability {capability}")),
            container.host_ports.first().map(|port| format!("container {name} takes the node's port {port}")),
            container
                .keeps_capabilities
                .then(|| format!("container {name} keeps capabilities: it does not drop ALL")),
            container.may_gain_privileges.then(|| format!("container {name} may gain privileges")),
            container.unmasked_proc.then(|| format!("container {name} has an unmasked /proc")),
            (container.seccomp == SeccompProfile::Unconfined)
                .then(|| format!("container {name} is confined by no seccomp profile, by its own wish")),
        ]
        .into_iter()
        .flatten()
        .next()
    };
    if let Some(privilege) = shape.containers.iter().find_map(of_container) {
        return Some(format!("{title}: {privilege}"));
    }
    shape.root_allowed.as_ref().map(|container| format!("{title}: container {container} may run as root"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fixture,
        judge::{privilege::least_privilege::judge, requirement::Outcome},
    };

    #[test]
    fn each_privilege_of_a_workload_is_named() {
        type Change = fn(&mut Shape);
        assert_eq!(judge(&fixture::pod()).outcome, Outcome::Met);
        let changes: [(&str, Change); 9] = [
            ("by no seccomp profile", |shape| shape.containers[0].seccomp = SeccompProfile::Unconfined),
            ("does not drop ALL", |shape| shape.containers[0].keeps_capabilities = true),
            ("may gain", |shape| shape.containers[0].may_gain_privileges = true),
            ("network namespace", |shape| shape.host_namespaces = vec!["network".into()]),
            ("kernel's", |shape| shape.sysctls = vec!["net.core.somaxconn".into()]),
            ("privileged", |shape| shape.containers[0].privileged = true),
            ("SYS_ADMIN", |shape| shape.containers[0].added_capabilities = vec!["SYS_ADMIN".into()]),
            ("port 80", |shape| shape.containers[0].host_ports = vec![80]),
            ("as root", |shape| shape.root_allowed = Some("app".into())),
        ];
        for (words, change) in changes {
            let mut case = fixture::pod();
            change(fixture::shape(&mut case));
            let judgement = judge(&case);
            assert_eq!(judgement.outcome, Outcome::Unmet, "{words}");
            assert!(judgement.because.contains(words), "{words}: {}", judgement.because);
        }
    }

    #[test]
    fn a_profile_that_nobody_names_is_a_gap_where_linux_answers_and_only_said_where_gvisor_does() {
        let told = |kernel| {
            let mut case = fixture::pod();
            fixture::shape(&mut case).containers[0].seccomp = SeccompProfile::Unnamed;
            unfiltered(case.shapes(), kernel).unwrap()
        };
        assert!(told(Kernel::Gvisor).is_ok_and(|(_, text)| text.contains("gVisor answers")));
        assert!(matches!(told(Kernel::Other), Err(Gap::Open(_, text)) if text.contains("names no seccomp")));
        assert!(matches!(told(Kernel::Unclear), Err(Gap::Unseen(_))));
        assert!(unfiltered(fixture::pod().shapes(), Kernel::Other).is_none());
    }
}
