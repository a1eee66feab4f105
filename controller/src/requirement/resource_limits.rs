//! Memory and processor time are limited, and the limits reach the sandbox.
//!
//! gVisor is told its memory when it starts and shows just that (runsc/sandbox/sandbox.go, `--total-memory`); a container
//! on the machine's own kernel always shows the machine's memory, and only its control group tells the limit.

use proto::Observation;

use super::{Area, Class, Explanation, Judgement, LIMITS_ON_PLATFORMS, Requirement, Scope, limits_declared};
use crate::{
    case::Case,
    gvisor::{self, Kernel},
    limits::Limits,
};

pub(super) const REQUIREMENT: Requirement = Requirement {
    id: "resource-limits",
    title: "Memory and processor time are limited, and the limits reach the sandbox",
    area: Area::Limits,
    class: Class::Adaptive,
    scope: Scope::Everywhere,
    mandatory: true,
    weight: 10,
    protects: "Code without limits can starve everything else on the machine.",
    remedy: "Set a memory and a CPU limit (on Kubernetes: for every container of the pod), and let the runtime apply \
             control groups (no `--ignore-cgroups`; `--systemd-cgroup` where the path is systemd's).",
    explanation: Explanation {
        looks_at: &["memory-total", "processors", "machine", "bundle", "cluster"],
        met: "a memory and a CPU limit are declared and reach the sandbox",
        unmet: "one is missing, or does not reach the sandbox",
        inconclusive: "what the sandbox has could not be seen",
        on_platforms: LIMITS_ON_PLATFORMS,
    },
    mappings: &["KAR-0020"],
    judge,
};

fn judge(case: &Case) -> Judgement {
    let lacking = case.survey.in_cluster.as_ref().map(limits_declared::lacking).unwrap_or_default();
    match lacking.first() {
        Some(first) => {
            let judgement = Judgement::unmet(format!("{first} has no memory or no CPU limit"));
            lacking.iter().fold(judgement, |judgement, it| judgement.citing("cluster", it.clone()))
        }
        None => of_the_probe(case),
    }
}

/// Whether the probe's own limits are declared and reach its sandbox.
pub(super) fn of_the_probe(case: &Case) -> Judgement {
    let Some(declared) = case.survey.declared else {
        return match case.evidence().memory_total.seen() {
            Some(total) => Judgement::unmet("there is no sandbox, and so no limit")
                .citing("memory-total", format!("{} bytes", total.bytes)),
            None => Judgement::inconclusive(case.evidence().memory_total.fared()),
        };
    };
    let Limits { memory: Some(memory), cpu_millis: Some(cpu) } = declared else {
        let missing = if declared.memory.is_none() { "memory" } else { "processor time" };
        return Judgement::unmet(format!("no limit of {missing} is declared"))
            .citing(declarer(case), describe(declared));
    };
    if let Some(enforced) = case.survey.cgroup.seen()
        && !(same_memory(*enforced, declared) && enforced.cpu_millis == declared.cpu_millis)
    {
        return Judgement::unmet("the declared limits are not those of the sandbox's control group")
            .citing(declarer(case), describe(declared))
            .citing("machine", describe(*enforced));
    }
    match shown_memory(case, memory) {
        Shown::Declared(text) => decided(case, memory, cpu, &text),
        Shown::Machines(text) if case.survey.cgroup.seen().is_some() => decided(case, memory, cpu, &text),
        Shown::Machines(text) => Judgement::inconclusive(format!(
            "the machine's memory shows, and the control group could not be read: {}",
            case.survey.cgroup.fared()
        ))
        .citing("memory-total", text),
        Shown::Other(text) => Judgement::unmet("the declared memory limit does not reach the sandbox")
            .citing(declarer(case), describe(declared))
            .citing("memory-total", text),
        Shown::Nothing(why) => Judgement::inconclusive(format!("the sandbox's memory was not seen: {why}")),
    }
}

/// Who declares the sandbox's limits.
fn declarer(case: &Case) -> &'static str {
    if case.survey.in_cluster.is_some() { "pod" } else { "bundle" }
}

/// The kernel rounds a limit down to whole pages (`mm/page_counter.c`).
fn same_memory(enforced: Limits, declared: Limits) -> bool {
    enforced.memory.map(pages) == declared.memory.map(pages)
}

fn pages(bytes: u64) -> u64 {
    bytes / 4096
}

