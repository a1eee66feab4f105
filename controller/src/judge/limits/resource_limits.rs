//! Memory and processor time are limited, and the limits reach the sandbox.
//!
//! Every source that shows a limit must show the declared limit, and at least one source must show the memory limit. If no
//! source shows a CPU quota, the requirement is met and its reason says so: releases of gVisor before 2026-04 show none. If
//! the user asked for a measurement of processor time, it is inconclusive then.

mod cause;
mod shown;

use super::limits_declared;
use crate::case::Case;
use crate::judge::gvisor::Assessment;
use crate::judge::platforms;
use crate::judge::requirement::{Area, Class, Explanation, Judge, Judgement, Outcome, Requirement, Scope};
use shown::{Comparison, Limit, Shown, Source, describe};

pub(in crate::judge) const REQUIREMENT: Requirement = Requirement {
    id: "resource-limits",
    title: "Memory and processor time are limited, and the limits reach the sandbox",
    area: Area::Limits,
    class: Class::Adaptive,
    scope: Scope::Everywhere,
    mandatory: true,
    weight: 10,
    protects: "Code without limits can starve every other program on the machine.",
    remedy: "Set a memory and a CPU limit (on Kubernetes: for every container of the pod). Let the runtime apply control \
             groups: remove `--ignore-cgroups`, and give `--systemd-cgroup` if the control group's path has systemd's form.",
    explanation: Explanation {
        looks_at: &[
            "memory-total",
            "processors",
            "quotas",
            "processor-share",
            "machine",
            "bundle",
            "cluster",
        ],
        met: "a memory and a CPU limit are declared and reach the sandbox",
        unmet: "a limit is missing, or does not reach the sandbox",
        inconclusive: "the sandbox's limits could not be observed, or an ordinary user started it, who cannot limit it",
        on_platforms: platforms::LIMITS_ON_PLATFORMS,
    },
    mappings: &["KAR-0020"],
    judge: Judge::Kernel(judge),
};

fn judge(case: &Case, assessment: &Assessment) -> Judgement {
    let lacking = case.surroundings.in_cluster.as_ref().map(limits_declared::lacking).unwrap_or_default();
    match lacking.first() {
        Some(first) => {
            let judgement = Judgement::unmet(format!("{first} has no memory limit or no CPU limit"));
            lacking.iter().fold(judgement, |judgement, it| judgement.citing("cluster", it.clone()))
        }
        None => of_the_probe(case, assessment),
    }
}

/// Judges the limits of the probe itself: they are declared, and they reach its sandbox.
pub(super) fn of_the_probe(case: &Case, assessment: &Assessment) -> Judgement {
    let Some(declared) = case.surroundings.declared else {
        return match case.evidence().memory_total.seen() {
            Some(total) => Judgement::unmet("there is no sandbox, so that nothing limits the process")
                .citing("memory-total", format!("{} bytes", total.bytes)),
            None => Judgement::inconclusive(case.evidence().memory_total.fared()),
        };
    };
    if declared.memory.is_none() || declared.cpu_millis.is_none() {
        let missing = if declared.memory.is_none() { "memory" } else { "CPU" };
        return Judgement::unmet(format!("no {missing} limit is declared"))
            .citing(declarer(case), describe(declared));
    }
    let shown = shown::all(case, declared, assessment.kernel);
    let none_arrives = shown.iter().all(|shown| shown.comparison != Comparison::AsDeclared);
    let judgement = match shown.iter().find(|shown| shown.comparison == Comparison::Contradicts) {
        Some(_) if none_arrives && cause::is_rootless(case) => Judgement::inconclusive(
            "without root no control group can limit the sandbox, so that limits are not judged; run the controller as root",
        ),
        Some(other) if none_arrives => Judgement::unmet(unreached(other.limit, cause::cause(case))),
        // A cause explains why no limit arrives at all. It does not explain the loss of one limit among several.
        Some(other) => Judgement::unmet(unreached(other.limit, None)),
        None => reached(&shown),
    };
    let judgement = citing_what_decides(judgement.citing(declarer(case), describe(declared)), &shown);
    match case.evidence().processors.seen() {
        // The number of processors contradicts no quota, so that no unmet outcome rests on it.
        Some(seen) if judgement.outcome == Outcome::Met => judgement.citing(
            "processors",
            format!(
                "{} of {} online processors are usable, whatever the quota",
                seen.schedulable, seen.online
            ),
        ),
        _ => judgement,
    }
}

