//! The tree of `/proc`: gVisor's procfs has entries of its own, small inode numbers and no flags, and lacks most entries of
//! Linux.

use proto::ProcfsTree;

use super::{EVERYWHERE, Reading, Signal, Strength};
use crate::case::Case;

pub(super) const SIGNAL: Signal = Signal {
    id: "procfs-tree",
    strength: Strength::LiveProcfs,
    mechanism: "entries, inode numbers and flags of a real procfs",
    platforms: "all",
    architectures: EVERYWHERE,
    seen_in: "2022-12 to 2026-09",
    source: "pkg/sentry/fsimpl/proc/tasks.go, task.go; pkg/sentry/vfs/filesystem_impl_util.go (GenericStatFS)",
    read,
};

/// The flag `ST_VALID`, which Linux always sets (include/linux/statfs.h).
const VALID: u64 = 0x20;
/// The first inode number of Linux's files for the whole system (`PROC_DYNAMIC_FIRST`, fs/proc/generic.c).
const LINUX_FIRST: u64 = 0xf000_0000;
/// Entries that only gVisor has, like the controller below (`pkg/sentry/kernel/cgroup.go`).
const GVISORS_ENTRIES: &[&str] = &["sentry-meminfo", "gvisor"];
const GVISORS_CONTROLLER: &str = "job";
/// The fewest entries of every Linux that must be missing.
const FEWEST_MISSING: usize = 12;

fn read(case: &Case) -> Reading {
    Reading::of(&case.evidence().procfs_tree, reading)
}

fn reading(tree: &ProcfsTree) -> Reading {
    if !tree.on_procfs {
        return Reading::Unknown("/proc is not a procfs".to_owned());
    }
    let own = tree.present.iter().filter(|entry| GVISORS_ENTRIES.contains(&entry.as_str()));
    let controller = tree.controllers.iter().filter(|name| *name == GVISORS_CONTROLLER);
    let own: Vec<_> = own.chain(controller).map(String::as_str).collect();
    let text = format!(
        "flags {:#x}, inode {}, {} entries of Linux missing{}{}",
        tree.flags,
        tree.uptime_inode,
        tree.missing.len(),
        if own.is_empty() { "" } else { ", with " },
        own.join(", ")
    );
    let unlike_linux = tree.flags & VALID == 0
        && tree.uptime_inode < LINUX_FIRST
        && tree.missing.len() >= FEWEST_MISSING
        && !own.is_empty();
    let like_linux = tree.flags & VALID != 0 && tree.uptime_inode >= LINUX_FIRST && own.is_empty();
    match (unlike_linux, like_linux) {
        (true, _) => Reading::Gvisor(text),
        (_, true) => Reading::Linux(text),
        _ => Reading::Unknown(format!("neither gVisor's nor Linux's: {text}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn tree(case: &Case) -> ProcfsTree {
        case.evidence().procfs_tree.seen().unwrap().clone()
    }

    #[test]
    fn each_trait_must_fit() {
        let (gvisor, linux) = (tree(&fixture::gvisor()), tree(&fixture::runc()));
        assert!(matches!(reading(&gvisor), Reading::Gvisor(_)));
        assert!(matches!(reading(&linux), Reading::Linux(_)));
        for mixed in [
            ProcfsTree { on_procfs: false, ..gvisor.clone() },
            ProcfsTree { flags: VALID, ..gvisor.clone() },
            ProcfsTree { uptime_inode: LINUX_FIRST + 9, ..gvisor.clone() },
            ProcfsTree { missing: Vec::new(), ..gvisor.clone() },
            ProcfsTree { present: Vec::new(), controllers: Vec::new(), ..gvisor },
        ] {
            assert!(matches!(reading(&mixed), Reading::Unknown(_)), "{mixed:?}");
        }
    }
}
