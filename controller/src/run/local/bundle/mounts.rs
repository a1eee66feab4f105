//! Paths of the machine that a user's bundle mounts, and those of them that an engine made for this container alone.

use std::{fs, path::Path};

use nix::sys::statfs::{TMPFS_MAGIC, statfs};
use serde_json::{Value, json};

use super::engine;
use crate::case::HostPath;

/// System folders: everything in them belongs to the machine.
const SYSTEM: &[&str] =
    &["/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/root", "/sbin", "/sys", "/usr"];

/// Mount points of files that an engine makes for one container and keeps in a folder of that container.
const OWN_FILES: &[&str] = &["/etc/resolv.conf", "/etc/hosts", "/etc/hostname", "/dev/termination-log"];
/// The mount point of the container's own memory file system.
const OWN_MEMORY: &str = "/dev/shm";

/// Makes the source of every bind mount absolute. It may be relative to the bundle (OCI runtime specification,
/// config.md, "Mounts"), and the runtime starts in another folder.
pub(super) fn make_absolute(config: &mut Value, folder: &Path) {
    let mounts = config.get_mut("mounts").and_then(Value::as_array_mut).into_iter().flatten();
    for mount in mounts.filter(|mount| is_bind(mount)) {
        if let Some(source) = mount.get("source").and_then(Value::as_str).map(Path::new)
            && source.is_relative()
        {
            let absolute = folder.join(source);
            mount["source"] = json!(absolute);
        }
    }
}

/// Returns the bind mounts of the machine's paths, and the mount points that an engine made for this container.
pub(super) fn of_the_machine(config: &Value) -> (Vec<HostPath>, Vec<String>) {
    let mounts = config.get("mounts").and_then(Value::as_array).into_iter().flatten();
    let path = |mount: &Value| {
        let text = |key: &str| mount.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        HostPath { source: text("source"), destination: text("destination") }
    };
    let paths = mounts.filter(|mount| is_bind(mount)).map(path);
    let (own, machines): (Vec<_>, Vec<_>) = paths.partition(is_per_container);
    (machines, own.into_iter().map(|own| own.destination).collect())
}

fn is_bind(mount: &Value) -> bool {
    let options = mount.get("options").and_then(Value::as_array).into_iter().flatten();
    let binds = options.filter_map(Value::as_str).any(|option| option == "bind" || option == "rbind");
    binds || mount.get("type").and_then(Value::as_str) == Some("bind")
}

/// Returns true if an engine made the file for one container, in a folder of that container. A file that cannot be examined does
/// not count. Neither does a file in a system folder, as its path is written or after following links.
fn is_per_container(HostPath { source, destination }: &HostPath) -> bool {
    let written = Path::new(source);
    let Ok(source) = fs::canonicalize(written) else { return false };
    if is_systems(written) || is_systems(&source) || Path::new(destination).starts_with(written) {
        return false;
    }
    if OWN_FILES.contains(&destination.as_str()) {
        return source.is_file() && engine::is_file(&source);
    }
    destination == OWN_MEMORY
        && engine::is_memory(&source)
        && statfs(&source).is_ok_and(|it| it.filesystem_type() == TMPFS_MAGIC)
}

/// Returns true if the path lies in a system folder.
pub(super) fn is_systems(path: &Path) -> bool {
    SYSTEM.iter().any(|system| path.starts_with(system))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bind(source: &Path, destination: &str) -> Value {
        json!({ "mounts": [{ "destination": destination, "type": "bind", "source": source }] })
    }

    #[test]
    fn an_engines_own_files_are_told_from_the_machines_paths() {
        let folder = tempfile::tempdir().unwrap();
        let hosts = folder.path().join(format!("containers/{}/hosts", "0a1b2c3d".repeat(8)));
        fs::create_dir_all(hosts.parent().unwrap()).unwrap();
        fs::write(&hosts, "").unwrap();
        let config = json!({ "mounts": [
            { "destination": "/data", "type": "none", "source": "/srv", "options": ["rbind", "rw"] },
            { "destination": "/etc/hosts", "type": "bind", "source": hosts, "options": ["bind"] },
            { "destination": "/proc", "type": "proc", "source": "proc" },
        ] });
        let (machines, own) = of_the_machine(&config);
        assert_eq!(machines, [HostPath { source: "/srv".into(), destination: "/data".into() }]);
        assert_eq!(own, ["/etc/hosts"]);
    }

    #[test]
    fn a_file_of_the_machine_is_not_an_engines_own() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let link = folder.path().join("hostname");
        let credentials = folder.path().join("credentials");
        fs::write(&credentials, "").unwrap();
        let shm = folder.path().join("shm");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", &link).unwrap();
        fs::create_dir(&shm).unwrap();
        for (source, destination) in [
            (Path::new("/etc/hosts"), "/etc/hosts"),
            (Path::new("/"), "/dev/shm"),
            (Path::new("/root"), "/dev/shm"),
            (Path::new("/dev/shm"), "/dev/shm"),
            (folder.path(), "/etc/hosts"),
            (&socket, "/dev/termination-log"),
            (&link, "/etc/hostname"),
            (&credentials, "/etc/hostname"),
            // The link itself is in a system folder.
            (Path::new("/etc/mtab"), "/etc/resolv.conf"),
            (Path::new("/no/such/file"), "/etc/hostname"),
            (&folder.path().join("shm/.."), "/dev/shm"),
        ] {
            let (machines, own) = of_the_machine(&bind(source, destination));
            assert_eq!((machines.len(), own.len()), (1, 0), "{}", source.display());
        }
    }

    #[test]
    fn a_relative_source_is_below_the_bundle() {
        let mut config = bind(Path::new("data"), "/data");
        make_absolute(&mut config, Path::new("/srv/bundle"));
        assert_eq!(config, bind(Path::new("/srv/bundle/data"), "/data"));
        make_absolute(&mut config, Path::new("/elsewhere"));
        assert_eq!(config, bind(Path::new("/srv/bundle/data"), "/data"));
    }
}
