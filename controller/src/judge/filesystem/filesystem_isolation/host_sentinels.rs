//! Traces that a machine has and an image seldom has: the folders of the kubelet and the engines, and processes with another
//! root directory.

use proto::HOST_FOLDERS;

use super::Judgement;
use crate::{
    case::{Case, Citation},
    judge::{
        gvisor::{Assessment, Kernel},
        processes,
    },
};

/// Judges traces of the machine. A user's image may have such a folder of its own; then the mounts decide.
pub(super) fn read(case: &Case, assessment: &Assessment) -> Result<Vec<Citation>, Judgement> {
    let observed = &case.evidence().host_sentinels;
    let Some(seen) = observed.seen() else {
        let why = format!("the machine's folders could not be observed: {}", observed.fared());
        return Err(Judgement::inconclusive(why));
    };
    let cited = |text: &String| Citation { source: "host-sentinels", text: text.clone() };
    let machines = processes::share_the_machines_namespace(case, assessment);
    if seen.other_root == Some(true) && !is_of_the_pod(case, assessment) {
        let judgement = if machines {
            Judgement::unmet("the machine's root directory can be entered through /proc")
        } else {
            Judgement::inconclusive("another root directory can be entered, and it is not known whose it is")
        };
        return Err(
            judgement.citing("host-sentinels", "a process has another root directory, which can be entered")
        );
    }
    if machines && seen.others.is_none_or(|others| others.truncated) {
        return Err(Judgement::inconclusive("some of the machine's processes could not be observed"));
    }
    if case.is_of_our_image() {
        if let Some(first) = seen.folders.first() {
            let because = format!(
                "the sandbox has a folder that machines have and the probe's image does not: {first}"
            );
            return Err(Judgement::inconclusive(because).citing_all(seen.folders.iter().map(cited)));
        }
        if let Some(place) = seen.unseen.first() {
            let because = format!("{place} could not be read");
            return Err(Judgement::inconclusive(because).citing_all(seen.unseen.iter().map(cited)));
        }
    }
    Ok(vec![cited(&format!("{} of {} folders that machines have", seen.folders.len(), HOST_FOLDERS.len()))])
}

/// True if each root directory is that of a container of the pod: gVisor shows no other process than the pod's, and the mounts of
/// each are judged by themselves.
fn is_of_the_pod(case: &Case, assessment: &Assessment) -> bool {
    assessment.kernel == Kernel::Gvisor
        && processes::seen(case, assessment).is_some_and(|others| others.gap().is_none())
}

#[cfg(test)]
mod tests {
    use proto::{HostSentinels, Observation, OtherProcesses};

    use super::*;
    use crate::fixture::{self, beside};

    fn told(case: &Case) -> &'static str {
        fixture::told(&super::super::tests::judge(case))
    }

    fn seeing(mut case: Case, sentinels: &HostSentinels) -> Case {
        case.collected.evidence.host_sentinels = Observation::Seen(sentinels.clone());
        case
    }

    #[test]
    fn a_machine_folder_is_inconclusive_in_the_probes_image() {
        let there = HostSentinels { folders: vec!["/var/lib/kubelet".into()], ..HostSentinels::default() };
        let hidden = HostSentinels { unseen: vec!["/var/lib/docker".into()], ..HostSentinels::default() };
        for (sentinels, ours, theirs) in
            [(HostSentinels::default(), "met", "met"), (there, "open", "met"), (hidden, "open", "met")]
        {
            for case in [fixture::gvisor(), fixture::runc(), fixture::pod()] {
                assert_eq!(told(&seeing(case, &sentinels)), ours, "{sentinels:?}");
            }
            assert_eq!(
                told(&seeing(fixture::of_a_users_bundle(fixture::runc()), &sentinels)),
                theirs,
                "{sentinels:?}"
            );
        }
    }

    #[test]
    fn another_root_directory_is_unmet_among_the_machines_processes() {
        for (other_root, machines, guests, apart) in [
            (None, "met", "met", "met"),
            (Some(false), "met", "met", "met"),
            (Some(true), "unmet", "open", "open"),
        ] {
            let others = Some(OtherProcesses { count: 9, command_lines: 2, truncated: false });
            let sentinels = HostSentinels { other_root, others, ..HostSentinels::default() };
            let mut case = seeing(fixture::of_a_users_bundle(fixture::runc()), &sentinels);
            assert_eq!(told(&case), apart, "{other_root:?}");
            case.collected.evidence.namespaces = case.surroundings.machine.namespaces.clone();
            assert_eq!(told(&case), machines, "{other_root:?}");
            case.surroundings.machine.boot_id = Observation::Absent;
            case.surroundings.machine.runs_the_probe = Observation::Seen(false);
            assert_eq!(told(&case), guests, "{other_root:?}");
        }
    }

    #[test]
    fn a_root_of_another_container_is_the_pods_only_if_all_are_seen() {
        let sentinels = HostSentinels { other_root: Some(true), ..HostSentinels::default() };
        let mut case = seeing(beside::running(), &sentinels);
        assert_eq!(told(&case), "met");
        beside::processes(&mut case).truncated = true;
        assert_eq!(told(&case), "open");
        let mut linux = beside::running();
        linux.collected.evidence = beside::on_linux(&linux);
        assert_eq!(told(&seeing(linux, &sentinels)), "open");
    }

    #[test]
    fn every_process_of_the_machine_must_be_looked_at() {
        let truncated = Some(OtherProcesses { count: 512, command_lines: 0, truncated: true });
        for others in [None, truncated] {
            let sentinels = HostSentinels { others, ..HostSentinels::default() };
            let mut case = seeing(fixture::of_a_users_bundle(fixture::runc()), &sentinels);
            assert_eq!(told(&case), "met");
            case.collected.evidence.namespaces = case.surroundings.machine.namespaces.clone();
            assert_eq!(told(&case), "open");
        }
    }

    #[test]
    fn a_missing_observation_is_inconclusive() {
        let mut case = fixture::runc();
        case.collected.evidence.host_sentinels = Observation::TimedOut;
        assert_eq!(told(&case), "open");
    }
}
