//! Settings that the options of the root's mount show. gVisor shows the options if the root is a gofer's (9p). An overlay hides
//! the options of the file system beneath it (`pkg/sentry/fsimpl/gofer`, `MountOptions`).

use proto::Mount;

use super::{Setting, Shown, flags};
use crate::case::Case;

pub(super) const OVERLAY: Setting = Setting {
    name: "overlay",
    flags: &[&flags::OVERLAY2],
    blocks: true,
    source: "writes reach the host's files; g3doc/user_guide/filesystem.md",
    shown: overlay,
};

pub(super) const FILE_ACCESS: Setting = Setting {
    name: "file access",
    flags: &[&flags::FILE_ACCESS],
    blocks: false,
    source: "the host may change files beneath the sandbox; g3doc/user_guide/filesystem.md",
    shown: file_access,
};

pub(super) const DIRECTFS: Setting = Setting {
    name: "directfs",
    flags: &[&flags::DIRECTFS],
    blocks: false,
    source: "the sandbox makes file system calls itself; g3doc/user_guide/filesystem.md",
    shown: directfs,
};

pub(super) const HOST_FIFOS: Setting = Setting {
    name: "host FIFOs",
    flags: &[&flags::HOST_FIFO],
    blocks: false,
    source: "pipes of the host can be opened; runsc/config/flags.go",
    shown: host_fifos,
};

const OVERLAID: &str = "the root is an overlay, which hides the setting";

enum Root<'a> {
    Gofer(&'a Mount),
    Overlay,
    Other(String),
}

fn root(case: &Case) -> Root<'_> {
    let mounts = &case.evidence().mounts;
    let Some(seen) = mounts.seen() else { return Root::Other(mounts.fared()) };
    match seen.mounts.iter().rfind(|mount| mount.mount_point == "/") {
        Some(root) if root.filesystem == "9p" => Root::Gofer(root),
        Some(root) if root.filesystem == "overlay" => Root::Overlay,
        Some(root) => Root::Other(format!("the root's file system is {}", root.filesystem)),
        None => Root::Other("the mounts do not show the root".to_owned()),
    }
}

fn has(mount: &Mount, option: &str) -> bool {
    mount.super_options.iter().any(|it| it == option)
}

/// Returns true for a release that shows all its options; releases before 2023 show fewer.
fn tells_all(mount: &Mount) -> bool {
    mount.super_options.iter().any(|option| option.starts_with("dcache="))
}

fn overlay(case: &Case) -> Shown {
    match root(case) {
        Root::Overlay => Shown::Safe("writes to the root stay in the sandbox".to_owned()),
        Root::Gofer(root) if root.read_only() => Shown::Unseen("a read-only root needs no overlay"),
        Root::Gofer(_) => Shown::Weak("the root is a writable folder of the host".to_owned()),
        Root::Other(why) => Shown::Unclear(why),
    }
}

fn file_access(case: &Case) -> Shown {
    match root(case) {
        Root::Gofer(root) if has(root, "cache=fscache") => Shown::Safe("exclusive".to_owned()),
        Root::Gofer(root) if has(root, "cache=remote_revalidating") => {
            Shown::Weak("the root is shared with the host".to_owned())
        }
        Root::Gofer(_) => Shown::Unclear("the root's mount names no known kind of cache".to_owned()),
        Root::Overlay => Shown::Unseen(OVERLAID),
        Root::Other(why) => Shown::Unclear(why),
    }
}

fn directfs(case: &Case) -> Shown {
    match root(case) {
        Root::Gofer(root) if has(root, "directfs") => Shown::Weak("enabled, as by default".to_owned()),
        Root::Gofer(_) => Shown::Safe("off".to_owned()),
        Root::Overlay => Shown::Unseen(OVERLAID),
        Root::Other(why) => Shown::Unclear(why),
    }
}

fn host_fifos(case: &Case) -> Shown {
    match root(case) {
        Root::Gofer(root) if has(root, "disable_fifo_open") => Shown::Safe("closed".to_owned()),
        Root::Gofer(root) if tells_all(root) => Shown::Weak("the host's FIFOs can be opened".to_owned()),
        Root::Gofer(_) => Shown::Unseen("this release does not show the setting"),
        Root::Overlay => Shown::Unseen(OVERLAID),
        Root::Other(why) => Shown::Unclear(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn with(options: &[&str], read_only: bool, filesystem: &str) -> Case {
        let mut case = fixture::gvisor();
        let root = &mut fixture::mounts(&mut case).mounts[0];
        root.super_options = options.iter().map(|&option| option.to_owned()).collect();
        root.options = if read_only { vec!["ro".into()] } else { vec!["rw".into()] };
        root.filesystem = filesystem.into();
        case
    }

    #[test]
    fn a_writable_root_without_an_overlay_is_weak() {
        assert!(matches!(overlay(&with(&[], false, "9p")), Shown::Weak(_)));
        assert!(matches!(overlay(&with(&[], true, "9p")), Shown::Unseen(_)));
        assert!(matches!(overlay(&with(&[], false, "overlay")), Shown::Safe(_)));
        assert!(matches!(overlay(&fixture::silent()), Shown::Unclear(_)));
    }

    #[test]
    fn each_option_shows_its_own_setting() {
        let default = ["cache=fscache", "dcache=1000", "directfs", "disable_fifo_open"];
        let case = with(&default, true, "9p");
        assert!(matches!(file_access(&case), Shown::Safe(_)));
        assert!(matches!(directfs(&case), Shown::Weak(_)));
        assert!(matches!(host_fifos(&case), Shown::Safe(_)));
        let case = with(&["cache=remote_revalidating", "dcache=1000"], true, "9p");
        assert!(matches!(file_access(&case), Shown::Weak(_)));
        assert!(matches!(directfs(&case), Shown::Safe(_)));
        assert!(matches!(host_fifos(&case), Shown::Weak(_)));
        assert!(matches!(host_fifos(&with(&["cache=fscache"], true, "9p")), Shown::Unseen(_)));
    }
}
