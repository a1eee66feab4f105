//! The workload's own processes, where the probe shares their process namespace: an ephemeral container in a running pod does, and
//! so does a probe that a runtime's `exec` started in a running container.
//!
//! Each process is judged by itself, the sandbox's own process 1 (`pause`) too: containerd starts it with a read-only root, with
//! `no_new_privs`, and as the image's ordinary user (containerd, `internal/cri/server/podsandbox/sandbox_run_linux.go`), and so no
//! rule needs to recognise it before it is judged.

use std::collections::BTreeSet;

use proto::{MountTable, MountsOf, Namespaces, Observation, Process, ProcessKind, ProcessStatus, Processes};

use super::gvisor::{Assessment, Kernel};
use crate::case::{
    Case, Subject,
    cluster::{ContainerKind, PodView},
};

/// The number of digits of a container's id, and of the start by which tools name it.
const ID: usize = 64;
const SHORT_ID: usize = 12;
/// The file for the termination message, which every container has unless its specification names another place.
const TERMINATION_MESSAGE: &str = "/dev/termination-log";
/// Files that the kubelet and the runtime mount into each container.
const OF_RUNTIME: &[&str] =
    &["/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/dev/shm", TERMINATION_MESSAGE];

/// The processes beside the probe's own container.
#[derive(Clone)]
pub(in crate::judge) struct Others<'a> {
    case: &'a Case,
    processes: &'a Processes,
    /// Why the processes of the examined pod are not among them; `None` if they are.
    missing: Option<String>,
}

/// The processes of a pod that shows none.
static NOBODY: Processes = Processes { processes: Vec::new(), mount_tables: Vec::new(), truncated: false };

/// A container that processes show, with one of them.
#[derive(Clone, Copy)]
pub(in crate::judge) struct Container<'a> {
    pub(in crate::judge) process: &'a Process,
    pub(in crate::judge) table: &'a MountTable,
}

/// Returns the workload's processes. A running pod or container that is examined in place must show them; if it does not, that
/// is a gap. Elsewhere, the result is `None` if the probe sees no process of another container than the pod's own process 1, or if the
/// processes are the machine's.
pub(in crate::judge) fn seen<'a>(case: &'a Case, assessment: &Assessment) -> Option<Others<'a>> {
    let observed = &case.evidence().processes;
    let (whole, part) = if case.examined_container() { ("container", "") } else { ("pod", "'s containers") };
    let missing = match observed.seen() {
        None => format!("the processes of the running {whole} could not be observed: {}", observed.fared()),
        Some(processes) if are_the_machines(case, assessment, processes) => {
            format!("the probe sees the node's processes, and cannot tell which of them are the {whole}'s")
        }
        Some(processes) => {
            let others = Others { case, processes, missing: None };
            // The probe has the mounts of the container in which it was started.
            if others.shows_a_container() || (case.examined_container() && !processes.processes.is_empty()) {
                return Some(others);
            }
            format!("the probe saw no process of the running {whole}{part}")
        }
    };
    case.is_in_place().then_some(Others { case, processes: &NOBODY, missing: Some(missing) })
}

/// True if the processes are those of a machine. gVisor never shows a machine's processes. Under Linux, threads of the kernel
/// exist in the first process namespace alone.
fn are_the_machines(case: &Case, assessment: &Assessment, processes: &Processes) -> bool {
    if assessment.kernel == Kernel::Gvisor {
        return false;
    }
    let is_thread = |process: &Process| {
        process.status.seen().is_some_and(|status| status.kind == ProcessKind::KernelThread)
    };
    let declared = case.pod_views().iter().any(|pod_view| pod_view.shares_the_nodes_processes());
    case.surroundings.subject == Subject::Unsandboxed
        || share_the_machines_namespace(case, assessment)
        || declared
        || processes.processes.iter().any(is_thread)
}

/// True if the sandbox's processes are in the machine's own namespace. The first namespace of every kernel has the same number, so
/// that an equal number counts only if the kernel is the machine's.
pub(in crate::judge) fn share_the_machines_namespace(case: &Case, assessment: &Assessment) -> bool {
    let (theirs, machine) = (&case.evidence().namespaces, &case.surroundings.machine.namespaces);
    let shared = |machine: &Namespaces| {
        let theirs = theirs.seen().into_iter().flat_map(|it| &it.namespaces);
        theirs.into_iter().any(|it| it.kind == "pid" && machine.namespaces.contains(it))
    };
    machine.seen().is_some_and(shared) && assessment.is_the_machines
}

// === impl Others ===

impl<'a> Others<'a> {
    /// True if a process is of another container than the probe's and the sandbox's own.
    fn shows_a_container(&self) -> bool {
        let is_sandboxs = |process: &Process| {
            let table = self.processes.table_of(process).map(|table| Container { process, table });
            process.pid == 1
                && process.further == 0
                && table.is_some_and(|container| !self.is_of_workload(&container))
        };
        self.processes()
            .iter()
            .any(|process| process.mounts.seen() != Some(&MountsOf::Probe) && !is_sandboxs(process))
    }

