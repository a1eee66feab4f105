//! Privileges of the workloads that a probe represents. The probe itself never has these privileges.

use super::{Gap, Reading};
use crate::{
    case::{
        Case,
        cluster::{Container, PodView, SeccompProfile},
    },
    judge::gvisor::Kernel,
};

/// Returns the privileges that workloads ask for or leave unset; nothing without a cluster.
pub(super) fn readings(case: &Case, kernel: Kernel) -> Vec<Reading> {
    if case.surroundings.in_cluster.is_none() {
        return Vec::new();
    }
    let asked_for = match case.pod_views().iter().find_map(privilege) {
        Some(privilege) => Err(Gap::Unmet("cluster", privilege)),
        None => Ok(("cluster", "no workload asks for a privilege".to_owned())),
    };
    [asked_for].into_iter().chain(unfiltered(case.pod_views(), kernel)).collect()
}

/// Reads containers that name no seccomp profile. Nothing filters their system calls, which matters if Linux answers them.
fn unfiltered(pod_views: &[PodView], kernel: Kernel) -> Option<Reading> {
    let (pod_view, container) = pod_views.iter().find_map(|pod_view| {
        let unnamed =
            |container: &&Container| container.seccomp == SeccompProfile::Unnamed && !container.privileged;
        Some((pod_view, pod_view.containers.iter().find(unnamed)?))
    })?;
    let what = format!("{}: container {} names no seccomp profile", pod_view.origin.title(), container.name);
    Some(match kernel {
        Kernel::Gvisor => Ok(("cluster", format!("{what}; gVisor answers its system calls"))),
        Kernel::Other => {
            let unless = "and only a kubelet with seccompDefault gives it one";
            Err(Gap::Unmet("cluster", format!("{what}, {unless}")))
        }
        Kernel::Unclear => {
            Err(Gap::Inconclusive(format!("{what}, and it is not known whose kernel answers")))
        }
    })
}

fn privilege(pod_view: &PodView) -> Option<String> {
    let title = pod_view.origin.title();
    if let Some(namespace) = pod_view.host_namespaces.first() {
        return Some(format!("{title} shares the node's {namespace} namespace"));
    }
    if let Some(sysctl) = pod_view.sysctls.first() {
        return Some(format!("{title} sets the kernel parameter {sysctl}"));
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
                .then(|| format!("container {name} sets the seccomp profile Unconfined")),
        ]
        .into_iter()
        .flatten()
        .next()
    };
    if let Some(privilege) = pod_view.containers.iter().find_map(of_container) {
        return Some(format!("{title}: {privilege}"));
    }
    pod_view.root_allowed.as_ref().map(|container| format!("{title}: container {container} may run as root"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fixture,
        judge::{privilege::least_privilege::tests::judge, requirement::Outcome},
    };

    #[test]
    fn each_privilege_of_a_workload_is_named() {
        type Change = fn(&mut PodView);
        assert_eq!(judge(&fixture::pod()).outcome, Outcome::Met);
        let changes: [(&str, Change); 9] = [
            ("seccomp profile Unconfined", |pod_view| {
                pod_view.containers[0].seccomp = SeccompProfile::Unconfined;
            }),
            ("does not drop ALL", |pod_view| pod_view.containers[0].keeps_capabilities = true),
            ("may gain", |pod_view| pod_view.containers[0].may_gain_privileges = true),
            ("network namespace", |pod_view| pod_view.host_namespaces = vec!["network".into()]),
            ("kernel parameter", |pod_view| pod_view.sysctls = vec!["net.core.somaxconn".into()]),
            ("privileged", |pod_view| pod_view.containers[0].privileged = true),
            ("SYS_ADMIN", |pod_view| pod_view.containers[0].added_capabilities = vec!["SYS_ADMIN".into()]),
            ("port 80", |pod_view| pod_view.containers[0].host_ports = vec![80]),
            ("as root", |pod_view| pod_view.root_allowed = Some("app".into())),
        ];
        for (words, change) in changes {
            let mut case = fixture::pod();
            change(fixture::pod_view(&mut case));
            let judgement = judge(&case);
            assert_eq!(judgement.outcome, Outcome::Unmet, "{words}");
            assert!(judgement.because.contains(words), "{words}: {}", judgement.because);
        }
    }

    #[test]
    fn an_unnamed_seccomp_profile_is_a_gap_unless_gvisor_answers() {
        let told = |kernel| {
            let mut case = fixture::pod();
            fixture::pod_view(&mut case).containers[0].seccomp = SeccompProfile::Unnamed;
            unfiltered(case.pod_views(), kernel).unwrap()
        };
        assert!(told(Kernel::Gvisor).is_ok_and(|(_, text)| text.contains("gVisor answers")));
        assert!(matches!(told(Kernel::Other), Err(Gap::Unmet(_, text)) if text.contains("names no seccomp")));
        assert!(matches!(told(Kernel::Unclear), Err(Gap::Inconclusive(_))));
        assert!(unfiltered(fixture::pod().pod_views(), Kernel::Other).is_none());
    }
}
