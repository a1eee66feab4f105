//! The limits that a pod of this class declares on this node reach its sandbox.

use super::resource_limits;
use crate::case::Case;
use crate::judge::gvisor::Assessment;
use crate::judge::platforms;
use crate::judge::requirement::{Area, Class, Explanation, Judge, Judgement, Requirement, Scope};

pub(in crate::judge) const REQUIREMENT: Requirement = Requirement {
    id: "limits-enforced",
    title: "The limits of a pod reach its sandbox",
    area: Area::Limits,
    class: Class::ProductionOnly,
    scope: Scope::Cluster,
    mandatory: false,
    weight: 5,
    protects: "A limit that is declared and does not arrive limits nothing.",
    remedy: "Let runsc apply control groups (no `ignore-cgroups` in its configuration; `systemd-cgroup` where the kubelet's \
             driver is systemd).",
    explanation: Explanation {
        looks_at: &["memory-total", "quotas", "processor-share", "pod"],
        met: "the sandbox has the memory that its pod declares, and shows no other CPU limit",
        unmet: "it has another amount",
        inconclusive: "what it has could not be seen; on the node's own kernel only its control groups show it",
        on_platforms: platforms::LIMITS_ON_PLATFORMS,
    },
    mappings: &[],
    judge: Judge::Kernel(judge),
};

fn judge(case: &Case, assessment: &Assessment) -> Judgement {
    resource_limits::of_the_probe(case, assessment)
}
