//! Is the kernel that answers gVisor's? The signals, and the rule that weighs them.
//!
//! *gVisor* needs at least two in-memory signals that agree, from different mechanisms, and one live procfs signal, and
//! the mixed errno fingerprint, and no in-memory signal of another kernel. *Another kernel* needs two in-memory signals
//! of Linux, or the machine's own boot id, and no in-memory signal of gVisor. Everything between is *unclear*. Text never
//! decides: gVisor's own documentation says that it can be imitated
//! (`g3doc/user_guide/quick_start/docker.md`). The absence of a signal is "unknown", never "no": gVisor changes.

mod auxiliary_vector;
mod call_answers;
mod fault_frame;
mod sentry_meminfo;
mod texts;
mod vdso_image;

use proto::Observation;

use crate::case::{Case, Citation};

/// Every signal, strongest first.
pub const SIGNALS: &[&Signal] = &[
    &vdso_image::SIGNAL,
    &fault_frame::SIGNAL,
    &auxiliary_vector::SIGNAL,
    &sentry_meminfo::SIGNAL,
    &call_answers::SIGNAL,
    &texts::KERNEL_LOG,
    &texts::KERNEL_NAME,
    &texts::KERNEL_BANNER,
];

/// One way to tell gVisor's kernel from others.
#[derive(Debug)]
pub struct Signal {
    /// The id of the observer that it reads.
    pub id: &'static str,
    /// How hard it is to imitate.
    pub strength: Strength,
    /// The architectures for which it is made, as Rust names them.
    pub architectures: &'static [&'static str],
    /// The gVisor releases in which it was seen.
    pub seen_in: &'static str,
    /// Where gVisor's source makes it so.
    pub source: &'static str,
    /// Reads it from a case.
    pub read: fn(&Case) -> Reading,
}

/// How hard a signal is to imitate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Strength {
    /// In the process's own memory or registers: no file, mount or seccomp filter imitates it.
    InMemory,
    /// In a procfs file that changes while it is read: no mount imitates it.
    LiveProcfs,
    /// In how a whole set of system calls answers.
    Fingerprint,
    /// In text, which anybody can write.
    Text,
}

/// What one signal says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reading {
    /// Only gVisor makes what was seen.
    Gvisor(String),
    /// Only Linux makes what was seen.
    Linux(String),
    /// It says nothing, and why.
    Unknown(String),
}

/// Whose kernel answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kernel {
    /// gVisor's.
    Gvisor,
    /// Another.
    Other,
    /// It could not be decided.
    Unclear,
}

/// The rule's result.
#[derive(Clone, Debug)]
pub struct Assessment {
    /// Whose kernel it is.
    pub kernel: Kernel,
    /// One sentence of reason.
    pub because: String,
    /// Every signal that said something.
    pub citations: Vec<Citation>,
    /// Something claims gVisor while an in-memory signal denies it.
    pub disguise: bool,
}

/// Weighs all signals of a case.
pub fn assess(case: &Case) -> Assessment {
    let readings: Vec<_> = SIGNALS.iter().map(|signal| (*signal, read(signal, case))).collect();
    let machine = same_boot(case);
    let tally = Tally::of(&readings);
    let (kernel, because) = decide(&tally, machine);
    let mut citations: Vec<_> =
        readings.iter().filter_map(|(signal, reading)| cite(signal, reading)).collect();
    if machine {
        citations.push(Citation { source: "boot-id", text: "is the machine's own".to_owned() });
    }
    let disguise = kernel != Kernel::Gvisor && (tally.linux_in_memory > 0 || machine) && tally.claims > 0;
    Assessment { kernel, because, citations, disguise }
}

impl Reading {
    /// Reads what was seen; what was not seen says nothing.
    fn of<T>(observation: &Observation<T>, read: impl FnOnce(&T) -> Self) -> Self {
        observation.seen().map_or_else(|| Self::Unknown(observation.fared()), read)
    }
}

/// How many signals of each strength say what.
#[derive(Debug, Default)]
struct Tally {
    gvisor_in_memory: usize,
    linux_in_memory: usize,
    live_procfs: bool,
    fingerprint: bool,
    claims: usize,
    missing: Vec<String>,
}

impl Tally {
    fn of(readings: &[(&Signal, Reading)]) -> Self {
        let mut tally = Self::default();
        for (signal, reading) in readings {
            match (signal.strength, reading) {
                (Strength::InMemory, Reading::Gvisor(_)) => tally.gvisor_in_memory += 1,
                (Strength::InMemory, Reading::Linux(_)) => tally.linux_in_memory += 1,
                (Strength::LiveProcfs, Reading::Gvisor(_)) => tally.live_procfs = true,
                (Strength::Fingerprint, Reading::Gvisor(_)) => tally.fingerprint = true,
                (Strength::Text, Reading::Gvisor(_)) => tally.claims += 1,
                (Strength::Text, _) => (),
                (_, Reading::Linux(why) | Reading::Unknown(why)) => {
                    tally.missing.push(format!("{} ({why})", signal.id));
                }
            }
        }
        tally
    }
}

