//! Privileges of the workload's own processes, where the probe sees them. The specification is judged beside them, and a process
//! that has more than its specification asks for is said to contradict it.

use proto::{Capabilities, Credentials, Process, Seccomp};

use super::{Gap, Reading, capability};
use crate::{
    case::{
        Case,
        cluster::{Container, PodView},
    },
    judge::{
        gvisor::{Assessment, Kernel},
        processes::{self, Others},
    },
};

/// The capability to use ports below 1024, `CAP_NET_BIND_SERVICE`, which a specification may add.
const LOW_PORTS: (&str, u64) = ("NET_BIND_SERVICE", 1 << 10);

/// Returns the privileges of each process, or one reading of all processes without a gap.
pub(super) fn readings(case: &Case, assessment: &Assessment) -> Vec<Reading> {
    let Some(others) = processes::seen(case, assessment) else { return Vec::new() };
    let of = |process| of_process(&others, process, assessment.kernel);
    let mut gaps: Vec<_> = others.processes().iter().flat_map(of).collect();
    gaps.extend(others.gap().map(Gap::Inconclusive));
    if gaps.is_empty() {
        let count = others.count();
        let none =
            format!("no privilege in {count} other processes of {} containers", others.containers().len());
        return vec![Ok(("processes", none))];
    }
    gaps.into_iter().map(Err).collect()
}

fn of_process(others: &Others<'_>, process: &Process, kernel: Kernel) -> Vec<Gap> {
    let name = others.name(process);
    let Some(status) = process.status.seen() else {
        let fared = process.status.fared();
        return vec![Gap::Inconclusive(format!("the privileges of {name} could not be read: {fared}"))];
    };
    let found = [
        user(others, &status.credentials, status.filesystem_user),
        capabilities(others, &status.capabilities),
        no_new_privileges(others, &status.seccomp),
        filter(&status.seccomp, kernel),
    ];
    let gap = |found: Gap| match found {
        Gap::Unmet(source, what) => Gap::Unmet(source, format!("{name} {what}")),
        Gap::Inconclusive(what) => Gap::Inconclusive(format!("{name} {what}")),
    };
    found.into_iter().flatten().map(gap).collect()
}

/// Returns the gap as the end of a sentence, with the specification that denies it.
fn unmet(others: &Others<'_>, what: impl Into<String>, asks: impl Fn(&PodView) -> bool) -> Gap {
    let mut what = what.into();
    if others.pods().next().is_some() && !others.pods().any(asks) {
        what.push_str(", although the specification of its pod rules that out");
    }
    Gap::Unmet("processes", what)
}

fn any(pod: &PodView, asks: impl Fn(&Container) -> bool) -> bool {
    pod.containers.iter().any(asks)
}

fn user(others: &Others<'_>, users: &Credentials, filesystem: u32) -> Option<Gap> {
    let is_root = [users.real_user, users.effective_user, users.saved_user, filesystem].contains(&0);
    is_root.then(|| unmet(others, "runs as root", |pod| pod.root_allowed.is_some()))
}

fn capabilities(others: &Others<'_>, sets: &Capabilities) -> Option<Gap> {
    let (name, low_ports) = LOW_PORTS;
    let adds = |container: &Container| container.added_capabilities.iter().any(|it| it == name);
    let allowed = if others.pods().any(|pod| any(pod, adds)) { low_ports } else { 0 };
    let held = sets.held() & !allowed;
    let asks = |container: &Container| {
        container.privileged || container.keeps_capabilities || !container.added_capabilities.is_empty()
    };
    (held != 0).then(|| {
        let what = format!("holds capabilities: {}", capability::listed(held));
        unmet(others, what, |pod| any(pod, asks))
    })
}

/// gVisor before 2025 does not show `no_new_privs`. Then the specification decides, which [`super::workloads`] judges.
fn no_new_privileges(others: &Others<'_>, seccomp: &Seccomp) -> Option<Gap> {
    match seccomp.no_new_privs {
        Some(true) => None,
        Some(false) => {
            let what = "can gain privileges: no_new_privs is not set";
            Some(unmet(others, what, |pod| any(pod, |container| container.may_gain_privileges)))
        }
        None if others.pods().next().is_some() => None,
        None if others.declared_no_new_privs() == Some(true) => None,
        None if others.declared_no_new_privs() == Some(false) => {
            let what = "can gain privileges: the container's configuration does not set no_new_privs";
            Some(Gap::Unmet("processes", what.to_owned()))
        }
        None => {
            Some(Gap::Inconclusive("may gain privileges: the kernel does not show no_new_privs".to_owned()))
        }
    }
}

