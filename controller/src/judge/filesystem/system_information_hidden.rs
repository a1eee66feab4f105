//! Nothing tells a program which machine it is on. The files of gVisor's own kernel are the same on every machine.

mod identifiers;

use proto::KernelFile;

use crate::judge::{
    platforms::Platform,
    processes,
    requirement::{Area, Class, Explanation, Judge, Judgement, Requirement, Scope},
};
use crate::{
    case::{Case, Citation},
    judge::gvisor::{Assessment, Kernel},
};

pub(in crate::judge) const REQUIREMENT: Requirement = Requirement {
    id: "system-information-hidden",
    title: "Nothing in the sandbox identifies the machine",
    area: Area::Filesystem,
    class: Class::Advisory,
    scope: Scope::Everywhere,
    mandatory: false,
    weight: 2,
    protects: "Code that knows the machine can find it again, knows what it runs on, and can pick a fitting exploit.",
    remedy: "Mount neither /etc/machine-id nor a folder of the cloud's agent. Give the sandbox a host name and processes of \
             its own, and leave the runtime's masked paths as they are. A container on the machine's kernel still shows \
             that kernel's command line and hardware; gVisor does not.",
    explanation: Explanation {
        looks_at: &["identifiers", "host-sentinels", "kernel-files", "machine", "cluster"],
        met: "the identifiers, command lines and kernel files in the sandbox are its own",
        unmet: "the sandbox can read an identifier of the machine, a kernel file that shows the whole machine, or a command \
                line of another process",
        inconclusive: "a place could not be read, or it is not known whose an identifier is",
        on_platforms: &[(
            Platform::SharedKernel,
            "use gVisor: every container of runc or crun shows the machine's /proc/cmdline",
        )],
    },
    mappings: &["MITRE ATT&CK T1082"],
    judge: Judge::Kernel(judge),
};

/// Files that show the whole machine to their readers, each with its content.
const TELLING: &[(&str, &str)] = &[
    // proc_kcore(5), proc_keys(5).
    ("/proc/kcore", "the kernel's memory"),
    ("/proc/keys", "the kernel's keys"),
    // Linux, `kernel/time/timer_list.c`, `Documentation/ABI/testing/sysfs-firmware-acpi` and its neighbours.
    ("/proc/timer_list", "timers of all processes"),
    ("/sys/firmware", "data of the firmware for the kernel"),
];

/// Citations in the order in which they decide.
#[derive(Default)]
struct Found {
    told: Vec<Citation>,
    unknown: Vec<Citation>,
    own: Vec<Citation>,
}

fn judge(case: &Case, assessment: &Assessment) -> Judgement {
    let mut found = Found::default();
    identifiers::read(case, assessment, &mut found);
    other_processes(case, assessment, &mut found);
    kernels_files(case, assessment, &mut found);
    let Found { told, unknown, own } = found;
    if let Some(first) = told.first() {
        let because = match told.len().saturating_sub(1) {
            0 => format!("the sandbox shows data of the machine: {}", first.text),
            more => format!("the sandbox shows data of the machine: {} and {more} more", first.text),
        };
        return Judgement::unmet(because).citing_all(told);
    }
    match unknown.first() {
        Some(first) => Judgement::inconclusive(first.text.clone()).citing_all(unknown),
        None => Judgement::met("nothing in the sandbox identifies the machine").citing_all(own),
    }
}

fn other_processes(case: &Case, assessment: &Assessment, found: &mut Found) {
    let cited = |text: String| Citation { source: "host-sentinels", text };
    let observed = &case.evidence().host_sentinels;
    match observed.seen().map(|seen| seen.others) {
        // The probe sees the own processes of the pod or the container, unless these share those of the node.
        Some(Some(_)) if is_in_place(case, assessment) => {
            found.own.push(cited("other processes of the workload".to_owned()));
        }
        Some(Some(others)) if others.command_lines > 0 => {
            let more = if others.truncated { " and more" } else { "" };
            found
                .told
                .push(cited(format!("command lines of other processes, {}{more}", others.command_lines)));
        }
        Some(Some(others)) if others.truncated => {
            found.unknown.push(cited("the sandbox has more processes than the probe looks at".to_owned()));
        }
        Some(Some(_)) => found.own.push(cited("no command line of another process".to_owned())),
        Some(None) => found.unknown.push(cited("the processes could not be listed".to_owned())),
        None => found.unknown.push(cited(format!("processes could not be observed: {}", observed.fared()))),
    }
}

/// True for a probe in a running pod or container whose processes are its own.
fn is_in_place(case: &Case, assessment: &Assessment) -> bool {
    case.is_in_place()
        && !case.pod_views().iter().any(|pod_view| pod_view.shares_the_nodes_processes())
        && !processes::share_the_machines_namespace(case, assessment)
}

