//! Limits of a control group of this machine, in both versions of the interface
//! (Documentation/admin-guide/cgroup-v2.rst; cgroup-v1/memory.rst; scheduler/sched-bwc.rst).

use std::{
    num::{NonZeroU64, ParseIntError},
    path::Path,
};

use proto::Observation;

use super::seen;
use crate::case::limits::Limits;

const ROOT: &str = "/sys/fs/cgroup";
/// From this value on, a version 1 memory limit means no limit: the kernel rounds the largest number down to a page.
const UNLIMITED: u64 = 1 << 62;

/// Reads the limits of the group at `path`, such as "/podproof-1", while processes are in it. A relative path is below
/// the group of the process that starts the runtime (runtime-spec, config-linux.md, "Cgroups Path"; gVisor,
/// `runsc/cgroup/cgroup.go`).
pub fn limits(path: Option<&str>) -> Observation<Limits> {
    match path {
        None | Some("") => Observation::failed("the bundle names no control group"),
        Some(path) if path.split('/').any(|part| part == "..") => {
            Observation::failed(format!("the control group's path {path} contains \"..\""))
        }
        Some(path) => seen(std::fs::read_to_string("/proc/self/cgroup"))
            .and_then(|own| below(Path::new(ROOT), path, &own)),
    }
}

fn below(root: &Path, path: &str, own: &str) -> Observation<Limits> {
    let group = |hierarchy: &str, controller: &str| {
        let parent = if path.starts_with('/') { "" } else { group_of(own, controller).unwrap_or_default() };
        root.join(hierarchy).join(parent.trim_start_matches('/')).join(path.trim_start_matches('/'))
    };
    if root.join("cgroup.controllers").exists() {
        let group = group("", "");
        return populated(&group).and_then(|()| {
            let memory = binding(&group, root, |group| number(group, "memory.max", parse_maximum));
            let cpu = binding(&group, root, |group| number(group, "cpu.max", parse_cpu_maximum));
            all(memory, cpu, binding(&group, root, pids))
        });
    }
    let (memory, cpu) = (group("memory", "memory"), group("cpu", "cpu"));
    populated(&memory).and_then(|()| populated(&cpu)).and_then(|()| {
        let memory = binding(&memory, &root.join("memory"), first_memory);
        let cpu = binding(&cpu, &root.join("cpu"), first_cpu);
        all(memory, cpu, binding(&group("pids", "pids"), &root.join("pids"), pids))
    })
}

/// Returns a group's limit; of a group without one, the tightest limit of the groups above it, below the hierarchy's `top`. systemd
/// and the kubelet set a pod's limits in the slice above the sandbox's scope.
fn binding(
    group: &Path,
    top: &Path,
    of: impl Fn(&Path) -> Observation<Option<u64>>,
) -> Observation<Option<u64>> {
    let own = of(group);
    if own != Observation::Seen(None) {
        return own;
    }
    let mut tightest = None;
    for above in group.ancestors().skip(1).take_while(|above| *above != top && above.starts_with(top)) {
        match of(above) {
            Observation::Seen(limit) => tightest = [tightest, limit].into_iter().flatten().min(),
            Observation::Absent => (),
            blind => return blind,
        }
    }
    Observation::Seen(tightest)
}

fn first_memory(group: &Path) -> Observation<Option<u64>> {
    let memory = number(group, "memory.limit_in_bytes", str::parse);
    memory.map(|bytes: u64| (bytes < UNLIMITED).then_some(bytes))
}

fn first_cpu(group: &Path) -> Observation<Option<u64>> {
    let period = number(group, "cpu.cfs_period_us", str::parse::<NonZeroU64>);
    let quota = number(group, "cpu.cfs_quota_us", str::parse::<i64>);
    quota
        .and_then(|quota| period.map(|period| Some(u64::try_from(quota).ok()?.saturating_mul(1000) / period)))
}

fn all(
    memory: Observation<Option<u64>>,
    cpu: Observation<Option<u64>>,
    pids: Observation<Option<u64>>,
) -> Observation<Limits> {
    memory.and_then(|memory| cpu.and_then(|cpu_millis| pids.map(|pids| Limits { memory, cpu_millis, pids })))
}

