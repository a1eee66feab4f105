//! A fact that a sandbox cannot choose: it shares the kernel of its machine or node, or has another. Only equality says
//! something: a container can hide its kernel's values, and cannot make gVisor show them.

use proto::Observation;

use crate::case::{Case, Citation};

/// Signs of a shared kernel, with all values that were compared.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// The reason if the probe is among the machine's own processes: the machine's kernel runs it, whatever it saw.
    pub(super) process: Option<&'static str>,
    /// The reason if the kernel has the machine's boot id or the same release.
    pub(super) name: Option<&'static str>,
    /// True if the boot id shows the sharing; no other kernel has the same boot id.
    pub(super) by_boot_id: bool,
    /// The values that were compared.
    pub(super) citations: Vec<Citation>,
}

pub(super) fn evidence(case: &Case) -> Shared {
    let mut shared = Shared::default();
    process(case, &mut shared);
    release(case, &mut shared);
    boot_id(case, &mut shared);
    shared
}

impl Shared {
    pub(super) fn shows_sharing(&self) -> bool {
        self.process.is_some() || self.by_boot_id
    }

    fn cite(&mut self, source: &'static str, text: impl Into<String>) {
        self.citations.push(Citation { source, text: text.into() });
    }
}

/// Returns the source, and the name of the host: the machine itself, or a node by its control plane.
fn host(case: &Case) -> (&'static str, String) {
    match &case.surroundings.in_cluster {
        None => ("machine", "the machine".to_owned()),
        Some(known) => {
            let node = known.pod.as_ref().and_then(|pod| pod.node.clone());
            ("cluster", node.map_or("the node".to_owned(), |node| format!("node {node}")))
        }
    }
}

fn process(case: &Case, shared: &mut Shared) {
    match &case.surroundings.machine.runs_the_probe {
        Observation::Seen(true) => {
            shared.process =
                Some("the kernel is the machine's own: the probe is among the machine's processes");
            shared.cite("machine", "a process of the machine runs the probe's file");
        }
        Observation::Seen(false) => shared.cite("machine", "no process of the machine runs the probe's file"),
        // The processes of a cluster's nodes are not looked at.
        _ => (),
    }
}

fn boot_id(case: &Case, shared: &mut Shared) {
    let (_, host) = host(case);
    let machine = &case.surroundings.machine.boot_id;
    match (case.evidence().boot_id.seen(), machine.seen()) {
        (Some(theirs), Some(machine)) if theirs == machine => {
            shared.name = Some("the kernel is the machine's own: it has the machine's boot id");
            shared.by_boot_id = true;
            shared.cite("boot-id", format!("the sandbox shows the boot id of {host}"));
        }
        (Some(_), Some(_)) => {
            shared.cite("boot-id", format!("the sandbox shows another boot id than {host}"));
        }
        (None, Some(_)) => shared.cite("boot-id", "the sandbox shows no boot id"),
        _ => (),
    }
}

/// Compares the kernels' releases. A release alone is a name: it counts beside an in-memory signal of Linux.
fn release(case: &Case, shared: &mut Shared) {
    let (source, host) = host(case);
    let machine = case.surroundings.machine.kernel_release.seen();
    let (Some(name), Some(machine)) = (case.evidence().kernel_name.seen(), machine) else { return };
    if name.release == *machine {
        shared.name = Some("the kernel is the machine's own: it has the machine's release");
        shared.cite(source, format!("{host} runs Linux {machine}, and so does the sandbox"));
    } else {
        shared.cite(source, format!("{host} runs Linux {machine}, and the sandbox claims {}", name.release));
    }
}
