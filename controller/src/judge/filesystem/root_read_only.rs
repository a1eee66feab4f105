//! The root file system is read-only, in the probe's sandbox and in the workloads' containers.

use proto::Answer;

use crate::case::{Case, Citation};
use crate::judge::{
    gvisor::Assessment,
    processes,
    requirement::{Area, Class, Explanation, Judge, Judgement, Requirement, Scope},
};

pub(in crate::judge) const REQUIREMENT: Requirement = Requirement {
    id: "root-read-only",
    title: "The root file system is read-only",
    area: Area::Filesystem,
    class: Class::Adaptive,
    scope: Scope::Everywhere,
    mandatory: false,
    weight: 3,
    protects: "A program that can change its own image stays there, and later users may run it.",
    remedy: "Make the root file system read-only (root.readonly in config.json; on Kubernetes readOnlyRootFilesystem: true \
             in every container). Give files that must be written a volume of their own (tmpfs, emptyDir).",
    explanation: Explanation {
        looks_at: &["mounts", "root-filesystem", "processes", "cluster"],
        met: "the root file system is read-only, also in every container of the workloads, by its specification and by the mounts \
              of its processes where the probe sees them",
        unmet: "the root file system is writable, or a workload's container has a writable one",
        inconclusive: "neither mounts nor access checks show the root file system, or the workloads' containers are not known",
        on_platforms: &[],
    },
    mappings: &["CIS Docker 5.13"],
    judge: Judge::Kernel(judge),
};

/// `EROFS`, and `ST_RDONLY` and `ST_VALID` (include/linux/statfs.h); gVisor sets no flag.
const READ_ONLY_FILESYSTEM: u32 = 30;
const RDONLY: u64 = 1;
const VALID: u64 = 0x20;

fn judge(case: &Case, assessment: &Assessment) -> Judgement {
    let (declared, unknown) = of_workloads(case);
    let (shown, unshown) = of_processes(case, assessment);
    let cited = |source| move |text| Citation { source, text };
    let writable: Vec<_> =
        declared.into_iter().map(cited("cluster")).chain(shown.into_iter().map(cited("processes"))).collect();
    if let Some(first) = writable.first() {
        return Judgement::unmet(first.text.clone()).citing_all(writable);
    }
    match own(case) {
        Some((false, source, text)) => {
            Judgement::unmet("the root file system is writable").citing(source, text)
        }
        Some((true, source, text)) => match unknown.or(unshown) {
            Some(what) => Judgement::inconclusive(what),
            None => Judgement::met("the root file system is read-only").citing(source, text),
        },
        None => Judgement::inconclusive(format!(
            "the root file system could not be observed: {}",
            case.evidence().mounts.fared()
        )),
    }
}

/// Returns true if the probe's own root is read-only, with the source and text that show it; `None` if nothing shows it.
fn own(case: &Case) -> Option<(bool, &'static str, String)> {
    let evidence = case.evidence();
    let root = evidence.root_filesystem.seen();
    if root.is_some_and(|root| root.write_access == Answer::Errno(READ_ONLY_FILESYSTEM)) {
        return Some((
            true,
            "root-filesystem",
            "a check for write access answers that it is read-only".to_owned(),
        ));
    }
    let mounts = evidence.mounts.seen();
    if let Some(mount) = mounts.and_then(|it| it.mounts.iter().rfind(|mount| mount.mount_point == "/")) {
        let access = if mount.read_only() { "read-only" } else { "writable" };
        return Some((mount.read_only(), "mounts", format!("/ is {}, {access}", mount.filesystem)));
    }
    let flags = root?.flags;
    let read_only = flags & RDONLY != 0;
    (flags & VALID != 0)
        .then(|| (read_only, "root-filesystem", format!("the file system's flags are {flags:#x}")))
}

/// Returns the workloads' containers with a writable root, and a container whose root is not known.
fn of_workloads(case: &Case) -> (Vec<String>, Option<String>) {
    let containers =
        case.pod_views().iter().flat_map(|pod_view| pod_view.containers.iter().map(move |it| (pod_view, it)));
    let (mut writable, mut unknown) = (Vec::new(), None);
    for (pod_view, container) in containers {
        let who = format!("{}: container {}", pod_view.origin.title(), container.name);
        match container.writable_root {
            Some(false) => (),
            Some(true) => writable.push(format!("{who} has a writable root file system")),
            None => unknown = Some(format!("{who} is not known to have a read-only root file system")),
        }
    }
    (writable, unknown)
}