enum Shown {
    Declared(String),
    Machines(String),
    Other(String),
    Nothing(String),
}

fn shown_memory(case: &Case, declared: u64) -> Shown {
    let Some(total) = case.evidence().memory_total.seen() else {
        return Shown::Nothing(case.evidence().memory_total.fared());
    };
    let text = format!("{} bytes", total.bytes);
    let machine = case.survey.machine.memory_total.seen().copied();
    // On a shared kernel, and where the limit is beyond the machine's memory, the machine's memory is what shows.
    let beyond = machine.is_some_and(|all| declared > all);
    match (total.bytes, gvisor::assess(case).kernel) {
        (bytes, _) if pages(bytes) == pages(declared) => Shown::Declared(text),
        (bytes, kernel) if machine == Some(bytes) && (beyond || kernel == Kernel::Other) => {
            Shown::Machines(text)
        }
        (bytes, Kernel::Unclear) if machine == Some(bytes) => {
            Shown::Nothing("the machine's shows, and whose kernel it is is not known".to_owned())
        }
        _ => Shown::Other(text),
    }
}

fn decided(case: &Case, memory: u64, cpu: u64, shown: &str) -> Judgement {
    let declared = Limits { memory: Some(memory), cpu_millis: Some(cpu) };
    let judgement = match &case.survey.cgroup {
        Observation::Seen(enforced) => {
            Judgement::met("both limits are declared, and the sandbox's control group has them")
                .citing("machine", describe(*enforced))
        }
        blind => Judgement::met(
            "both limits are declared, and the sandbox shows the memory limit; no CPU quota was seen",
        )
        .citing(declarer(case), format!("the control group was not seen: {}", blind.fared())),
    };
    judgement.citing(declarer(case), describe(declared)).citing("memory-total", shown.to_owned())
}

fn describe(limits: Limits) -> String {
    let memory = limits.memory.map_or("no memory limit".to_owned(), |bytes| format!("{bytes} bytes"));
    let cpu = limits.cpu_millis.map_or("no CPU limit".to_owned(), |millis| format!("{millis}m CPU"));
    format!("{memory}, {cpu}")
}

#[cfg(test)]
mod tests {
    use proto::MemoryTotal;

    use super::*;
    use crate::{fixture, requirement::Outcome};

    fn with(change: impl FnOnce(&mut Case)) -> Outcome {
        let mut case = fixture::gvisor();
        change(&mut case);
        judge(&case).outcome
    }

    #[test]
    fn limits_that_reach_the_sandbox_are_met() {
        assert_eq!(with(|_| ()), Outcome::Met);
        assert_eq!(judge(&fixture::runc()).outcome, Outcome::Met);
        assert_eq!(with(|case| case.survey.cgroup = Observation::Absent), Outcome::Met);
        let odd = with(|case| {
            case.survey.declared = Some(Limits { memory: Some((256 << 20) + 100), cpu_millis: Some(2000) });
        });
        assert_eq!(odd, Outcome::Met);
    }

    #[test]
    fn a_limit_that_is_missing_or_does_not_arrive_is_unmet() {
        let limits = |memory, cpu_millis| Limits { memory, cpu_millis };
        assert_eq!(with(|case| case.survey.declared = Some(limits(None, Some(1000)))), Outcome::Unmet);
        assert_eq!(with(|case| case.survey.declared = Some(limits(Some(1 << 28), None))), Outcome::Unmet);
        assert_eq!(with(|case| case.survey.declared = None), Outcome::Unmet);
        assert_eq!(with(|case| case.survey.cgroup = Observation::Seen(Limits::default())), Outcome::Unmet);
        let machine = MemoryTotal { bytes: fixture::MACHINE_MEMORY };
        let ignored = with(|case| {
            case.collected.evidence.memory_total = Observation::Seen(machine);
            case.survey.cgroup = Observation::Absent;
        });
        assert_eq!(ignored, Outcome::Unmet);
    }

    #[test]
    fn what_was_not_seen_is_never_met() {
        assert!(matches!(judge(&fixture::silent()).outcome, Outcome::Inconclusive(_)));
        let mut shared = fixture::runc();
        shared.survey.cgroup = Observation::Denied { errno: 13 };
        assert!(matches!(judge(&shared).outcome, Outcome::Inconclusive(_)));
    }
}
