//! On this node, the limits that a pod of this RuntimeClass declares reach its sandbox.

use super::resource_limits;
use crate::case::Case;
use crate::judge::gvisor::Assessment;
use crate::judge::platforms;
use crate::judge::requirement::{Area, Class, Explanation, Judge, Judgement, Requirement, Scope};

pub(in crate::judge) const REQUIREMENT: Requirement = Requirement {
    id: "limits-enforced",
    title: "A pod's limits reach its sandbox",
    area: Area::Limits,
    class: Class::ProductionOnly,
    scope: Scope::Cluster,
    mandatory: false,
    weight: 5,
    protects: "A declared limit that does not reach the sandbox limits nothing.",
    remedy: "Let runsc apply control groups: remove `ignore-cgroups` from its configuration, and set `systemd-cgroup` if \
             the kubelet's cgroup driver is systemd.",
    explanation: Explanation {
        looks_at: &["memory-total", "quotas", "processor-share", "pod"],
        met: "the sandbox has the memory that its pod declares, and shows no other CPU limit",
        unmet: "the sandbox shows another limit than its pod declares",
        inconclusive: "the sandbox's limits could not be observed (on the node's own kernel only its control groups show them), or the \
                       pod was resized and the sandbox shows other limits",
        on_platforms: platforms::LIMITS_ON_PLATFORMS,
    },
    mappings: &[],
    judge: Judge::Kernel(judge),
};

fn judge(case: &Case, assessment: &Assessment) -> Judgement {
    resource_limits::of_the_probe(case, assessment)
}
