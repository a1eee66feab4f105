use proto::{MemoryTotal, Observation, ProcessorShare, Quota, Quotas};

use super::*;
use crate::{
    case::{Subject, limits::Limits},
    fixture::{self, MACHINE_MEMORY},
};

const DECLARED: Limits = Limits { memory: Some(256 << 20), cpu_millis: Some(2000), pids: None };

fn judged(change: impl FnOnce(&mut Case)) -> Judgement {
    let mut case = fixture::gvisor();
    change(&mut case);
    judge(&case)
}

fn with(change: impl FnOnce(&mut Case)) -> Outcome {
    judged(change).outcome
}

/// Takes away the control group that the machine shows.
fn from_inside(case: &mut Case) {
    case.surroundings.cgroup = Observation::Denied { errno: 13 };
}

fn shows(case: &mut Case, bytes: u64) {
    case.collected.evidence.memory_total = Observation::Seen(MemoryTotal { bytes });
}

fn quotas(case: &mut Case, [memory, cpu_millis, pids]: [Option<u64>; 3]) {
    let quota = |limit| Some(Quota { file: "/sys/fs/cgroup/file".into(), limit });
    case.collected.evidence.quotas =
        Observation::Seen(Quotas { memory: quota(memory), cpu_millis: quota(cpu_millis), pids: quota(pids) });
}

fn told(case: &mut Case, flag: &str) {
    let Subject::Sandbox { runtime, .. } = &mut case.surroundings.subject else { panic!("no sandbox") };
    runtime.push(flag.to_owned());
}

fn judge(case: &Case) -> Judgement {
    fixture::judged(&REQUIREMENT, case)
}

#[test]
fn limits_that_reach_the_sandbox_are_met() {
    assert_eq!(with(|_| ()), Outcome::Met);
    assert_eq!(judge(&fixture::runc()).outcome, Outcome::Met);
    assert_eq!(with(|case| case.surroundings.cgroup = Observation::Absent), Outcome::Met);
    let odd = with(|case| {
        case.surroundings.declared = Some(Limits { memory: Some((256 << 20) + 100), ..DECLARED });
    });
    assert_eq!(odd, Outcome::Met);
}

#[test]
fn a_limit_that_is_missing_or_does_not_arrive_is_unmet() {
    let without_memory = Limits { memory: None, ..DECLARED };
    let without_cpu = Limits { cpu_millis: None, ..DECLARED };
    assert_eq!(with(|case| case.surroundings.declared = Some(without_memory)), Outcome::Unmet);
    assert_eq!(with(|case| case.surroundings.declared = Some(without_cpu)), Outcome::Unmet);
    assert_eq!(with(|case| case.surroundings.declared = None), Outcome::Unmet);
    assert_eq!(with(|case| case.surroundings.cgroup = Observation::Seen(Limits::default())), Outcome::Unmet);
}

#[test]
fn a_process_limit_is_judged_if_it_is_declared() {
    let of = |declared, enforced| {
        with(|case| {
            case.surroundings.declared = Some(Limits { pids: declared, ..DECLARED });
            case.surroundings.cgroup = Observation::Seen(Limits { pids: enforced, ..DECLARED });
            // As every release of gVisor shows it.
            quotas(case, [DECLARED.memory, DECLARED.cpu_millis, None]);
        })
    };
    assert_eq!(of(Some(100), Some(100)), Outcome::Met);
    assert_eq!(of(None, Some(100)), Outcome::Met);
    assert_eq!(of(Some(100), None), Outcome::Unmet);
    assert_eq!(of(Some(100), Some(1000)), Outcome::Unmet);
}

/// The sandbox's limits are a whole pod's: twice the declared ones.
fn of_a_pod(case: &mut Case) {
    case.surroundings.limits_doubt = Some(Doubt::OfItsPod);
    case.surroundings.cgroup =
        Observation::Seen(Limits { memory: Some(512 << 20), cpu_millis: Some(4000), pids: None });
    shows(case, 512 << 20);
}

#[test]
fn limits_of_a_whole_pod_are_inconclusive_for_one_of_its_containers() {
    let judgement = judged(of_a_pod);
    assert!(matches!(judgement.outcome, Outcome::Inconclusive(_)), "{judgement:?}");
    assert!(judgement.because.contains("the container shares its pod's sandbox"), "{judgement:?}");
    let without_doubt = with(|case| {
        of_a_pod(case);
        case.surroundings.limits_doubt = None;
    });
    assert_eq!(without_doubt, Outcome::Unmet);
    assert_eq!(with(|case| case.surroundings.limits_doubt = Some(Doubt::OfItsPod)), Outcome::Met);
}

#[test]
fn a_container_without_limits_of_its_own_is_unmet_unless_its_pod_is_limited() {
    let of = |group| {
        with(|case| {
            of_a_pod(case);
            case.surroundings.declared = Some(Limits::default());
            case.surroundings.cgroup = Observation::Seen(group);
        })
    };
    assert!(matches!(of(DECLARED), Outcome::Inconclusive(_)));
    assert_eq!(of(Limits { memory: None, ..DECLARED }), Outcome::Unmet);
}