fn decide(tally: &Tally, same_boot: bool) -> (Kernel, String) {
    if tally.gvisor_in_memory > 0 && (tally.linux_in_memory > 0 || same_boot) {
        return (Kernel::Unclear, "the signals contradict each other: something is imitated".to_owned());
    }
    if same_boot {
        return (Kernel::Other, "the kernel is the machine's own: it has the machine's boot id".to_owned());
    }
    if tally.linux_in_memory >= 2 {
        return (
            Kernel::Other,
            "the kernel is Linux: what it puts into a program's memory is not gVisor's".to_owned(),
        );
    }
    if tally.gvisor_in_memory >= 2 && tally.live_procfs && tally.fingerprint && tally.linux_in_memory == 0 {
        let because = format!(
            "the kernel is gVisor's: {} in-memory signals, its live procfs and its errno fingerprint agree",
            tally.gvisor_in_memory
        );
        return (Kernel::Gvisor, because);
    }
    (
        Kernel::Unclear,
        format!("not enough was seen to tell the kernel; missing: {}", tally.missing.join(", ")),
    )
}

fn read(signal: &Signal, case: &Case) -> Reading {
    let architecture =
        case.collected.introduction.as_ref().map(|introduction| introduction.architecture.as_str());
    match architecture {
        Some(architecture) if !signal.architectures.contains(&architecture) => {
            Reading::Unknown("not made for this architecture".to_owned())
        }
        Some(_) => (signal.read)(case),
        None => Reading::Unknown("the probe never spoke".to_owned()),
    }
}

/// Equality says "the same kernel"; difference says nothing, because a container can hide the file.
fn same_boot(case: &Case) -> bool {
    match (case.evidence().boot_id.seen(), case.survey.machine.boot_id.seen()) {
        (Some(theirs), Some(machine)) => theirs == machine,
        _ => false,
    }
}

fn cite(signal: &Signal, reading: &Reading) -> Option<Citation> {
    match reading {
        Reading::Gvisor(text) | Reading::Linux(text) => {
            Some(Citation { source: signal.id, text: text.clone() })
        }
        Reading::Unknown(_) => None,
    }
}

/// The signals that are made for every architecture.
const EVERYWHERE: &[&str] = &["x86_64", "aarch64"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn gvisor_and_linux_are_told_apart() {
        assert_eq!(assess(&fixture::gvisor()).kernel, Kernel::Gvisor);
        let runc = assess(&fixture::runc());
        assert_eq!((runc.kernel, runc.disguise), (Kernel::Other, false));
        assert_eq!(assess(&fixture::silent()).kernel, Kernel::Unclear);
    }

    #[test]
    fn taking_one_signal_away_never_turns_one_kernel_into_the_other() {
        for (case, opposite) in [(fixture::gvisor(), Kernel::Other), (fixture::runc(), Kernel::Gvisor)] {
            for blinded in fixture::each_blinded(&case) {
                assert_ne!(assess(&blinded).kernel, opposite, "{:?}", blinded.collected.evidence);
            }
        }
    }

    #[test]
    fn one_in_memory_signal_less_still_stands() {
        let mut case = fixture::gvisor();
        case.collected.evidence.fault_frame = Observation::Crashed { signal: 11 };
        assert_eq!(assess(&case).kernel, Kernel::Gvisor);
    }

    #[test]
    fn signals_that_contradict_each_other_are_unclear() {
        let mut case = fixture::gvisor();
        case.collected.evidence.vdso_image = fixture::runc().collected.evidence.vdso_image;
        let assessment = assess(&case);
        assert_eq!(assessment.kernel, Kernel::Unclear);
        assert!(assessment.because.contains("contradict"), "{}", assessment.because);
    }

    #[test]
    fn texts_that_claim_gvisor_on_linux_are_a_disguise_and_change_nothing_else() {
        let mut case = fixture::runc();
        case.collected.evidence.kernel_banner = Observation::Seen(proto::KernelBanner {
            text: "Linux version 4.19.0-gvisor #1 SMP Sun Jan 10 15:06:54 PST 2016".into(),
        });
        let assessment = assess(&case);
        assert_eq!((assessment.kernel, assessment.disguise), (Kernel::Other, true));
    }

    #[test]
    fn a_foreign_architecture_is_unknown_and_never_no() {
        let mut case = fixture::runc();
        case.survey.machine.boot_id = Observation::Absent;
        if let Some(introduction) = &mut case.collected.introduction {
            introduction.architecture = "riscv64".into();
        }
        assert_eq!(assess(&case).kernel, Kernel::Unclear);
    }

    #[test]
    fn the_table_says_where_each_signal_comes_from() {
        for signal in SIGNALS {
            assert!(!signal.source.is_empty() && !signal.seen_in.is_empty(), "{}", signal.id);
        }
    }
}