    /// Returns one process of each kind. Those with the probe's own mounts are among them: a privileged process can enter any mounts.
    pub(in crate::judge) fn processes(&self) -> &'a [Process] {
        &self.processes.processes
    }

    /// Returns the number of all processes.
    pub(in crate::judge) fn count(&self) -> u64 {
        self.processes().iter().map(|process| 1 + u64::from(process.further)).sum()
    }

    /// Returns each container once, with its first process.
    pub(in crate::judge) fn containers(&self) -> Vec<Container<'a>> {
        let of_table = |(index, table): (usize, &'a MountTable)| {
            let has = |process: &&Process| matches!(process.mounts.seen(), Some(MountsOf::Table(it)) if usize::try_from(*it) == Ok(index));
            let process = self.processes.processes.iter().find(has)?;
            Some(Container { process, table })
        };
        self.processes.mount_tables.iter().enumerate().filter_map(of_table).collect()
    }

    /// Returns a process as the beginning of a sentence: by its container where the node's paths tell it, its number, the start of
    /// its command's digest, and the number of processes like it.
    pub(in crate::judge) fn name(&self, process: &Process) -> String {
        let command = match &process.command {
            Observation::Seen([first, second, third, fourth, ..]) => {
                format!("command {:08x}", u32::from_be_bytes([*first, *second, *third, *fourth]))
            }
            Observation::Absent => "without a command line".to_owned(),
            blind => format!("command unknown: {}", blind.fared()),
        };
        let container = self.processes.table_of(process).and_then(|table| self.container_name(table));
        let container = container.map(|name| format!("container {name}, ")).unwrap_or_default();
        let alike = match process.further {
            0 => String::new(),
            further => format!("; {further} more like it"),
        };
        format!("{container}process {} ({command}{alike})", process.pid)
    }

    /// Returns a container's name; of a container that the pod's status does not list, the start of its id.
    fn container_name(&self, table: &'a MountTable) -> Option<&'a str> {
        self.name_in_pod(table).or_else(|| id_by_groups(table)?.get(..SHORT_ID))
    }

    /// Returns a container's name: by the kubelet's path, or by the id that the pod's status lists.
    fn name_in_pod(&self, table: &'a MountTable) -> Option<&'a str> {
        let by_status = |id: &str| {
            let pod = self.case.surroundings.in_cluster.as_ref()?.pod.as_ref()?;
            pod.containers.get(id).map(String::as_str)
        };
        name_by_kubelet(table).or_else(|| id_by_groups(table).and_then(by_status))
    }

    /// Names the first gap in the evidence about the containers: a process that was left out, mounts that could not be read, or
    /// a container without a visible process.
    pub(in crate::judge) fn gap(&self) -> Option<String> {
        if self.missing.is_some() {
            return self.missing.clone();
        }
        if self.processes.truncated {
            let (kinds, all) = (proto::MOST_PROCESSES, proto::MOST_ALIKE);
            return Some(format!(
                "the workload has more processes than the probe reports: {all}, of {kinds} kinds by users, privileges and mounts"
            ));
        }
        let runs = |process: &&Process| !process.status.seen().is_some_and(is_zombie);
        let unread = self.processes().iter().filter(runs).find(|process| process.mounts.seen().is_none());
        if let Some(process) = unread {
            let fared = process.mounts.fared();
            return Some(format!(
                "the mounts of {} could not be read: {fared}{}",
                self.name(process),
                self.by_its_user(process)
            ));
        }
        if let Some(container) = self.containers().iter().find(|container| container.table.mounts.truncated) {
            let name = self.name(container.process);
            return Some(format!("{name} has more mounts than the probe reports"));
        }
        self.hidden()
    }

    /// Says which containers of the examined pod show no process, if there are any. A probe pod lacks the containers of the pods that
    /// it represents. Only a container's own name or id shows it: a sidecar, a debug container and a process with mounts of its own have
    /// mounts too.
    fn hidden(&self) -> Option<String> {
        let examined = self.case.examined_pod()?;
        let Some(pod) = self.pods().next() else {
            return Some(format!("the specification of the running pod {examined} is not known"));
        };
        let containers = self.containers();
        let shown: BTreeSet<_> = containers.iter().filter_map(|it| self.name_in_pod(it.table)).collect();
        let lasting = pod.containers.iter().filter(|it| it.kind.lasts()).map(|it| it.name.as_str());
        let hidden: Vec<_> = lasting.filter(|name| !shown.contains(name)).collect();
        let (first, others) = hidden.split_first()?;
        let which = if others.is_empty() {
            format!("container {first}")
        } else {
            format!("containers {}", hidden.join(", "))
        };
        let is_untold =
            |it: &&Container<'a>| self.is_of_workload(it) && self.container_name(it.table).is_none();
        let untold = match containers.iter().filter(is_untold).count() {
            0 => String::new(),
            count => format!(". The mounts of {count} others do not tell their container"),
        };
        Some(format!(
            "the probe saw no process of the {which} of {}; a container may have ended or begun anew, or may have a process namespace of \
             its own{untold}",
            pod.origin.title()
        ))
    }

    /// Returns the advice that lets the probe read a process, as the end of a sentence; empty if the probe has the user already.
    pub(in crate::judge) fn by_its_user(&self, process: &Process) -> String {
        let own = self.case.evidence().credentials.seen().map(|own| own.effective_user);
        let theirs = process.status.seen().map(|status| status.credentials.effective_user);
        match theirs {
            Some(user) if own != Some(user) && !self.case.examined_container() => {
                format!(
                    "; `--live-uid` runs the probe as the container's user {user}, who may read it and whose programs may write in the \
                     probe's name: probe-integrity is inconclusive then"
                )
            }
            _ => String::new(),
        }
    }

    /// Returns what the container's own configuration says of `no_new_privs`; `None` for pods, whose specification is known.
    pub(in crate::judge) fn declared_no_new_privs(&self) -> Option<bool> {
        self.case.examined_container().then_some(self.case.surroundings.no_new_privs).flatten()
    }

    /// True for a container of the pod: only these have a file for a termination message or a declared volume. The sandbox's
    /// own process 1 has neither.
    pub(in crate::judge) fn is_of_workload(&self, container: &Container<'_>) -> bool {
        let mounts = &container.table.mounts.mounts;
        mounts.iter().any(|mount| {
            mount.mount_point == TERMINATION_MESSAGE || self.is_declared(&mount.mount_point) == Some(true)
        })
    }

    /// True if a container's specification, or the runtime, mounts something at this path; `None` if it is not known.
    pub(in crate::judge) fn is_expected(&self, path: &str) -> Option<bool> {
        if OF_RUNTIME.contains(&path) { Some(true) } else { self.is_declared(path) }
    }

    /// True if a container's specification mounts something at this path. Images have `/var/run` as a link to `/run`.
    fn is_declared(&self, path: &str) -> Option<bool> {
        let mut known = true;
        for container in self.pods().flat_map(|pod| &pod.containers) {
            let Some(declared) = &container.mount_paths else {
                known &= container.kind == ContainerKind::Ephemeral;
                continue;
            };
            let is_it = |declared: &String| {
                let declared = declared.trim_end_matches('/');
                declared == path
                    || declared.strip_prefix("/var").is_some_and(|it| it == path && it.starts_with("/run/"))
            };
            if declared.iter().any(is_it) {
                return Some(true);
            }
        }
        (known && self.pods().next().is_some()).then_some(false)
    }

    /// Returns the pods of the case, without templates; the examined pod alone if there is one.
    pub(in crate::judge) fn pods(&self) -> impl Iterator<Item = &'a PodView> {
        let examined = self.case.examined_pod();
        let is_it = move |pod: &String| examined.is_none_or(|examined| examined == pod);
        let pod_views = self.case.pod_views().iter().map(|pod_view| &**pod_view);
        pod_views.filter(move |pod_view| pod_view.origin.pod.as_ref().is_some_and(is_it))
    }
}

