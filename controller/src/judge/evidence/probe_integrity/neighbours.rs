//! Processes beside a probe that can write evidence in the probe's name.
//!
//! The descriptors in `/proc/PID/fd` open for a process with the user and the group of their owner, and for one with
//! `CAP_SYS_PTRACE`. The access mode is `PTRACE_MODE_READ`, which Yama does not restrict (ptrace(2), "Ptrace access mode
//! checking"). gVisor has the same rule (`pkg/sentry/kernel/ptrace.go`, `canTraceStandard`; `pkg/sentry/fsimpl/proc/task_fds.go`).
//! A process with `CAP_SETUID` becomes any user. Evidence that was written so shows whatever its writer likes, so that the
//! specification counts before the processes that the evidence shows.

use proto::{Capabilities, MountsOf, Process};

use crate::{
    case::{
        Case,
        cluster::{Container, ContainerKind},
        visitor::Visitor,
    },
    judge::{gvisor::Assessment, processes},
};

/// Capabilities by which a process can reach the probe, with their bits (capabilities(7)). `CAP_SYS_ADMIN` writes to the memory
/// of processes by BPF.
const REACHING: [(&str, u64); 3] = [("SETUID", 1 << 7), ("SYS_PTRACE", 1 << 19), ("SYS_ADMIN", 1 << 21)];

/// The advice for a container of the workload, and for a debugging container.
const DROP: &str = "; drop ALL capabilities";
const END: &str = "; end this debugging container, and run again";

/// Names the first process or container that can write evidence in the probe's name; `None` without one, and if the probe's user is
/// not known.
pub(super) fn named(case: &Case, assessment: &Assessment) -> Option<String> {
    let visitor = case.surroundings.visitor.as_ref()?;
    let of_containers = || by_specification(case).or_else(|| by_configuration(visitor).map(|it| (it, DROP)));
    let (who, advice) = match of_the_container(visitor) {
        Some(who) if case.examined_pod().is_some() => (who, "; run without `--live-uid`"),
        Some(who) => (who, ""),
        None => match of_containers() {
            Some(found) => found,
            None => (by_process(case, assessment, visitor)?, ""),
        },
    };
    Some(format!("{who}, and so can write evidence in the probe's name{advice}"))
}

fn of_the_container(visitor: &Visitor) -> Option<String> {
    let user = visitor.user;
    visitor.is_the_containers.then(|| format!("the container's own program has the probe's user {user}"))
}

/// Names a container by its specification, with the advice. A debugging container counts until it has ended.
fn by_specification(case: &Case) -> Option<(String, &'static str)> {
    let examined = case.examined_pod()?;
    let mut pods = case.pod_views().iter().filter(|it| it.origin.pod.as_deref() == Some(examined));
    pods.find_map(|pod| {
        let may_be_root = pod.root_allowed.is_some();
        let mut running = pod.containers.iter().filter(|container| container.may_run());
        let (container, means) = running.find_map(|it| Some((it, means(it, may_be_root)?)))?;
        let advice = if container.kind == ContainerKind::Ephemeral { END } else { DROP };
        Some((format!("{}: container {} {means}", pod.origin.title(), container.name), advice))
    })
}

/// Returns the first capability of a list that reaches the probe, without the beginning `CAP_`.
fn first_reaching(capabilities: &[String]) -> Option<String> {
    let named = |capability: &String| {
        let name = capability.to_ascii_uppercase();
        let name = name.strip_prefix("CAP_").unwrap_or(&name).to_owned();
        (name == "ALL" || REACHING.iter().any(|(reaching, _)| *reaching == name)).then_some(name)
    };
    capabilities.iter().find_map(named)
}

/// Returns the means of a container's processes. A runtime gives `SETUID` to root by default, and a program of root in the image
/// gets it if privileges may be gained.
fn means(container: &Container, may_be_root: bool) -> Option<String> {
    if container.privileged {
        return Some("is privileged".to_owned());
    }
    if let Some(name) = first_reaching(&container.added_capabilities) {
        return Some(format!("adds the capability {name}"));
    }
    match (container.keeps_capabilities, may_be_root, container.may_gain_privileges) {
        (true, true, _) => {
            Some("may run as root with the capability SETUID, because it does not drop ALL".to_owned())
        }
        (true, false, true) => Some(
            "may gain the capability SETUID, because it does not drop ALL and may gain privileges".to_owned(),
        ),
        _ => None,
    }
}

