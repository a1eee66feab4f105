//! The cause for which no declared limit reaches a sandbox.

use proto::Observation;

use super::shown::is_the_machines;
use crate::case::{Case, Subject};

/// Returns the cause as a fragment; `None` if no known cause explains the loss.
pub(super) fn cause(case: &Case) -> Option<String> {
    let shows_the_machines =
        case.evidence().memory_total.seen().is_some_and(|total| is_the_machines(case, total.bytes));
    let path = case.surroundings.cgroup_path.as_deref().unwrap_or_default();
    match &case.surroundings.subject {
        subject if subject.is_told("ignore-cgroups") => {
            Some("`--ignore-cgroups` tells the runtime to ignore control groups".to_owned())
        }
        subject if is_systemds(path) && !subject.is_told("systemd-cgroup") => Some(format!(
            "the control group path {path} has systemd's form, and the runtime lacks `--systemd-cgroup`"
        )),
        Subject::Sandbox { .. } if case.surroundings.cgroup == Observation::Absent && !path.is_empty() => {
            Some(format!("the runtime made no control group {path}, as it does with `--ignore-cgroups`"))
        }
        Subject::Pods { .. } if shows_the_machines => Some(
            "the sandbox shows the node's memory, as it does if runsc.toml has `ignore-cgroups`, or lacks \
             `systemd-cgroup` although the kubelet's cgroup driver is systemd"
                .to_owned(),
        ),
        Subject::Sandbox { .. } | Subject::Container { .. } | Subject::Pods { .. } | Subject::Unsandboxed => {
            None
        }
    }
}

/// True if an ordinary user started runsc. Without root, runsc makes no control group and goes on (gVisor,
/// `runsc/container/container.go`, "Skipping cgroup configuration in rootless mode"). Such a sandbox without limits says
/// nothing about a sandbox that root starts.
pub(super) fn is_rootless(case: &Case) -> bool {
    case.surroundings.subject.is_told("rootless")
}

/// True for a path of the form "slice:prefix:name" (runc, docs/systemd.md; gVisor, `runsc/cgroup/systemd.go`).
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
