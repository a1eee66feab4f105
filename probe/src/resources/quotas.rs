//! The limits in the files of the probe's own control groups, if their hierarchies are mounted
//! (Documentation/admin-guide/cgroup-v2.rst; cgroup-v1/memory.rst; scheduler/sched-bwc.rst). For each resource at most one
//! mount and two files are looked at.

use std::path::{Path, PathBuf};

use procfs::{
    FromBufRead, FromRead, ProcessCGroups,
    process::{MountInfo, MountInfos},
};
use proto::{Observation, Quota, Quotas};

use crate::{
    text::printable,
    vantage::{Vantage, understood},
};

/// The smallest value of a version 1 memory limit, in bytes, that means no limit: Linux rounds the largest number down to a
/// page.
const UNLIMITED: u64 = 1 << 62;

/// The folder of one of the probe's control groups, in the first or the second version of the interface.
enum Folder {
    First(PathBuf),
    Second(PathBuf),
}

/// The limit that a file states; `None` if the file states that there is no limit.
struct Says(Option<u64>);

/// The mounted hierarchies, and the probe's control groups.
struct Hierarchies {
    mounts: Vec<MountInfo>,
    groups: ProcessCGroups,
}

pub(crate) fn observe(vantage: &Vantage) -> Observation<Quotas> {
    let mounts = understood(vantage.bytes("/proc/self/mountinfo"), |bytes| mounts(&bytes));
    let groups = understood(vantage.bytes("/proc/self/cgroup"), |bytes| groups(&bytes));
    mounts.and_then(|mounts| groups.and_then(|groups| look(vantage, &Hierarchies { mounts, groups })))
}

fn look(vantage: &Vantage, hierarchies: &Hierarchies) -> Observation<Quotas> {
    let memory = memory(vantage, hierarchies).map(|memory| Quotas { memory, ..Quotas::default() });
    let cpu = |quotas| cpu(vantage, hierarchies).map(|cpu_millis| Quotas { cpu_millis, ..quotas });
    let pids = |quotas| pids(vantage, hierarchies).map(|pids| Quotas { pids, ..quotas });
    memory.and_then(cpu).and_then(pids).and_then(|quotas| {
        if quotas == Quotas::default() { Observation::Absent } else { Observation::Seen(quotas) }
    })
}

fn mounts(mountinfo: &[u8]) -> Result<Vec<MountInfo>, String> {
    let infos = MountInfos::from_read(mountinfo).map_err(|error| error.to_string())?;
    Ok(infos.0.into_iter().filter(|mount| matches!(mount.fs_type.as_str(), "cgroup" | "cgroup2")).collect())
}

fn groups(text: &[u8]) -> Result<ProcessCGroups, String> {
    ProcessCGroups::from_buf_read(text).map_err(|error| error.to_string())
}

fn memory(vantage: &Vantage, hierarchies: &Hierarchies) -> Observation<Option<Quota>> {
    match hierarchies.folder("memory") {
        None => Observation::Seen(None),
        Some(Folder::First(folder)) => quota(vantage, &folder.join("memory.limit_in_bytes"), |text| {
            let bytes: u64 = text.parse().ok()?;
            Some(Says((bytes < UNLIMITED).then_some(bytes)))
        }),
        Some(Folder::Second(folder)) => quota(vantage, &folder.join("memory.max"), maximum),
    }
}

fn cpu(vantage: &Vantage, hierarchies: &Hierarchies) -> Observation<Option<Quota>> {
    match hierarchies.folder("cpu") {
        None => Observation::Seen(None),
        Some(Folder::First(folder)) => {
            let period = vantage.text(&folder.join("cpu.cfs_period_us").to_string_lossy());
            quota(vantage, &folder.join("cpu.cfs_quota_us"), |text| match text.parse::<i64>().ok()? {
                ..0 => Some(Says(None)),
                quota => millis(quota.unsigned_abs(), period.seen()?.trim()),
            })
        }
        Some(Folder::Second(folder)) => quota(vantage, &folder.join("cpu.max"), |text| {
            let (quota, period) = text.split_once(' ')?;
            match maximum(quota)? {
                Says(None) => Some(Says(None)),
                Says(Some(quota)) => millis(quota, period),
            }
        }),
    }
}

fn pids(vantage: &Vantage, hierarchies: &Hierarchies) -> Observation<Option<Quota>> {
    match hierarchies.folder("pids") {
        None => Observation::Seen(None),
        Some(Folder::First(folder) | Folder::Second(folder)) => {
            quota(vantage, &folder.join("pids.max"), maximum)
        }
    }
}

/// Returns the limit in a file, if the file exists; `parse` returns `None` for a malformed text.
fn quota(
    vantage: &Vantage,
    file: &Path,
    parse: impl FnOnce(&str) -> Option<Says>,
) -> Observation<Option<Quota>> {
    let file = file.to_string_lossy();
    match vantage.text(&file) {
        Observation::Absent => Observation::Seen(None),
        text => understood(text, |text| {
            let unclear = || printable(&format!("{file} says {}", text.trim()));
            let Says(limit) = parse(text.trim()).ok_or_else(unclear)?;
            Ok(Some(Quota { file: printable(&file), limit }))
        }),
    }
}

fn maximum(text: &str) -> Option<Says> {
    if text == "max" { Some(Says(None)) } else { text.parse().ok().map(|number| Says(Some(number))) }
}

fn millis(quota: u64, period: &str) -> Option<Says> {
    Some(Says(Some(quota.checked_mul(1000)?.checked_div(period.parse().ok()?)?)))
}