fn by_configuration(visitor: &Visitor) -> Option<String> {
    let name = first_reaching(&visitor.configured)?;
    Some(format!("the container's configuration lets its processes have the capability {name}"))
}

fn by_process(case: &Case, assessment: &Assessment, visitor: &Visitor) -> Option<String> {
    let others = processes::seen(case, assessment)?;
    let mut found = others.processes().iter();
    found.find_map(|process| {
        let what = if has_the_user(case, process, visitor.user) {
            format!("has the probe's user {}", visitor.user)
        } else {
            format!("holds the capability {}", reaching(&process.status.seen()?.capabilities)?)
        };
        Some(format!("{} {what}", others.name(process)))
    })
}

/// True for a process with the probe's user. In a pod, the main process of the probe's own container has that user too, and so has a
/// probe whose stream broke: it has ended, and waits for its parent while the next one is asked.
fn has_the_user(case: &Case, process: &Process, user: u32) -> bool {
    let Some(status) = process.status.seen().filter(|status| !processes::is_zombie(status)) else {
        return false;
    };
    let users = status.credentials;
    let has =
        [users.real_user, users.effective_user, users.saved_user, status.filesystem_user].contains(&user);
    has && (case.examined_container() || process.mounts.seen() != Some(&MountsOf::Probe))
}

