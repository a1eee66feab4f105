//! Why declared limits do not reach a sandbox, as far as it can be told.

use proto::Observation;

use super::shown::is_the_machines;
use crate::case::{Case, Subject};

/// A fragment; `None` where nothing that is known explains it.
pub(super) fn cause(case: &Case) -> Option<String> {
    let shows_the_machines =
        case.evidence().memory_total.seen().is_some_and(|total| is_the_machines(case, total.bytes));
    let path = case.surroundings.cgroup_path.as_deref().unwrap_or_default();
    match &case.surroundings.subject {
        subject if subject.is_told("ignore-cgroups") => {
            Some("the runtime is told to ignore control groups, by `--ignore-cgroups`".to_owned())
        }
        subject if is_systemds(path) && !subject.is_told("systemd-cgroup") => {
            Some(format!(
                "the control group {path} is written as systemd's, and the runtime is not told `--systemd-cgroup`"
            ))
        }
        Subject::Sandbox { .. } if case.surroundings.cgroup == Observation::Absent && !path.is_empty() => {
            Some(format!("the runtime made no control group {path}, as with `--ignore-cgroups`"))
        }
        Subject::Pods { .. } if shows_the_machines => Some(
            "the node's memory shows, as where runsc.toml has `ignore-cgroups`, or lacks `systemd-cgroup` though the \
             kubelet's driver is systemd"
                .to_owned(),
        ),
        Subject::Sandbox { .. } | Subject::Pods { .. } | Subject::Unsandboxed => None,
    }
}

/// Without root runsc makes no control group and goes on (gVisor, `runsc/container/container.go`, "Skipping cgroup
/// configuration in rootless mode"); that nothing limits the sandbox then says nothing of one that is made as root.
pub(super) fn is_rootless(case: &Case) -> bool {
    case.surroundings.subject.is_told("rootless")
}

/// "slice:prefix:name" (runc, docs/systemd.md; gVisor, `runsc/cgroup/systemd.go`).
fn is_systemds(path: &str) -> bool {
    !path.contains('/') && path.split(':').count() == 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_systemd_style_path_has_three_parts_and_no_slash() {
        assert!(is_systemds("system.slice:runsc:1") && is_systemds("kubepods-podx.slice:cri-containerd:1"));
        assert!(!is_systemds("/kubepods/pod:x:1") && !is_systemds("podproof-1") && !is_systemds(""));
    }
}