/// True for a process that has ended, and that nobody has waited for. Such a process has no mounts.
pub(in crate::judge) fn is_zombie(status: &ProcessStatus) -> bool {
    status.kind == ProcessKind::Zombie
}

/// Returns a container's name from the path of its file for the termination message on the node,
/// `…/pods/UID/containers/NAME/FILE` (kubelet, `pkg/kubelet/kubelet_getters.go`).
fn name_by_kubelet(table: &MountTable) -> Option<&str> {
    single(table.mounts.mounts.iter().filter_map(|mount| {
        let mut parts = of_kubelet(&mount.root)?.split('/').skip(1);
        (parts.next()? == "containers").then(|| parts.next())?
    }))
}

/// Returns a container's id in gVisor, which shows no path of the node: the id is the root of its control groups' mounts (measured
/// with containerd and gVisor of 2026).
fn id_by_groups(table: &MountTable) -> Option<&str> {
    single(table.mounts.mounts.iter().filter(|mount| mount.filesystem == "cgroup").filter_map(|mount| {
        let id = mount.root.strip_prefix('/')?;
        (id.len() == ID && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(id)
    }))
}

/// Returns the text that all of these are; `None` if they differ, or if there is none.
fn single<'a>(texts: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let texts: BTreeSet<_> = texts.collect();
    let mut texts = texts.into_iter();
    texts.next().filter(|_| texts.next().is_none())
}

/// Returns the part of a path on the node that follows the kubelet's folder of pods: "UID/volumes/…".
pub(in crate::judge) fn of_kubelet(path: &str) -> Option<&str> {
    let (_, rest) = path.split_once("/pods/")?;
    let uid = rest.split('/').next()?;
    let is_uid = uid.len() >= 32 && uid.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    is_uid.then_some(rest)
}

#[cfg(test)]
pub(in crate::judge) mod tests;