/// Returns the limit of processes; a group without the controller `pids` has no limit.
fn pids(group: &Path) -> Observation<Option<u64>> {
    match number(group, "pids.max", parse_maximum) {
        Observation::Absent => Observation::Seen(None),
        otherwise => otherwise,
    }
}

/// Returns a process's group in the hierarchy of a controller, from its `/proc/PID/cgroup`; version 2 has one hierarchy, which
/// names no controller (cgroups(7)).
pub fn group_of<'a>(groups: &'a str, controller: &str) -> Option<&'a str> {
    groups.lines().find_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        controllers.split(',').any(|name| name == controller).then_some(path)
    })
}

/// Fails for a group without processes, whose limits bind nobody.
fn populated(group: &Path) -> Observation<()> {
    seen(std::fs::read_to_string(group.join("cgroup.procs"))).and_then(|processes| {
        if processes.trim().is_empty() {
            Observation::failed("no process is in the control group")
        } else {
            Observation::Seen(())
        }
    })
}

fn number<T>(
    group: &Path,
    file: &str,
    parse: impl FnOnce(&str) -> Result<T, ParseIntError>,
) -> Observation<T> {
    seen(std::fs::read_to_string(group.join(file))).and_then(|text| {
        let unclear = |_| Observation::failed(format!("{file} says {}", text.trim()));
        parse(text.trim()).map_or_else(unclear, Observation::Seen)
    })
}

fn parse_maximum(text: &str) -> Result<Option<u64>, ParseIntError> {
    if text == "max" { Ok(None) } else { text.parse().map(Some) }
}