/// Cites the sources that decide, and the measurement that somebody asked for. The reason of an inconclusive outcome names its
/// sources itself.
fn citing_what_decides(judgement: Judgement, shown: &[Shown]) -> Judgement {
    let decides = |shown: &Shown| match judgement.outcome {
        Outcome::Met => shown.comparison == Comparison::AsDeclared || shown.source == Source::ProcessorShare,
        Outcome::Unmet => shown.comparison == Comparison::Contradicts,
        Outcome::Inconclusive(_) | Outcome::NotApplicable(_) => false,
    };
    let mut cited: Vec<_> =
        shown.iter().filter(|shown| decides(shown)).map(|shown| (shown.source.id(), &shown.text)).collect();
    cited.dedup();
    cited.into_iter().fold(judgement, |judgement, (source, text)| judgement.citing(source, text.clone()))
}

/// Returns the source that declares the sandbox's limits.
fn declarer(case: &Case) -> &'static str {
    if case.surroundings.in_cluster.is_some() { "pod" } else { "bundle" }
}

fn unreached(limit: Limit, cause: Option<String>) -> String {
    let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("the declared {} does not reach the sandbox{cause}", limit.words())
}

/// Judges limits that no source contradicts. The machine's control group alone is enough if the sandbox could be asked too.
fn reached(shown: &[Shown]) -> Judgement {
    let has = |limit, source: Option<Source>| {
        let is_of = |shown: &&Shown| shown.limit == limit && shown.comparison == Comparison::AsDeclared;
        shown.iter().filter(is_of).any(|shown| source.is_none_or(|source| shown.source == source))
    };
    let inside = has(Limit::Memory, Some(Source::MemoryTotal)) || has(Limit::Memory, Some(Source::Quotas));
    let unseen =
        shown.iter().any(|shown| shown.limit == Limit::Memory && shown.comparison == Comparison::Unseen);
    if !(inside || has(Limit::Memory, None) && !unseen) {
        return not_seen(Limit::Memory, shown);
    }
    let measured = shown.iter().any(|shown| shown.source == Source::ProcessorShare);
    if measured && !has(Limit::Cpu, None) {
        return not_seen(Limit::Cpu, shown);
    }
    Judgement::met(if has(Limit::Cpu, Some(Source::Machine)) {
        "both limits are declared, and the sandbox's control group has them"
    } else if has(Limit::Cpu, None) {
        "both limits are declared, and the sandbox shows them"
    } else {
        "both limits are declared, and the sandbox shows the memory limit; no CPU quota was observed"
    })
}

fn not_seen(limit: Limit, shown: &[Shown]) -> Judgement {
    let of_it =
        shown.iter().filter(|shown| shown.limit == limit && shown.comparison != Comparison::AsDeclared);
    let why: Vec<_> = of_it.map(|shown| shown.text.as_str()).collect();
    Judgement::inconclusive(format!("no {} of the sandbox was observed: {}", limit.words(), why.join("; ")))
}

#[cfg(test)]
mod tests {
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
        case.collected.evidence.quotas = Observation::Seen(Quotas {
            memory: quota(memory),
            cpu_millis: quota(cpu_millis),
            pids: quota(pids),
        });
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
        assert_eq!(
            with(|case| case.surroundings.cgroup = Observation::Seen(Limits::default())),
            Outcome::Unmet
        );
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
        assert!(
            told_to.ends_with("`--ignore-cgroups` tells the runtime to ignore control groups"),
            "{told_to}"
        );
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
        for (declared, got) in [(500, 500), (500, 570), (500, 380), (1500, 1540), (2000, 2000), (4000, 1600)]
        {
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
}