fn kernels_files(case: &Case, assessment: &Assessment, found: &mut Found) {
    let cited = |text: String| Citation { source: "kernel-files", text };
    if assessment.kernel == Kernel::Gvisor {
        return;
    }
    let observed = &case.evidence().kernel_files;
    let Some(seen) = observed.seen() else {
        found.unknown.push(cited(format!("kernel files could not be observed: {}", observed.fared())));
        return;
    };
    let shown = seen.files.iter().filter_map(telling);
    if assessment.is_the_machines {
        found.told.extend(shown.map(cited));
    } else {
        // The kernel of a virtual machine shows nothing of the machine around it.
        found.unknown.extend(shown.map(|text| cited(format!("it is not known whose kernel shows {text}"))));
    }
    let unseen = seen.unseen.iter().filter(|unseen| TELLING.iter().any(|(path, _)| path == unseen));
    found.unknown.extend(unseen.map(|place| cited(format!("{place} could not be read"))));
}

fn telling(file: &KernelFile) -> Option<String> {
    let (path, what) = TELLING.iter().find(|(path, _)| *path == file.path)?;
    (file.readable && file.is_of_kernel()).then(|| format!("{path}, {what}"))
}

#[cfg(test)]
pub(super) mod tests {
    use proto::{HostSentinels, KernelFiles, Observation, OtherProcesses};

    use super::*;
    use crate::fixture;

    fn told(case: &Case) -> &'static str {
        fixture::told(&judge(case))
    }

    pub(super) fn judge(case: &Case) -> Judgement {
        fixture::judged(&REQUIREMENT, case)
    }

    #[test]
    fn command_lines_of_other_processes_are_unmet() {
        let others =
            |count, command_lines, truncated| Some(OtherProcesses { count, command_lines, truncated });
        for (others, expected) in [
            (others(0, 0, false), "met"),
            (others(3, 0, false), "met"),
            (others(3, 1, false), "unmet"),
            (others(3, 1, true), "unmet"),
            (others(3, 0, true), "open"),
            (None, "open"),
        ] {
            let mut case = fixture::gvisor();
            case.collected.evidence.host_sentinels =
                Observation::Seen(HostSentinels { others, ..HostSentinels::default() });
            assert_eq!(told(&case), expected, "{others:?}");
        }
    }

    #[test]
    fn processes_of_the_examined_pod_tell_nothing_of_the_machine() {
        let mut case = fixture::pod();
        case.collected.evidence.host_sentinels = Observation::Seen(HostSentinels {
            others: Some(OtherProcesses { count: 3, command_lines: 2, truncated: false }),
            ..HostSentinels::default()
        });
        assert_eq!(told(&case), "unmet");
        fixture::in_cluster(&mut case).group.in_place = Some("web-1".into());
        assert_eq!(told(&case), "met");
        fixture::pod_view(&mut case).host_namespaces = vec!["pid".into()];
        assert_eq!(told(&case), "unmet");
    }

    #[test]
    fn a_telling_file_counts_on_the_machines_own_kernel() {
        for (path, magic, readable, linuxs) in [
            ("/proc/keys", 0x9fa0, true, "unmet"),
            ("/proc/keys", 0x9fa0, false, "met"),
            // A device without contents lies over it.
            ("/proc/keys", 0x0102_1994, true, "met"),
            ("/sys/firmware", 0x6265_6572, true, "unmet"),
            ("/proc/sysrq-trigger", 0x9fa0, true, "met"),
        ] {
            let told = |mut case: Case| {
                let file = KernelFile { path: path.into(), magic, readable, writable: false };
                let files = KernelFiles { files: vec![file], unseen: Vec::new() };
                case.collected.evidence.kernel_files = Observation::Seen(files);
                told(&case)
            };
            assert_eq!((told(fixture::runc()), told(fixture::gvisor())), (linuxs, "met"), "{path}");
        }
        let mut case = fixture::runc();
        let unseen = vec!["/proc/kcore".to_owned()];
        case.collected.evidence.kernel_files = Observation::Seen(KernelFiles { files: Vec::new(), unseen });
        assert_eq!(told(&case), "open");
    }

    #[test]
    fn every_telling_file_is_named() {
        let mut case = fixture::runc();
        let file =
            |path: &str| KernelFile { path: path.into(), magic: 0x9fa0, readable: true, writable: false };
        let files = ["/proc/keys", "/proc/kcore"].map(file).to_vec();
        case.collected.evidence.kernel_files = Observation::Seen(KernelFiles { files, unseen: Vec::new() });
        let judgement = judge(&case);
        assert_eq!(
            judgement.because,
            "the sandbox shows data of the machine: /proc/keys, the kernel's keys and 1 more"
        );
        assert_eq!(judgement.citations.len(), 2);
        assert_eq!(told(&fixture::silent()), "open");
    }
}