/// Returns the containers whose processes show a writable root, and the reason why a root is not known.
fn of_processes(case: &Case, assessment: &Assessment) -> (Vec<String>, Option<String>) {
    let Some(others) = processes::seen(case, assessment) else { return (Vec::new(), None) };
    let (mut writable, mut unknown) = (Vec::new(), others.gap());
    let declares_all = case.pod_views().iter().flat_map(|it| &it.containers);
    let declares_all = declares_all.clone().next().is_some()
        && declares_all.into_iter().all(|container| container.writable_root == Some(false));
    for container in others.containers() {
        let name = others.name(container.process);
        match container.table.mounts.mounts.iter().rfind(|mount| mount.mount_point == "/") {
            Some(mount) if mount.read_only() => (),
            Some(_) => {
                let although =
                    if declares_all { ", although its specification makes the root read-only" } else { "" };
                writable.push(format!("{name} has a writable root file system{although}"));
            }
            None => unknown = unknown.or(Some(format!("the mounts of {name} do not show its root"))),
        }
    }
    (writable, unknown)
}

#[cfg(test)]
mod tests {
    use proto::Observation;

    use super::*;
    use crate::fixture::{self, beside};

    fn judge(case: &Case) -> Judgement {
        fixture::judged(&REQUIREMENT, case)
    }

    fn told(case: &Case) -> &'static str {
        fixture::told(&judge(case))
    }

    #[test]
    fn a_writable_root_of_a_running_container_contradicts_its_specification() {
        assert_eq!(told(&beside::running()), "met");
        for table in 0..3 {
            let mut case = beside::running();
            let root = &mut beside::mounts_of(&mut case, table)[0];
            (root.options, root.super_options) = (vec!["rw".to_owned()], Vec::new());
            let judgement = judge(&case);
            assert_eq!(fixture::told(&judgement), "unmet");
            assert!(judgement.because.ends_with("although its specification makes the root read-only"));
        }
    }

    #[test]
    fn a_running_pod_without_a_visible_process_is_inconclusive() {
        let mut case = fixture::pod();
        assert_eq!(told(&case), "met");
        fixture::in_cluster(&mut case).group.in_place = Some("web-1".into());
        assert_eq!(told(&case), "open");
    }

    #[test]
    fn mounts_that_show_no_root_are_inconclusive() {
        let mut case = beside::running();
        beside::mounts_of(&mut case, 1).remove(0);
        assert_eq!(told(&case), "open");
        let mut case = beside::running();
        beside::processes(&mut case).processes[1].mounts = Observation::Denied { errno: 13 };
        assert_eq!(told(&case), "open");
    }

    #[test]
    fn an_answer_a_mount_or_flags_show_a_read_only_root() {
        let told = |read_only: bool, mounted: Option<bool>, flags: u64| {
            let mut case = fixture::gvisor();
            if let Observation::Seen(root) = &mut case.collected.evidence.root_filesystem {
                root.flags = flags;
                root.write_access = Answer::Errno(if read_only { READ_ONLY_FILESYSTEM } else { 13 });
            }
            match mounted {
                Some(read_only) => {
                    let root = &mut fixture::mounts(&mut case).mounts[0];
                    root.options = vec![if read_only { "ro" } else { "rw" }.to_owned()];
                    root.super_options.clear();
                }
                None => case.collected.evidence.mounts = Observation::Absent,
            }
            told(&case)
        };
        assert_eq!(told(true, None, 0), "met");
        assert_eq!(told(false, Some(true), 0), "met");
        assert_eq!(told(false, Some(false), 0), "unmet");
        assert_eq!(told(false, None, VALID | RDONLY), "met");
        assert_eq!(told(false, None, VALID), "unmet");
        assert_eq!(told(false, None, 0), "open");
    }

    #[test]
    fn a_clean_probe_excuses_no_writable_root_of_a_workload() {
        for (writable_root, expected) in [(Some(false), "met"), (Some(true), "unmet"), (None, "open")] {
            let mut case = fixture::pod();
            fixture::pod_view(&mut case).containers[0].writable_root = writable_root;
            assert_eq!(told(&case), expected, "{writable_root:?}");
        }
        assert_eq!(told(&fixture::silent()), "open");
    }
}