fn reaching(sets: &Capabilities) -> Option<&'static str> {
    let held = sets.held();
    REACHING.iter().find(|(_, bit)| held & bit != 0).map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use proto::ProcessKind;

    use super::*;
    use crate::{
        case::cluster::PodView,
        fixture::{self, beside},
        judge::{processes::tests::container, requirement::Outcome},
    };

    /// A user that no process of the fixture has.
    const OWN: u32 = 1 << 30;

    fn visited(mut case: Case) -> Case {
        let visitor = Visitor { user: OWN, is_the_containers: false, configured: Vec::new() };
        case.surroundings.visitor = Some(visitor);
        case
    }

    /// Returns the reason for which the evidence is inconclusive; empty if the evidence is met.
    fn why(case: &Case) -> String {
        match fixture::judged(&super::super::REQUIREMENT, case).outcome {
            Outcome::Met => String::new(),
            Outcome::Inconclusive(why) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_user_of_the_probes_own_beside_ordinary_processes_is_met() {
        assert_eq!(why(&visited(beside::examined())), "");
        assert_eq!(why(&visited(container())), "");
    }

    #[test]
    fn the_containers_own_user_is_inconclusive_whatever_the_evidence_shows() {
        for mut case in [visited(beside::examined()), visited(container())] {
            beside::processes(&mut case).processes.clear();
            case.surroundings.visitor.as_mut().unwrap().is_the_containers = true;
            assert!(
                why(&case).starts_with("the container's own program has the probe's user"),
                "{}",
                why(&case)
            );
        }
    }

    #[test]
    fn a_file_that_lacks_the_probes_user_is_judged_as_before() {
        let mut case = visited(beside::examined());
        fixture::pod_view(&mut case).containers[0].privileged = true;
        assert_ne!(why(&case), "");
        case.surroundings.visitor = None;
        assert_eq!(why(&case), "");
    }

    #[test]
    fn a_container_that_may_become_the_probes_user_is_inconclusive_by_name() {
        type Change = fn(&mut PodView);
        let changes: [(&str, Change); 6] = [
            ("is privileged", |pod| pod.containers[1].privileged = true),
            ("adds the capability SYS_PTRACE", |pod| {
                pod.containers[1].added_capabilities = vec!["CAP_SYS_PTRACE".into()];
            }),
            ("adds the capability SETUID", |pod| {
                pod.containers[1].kind = ContainerKind::Sidecar;
                pod.containers[1].added_capabilities = vec!["SETUID".into()];
            }),
            ("adds the capability ALL", |pod| pod.containers[1].added_capabilities = vec!["all".into()]),
            ("may run as root with", |pod| {
                pod.root_allowed = Some("proxy".into());
                pod.containers[1].keeps_capabilities = true;
            }),
            ("may gain the capability SETUID", |pod| {
                pod.containers[1].keeps_capabilities = true;
                pod.containers[1].may_gain_privileges = true;
            }),
        ];
        for (words, change) in changes {
            let mut case = visited(beside::examined());
            change(fixture::pod_view(&mut case));
            let why = why(&case);
            assert!(why.starts_with(&format!("pod/web-1: container proxy {words}")), "{why}");
            assert!(why.ends_with("in the probe's name; drop ALL capabilities"), "{why}");
        }
    }

    /// Returns a debugging container, as `kubectl debug` makes it.
    fn debugger() -> Container {
        Container {
            name: "debugger".into(),
            kind: ContainerKind::Ephemeral,
            added_capabilities: vec!["SYS_PTRACE".into()],
            keeps_capabilities: true,
            may_gain_privileges: true,
            ..Container::default()
        }
    }

    #[test]
    fn a_debugging_container_that_may_run_is_inconclusive_by_name() {
        let mut case = visited(beside::examined());
        fixture::pod_view(&mut case).containers.push(debugger());
        assert_eq!(
            why(&case),
            "pod/web-1: container debugger adds the capability SYS_PTRACE, and so can write evidence in the probe's name; end \
             this debugging container, and run again"
        );
    }

    #[test]
    fn an_earlier_probe_is_met() {
        let mut case = visited(beside::examined());
        let earlier = Container { kind: ContainerKind::Ephemeral, ..Container::default() };
        fixture::pod_view(&mut case).containers.push(earlier);
        assert_eq!(why(&case), "");
    }

    #[test]
    fn a_container_without_the_means_is_met() {
        let changes: [fn(&mut PodView); 6] = [
            |pod| pod.root_allowed = Some("proxy".into()),
            |pod| pod.containers[1].keeps_capabilities = true,
            |pod| pod.containers[1].may_gain_privileges = true,
            |pod| pod.containers[1].added_capabilities = vec!["NET_RAW".into()],
            // The container has ended.
            |pod| (pod.containers[1].kind, pod.containers[1].privileged) = (ContainerKind::Init, true),
            |pod| pod.containers.push(Container { has_ended: true, ..debugger() }),
        ];
        for change in changes {
            let mut case = visited(beside::examined());
            change(fixture::pod_view(&mut case));
            assert_eq!(why(&case), "");
        }
    }

    #[test]
    fn a_process_with_the_probes_user_or_a_capability_is_inconclusive_by_its_number() {
        for case in [beside::examined(), container()] {
            let pid = case.evidence().processes.seen().unwrap().processes[0].pid;
            let told = |change: fn(&mut proto::ProcessStatus)| {
                let mut case = visited(case.clone());
                change(beside::status(&mut case, pid));
                why(&case)
            };
            let named = format!("process {pid} (");
            let user = told(|status| status.credentials.saved_user = OWN);
            assert!(user.starts_with(&named) && user.contains("the probe's user"), "{user}");
            let capability = told(|status| status.capabilities.permitted = 1 << 7);
            assert!(capability.contains("holds the capability SETUID"), "{capability}");
            assert_eq!(told(|status| status.capabilities.permitted = 1), "");
        }
    }

    #[test]
    fn the_main_process_of_the_probes_own_container_is_met() {
        let mut case = visited(beside::examined());
        beside::status(&mut case, 9).credentials.real_user = OWN;
        assert_eq!(why(&case), "");
    }

    #[test]
    fn a_probe_that_has_ended_is_met() {
        let mut case = visited(beside::examined());
        let pid = case.evidence().processes.seen().unwrap().processes[0].pid;
        beside::status(&mut case, pid).credentials.real_user = OWN;
        assert_ne!(why(&case), "");
        beside::status(&mut case, pid).kind = ProcessKind::Zombie;
        assert_eq!(why(&case), "");
    }

    #[test]
    fn a_configuration_that_gives_the_means_is_inconclusive() {
        let mut case = visited(container());
        for (capability, is_met) in [("CAP_SETUID", false), ("CAP_NET_RAW", true)] {
            case.surroundings.visitor.as_mut().unwrap().configured = vec![capability.into()];
            let why = why(&case);
            assert_eq!(why.is_empty(), is_met, "{why}");
            assert!(is_met || why.contains("lets its processes have the capability SETUID"), "{why}");
        }
    }
}
