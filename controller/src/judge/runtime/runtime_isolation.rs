//! The kernel that answers is gVisor's, by the rule of [`crate::judge::gvisor`].

use super::host_process;
use crate::judge::platforms;
use crate::judge::requirement::{Area, Class, Explanation, Judge, Judgement, Requirement, Scope};
use crate::{
    case::Case,
    judge::gvisor::{Assessment, Kernel},
};

pub(in crate::judge) const REQUIREMENT: Requirement = Requirement {
    id: "runtime-isolation",
    title: "The sandbox runs on gVisor's kernel, not on the machine's",
    area: Area::Runtime,
    class: Class::Adaptive,
    scope: Scope::Everywhere,
    mandatory: true,
    weight: 30,
    protects: "On a shared kernel, one kernel bug lets untrusted code out of its container.",
    remedy: "Use runsc: on one machine `--runtime runsc`; on Kubernetes a RuntimeClass whose handler is runsc.",
    explanation: Explanation {
        looks_at: &[
            "time-page",
            "vdso-image",
            "fault-frame",
            "auxiliary-vector",
            "gs-pointer",
            "sentry-meminfo",
            "procfs-tree",
            "call-answers",
            "boot-id",
            "machine",
        ],
        met: "two or more in-memory signals, a live procfs and the errno fingerprint are gVisor's, and no strong signal denies it",
        unmet: "two in-memory signals are Linux's, or the kernel is the machine's own (by its boot id, or by the probe among the machine's processes)",
        inconclusive: "signals are missing or contradict each other, or the sandbox's process on this machine contradicts them or has \
                       capabilities there; `--verbose` names them",
        on_platforms: platforms::RUNTIME_ON_PLATFORMS,
    },
    mappings: &["KAR-0020"],
    judge: Judge::Kernel(judge),
};

fn judge(case: &Case, assessment: &Assessment) -> Judgement {
    let judgement = match assessment.kernel {
        Kernel::Gvisor if let Some(doubt) = host_process::doubt(case) => Judgement::inconclusive(doubt),
        Kernel::Gvisor => Judgement::met(assessment.because.clone()),
        Kernel::Other => Judgement::unmet(assessment.because.clone()),
        Kernel::Unclear => Judgement::inconclusive(assessment.because.clone()),
    };
    let citations = assessment.citations.iter().cloned().chain(host_process::cited(case));
    Judgement { disguise: assessment.disguise, ..judgement }.citing_all(citations)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fixture, judge::requirement::Outcome};

    fn judge(case: &Case) -> Judgement {
        fixture::judged(&REQUIREMENT, case)
    }

    #[test]
    fn the_answering_kernel_decides() {
        assert_eq!(judge(&fixture::gvisor()).outcome, Outcome::Met);
        assert_eq!(judge(&fixture::runc()).outcome, Outcome::Unmet);
        assert!(matches!(judge(&fixture::silent()).outcome, Outcome::Inconclusive(_)));
    }

    #[test]
    fn every_decision_cites_at_least_two_sources() {
        for case in [fixture::gvisor(), fixture::runc()] {
            assert!(judge(&case).citations.len() >= 2);
        }
    }
}
