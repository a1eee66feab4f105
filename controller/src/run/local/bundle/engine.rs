//! Folders in which engines keep what belongs to one container, by the container's id: Docker (moby, `daemon/container_operations_unix.go`,
//! `container/container_unix.go`), containerd (`internal/cri/server/helpers.go`), CRI-O and Podman (containers/storage, `store.go`),
//! nerdctl (`pkg/dnsutil/hostsstore`, `pkg/containerutil`), and the kubelet (`pkg/kubelet/kubelet_getters.go`).

use std::{ffi::OsStr, path::Path};

/// The files of the network that an engine writes for a container.
const FILES: &[&str] = &["hostname", "hosts", "resolv.conf"];
/// Folders of storage drivers, below which a container's root file system lies.
const DRIVERS: &[&str] = &["btrfs", "fuse-overlayfs", "overlay", "overlay2", "overlayfs", "vfs", "zfs"];
/// The end of the names of folders with the data of containers in containers/storage, behind the name of the driver.
const DATA: &str = "-containers";

/// Returns true for a file that an engine or the kubelet writes for one container.
pub(super) fn is_file(path: &Path) -> bool {
    match parts(path).as_slice() {
        [.., "pods", uid, "etc-hosts"] | [.., "pods", uid, "containers", _, _] => is_uid(uid),
        [.., "etchosts", _, id, "hosts"] => is_id(id),
        [.., folder, id, "userdata", file] if folder.ends_with(DATA) => is_id(id) && FILES.contains(file),
        [.., "containers" | "sandboxes", id, file] if is_id(id) => FILES.contains(file),
        [.., "containers", _, id, file] => is_id(id) && FILES.contains(file),
        _ => false,
    }
}

/// Returns true for the shared memory of one container.
pub(super) fn is_memory(path: &Path) -> bool {
    match parts(path).as_slice() {
        [.., "containers", id, "mounts", "shm"] | [.., "containers" | "sandboxes", id, "shm"] => is_id(id),
        [.., folder, id, "userdata", "shm"] => folder.ends_with(DATA) && is_id(id),
        _ => false,
    }
}

/// Returns true for the root file system of one container.
pub(super) fn is_root(path: &Path) -> bool {
    let parts = parts(path);
    let has_id = match parts.as_slice() {
        [.., id, "merged"] | [.., id] => is_id(id),
        [] => false,
    };
    has_id && parts.iter().any(|part| DRIVERS.contains(part))
}

fn parts(path: &Path) -> Vec<&str> {
    path.iter().filter_map(OsStr::to_str).collect()
}

/// True for the id of a container.
fn is_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// True for the uid of a pod. The uid of a static pod has no hyphens.
fn is_uid(text: &str) -> bool {
    text.len() >= 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    const UID: &str = "6c0f5f2e-5dd0-4c93-9a5b-0d3f3a2b1c4d";

    fn id() -> String {
        "0a1b2c3d".repeat(8)
    }

    fn are(of: fn(&Path) -> bool, expected: bool, paths: &[&str]) {
        for path in paths {
            let path = path.replace("ID", &id()).replace("UUU", UID);
            assert_eq!(of(Path::new(&path)), expected, "{path}");
        }
    }

    #[test]
    fn files_of_each_engine_are_a_containers() {
        are(
            is_file,
            true,
            &[
                "/var/lib/docker/containers/ID/hostname",
                "/home/u/.local/share/docker/containers/ID/resolv.conf",
                "/var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/ID/hostname",
                "/var/lib/rancher/k3s/agent/containerd/io.containerd.grpc.v1.cri/sandboxes/ID/resolv.conf",
                "/run/containers/storage/overlay-containers/ID/userdata/hosts",
                "/run/user/1000/containers/vfs-containers/ID/userdata/resolv.conf",
                "/var/lib/nerdctl/1935db59/containers/default/ID/resolv.conf",
                "/var/lib/nerdctl/1935db59/etchosts/default/ID/hosts",
                "/var/lib/kubelet/pods/UUU/etc-hosts",
                "/var/lib/kubelet/pods/UUU/containers/web/0a1b2c3d",
            ],
        );
    }

    #[test]
    fn other_files_are_the_machines() {
        are(
            is_file,
            false,
            &[
                "/home/u/.aws/credentials",
                "/var/lib/rancher/k3s/server/token",
                "/var/lib/docker/containers/ID/config.v2.json",
                "/var/lib/docker/containers/ID",
                "/var/lib/docker/containers/web/hosts",
                "/run/containers/storage/overlay-containers/ID/userdata/config.json",
                "/var/lib/kubelet/pods/UUU/volume-subpaths/data/web/0",
                "/var/lib/kubelet/pods/web/etc-hosts",
            ],
        );
    }

    #[test]
    fn shared_memory_lies_in_an_engines_folder() {
        are(
            is_memory,
            true,
            &[
                "/var/lib/docker/containers/ID/mounts/shm",
                "/run/containerd/io.containerd.grpc.v1.cri/sandboxes/ID/shm",
                "/var/lib/containers/storage/overlay-containers/ID/userdata/shm",
            ],
        );
        are(is_memory, false, &["/srv/shm", "/dev/shm", "/var/lib/docker/containers/web/mounts/shm"]);
    }

    #[test]
    fn a_root_of_an_engine_lies_in_its_store() {
        are(
            is_root,
            true,
            &[
                "/var/lib/docker/overlay2/ID/merged",
                "/var/lib/docker/rootfs/overlayfs/ID",
                "/var/lib/docker/vfs/dir/ID",
                "/home/u/.local/share/containers/storage/overlay/ID/merged",
            ],
        );
        are(
            is_root,
            false,
            &[
                "/",
                "/home/u",
                "/srv/ID",
                "/var/lib/docker/overlay2",
                "/var/lib/docker/overlay2/ID/merged/etc",
            ],
        );
    }
}
