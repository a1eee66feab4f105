//! What a user's bundle mounts of the machine, and what of that an engine made for this one container.

use std::{fs, path::Path};

use nix::sys::statfs::{TMPFS_MAGIC, statfs};
use serde_json::{Value, json};

use crate::case::HostPath;

/// Folders of the machine itself: what lies in one of them is the machine's.
const SYSTEM: &[&str] =
    &["/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/root", "/sbin", "/sys", "/usr"];

/// Where engines mount a file that they made for one container, somewhere in their own folders.
const OWN_FILES: &[&str] = &["/etc/resolv.conf", "/etc/hosts", "/etc/hostname", "/dev/termination-log"];
/// Where they mount a file system of memory of its own, which all of them keep under this name.
const OWN_MEMORY: (&str, &str) = ("/dev/shm", "shm");

/// The source of a bind mount may be relative to the bundle (OCI runtime specification, config.md, "Mounts"), which the
/// runtime is not started in.
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

/// Bind mounts of the machine's paths, and apart from them the places of those that an engine made for one container.
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

/// What cannot be looked at is none, nor is what lies in a folder of the machine's, as it is written or where links lead to.
fn is_per_container(HostPath { source, destination }: &HostPath) -> bool {
    let written = Path::new(source);
    let Ok(source) = fs::canonicalize(written) else { return false };
    if is_systems(written) || is_systems(&source) || Path::new(destination).starts_with(written) {
        return false;
    }
    if OWN_FILES.contains(&destination.as_str()) {
        return source.is_file();
    }
    let (place, name) = OWN_MEMORY;
    destination == place
        && source.file_name().is_some_and(|it| it == name)
        && statfs(&source).is_ok_and(|it| it.filesystem_type() == TMPFS_MAGIC)
}

/// Whether it lies in a folder of the machine itself.
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
    fn paths_of_the_machine_are_found_and_an_engines_own_files_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let hosts = folder.path().join("hosts");
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
    fn what_is_the_machines_own_or_no_file_was_made_by_no_engine() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let link = folder.path().join("hostname");
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
            // Wherever it leads to, it is the machine's.
            (Path::new("/etc/mtab"), "/etc/resolv.conf"),
            (Path::new("/no/such/file"), "/etc/hostname"),
            (&folder.path().join("shm/.."), "/dev/shm"),
        ] {
            let (machines, own) = of_the_machine(&bind(source, destination));
            assert_eq!((machines.len(), own.len()), (1, 0), "{}", source.display());
        }
    }

    #[test]
    fn a_relative_source_is_the_bundles() {
        let mut config = bind(Path::new("data"), "/data");
        make_absolute(&mut config, Path::new("/srv/bundle"));
        assert_eq!(config, bind(Path::new("/srv/bundle/data"), "/data"));
        make_absolute(&mut config, Path::new("/elsewhere"));
        assert_eq!(config, bind(Path::new("/srv/bundle/data"), "/data"));
    }
}
