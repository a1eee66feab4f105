//! The kernel that answers is gVisor's. The rule is [`crate::gvisor`]'s.

use super::{Area, Class, Judgement, Requirement, Scope};
use crate::{
    case::{Case, Citation},
    gvisor::{self, Kernel},
};

pub(super) const REQUIREMENT: Requirement = Requirement {
    id: "runtime-isolation",
    title: "The sandbox runs on gVisor's kernel, not on the machine's",
    area: Area::Runtime,
    class: Class::Adaptive,
    scope: Scope::Everywhere,
    mandatory: true,
    weight: 30,
    protects: "On a shared kernel, one kernel bug lets untrusted code out of its container.",
    remedy: "Run it with runsc: on one machine `--runtime runsc`; on Kubernetes a RuntimeClass whose handler is runsc.",
    mappings: &["KAR-0020"],
    judge,
};

fn judge(case: &Case) -> Judgement {
    let assessment = gvisor::assess(case);
    let judgement = match assessment.kernel {
        Kernel::Gvisor => Judgement::met(assessment.because),
        Kernel::Other => Judgement::unmet(assessment.because),
        Kernel::Unclear => Judgement::inconclusive(assessment.because),
    };
    let judgement = Judgement { disguise: assessment.disguise, ..judgement }.citing_all(assessment.citations);
    judgement.citing_all(corroboration(case))
}

/// What a sandbox cannot choose, for the reader to put beside what was seen in it. Only equality says something: a sandbox
/// that shows the node's boot id shares its kernel, and [`gvisor`] has taken that into account.
fn corroboration(case: &Case) -> Option<Citation> {
    let known = case.survey.in_cluster.as_ref()?;
    let node = known.pod.as_ref().and_then(|pod| known.cluster.node(pod.node.as_deref()?))?;
    let boot = match (case.evidence().boot_id.seen(), case.survey.machine.boot_id.seen()) {
        (Some(theirs), Some(nodes)) if theirs == nodes => "the sandbox shows the node's boot id",
        (Some(_), Some(_)) => "the sandbox shows another boot id than the node's",
        _ => "the sandbox shows no boot id",
    };
    Some(Citation {
        source: "cluster",
        text: format!("node {} runs Linux {}; {boot}", node.name, node.kernel),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fixture, requirement::Outcome};

    #[test]
    fn the_kernel_decides() {
        assert_eq!(judge(&fixture::gvisor()).outcome, Outcome::Met);
        assert_eq!(judge(&fixture::runc()).outcome, Outcome::Unmet);
        assert!(matches!(judge(&fixture::silent()).outcome, Outcome::Inconclusive(_)));
    }

    #[test]
    fn every_decision_cites_what_it_rests_on() {
        for case in [fixture::gvisor(), fixture::runc()] {
            assert!(judge(&case).citations.len() >= 2);
        }
    }
}
