//! Memory and processor time are limited, and the limits reach the sandbox.
//!
//! Every source that shows a limit must show the declared limit, and at least one source must show the memory limit. If no
//! source shows a CPU quota, the requirement is met and its reason says so: releases of gVisor before 2026-04 show none. If
//! the user asked for a measurement of processor time, it is inconclusive then.

mod cause;
mod shown;

use super::limits_declared;
use crate::case::{Case, limits::Doubt};
use crate::judge::gvisor::{Assessment, Kernel};
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
        inconclusive: "the sandbox's limits could not be observed; the pod was resized, or the local container shares its pod's sandbox, \
                       and the sandbox shows other limits; or an ordinary user started the sandbox, who cannot limit it",
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
        let why = format!("no {missing} limit is declared");
        let judgement = match case.surroundings.limits_doubt {
            Some(doubt @ Doubt::OfItsPod) if has_a_limited_group(case) => {
                Judgement::inconclusive(format!("{why} for the container: {}", doubt.words()))
            }
            _ => Judgement::unmet(why),
        };
        return judgement.citing(declarer(case), describe(declared));
    }
    let shown = shown::all(case, declared, assessment.kernel);
    let none_arrives = shown.iter().all(|shown| shown.comparison != Comparison::AsDeclared);
    let against = shown.iter().find(|shown| shown.comparison.is_against());
    let judgement = match (against, doubt(case, assessment.kernel, &shown)) {
        (Some(other), Some(doubt)) => Judgement::inconclusive(format!(
            "the sandbox shows another {} than the declared one ({}): {}",
            other.limit.words(),
            other.text,
            doubt.words()
        )),
        (Some(_), None) if none_arrives && cause::is_rootless(case) => Judgement::inconclusive(
            "without root no control group can limit the sandbox, so that limits are not judged; run the controller as root",
        ),
        (Some(other), None) if none_arrives => Judgement::unmet(unreached(other.limit, cause::cause(case))),
        // A cause explains why no limit arrives at all. It does not explain the loss of one limit among several.
        (Some(other), None) => Judgement::unmet(unreached(other.limit, None)),
        (None, _) => reached(&shown),
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

/// Returns the reason that may explain why the sandbox shows other limits; `None` without one, and if a limit is missing altogether. On
/// the machine's own kernel each container has limits of its own.
fn doubt(case: &Case, kernel: Kernel, shown: &[Shown]) -> Option<Doubt> {
    let lacks = shown.iter().any(|shown| shown.comparison == Comparison::Lacks);
    case.surroundings.limits_doubt.filter(|_| kernel != Kernel::Other && !lacks)
}

fn has_a_limited_group(case: &Case) -> bool {
    case.surroundings.cgroup.seen().is_some_and(|group| group.memory.is_some() && group.cpu_millis.is_some())
}

/// Cites the sources that decide, and the measurement that somebody asked for. The reason of an inconclusive outcome names its
/// sources itself.
fn citing_what_decides(judgement: Judgement, shown: &[Shown]) -> Judgement {
    let decides = |shown: &Shown| match judgement.outcome {
        Outcome::Met => shown.comparison == Comparison::AsDeclared || shown.source == Source::ProcessorShare,
        Outcome::Unmet => shown.comparison.is_against(),
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
    let is_unseen = |source, limit| {
        let is_of = |shown: &&Shown| shown.source == source && shown.limit == limit;
        shown.iter().filter(is_of).any(|shown| shown.comparison == Comparison::Unseen)
    };
    if !(inside || has(Limit::Memory, None) && !is_unseen(Source::MemoryTotal, Limit::Memory)) {
        return not_seen(Limit::Memory, shown);
    }
    let measured = shown.iter().any(|shown| shown.source == Source::ProcessorShare);
    if (measured || is_unseen(Source::Quotas, Limit::Cpu)) && !has(Limit::Cpu, None) {
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
mod tests;
