//! The mounts of the workload's own processes, where the probe sees them. A mount that the specification declares is judged as a
//! volume; a mount that nobody declared came with a hook, a plugin or a runtime's setting.

use proto::Mount;

use super::{Judgement, KERNELS_OWN};
use crate::{
    case::{Case, Citation},
    judge::{
        gvisor::{Assessment, Kernel},
        processes::{self, Container, Others, of_kubelet},
    },
};

/// Folders of a runtime on the node with files for one sandbox, such as `/etc/resolv.conf` (containerd,
/// `internal/cri/server/podsandbox/sandbox_run_linux.go`; cri-o, `internal/storage/runtime.go`).
const OF_RUNTIMES: &[&str] = &["/io.containerd.grpc.v1.cri/sandboxes/", "/overlay-containers/"];

/// File systems whose mounts show a path of the node in Linux.
const ON_DISKS: &[&str] = &["bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "xfs", "zfs"];

/// Judges each mount of each container of the pod.
pub(super) fn read(case: &Case, assessment: &Assessment) -> Result<Vec<Citation>, Judgement> {
    let Some(others) = processes::seen(case, assessment) else { return Ok(Vec::new()) };
    let containers = others.containers();
    let mut strange = Vec::new();
    for container in &containers {
        let mounts = container.table.mounts.mounts.iter().filter(|mount| mount.mount_point != "/");
        strange.extend(mounts.filter_map(|mount| undeclared(&others, container, mount, assessment.kernel)));
    }
    let unmet = strange.iter().find(|it| it.path).map(|it| Judgement::unmet(it.words.clone()));
    let open = strange.first().map(|it| Judgement::inconclusive(it.words.clone()));
    let gap = others.gap().map(Judgement::inconclusive);
    let cited = |text| Citation { source: "processes", text };
    match unmet.or(open).or(gap) {
        Some(judgement) => Err(judgement.citing_all(strange.into_iter().map(|it| cited(it.words)))),
        None => Ok(vec![cited(format!(
            "the mounts of {} containers are those that they declare",
            containers.len()
        ))]),
    }
}

/// A mount that nobody declared.
struct Undeclared {
    /// True if the mount shows a path of the node.
    path: bool,
    words: String,
}

fn undeclared(
    others: &Others<'_>,
    container: &Container<'_>,
    mount: &Mount,
    kernel: Kernel,
) -> Option<Undeclared> {
    let Mount { mount_point, root, filesystem, .. } = mount;
    if KERNELS_OWN.contains(&filesystem.as_str()) || is_of_pod(container, root) {
        return None;
    }
    let name = others.name(container.process);
    match others.is_expected(mount_point) {
        Some(true) => None,
        Some(false) if kernel == Kernel::Other && ON_DISKS.contains(&filesystem.as_str()) && root != "/" => {
            let words = format!(
                "{name} has a path of the node that its specification does not mount: {root} at {mount_point}"
            );
            Some(Undeclared { path: true, words })
        }
        Some(false) => {
            let words =
                format!("{name} has a mount that its specification lacks: {filesystem} at {mount_point}");
            Some(Undeclared { path: false, words })
        }
        None => {
            let words = format!(
                "{name} has a mount, and its specification is not known: {filesystem} at {mount_point}"
            );
            Some(Undeclared { path: false, words })
        }
    }
}

/// True if a path on the node is one that the kubelet or the runtime makes for this pod. Linux alone shows it. The kubelet's
/// `/etc/hosts` tells the pod.
fn is_of_pod(container: &Container<'_>, root: &str) -> bool {
    let pod = |path| of_kubelet(path)?.split('/').next();
    let mut mounts = container.table.mounts.mounts.iter();
    let own = mounts.find(|mount| mount.mount_point == "/etc/hosts").and_then(|mount| pod(&mount.root));
    pod(root).is_some_and(|pod| own.is_none_or(|own| own == pod))
        || OF_RUNTIMES.iter().any(|folder| root.contains(folder))
}

#[cfg(test)]
mod tests {
    use crate::{
        case::Case,
        fixture::{self, beside},
        judge::{filesystem::filesystem_isolation::tests::judge, requirement::Judgement},
    };

    fn mounting(mut case: Case, path: &str, root: &str, filesystem: &str) -> Judgement {
        let mut mount = beside::mounts_of(&mut case, 2)[1].clone();
        (mount.mount_point, mount.root, mount.filesystem) = (path.into(), root.into(), filesystem.into());
        beside::mounts_of(&mut case, 2).push(mount);
        judge(&case)
    }

    fn linux() -> Case {
        let mut case = beside::running();
        case.collected.evidence = beside::on_linux(&case);
        case
    }

    #[test]
    fn declared_mounts_are_met() {
        assert_eq!(fixture::told(&judge(&beside::running())), "met");
        assert_eq!(fixture::told(&judge(&linux())), "met");
    }

    #[test]
    fn a_mount_that_the_specification_lacks_is_inconclusive_in_gvisor() {
        let judgement = mounting(beside::running(), "/injected", "/", "9p");
        assert_eq!(fixture::told(&judgement), "open");
        assert_eq!(
            judgement.because,
            "process 8 (command 08080808) has a mount that its specification lacks: 9p at /injected"
        );
    }

    #[test]
    fn a_path_of_the_node_that_the_specification_lacks_is_unmet_in_linux() {
        let uid = "/var/lib/kubelet/pods/6c0f5f2e-5dd0-4c93-9a5b-0d3f3a2b1c4d";
        let runtime = "/var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/0a1b/hostname".to_owned();
        for (path, root, filesystem, expected) in [
            ("/injected", "/srv/node".to_owned(), "ext4", "unmet"),
            ("/injected", "/srv/node".to_owned(), "nfs4", "open"),
            ("/injected", "/".to_owned(), "ext4", "open"),
            ("/injected", format!("{uid}/volumes/kubernetes.io~empty-dir/it"), "ext4", "met"),
            ("/injected", runtime, "ext4", "met"),
            ("/data", "/srv/node".to_owned(), "ext4", "met"),
            ("/injected", "/null".to_owned(), "tmpfs", "met"),
        ] {
            let judgement = mounting(linux(), path, &root, filesystem);
            assert_eq!(fixture::told(&judgement), expected, "{root}: {}", judgement.because);
        }
    }

    #[test]
    fn a_folder_of_another_pod_is_a_path_of_the_node() {
        let mut case = linux();
        let own = "/var/lib/kubelet/pods/6c0f5f2e-5dd0-4c93-9a5b-0d3f3a2b1c4d";
        beside::mounts_of(&mut case, 2)[1].root = format!("{own}/etc-hosts");
        let of = |root: String| fixture::told(&mounting(case.clone(), "/injected", &root, "ext4"));
        assert_eq!(of(format!("{own}/volumes/kubernetes.io~empty-dir/it")), "met");
        assert_eq!(
            of(format!("{}/volumes/kubernetes.io~empty-dir/it", own.replace("6c0f", "7c0f"))),
            "unmet"
        );
    }

    #[test]
    fn a_path_that_the_running_pod_declares_is_unmet() {
        let mut case = beside::running();
        let volume = crate::case::cluster::Volume {
            name: "data".into(),
            kind: crate::case::cluster::VolumeKind::HostPath,
            source: "/srv".into(),
            ..Default::default()
        };
        fixture::pod_view(&mut case).volumes.push(volume);
        assert_eq!(fixture::told(&judge(&case)), "unmet");
    }

    #[test]
    fn a_running_pod_without_a_visible_process_is_inconclusive() {
        let mut case = fixture::pod();
        fixture::in_cluster(&mut case).group.in_place = Some("web-1".into());
        assert_eq!(fixture::told(&judge(&case)), "open");
    }

    #[test]
    fn unknown_declarations_and_unread_mounts_are_inconclusive() {
        let mut case = beside::running();
        fixture::pod_view(&mut case).containers[0].mount_paths = None;
        assert_eq!(fixture::told(&mounting(case, "/injected", "/", "9p")), "open");
        let mut case = beside::running();
        beside::processes(&mut case).processes[2].mounts = proto::Observation::Denied { errno: 13 };
        assert_eq!(fixture::told(&judge(&case)), "open");
    }
}
