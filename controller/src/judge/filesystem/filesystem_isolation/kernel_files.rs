//! Files of the kernel itself. In a container they are files of the machine's kernel, and a program that may write to a file
//! listed here leaves the sandbox or resets the machine. The same files of gVisor's own kernel lead nowhere.

use proto::KernelFile;

use super::Judgement;
use crate::{
    case::{Case, Citation},
    judge::gvisor::{Assessment, Kernel},
};

/// Files that lead out, each with its effect on the machine's own kernel.
const WAYS_OUT: &[(&str, &str)] = &[
    // Linux, `Documentation/admin-guide/sysctl/kernel.rst`; core(5), "Piping core dumps to a program".
    (
        "/proc/sys/kernel/core_pattern",
        "names the program that the machine starts as root when a program crashes",
    ),
    // Linux, `Documentation/admin-guide/sysctl/kernel.rst`.
    ("/proc/sys/kernel/modprobe", "names the program that the machine starts as root to load a module"),
    // Linux, `drivers/base/Kconfig`, `UEVENT_HELPER`.
    ("/sys/kernel/uevent_helper", "names the program that the machine starts as root for a device's event"),
    // Linux, `Documentation/admin-guide/sysrq.rst`.
    ("/proc/sysrq-trigger", "resets or halts the machine"),
];

/// Judges the files that lead out.
pub(super) fn read(case: &Case, assessment: &Assessment) -> Result<Vec<Citation>, Judgement> {
    if assessment.kernel == Kernel::Gvisor {
        return Ok(Vec::new());
    }
    let observed = &case.evidence().kernel_files;
    let Some(seen) = observed.seen() else {
        let why = format!("kernel files could not be observed: {}", observed.fared());
        return Err(Judgement::inconclusive(why));
    };
    let cited = |text: &String| Citation { source: "kernel-files", text: text.clone() };
    let ways: Vec<_> = seen.files.iter().filter_map(way_out).collect();
    if let Some(first) = ways.first() {
        let judgement = if assessment.is_the_machines {
            Judgement::unmet(format!("a file of the machine's kernel may be written: {first}"))
        } else {
            Judgement::inconclusive(format!(
                "a kernel's file may be written, and it is not known whose kernel that is: {first}"
            ))
        };
        return Err(judgement.citing_all(ways.iter().map(cited)));
    }
    match seen.unseen.iter().find(|unseen| WAYS_OUT.iter().any(|(path, _)| path == unseen)) {
        Some(place) => Err(Judgement::inconclusive(format!("{place} could not be read"))),
        None => {
            Ok(vec![cited(&format!("none of {} kernel files that lead out may be written", WAYS_OUT.len()))])
        }
    }
}

fn way_out(file: &KernelFile) -> Option<String> {
    let (path, what) = WAYS_OUT.iter().find(|(path, _)| *path == file.path)?;
    (file.writable && file.is_of_kernel()).then(|| format!("{path}, which {what}"))
}

#[cfg(test)]
mod tests {
    use proto::{KernelFiles, Observation};

    use super::*;
    use crate::fixture;

    const CORE_PATTERN: &str = "/proc/sys/kernel/core_pattern";

    fn seen(path: &str, magic: u64, writable: bool) -> Observation<KernelFiles> {
        let file = KernelFile { path: path.into(), magic, readable: true, writable };
        Observation::Seen(KernelFiles { files: vec![file], unseen: Vec::new() })
    }

    fn unseen(path: &str) -> Observation<KernelFiles> {
        Observation::Seen(KernelFiles { files: Vec::new(), unseen: vec![path.into()] })
    }

    fn told(mut case: Case, observed: &Observation<KernelFiles>) -> &'static str {
        case.collected.evidence.kernel_files = observed.clone();
        fixture::told(&super::super::tests::judge(&case))
    }

    /// Returns a sandbox whose kernel cannot be told, with every other value as in gVisor.
    fn unclear() -> Case {
        let mut case = fixture::gvisor();
        case.collected.evidence.sentry_meminfo = Observation::Absent;
        case.collected.evidence.call_answers = Observation::TimedOut;
        case
    }

    #[test]
    fn a_writable_kernel_file_counts_by_the_kernels_owner() {
        assert_eq!(crate::judge::gvisor::assess(&unclear()).kernel, Kernel::Unclear);
        for (observed, linux, gvisors, unclears) in [
            (seen(CORE_PATTERN, 0x9fa0, false), "met", "met", "met"),
            (seen(CORE_PATTERN, 0x9fa0, true), "unmet", "met", "open"),
            (seen("/proc/sysrq-trigger", 0x9fa0, true), "unmet", "met", "open"),
            (seen("/sys/kernel/uevent_helper", 0x6265_6572, true), "unmet", "met", "open"),
            // A device without effect lies over it.
            (seen(CORE_PATTERN, 0x0102_1994, true), "met", "met", "met"),
            // This file is no way out.
            (seen("/proc/keys", 0x9fa0, true), "met", "met", "met"),
            (unseen(CORE_PATTERN), "open", "met", "open"),
            (unseen("/sys/firmware"), "met", "met", "met"),
            (Observation::TimedOut, "open", "met", "open"),
        ] {
            let told = [fixture::runc(), fixture::gvisor(), unclear()].map(|case| told(case, &observed));
            assert_eq!(told, [linux, gvisors, unclears], "{observed:?}");
        }
    }
}
