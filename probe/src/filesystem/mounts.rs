//! The mounts of `/proc/self/mountinfo`.

use std::path::Path;

use procfs::{FromRead, process::MountInfos};
use proto::{Mount, Mounts, Observation};

use crate::{
    text::printable,
    vantage::{Vantage, understood},
};

/// The largest number of reported mounts.
const MOST: usize = 512;
/// The largest number of reported options of one mount.
const MOST_OPTIONS: usize = 128;

pub(crate) fn observe(vantage: &Vantage) -> Observation<Mounts> {
    understood(vantage.bytes("/proc/self/mountinfo"), |bytes| parse(&bytes))
}

/// Reads the lines of a process's `mountinfo`.
pub(crate) fn parse(mountinfo: &[u8]) -> Result<Mounts, String> {
    let infos = MountInfos::from_read(mountinfo).map_err(|error| error.to_string())?;
    let path = |path: &Path| printable(&path.to_string_lossy());
    let options = |options: std::collections::HashMap<String, Option<String>>| {
        let joined = options.into_iter().map(|(name, value)| match value {
            Some(value) => printable(&format!("{name}={value}")),
            None => printable(&name),
        });
        let mut sorted: Vec<_> = joined.collect();
        sorted.sort_unstable();
        sorted.truncate(MOST_OPTIONS);
        sorted
    };
    let truncated = infos.0.len() > MOST;
    let mounts = infos.0.into_iter().take(MOST).map(|info| Mount {
        mount_point: path(&info.mount_point),
        root: printable(&info.root),
        filesystem: printable(&info.fs_type),
        source: printable(info.mount_source.as_deref().unwrap_or("none")),
        options: options(info.mount_options),
        super_options: options(info.super_options),
    });
    Ok(Mounts { mounts: mounts.collect(), truncated })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file of runsc 0.0~20221219 of Debian bookworm, whose lines have no optional fields and one space too many.
    const GVISOR_2022: &str = "8 8 0:8 / / ro  - 9p none ro,trans=fd,rfdno=3,wfdno=3,aname=/,cache=fscache\n\
        11 8 0:10 / /proc rw  - proc none rw,dentry_cache_limit=1000\n";
    /// The file of a container of runc 1.1.5, shortened.
    const RUNC: &str = "29 28 254:0 /var/lib/bundle/rootfs / ro,relatime - ext4 /dev/root rw,errors=remount-ro\n\
        30 29 0:25 / /proc rw,nosuid,nodev,noexec,relatime shared:12 - proc proc rw\n";

    #[test]
    fn gvisors_mounts_are_parsed() {
        let mounts = parse(GVISOR_2022.as_bytes()).unwrap().mounts;
        assert_eq!(mounts[0].filesystem, "9p");
        assert!(mounts[0].read_only() && !mounts[1].read_only());
        assert!(mounts[0].super_options.contains(&"cache=fscache".to_owned()));
    }

    #[test]
    fn a_bind_mount_has_its_path_within_the_file_system() {
        let mounts = parse(RUNC.as_bytes()).unwrap().mounts;
        assert_eq!(
            (mounts[0].root.as_str(), mounts[0].source.as_str()),
            ("/var/lib/bundle/rootfs", "/dev/root")
        );
    }

    #[test]
    fn too_many_mounts_make_the_list_truncated() {
        let line = "30 29 0:25 / /proc rw - proc proc rw\n";
        let parsed = parse(line.repeat(MOST + 1).as_bytes()).unwrap();
        assert_eq!((parsed.mounts.len(), parsed.truncated), (MOST, true));
        assert!(!parse(line.as_bytes()).unwrap().truncated);
    }

    #[test]
    fn a_damaged_line_is_refused() {
        assert!(parse(b"30 29\n").is_err());
    }
}
