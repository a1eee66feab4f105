//! Sockets of the machine among the mounts of the workload's own processes, where the probe sees them. A container has a socket of
//! the machine by a mount alone. A mount that the specification declares is judged as a volume.

use std::path::Path;

use proto::{HOST_SOCKETS, Mount};

use crate::{
    case::{Case, Citation},
    judge::{
        gvisor::{Assessment, Kernel},
        processes,
    },
};

/// File systems that the kernel makes for each container, and that hold no socket of the machine.
const FRESH: &[&str] = &["proc", "sysfs", "dev", "devpts", "mqueue", "cgroup", "cgroup2"];

/// The mounts that may lead to a socket of the machine.
#[derive(Default)]
pub(super) struct Shown {
    pub(super) sockets: Vec<Citation>,
    pub(super) folders: Vec<Citation>,
    /// The gap in the evidence about the containers.
    pub(super) gap: Option<String>,
}

pub(super) fn read(case: &Case, assessment: &Assessment) -> Shown {
    let mut shown = Shown::default();
    let Some(others) = processes::seen(case, assessment) else { return shown };
    shown.gap = others.gap();
    for container in others.containers() {
        let name = others.name(container.process);
        for mount in &container.table.mounts.mounts {
            let Mount { mount_point, root, filesystem, .. } = mount;
            if mount_point == "/" || FRESH.contains(&filesystem.as_str()) {
                continue;
            }
            let cited = || {
                let text = format!("{name} mounts {filesystem} at {mount_point}{}", of_node(root));
                Citation { source: "processes", text }
            };
            let is_expected = others.is_expected(mount_point) == Some(true);
            if sockets().any(|socket| is_socket(socket, mount, assessment.kernel)) {
                shown.sockets.push(cited());
            } else if !is_expected && filesystem != "tmpfs" && sockets().any(|it| it.starts_with(mount_point))
            {
                shown.folders.push(cited());
            }
        }
    }
    shown
}

fn sockets() -> impl Iterator<Item = &'static Path> {
    HOST_SOCKETS.iter().map(Path::new)
}

/// True for a mount at a socket's usual place, and in Linux for a mount of the socket itself. `/run` is a file system of its own
/// there (file-hierarchy(7)), so that the path within it lacks the name.
fn is_socket(socket: &Path, mount: &Mount, kernel: Kernel) -> bool {
    let in_run = ["/run", "/var/run"]
        .into_iter()
        .any(|run| socket.strip_prefix(run).is_ok_and(|it| within(it, mount)));
    let at = Path::new(&mount.mount_point) == socket;
    at || (kernel != Kernel::Gvisor && (Path::new(&mount.root) == socket || in_run))
}

/// True if the mount is of this path within a file system in memory.
fn within(path: &Path, mount: &Mount) -> bool {
    mount.filesystem == "tmpfs" && Path::new(&mount.root).strip_prefix("/").is_ok_and(|root| root == path)
}

/// Names the path on the node; empty where the kernel shows none.
fn of_node(root: &str) -> String {
    if root == "/" { String::new() } else { format!(", which is {root} on the node") }
}

#[cfg(test)]
mod tests {
    use crate::{
        case::Case,
        fixture::{self, beside},
        judge::requirement::Judgement,
    };

    fn judge(case: &Case) -> Judgement {
        fixture::judged(&super::super::REQUIREMENT, case)
    }

    fn mounting(mut case: Case, path: &str, root: &str, filesystem: &str) -> &'static str {
        let mut mount = beside::mounts_of(&mut case, 2)[1].clone();
        (mount.mount_point, mount.root, mount.filesystem) = (path.into(), root.into(), filesystem.into());
        beside::mounts_of(&mut case, 2).push(mount);
        fixture::told(&judge(&case))
    }

    #[test]
    fn a_mount_at_a_sockets_place_is_unmet() {
        assert_eq!(fixture::told(&judge(&beside::running())), "met");
        assert_eq!(mounting(beside::running(), "/var/run/docker.sock", "/", "9p"), "unmet");
        assert_eq!(mounting(beside::running(), "/run/containerd", "/", "9p"), "open");
        assert_eq!(mounting(beside::running(), "/run", "/", "tmpfs"), "met");
        assert_eq!(mounting(beside::running(), "/data", "/", "9p"), "met");
    }

    #[test]
    fn a_socket_that_is_mounted_elsewhere_is_unmet_in_linux() {
        let mut linux = beside::running();
        linux.collected.evidence = beside::on_linux(&linux);
        for (root, filesystem, expected) in [
            ("/containerd/containerd.sock", "tmpfs", "unmet"),
            ("/docker.sock", "tmpfs", "unmet"),
            ("/run/docker.sock", "ext4", "unmet"),
            ("/docker.sock", "ext4", "met"),
            ("/other.sock", "tmpfs", "met"),
        ] {
            assert_eq!(mounting(linux.clone(), "/data", root, filesystem), expected, "{root}");
        }
    }

    #[test]
    fn a_running_pod_without_a_visible_process_is_inconclusive() {
        let mut case = fixture::pod();
        fixture::in_cluster(&mut case).group.in_place = Some("web-1".into());
        assert_eq!(fixture::told(&judge(&case)), "open");
    }

    #[test]
    fn unread_mounts_are_inconclusive() {
        let mut case = beside::running();
        beside::processes(&mut case).processes[2].mounts = proto::Observation::Denied { errno: 13 };
        assert_eq!(fixture::told(&judge(&case)), "open");
    }
}