#[test]
fn no_doubt_excuses_a_limit_that_is_missing_altogether() {
    for doubt in [Doubt::Resized, Doubt::OfItsPod] {
        let of = |change: fn(&mut Case)| {
            with(|case| {
                of_a_pod(case);
                case.surroundings.limits_doubt = Some(doubt);
                change(case);
            })
        };
        assert!(matches!(of(|_| ()), Outcome::Inconclusive(_)));
        assert_eq!(of(|case| shows(case, MACHINE_MEMORY)), Outcome::Unmet);
        let unlimited = |case: &mut Case| {
            case.surroundings.cgroup = Observation::Seen(Limits { cpu_millis: None, ..DECLARED });
        };
        assert_eq!(of(unlimited), Outcome::Unmet);
    }
}

#[test]
fn a_resized_pod_that_shows_the_limits_of_its_start_is_inconclusive() {
    let mut case = fixture::pod();
    shows(&mut case, 128 << 20);
    assert_eq!(judge(&case).outcome, Outcome::Unmet);
    case.surroundings.limits_doubt = Some(Doubt::Resized);
    let judgement = judge(&case);
    assert!(matches!(judgement.outcome, Outcome::Inconclusive(_)), "{judgement:?}");
    assert!(judgement.because.contains("the pod was resized"), "{judgement:?}");
}

#[test]
fn the_cause_of_lost_limits_is_named() {
    let ignored = |change: fn(&mut Case)| {
        let judgement = judged(|case| {
            shows(case, MACHINE_MEMORY);
            case.surroundings.cgroup = Observation::Absent;
            change(case);
        });
        assert_eq!(judgement.outcome, Outcome::Unmet);
        judgement.because
    };
    let told_to = ignored(|case| told(case, "--ignore-cgroups"));
    assert!(told_to.ends_with("`--ignore-cgroups` tells the runtime to ignore control groups"), "{told_to}");
    let unseen = ignored(|_| ());
    assert!(unseen.contains("made no control group /podproof-07070707"), "{unseen}");
    let systemds = |case: &mut Case| case.surroundings.cgroup_path = Some("system.slice:runsc:1".into());
    assert!(ignored(systemds).ends_with("the runtime lacks `--systemd-cgroup`"));
    let mut pod = fixture::pod();
    shows(&mut pod, MACHINE_MEMORY);
    let because = judge(&pod).because;
    assert!(
        because.contains("lacks `systemd-cgroup` although the kubelet's cgroup driver is systemd"),
        "{because}"
    );
}

#[test]
fn without_root_limits_are_not_judged_unless_they_arrive() {
    let of = |change: fn(&mut Case)| {
        judged(|case| {
            told(case, "--rootless");
            case.surroundings.cgroup = Observation::Absent;
            change(case);
        })
    };
    let judgement = of(|case| shows(case, MACHINE_MEMORY));
    assert!(matches!(judgement.outcome, Outcome::Inconclusive(_)), "{judgement:?}");
    assert!(judgement.because.contains("without root"), "{judgement:?}");
    assert_eq!(of(|_| ()).outcome, Outcome::Met);
    let half =
        of(|case| case.surroundings.cgroup = Observation::Seen(Limits { cpu_millis: None, ..DECLARED }));
    assert_eq!(half.outcome, Outcome::Unmet);
}

#[test]
fn a_single_lost_limit_names_no_cause() {
    let judgement = judged(|case| {
        told(case, "--ignore-cgroups");
        case.surroundings.cgroup = Observation::Seen(Limits { cpu_millis: None, ..DECLARED });
    });
    assert_eq!(judgement.because, "the declared CPU limit does not reach the sandbox");
}

#[test]
fn quota_files_count_only_in_releases_that_fill_them() {
    let of = |files| {
        judged(|case| {
            from_inside(case);
            quotas(case, files);
        })
    };
    let filled = of([DECLARED.memory, DECLARED.cpu_millis, None]);
    assert_eq!(filled.because, "both limits are declared, and the sandbox shows them");
    assert_eq!(of([DECLARED.memory, None, None]).outcome, Outcome::Unmet);
    assert_eq!(of([DECLARED.memory, Some(4000), None]).outcome, Outcome::Unmet);
    let not_filled = of([None, None, None]);
    assert_eq!(not_filled.outcome, Outcome::Met);
    assert!(not_filled.because.ends_with("no CPU quota was observed"), "{}", not_filled.because);
}