impl Hierarchies {
    /// Returns the folder of the group that limits the probe with this controller; `None` if that part of the hierarchy is
    /// not mounted.
    fn folder(&self, controller: &str) -> Option<Folder> {
        let has = |names: &[String]| names.iter().any(|name| name == controller);
        let first = self.groups.0.iter().find(|group| has(&group.controllers));
        if let Some(group) = first {
            let mut mounts = self
                .mounts
                .iter()
                .filter(|mount| mount.fs_type == "cgroup" && mount.super_options.contains_key(controller));
            return mounts.find_map(|mount| below(mount, &group.pathname)).map(Folder::First);
        }
        // The second version has one hierarchy, which names no controllers (cgroups(7)).
        let second = self.groups.0.iter().find(|group| group.hierarchy == 0)?;
        let mut mounts = self.mounts.iter().filter(|mount| mount.fs_type == "cgroup2");
        mounts.find_map(|mount| below(mount, &second.pathname)).map(Folder::Second)
    }
}

/// Returns the folder of a group; `None` if the mount shows another part of the hierarchy.
fn below(mount: &MountInfo, group: &str) -> Option<PathBuf> {
    Some(mount.mount_point.join(Path::new(group).strip_prefix(&mount.root).ok()?))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn observed(files: &[(&str, &str)]) -> Observation<Quotas> {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        observe(&Vantage::rooted(root.path()))
    }

    /// Returns the limits as the files state them; "-" if there is no file.
    fn limits(observed: &Observation<Quotas>) -> [String; 3] {
        let Quotas { memory, cpu_millis, pids } = observed.seen().unwrap().clone();
        let says = |quota: Quota| quota.limit.map_or("no limit".to_owned(), |limit| limit.to_string());
        [memory, cpu_millis, pids].map(|quota| quota.map_or("-".to_owned(), says))
    }

    /// The mounts of runsc 0.0~20240729 and of 2026: the container's own group is mounted.
    const GVISORS_MOUNTS: &str = "22 19 0:22 / /sys/fs/cgroup ro - tmpfs none ro\n\
        23 22 0:9 /lim1 /sys/fs/cgroup/cpu rw - cgroup none rw,cpu\n\
        28 22 0:14 /lim1 /sys/fs/cgroup/memory rw - cgroup none rw,memory\n\
        29 22 0:15 /lim1 /sys/fs/cgroup/pids rw - cgroup none rw,pids\n";
    const GVISORS_GROUPS: &str = "7:pids:/lim1\n6:memory:/lim1\n5:job:/lim1\n2:cpuacct:/lim1\n1:cpu:/lim1\n";

    #[test]
    fn gvisors_files_state_a_limit_or_that_there_is_none() {
        let of = |memory, quota| {
            observed(&[
                ("proc/self/mountinfo", GVISORS_MOUNTS),
                ("proc/self/cgroup", GVISORS_GROUPS),
                ("sys/fs/cgroup/memory/memory.limit_in_bytes", memory),
                ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", quota),
                ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
                ("sys/fs/cgroup/pids/pids.max", "max\n"),
            ])
        };
        let filled = of("268435456\n", "150000\n");
        assert_eq!(limits(&filled), ["268435456", "1500", "no limit"]);
        let file = filled.seen().unwrap().memory.as_ref().unwrap().file.as_str();
        assert_eq!(file, "/sys/fs/cgroup/memory/memory.limit_in_bytes");
        assert_eq!(limits(&of("9223372036854775807\n", "-1\n")), ["no limit"; 3]);
    }

    #[test]
    fn limits_of_the_second_version_are_read_from_its_one_hierarchy() {
        let quotas = observed(&[
            ("proc/self/mountinfo", "30 29 0:26 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw,nsdelegate\n"),
            ("proc/self/cgroup", "0::/\n"),
            ("sys/fs/cgroup/memory.max", "268435456\n"),
            ("sys/fs/cgroup/cpu.max", "50000 100000\n"),
        ]);
        assert_eq!(limits(&quotas), ["268435456", "500", "-"]);
    }

    #[test]
    fn only_the_probes_own_group_is_read() {
        let memory = |mount: &str, group: &str| {
            observed(&[
                (
                    "proc/self/mountinfo",
                    &format!("79 75 0:32 {mount} /groups ro - cgroup cgroup rw,memory\n"),
                ),
                ("proc/self/cgroup", &format!("4:memory:{group}\n")),
                ("groups/memory.limit_in_bytes", "1\n"),
                ("groups/pod/memory.limit_in_bytes", "2\n"),
            ])
        };
        assert_eq!(limits(&memory("/", "/pod"))[0], "2");
        assert_eq!(limits(&memory("/pod", "/pod"))[0], "1");
        // Another group's folder, or the machine's hierarchy seen from a namespace (cgroup_namespaces(7)).
        assert_eq!(memory("/other", "/pod"), Observation::Absent);
        assert_eq!(memory("/../..", "/"), Observation::Absent);
    }

    #[test]
    fn without_a_mounted_hierarchy_the_quotas_are_absent() {
        let nothing = [("proc/self/mountinfo", ""), ("proc/self/cgroup", "")];
        assert_eq!(observed(&nothing), Observation::Absent);
        assert_eq!(observed(&nothing[1..]), Observation::Absent);
    }

    #[test]
    fn a_malformed_quota_is_refused() {
        for (file, text) in
            [("cpu.cfs_quota_us", "many\n"), ("cpu.cfs_quota_us", "5\n"), ("cpu.cfs_quota_us", "")]
        {
            let mounts = "23 22 0:9 / /groups rw - cgroup none rw,cpu\n";
            let files = [
                ("proc/self/mountinfo", mounts),
                ("proc/self/cgroup", "1:cpu:/\n"),
                (&*format!("groups/{file}"), text),
                ("groups/cpu.cfs_period_us", "0\n"),
            ];
            assert!(matches!(observed(&files), Observation::Failed { .. }), "{file}: {text}");
        }
    }
}
