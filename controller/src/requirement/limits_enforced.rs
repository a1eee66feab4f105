//! The limits that a pod of this class declares on this node reach its sandbox.

use super::{Area, Class, Judgement, Requirement, Scope, resource_limits};
use crate::case::Case;

pub(super) const REQUIREMENT: Requirement = Requirement {
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
    mappings: &[],
    judge,
};

fn judge(case: &Case) -> Judgement {
    resource_limits::of_the_probe(case)
}