/// Such a file may state that there is no quota.
#[test]
fn quota_files_that_could_not_be_read_are_inconclusive_unless_another_source_shows_the_quota() {
    for blind in [Observation::TimedOut, Observation::Crashed { signal: 11 }, Observation::failed("odd")] {
        let unseen = judged(|case| {
            from_inside(case);
            case.collected.evidence.quotas = blind.clone();
        });
        assert!(matches!(unseen.outcome, Outcome::Inconclusive(_)), "{unseen:?}");
        assert!(unseen.because.starts_with("no CPU limit of the sandbox was observed"), "{unseen:?}");
        assert_eq!(with(|case| case.collected.evidence.quotas = blind.clone()), Outcome::Met);
    }
    let unmounted = with(|case| {
        from_inside(case);
        case.collected.evidence.quotas = Observation::Absent;
    });
    assert_eq!(unmounted, Outcome::Met);
}

#[test]
fn a_quota_that_is_rounded_up_to_systemds_step_is_the_declared_one() {
    let of = |declared, shown| {
        with(|case| {
            from_inside(case);
            case.surroundings.declared = Some(Limits { cpu_millis: Some(declared), ..DECLARED });
            quotas(case, [DECLARED.memory, Some(shown), None]);
        })
    };
    for (declared, shown) in [(333, 340), (333, 333), (125, 130), (1, 10), (500, 500)] {
        assert_eq!(of(declared, shown), Outcome::Met, "{declared}m as {shown}m");
    }
    for (declared, shown) in [(333, 341), (333, 350), (333, 330), (500, 510)] {
        assert_eq!(of(declared, shown), Outcome::Unmet, "{declared}m as {shown}m");
    }
}

#[test]
fn on_a_shared_kernel_the_quota_files_are_the_limits() {
    let of = |files| {
        let mut case = fixture::runc();
        from_inside(&mut case);
        quotas(&mut case, files);
        judge(&case).outcome
    };
    assert_eq!(of([DECLARED.memory, DECLARED.cpu_millis, None]), Outcome::Met);
    assert_eq!(of([DECLARED.memory, None, None]), Outcome::Unmet);
    assert_eq!(of([None, DECLARED.cpu_millis, None]), Outcome::Unmet);
}

#[test]
fn measured_processor_time_decides_unless_it_is_far_below_the_quota() {
    let of = |declared, got: u64, change: fn(&mut Case)| {
        judged(|case| {
            from_inside(case);
            change(case);
            case.surroundings.measures_cpu = true;
            case.surroundings.declared = Some(Limits { cpu_millis: Some(declared), ..DECLARED });
            let lost_us = (2000 - got) * 3000;
            let share = ProcessorShare { threads: 2, elapsed_us: 3_000_000, lost_us };
            case.collected.evidence.processor_share = Observation::Seen(share);
        })
    };
    for (declared, got) in [(500, 500), (500, 570), (500, 380), (1500, 1540), (2000, 2000), (4000, 1600)] {
        let judgement = of(declared, got, |_| ());
        assert_eq!(judgement.outcome, Outcome::Met, "{declared} {got}: {judgement:?}");
        assert_eq!(judgement.because, "both limits are declared, and the sandbox shows them");
    }
    for (declared, got) in [(500, 600), (500, 2000), (1500, 1800), (1500, 2000), (10, 100)] {
        let judgement = of(declared, got, |_| ());
        assert_eq!(judgement.because, "the declared CPU limit does not reach the sandbox");
    }
    for (declared, got) in [(500, 300), (1500, 1000), (2000, 500)] {
        let judgement = of(declared, got, |_| ());
        assert!(matches!(judgement.outcome, Outcome::Inconclusive(_)), "{declared} {got}: {judgement:?}");
        assert!(judgement.because.contains("which a busy machine also explains"), "{judgement:?}");
    }
    // A file shows the quota, so that a busy machine changes nothing. The measurement is told all the same.
    let shown = of(1500, 500, |case| quotas(case, [DECLARED.memory, Some(1500), None]));
    assert_eq!(shown.outcome, Outcome::Met);
    let told = "2 threads got 500m CPU of 2000m, which a busy machine also explains";
    assert!(shown.citations.iter().any(|citation| citation.text == told), "{shown:?}");
}

#[test]
fn a_failed_measurement_that_was_asked_for_is_inconclusive() {
    let of = |change: fn(&mut Case)| {
        with(|case| {
            from_inside(case);
            change(case);
            case.collected.evidence.processor_share = Observation::TimedOut;
        })
    };
    assert!(matches!(of(|case| case.surroundings.measures_cpu = true), Outcome::Inconclusive(_)));
    assert_eq!(of(|_| ()), Outcome::Met);
}

#[test]
fn missing_observations_are_inconclusive() {
    assert!(matches!(judge(&fixture::silent()).outcome, Outcome::Inconclusive(_)));
    let mut shared = fixture::runc();
    from_inside(&mut shared);
    assert!(matches!(judge(&shared).outcome, Outcome::Inconclusive(_)));
    let unseen = with(|case| case.collected.evidence.memory_total = Observation::TimedOut);
    assert!(matches!(unseen, Outcome::Inconclusive(_)));
}