fn filter(seccomp: &Seccomp, kernel: Kernel) -> Option<Gap> {
    match (seccomp.mode, kernel) {
        (Some(1 | 2), _) | (_, Kernel::Gvisor) => None,
        (Some(_), Kernel::Other) => {
            Some(Gap::Unmet("processes", "makes system calls that nothing filters".to_owned()))
        }
        (Some(_), Kernel::Unclear) => Some(Gap::Inconclusive(
            "has no seccomp filter, and it is not known whose kernel answers".to_owned(),
        )),
        (None, _) => Some(Gap::Inconclusive("has an unknown seccomp mode".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use proto::{Observation, ProcessKind};

    use super::*;
    use crate::{
        fixture::{self, beside},
        judge::{privilege::least_privilege::tests::judge, requirement::Outcome},
    };

    fn because(change: impl FnOnce(&mut Case)) -> (Outcome, String) {
        let mut case = beside::running();
        change(&mut case);
        let judgement = judge(&case);
        (judgement.outcome, judgement.because)
    }

    #[test]
    fn ordinary_processes_are_met() {
        let judgement = judge(&beside::running());
        assert_eq!(judgement.outcome, Outcome::Met, "{}", judgement.because);
        let expected = "no privilege in 4 other processes of 3 containers";
        assert!(judgement.citations.iter().any(|it| it.source == "processes" && it.text == expected));
    }

    #[test]
    fn a_process_of_another_container_that_is_root_is_unmet() {
        let (outcome, why) = because(|case| beside::status(case, 8).credentials.saved_user = 0);
        assert_eq!(outcome, Outcome::Unmet);
        assert_eq!(
            why,
            "process 8 (command 08080808) runs as root, although the specification of its pod rules that out"
        );
    }

    #[test]
    fn a_specification_that_allows_it_is_no_contradiction() {
        let (outcome, why) = because(|case| {
            fixture::pod_view(case).containers[0].keeps_capabilities = true;
            beside::status(case, 8).capabilities.permitted = 1 << 13;
        });
        assert_eq!(outcome, Outcome::Unmet);
        assert!(!why.contains("although"), "{why}");
    }

    #[test]
    fn each_privilege_of_a_process_is_unmet() {
        type Change = fn(&mut proto::ProcessStatus);
        let changes: [(&str, Change); 6] = [
            ("runs as root", |status| status.filesystem_user = 0),
            ("runs as root", |status| status.credentials.real_user = 0),
            ("holds capabilities: SYS_ADMIN", |status| status.capabilities.effective = 1 << 21),
            ("holds capabilities: NET_RAW", |status| status.capabilities.ambient = Some(1 << 13)),
            ("can gain privileges", |status| status.seccomp.no_new_privs = Some(false)),
            ("holds capabilities: CHOWN", |status| {
                status.kind = ProcessKind::Zombie;
                status.capabilities.inheritable = 1;
            }),
        ];
        for pid in [1, 7, 8, 9] {
            for (expected, change) in changes {
                let (outcome, why) = because(|case| change(beside::status(case, pid)));
                assert_eq!(outcome, Outcome::Unmet, "{expected} of {pid}");
                assert!(why.contains(expected) && why.contains(&format!("process {pid} ")), "{why}");
            }
        }
    }

    #[test]
    fn a_capability_that_the_specification_may_add_is_met() {
        let low_ports = |case: &mut Case| beside::status(case, 7).capabilities.permitted = LOW_PORTS.1;
        assert_eq!(because(low_ports).0, Outcome::Unmet);
        let (outcome, why) = because(|case| {
            low_ports(case);
            fixture::pod_view(case).containers[0].added_capabilities = vec![LOW_PORTS.0.into()];
        });
        assert_eq!(outcome, Outcome::Met, "{why}");
    }

    #[test]
    fn an_unreadable_process_is_inconclusive_by_its_name() {
        let (outcome, why) = because(|case| {
            beside::processes(case).processes[2].status = Observation::Denied { errno: 13 };
        });
        assert!(matches!(outcome, Outcome::Inconclusive(_)));
        assert!(why.starts_with("the privileges of process 8 (command 08080808) could not be read"), "{why}");
    }

    #[test]
    fn a_running_pod_without_a_visible_process_is_inconclusive() {
        let mut case = fixture::pod();
        fixture::in_cluster(&mut case).group.in_place = Some("web-1".into());
        let judgement = judge(&case);
        assert!(matches!(judgement.outcome, Outcome::Inconclusive(_)), "{}", judgement.because);
    }

    #[test]
    fn a_process_of_linux_needs_a_filter() {
        let filtered = Observation::Seen(Seccomp { mode: Some(2), no_new_privs: Some(true) });
        for (mode, expected) in [(0, Outcome::Unmet), (2, Outcome::Met)] {
            let mut case = beside::running();
            case.collected.evidence = beside::on_linux(&case);
            case.collected.evidence.seccomp = filtered.clone();
            for pid in [1, 7, 8, 9] {
                beside::status(&mut case, pid).seccomp.mode = Some(mode);
            }
            assert_eq!(judge(&case).outcome, expected, "{mode}");
        }
    }
}
