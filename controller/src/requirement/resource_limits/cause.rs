//! Why declared limits do not reach a sandbox, as far as it can be told.

use proto::Observation;

use super::shown::is_the_machines;
use crate::case::{Case, Subject};

/// A fragment; `None` where nothing that is known explains it.
pub(super) fn cause(case: &Case) -> Option<String> {
    let shows_the_machines =
        case.evidence().memory_total.seen().is_some_and(|total| is_the_machines(case, total.bytes));
    let path = case.survey.cgroup_path.as_deref().unwrap_or_default();
    match &case.survey.subject {
        Subject::Sandbox { runtime, .. } if is_told(runtime, "ignore-cgroups") => {
            Some("the runtime is told to ignore control groups, by `--ignore-cgroups`".to_owned())
        }
        Subject::Sandbox { runtime, .. } if is_systemds(path) && !is_told(runtime, "systemd-cgroup") => {
            Some(format!(
                "the control group {path} is written as systemd's, and the runtime is not told `--systemd-cgroup`"
            ))
        }
        Subject::Sandbox { .. } if case.survey.cgroup == Observation::Absent && !path.is_empty() => {
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

/// Whether a flag is among the runtime's words, as Go's flags are written; the last one counts.
fn is_told(runtime: &[String], flag: &str) -> bool {
    let value = |word: &String| {
        let rest = word.strip_prefix('-')?;
        match rest.strip_prefix('-').unwrap_or(rest).strip_prefix(flag)? {
            "" => Some(true),
            rest => {
                rest.strip_prefix('=').map(|value| ["1", "t", "T", "true", "TRUE", "True"].contains(&value))
            }
        }
    };
    runtime.iter().filter_map(value).next_back().unwrap_or(false)
}

/// "slice:prefix:name" (runc, docs/systemd.md; gVisor, `runsc/cgroup/systemd.go`).
fn is_systemds(path: &str) -> bool {
    !path.contains('/') && path.split(':').count() == 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_is_read_as_the_runtime_reads_it() {
        let told = |words: &[&str]| {
            let words: Vec<_> = words.iter().map(|&word| word.to_owned()).collect();
            is_told(&words, "ignore-cgroups")
        };
        for yes in [&["runsc", "--ignore-cgroups"][..], &["runsc", "-ignore-cgroups=true"]] {
            assert!(told(yes), "{yes:?}");
        }
        for no in [
            &["runsc"][..],
            &["runsc", "--ignore-cgroups=false"],
            &["runsc", "--ignore-cgroups", "--ignore-cgroups=0"],
            &["ignore-cgroups"],
            &["runsc", "--ignore-cgroups-of=others"],
        ] {
            assert!(!told(no), "{no:?}");
        }
    }

    #[test]
    fn a_systemd_style_path_has_three_parts_and_no_slash() {
        assert!(is_systemds("system.slice:runsc:1") && is_systemds("kubepods-podx.slice:cri-containerd:1"));
        assert!(!is_systemds("/kubepods/pod:x:1") && !is_systemds("podproof-1") && !is_systemds(""));
    }
}