/// Parses "QUOTA PERIOD", both in microseconds; returns thousandths of a processor.
fn parse_cpu_maximum(text: &str) -> Result<Option<u64>, ParseIntError> {
    let (quota, period) = text.split_once(' ').unwrap_or((text, ""));
    let period: NonZeroU64 = period.parse()?;
    Ok(parse_maximum(quota)?.map(|quota| quota.saturating_mul(1000) / period))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn both_versions_yield_the_same_limits() {
        let wanted =
            Observation::Seen(Limits { memory: Some(1 << 28), cpu_millis: Some(1500), pids: Some(64) });
        let first = tree(&[
            ("memory/x/cgroup.procs", "7\n"),
            ("memory/x/memory.limit_in_bytes", "268435456\n"),
            ("cpu/x/cgroup.procs", "7\n"),
            ("cpu/x/cpu.cfs_quota_us", "150000\n"),
            ("cpu/x/cpu.cfs_period_us", "100000\n"),
            ("pids/x/pids.max", "64\n"),
        ]);
        assert_eq!(below(first.path(), "/x", ""), wanted);
        let second = tree(&[
            ("cgroup.controllers", "cpu memory\n"),
            ("x/cgroup.procs", "7\n"),
            ("x/memory.max", "268435456\n"),
            ("x/cpu.max", "150000 100000\n"),
            ("x/pids.max", "64\n"),
        ]);
        assert_eq!(below(second.path(), "/x", ""), wanted);
    }

    #[test]
    fn a_relative_path_is_below_our_own_group() {
        let name = "system.slice:runsc:1";
        let wanted = Observation::Seen(Limits { memory: Some(1 << 28), cpu_millis: None, pids: None });
        let group = |folder: &str, file: &str| format!("{folder}/{name}/{file}");
        let first = tree(&[
            (&group("memory/own/group", "cgroup.procs"), "7\n"),
            (&group("memory/own/group", "memory.limit_in_bytes"), "268435456\n"),
            (&group("cpu", "cgroup.procs"), "7\n"),
            (&group("cpu", "cpu.cfs_quota_us"), "-1\n"),
            (&group("cpu", "cpu.cfs_period_us"), "100000\n"),
        ]);
        assert_eq!(below(first.path(), name, "4:memory:/own/group\n1:cpu,cpuacct:/\n0::/own\n"), wanted);
        let second = tree(&[
            ("cgroup.controllers", ""),
            (&group("own", "cgroup.procs"), "7\n"),
            (&group("own", "memory.max"), "268435456\n"),
            (&group("own", "cpu.max"), "max 100000\n"),
        ]);
        assert_eq!(below(second.path(), name, "0::/own\n"), wanted);
    }

    #[test]
    fn a_group_without_a_limit_has_the_tightest_one_above_it() {
        let wanted =
            Observation::Seen(Limits { memory: Some(1 << 28), cpu_millis: Some(500), pids: Some(64) });
        let first = tree(&[
            ("memory/pods/memory.limit_in_bytes", "1073741824\n"),
            ("memory/pods/pod/memory.limit_in_bytes", "268435456\n"),
            ("memory/pods/pod/x/cgroup.procs", "7\n"),
            ("memory/pods/pod/x/memory.limit_in_bytes", "9223372036854771712\n"),
            ("cpu/pods/pod/cpu.cfs_quota_us", "50000\n"),
            ("cpu/pods/pod/cpu.cfs_period_us", "100000\n"),
            ("cpu/pods/pod/x/cgroup.procs", "7\n"),
            ("cpu/pods/pod/x/cpu.cfs_quota_us", "-1\n"),
            ("cpu/pods/pod/x/cpu.cfs_period_us", "100000\n"),
            ("pids/pods/pod/pids.max", "64\n"),
        ]);
        assert_eq!(below(first.path(), "/pods/pod/x", ""), wanted);
        let second = tree(&[
            ("cgroup.controllers", "cpu memory\n"),
            ("pods/memory.max", "1073741824\n"),
            ("pods/pod/memory.max", "268435456\n"),
            ("pods/pod/cpu.max", "50000 100000\n"),
            ("pods/pod/pids.max", "64\n"),
            ("pods/pod/x/cgroup.procs", "7\n"),
            ("pods/pod/x/memory.max", "max\n"),
            ("pods/pod/x/cpu.max", "max 100000\n"),
            ("pods/pod/x/pids.max", "max\n"),
        ]);
        assert_eq!(below(second.path(), "/pods/pod/x", ""), wanted);
    }

    #[test]
    fn a_groups_own_limit_counts_before_those_above_it() {
        let tree = tree(&[
            ("cgroup.controllers", ""),
            ("pod/memory.max", "1\n"),
            ("pod/x/cgroup.procs", "7\n"),
            ("pod/x/memory.max", "268435456\n"),
            ("pod/x/cpu.max", "max 100000\n"),
        ]);
        let wanted = Observation::Seen(Limits { memory: Some(1 << 28), cpu_millis: None, pids: None });
        assert_eq!(below(tree.path(), "/pod/x", ""), wanted);
    }

    #[test]
    fn an_unlimited_group_has_no_limits() {
        let none = Observation::Seen(Limits::default());
        let first = tree(&[
            ("memory/x/cgroup.procs", "7\n"),
            ("memory/x/memory.limit_in_bytes", "9223372036854771712\n"),
            ("cpu/x/cgroup.procs", "7\n"),
            ("cpu/x/cpu.cfs_quota_us", "-1\n"),
            ("cpu/x/cpu.cfs_period_us", "100000\n"),
        ]);
        assert_eq!(below(first.path(), "/x", ""), none);
        let second = tree(&[
            ("cgroup.controllers", ""),
            ("x/cgroup.procs", "7\n"),
            ("x/memory.max", "max\n"),
            ("x/cpu.max", "max 100000\n"),
        ]);
        assert_eq!(below(second.path(), "/x", ""), none);
    }

    #[test]
    fn an_empty_or_missing_group_has_no_evidence() {
        let empty = tree(&[("cgroup.controllers", ""), ("x/cgroup.procs", "\n"), ("x/memory.max", "1\n")]);
        assert!(matches!(below(empty.path(), "/x", ""), Observation::Failed { .. }));
        assert_eq!(below(empty.path(), "/y", ""), Observation::Absent);
        for path in [None, Some(""), Some("/../x")] {
            assert!(matches!(limits(path), Observation::Failed { .. }));
        }
    }
}
