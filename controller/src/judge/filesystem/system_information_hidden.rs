//! Nothing tells a program which machine it is on. What is gVisor's own kernel's is the same on every machine.

mod identifiers;

use proto::KernelFile;

use crate::judge::{
    platforms::Platform,
    requirement::{Area, Class, Explanation, Judge, Judgement, Requirement, Scope},
};
use crate::{
    case::{Case, Citation},
    judge::gvisor::{Assessment, Kernel},
};

pub(in crate::judge) const REQUIREMENT: Requirement = Requirement {
    id: "system-information-hidden",
    title: "Nothing in the sandbox tells which machine it is on",
    area: Area::Filesystem,
    class: Class::Advisory,
    scope: Scope::Everywhere,
    mandatory: false,
    weight: 2,
    protects: "Who knows the machine finds it again, knows what holds it up, and picks what breaks out of it.",
    remedy: "Mount neither /etc/machine-id nor a folder of the cloud's agent; give the sandbox a host name and processes of \
             its own; leave the runtime's masked paths as they are. A container that shares the machine's kernel shows that \
             kernel's command line and hardware all the same: gVisor does not.",
    explanation: Explanation {
        looks_at: &["identifiers", "host-sentinels", "kernel-files", "machine", "cluster"],
        met: "what is there of identifiers, command lines and kernel's files is the sandbox's own",
        unmet: "an identifier of the machine's, or a file in which its kernel shows the whole machine, or a command line of \
                another process can be read",
        inconclusive: "a place could not be looked at, or whose an identifier is, is not known",
        on_platforms: &[(Platform::SharedKernel, "every container shows the machine's /proc/cmdline")],
    },
    mappings: &["MITRE ATT&CK T1082"],
    judge: Judge::Kernel(judge),
};

/// What shows the whole machine to whoever may read it, and what that is.
const TELLING: &[(&str, &str)] = &[
    // proc_kcore(5), proc_keys(5).
    ("/proc/kcore", "the kernel's memory"),
    ("/proc/keys", "the kernel's keys"),
    // Linux, `kernel/time/timer_list.c`, `Documentation/ABI/testing/sysfs-firmware-acpi` and its neighbours.
    ("/proc/timer_list", "timers of all processes"),
    ("/sys/firmware", "what the firmware tells the kernel"),
];

/// What was found, in the order in which it decides.
#[derive(Default)]
struct Found {
    told: Vec<Citation>,
    unknown: Vec<Citation>,
    own: Vec<Citation>,
}

fn judge(case: &Case, assessment: &Assessment) -> Judgement {
    let mut found = Found::default();
    identifiers::read(case, assessment, &mut found);
    other_processes(case, &mut found);
    kernels_files(case, assessment, &mut found);
    let Found { told, unknown, own } = found;
    if let Some(first) = told.first() {
        let because = match told.len().saturating_sub(1) {
            0 => format!("the machine shows: {}", first.text),
            more => format!("the machine shows: {} and {more} more", first.text),
        };
        return Judgement::unmet(because).citing_all(told);
    }
    match unknown.first() {
        Some(first) => Judgement::inconclusive(first.text.clone()).citing_all(unknown),
        None => Judgement::met("nothing tells which machine it is on").citing_all(own),
    }
}

fn other_processes(case: &Case, found: &mut Found) {
    let cited = |text: String| Citation { source: "host-sentinels", text };
    let observed = &case.evidence().host_sentinels;
    match observed.seen().map(|seen| seen.others) {
        Some(Some(others)) if others.command_lines > 0 => {
            let more = if others.truncated { " and more" } else { "" };
            found
                .told
                .push(cited(format!("command lines of other processes, {}{more}", others.command_lines)));
        }
        Some(Some(others)) if others.truncated => {
            found.unknown.push(cited("there are more processes than were looked at".to_owned()));
        }
        Some(Some(_)) => found.own.push(cited("no command line of another process".to_owned())),
        Some(None) => found.unknown.push(cited("the processes could not be listed".to_owned())),
        None => found.unknown.push(cited(format!("processes were not looked at: {}", observed.fared()))),
    }
}

fn kernels_files(case: &Case, assessment: &Assessment, found: &mut Found) {
    let cited = |text: String| Citation { source: "kernel-files", text };
    if assessment.kernel == Kernel::Gvisor {
        return;
    }
    let observed = &case.evidence().kernel_files;
    let Some(seen) = observed.seen() else {
        found.unknown.push(cited(format!("files of the kernel's were not looked at: {}", observed.fared())));
        return;
    };
    let shown = seen.files.iter().filter_map(telling);
    if assessment.is_the_machines {
        found.told.extend(shown.map(cited));
    } else {
        // The kernel of a virtual machine shows nothing of the machine around it.
        found.unknown.extend(shown.map(|text| cited(format!("whose kernel shows {text}, is not known"))));
    }
    let unseen = seen.unseen.iter().filter(|unseen| TELLING.iter().any(|(path, _)| path == unseen));
    found.unknown.extend(unseen.map(|place| cited(format!("{place} could not be looked at"))));
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
    fn command_lines_of_others_are_unmet_and_what_was_not_listed_is_open() {
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
    fn what_shows_the_whole_machine_counts_on_its_own_kernel() {
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
    fn everything_that_is_shown_is_named() {
        let mut case = fixture::runc();
        let file =
            |path: &str| KernelFile { path: path.into(), magic: 0x9fa0, readable: true, writable: false };
        let files = ["/proc/keys", "/proc/kcore"].map(file).to_vec();
        case.collected.evidence.kernel_files = Observation::Seen(KernelFiles { files, unseen: Vec::new() });
        let judgement = judge(&case);
        assert_eq!(judgement.because, "the machine shows: /proc/keys, the kernel's keys and 1 more");
        assert_eq!(judgement.citations.len(), 2);
        assert_eq!(told(&fixture::silent()), "open");
    }
}
