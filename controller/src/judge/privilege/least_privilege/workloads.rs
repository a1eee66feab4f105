//! Privileges of the workloads that a probe represents. The probe itself never has these privileges.

use super::{Gap, Reading};
use crate::{
    case::{
        Case,
        cluster::{Container, PodView, SeccompProfile, Shared},
    },
    judge::gvisor::Kernel,
};

/// Returns the privileges that workloads ask for or leave unset; nothing without a cluster.
pub(super) fn readings(case: &Case, kernel: Kernel) -> Vec<Reading> {
    if case.surroundings.in_cluster.is_none() {
        return Vec::new();
    }
    let mut asked_for: Vec<_> =
        case.pod_views().iter().flat_map(|it| privileges(it)).map(of_workload).collect();
    let untold = untold(case.pod_views());
    if asked_for.is_empty() && untold.is_none() {
        asked_for.push(Ok(("cluster", "no workload asks for a privilege".to_owned())));
    }
    asked_for.into_iter().chain(untold).chain(unfiltered(case.pod_views(), kernel)).collect()
}

const fn of_workload(privilege: String) -> Reading {
    Err(Gap::Unmet("cluster", privilege))
}

/// Reads containers of which saved evidence does not tell if a setting loosens their confinement.
fn untold(pod_views: &[Shared<PodView>]) -> Option<Reading> {
    let (pod_view, container) = pod_views.iter().find_map(|pod_view| {
        Some((pod_view, pod_view.containers.iter().find(|container| container.loosened.is_none())?))
    })?;
    Some(Err(Gap::Inconclusive(format!(
        "the saved evidence does not tell if {}: container {} loosens its confinement (AppArmor, SELinux)",
        pod_view.origin.title(),
        container.name
    ))))
}

/// Reads containers that name no seccomp profile. Nothing filters their system calls, which matters if Linux answers them.
fn unfiltered(pod_views: &[Shared<PodView>], kernel: Kernel) -> Option<Reading> {
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

/// Returns every privilege that a workload asks for, each as a fragment.
fn privileges(pod_view: &PodView) -> Vec<String> {
    let title = pod_view.origin.title();
    let namespaces =
        pod_view.host_namespaces.iter().map(|it| format!("{title} shares the node's {it} namespace"));
    let sysctls = pod_view.sysctls.iter().map(|it| format!("{title} sets the kernel parameter {it}"));
    let containers = pod_view.containers.iter().flat_map(of_container).map(|it| format!("{title}: {it}"));
    let root = pod_view.root_allowed.iter().map(|it| format!("{title}: container {it} may run as root"));
    namespaces.chain(sysctls).chain(containers).chain(root).collect()
}

/// The capability to use ports below 1024 of the pod's own network, which the Pod Security Standards allow to add.
const LOW_PORTS: &str = "NET_BIND_SERVICE";

fn of_container(container: &Container) -> Vec<String> {
    let name = &container.name;
    let added = container.added_capabilities.iter().filter(|it| it.as_str() != LOW_PORTS);
    let mut privileges = Vec::new();
    privileges.extend(container.privileged.then(|| format!("container {name} is privileged")));
    privileges.extend(added.map(|capability| format!("container {name} adds the capability {capability}")));
    privileges.extend(
        container.host_ports.iter().map(|port| format!("container {name} takes the node's port {port}")),
    );
    let settings = [
        (container.keeps_capabilities, "keeps capabilities: it does not drop ALL"),
        (container.may_gain_privileges, "may gain privileges"),
        (container.unmasked_proc, "has an unmasked /proc"),
        (container.seccomp == SeccompProfile::Unconfined, "sets the seccomp profile Unconfined"),
    ];
    let settings = settings.into_iter().filter_map(|(set, words)| set.then_some(words));
    let loosened = container.loosened.iter().flatten().map(|it| it.words());
    privileges.extend(settings.chain(loosened).map(|words| format!("container {name} {words}")));
    privileges
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        case::cluster::Loosened,
        fixture,
        judge::{privilege::least_privilege::tests::judge, requirement::Outcome},
    };

    #[test]
    fn each_privilege_of_a_workload_is_named() {
        type Change = fn(&mut PodView);
        assert_eq!(judge(&fixture::pod()).outcome, Outcome::Met);
        let changes: [(&str, Change); 10] = [
            ("AppArmor", |pod_view| pod_view.containers[0].loosened = Some(vec![Loosened::AppArmor])),
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
    fn every_privilege_of_a_workload_is_cited() {
        let mut case = fixture::pod();
        let container = &mut fixture::pod_view(&mut case).containers[0];
        (container.privileged, container.host_ports) = (true, vec![80, 443]);
        let cited = judge(&case).citations;
        for words in ["app is privileged", "node's port 80", "node's port 443"] {
            assert!(cited.iter().any(|it| it.text.contains(words)), "{words}: {cited:#?}");
        }
    }

    #[test]
    fn low_ports_of_the_pods_own_network_are_no_privilege() {
        let mut case = fixture::pod();
        fixture::pod_view(&mut case).containers[0].added_capabilities = vec![LOW_PORTS.into()];
        assert_eq!(judge(&case).outcome, Outcome::Met);
    }

    #[test]
    fn a_container_whose_settings_the_evidence_does_not_tell_is_inconclusive() {
        let mut case = fixture::pod();
        fixture::pod_view(&mut case).containers[0].loosened = None;
        let judgement = judge(&case);
        assert!(matches!(&judgement.outcome, Outcome::Inconclusive(why) if why.contains("container app")));
        fixture::pod_view(&mut case).containers[0].privileged = true;
        assert_eq!(judge(&case).outcome, Outcome::Unmet);
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
