//! Is the kernel that answers gVisor's? The signals, and the rule that weighs them.
//!
//! *gVisor* needs at least two in-memory signals that agree, from different mechanisms, one live procfs signal, the mixed
//! errno fingerprint, and no strong signal of another kernel. *Another kernel* needs two in-memory signals of Linux, or a
//! fact that only a shared kernel has (the machine's boot id, the probe among the machine's own processes), and no in-memory
//! signal of gVisor. Every case between is *unclear*. Text never decides: gVisor's own documentation says that text can be
//! imitated (`g3doc/user_guide/quick_start/docker.md`). The absence of a signal means "unknown", never "no", because gVisor
//! changes.

mod auxiliary_vector;
mod call_answers;
mod fault_frame;
mod platform;
mod processor_identity;
mod procfs_tree;
mod releases;
mod sentry_meminfo;
pub mod settings;
mod shared_kernel;
mod socket_defaults;
mod syslog_actions;
mod systrap;
mod tally;
mod texts;
mod time_page;
mod vdso_image;

use proto::Observation;

pub use platform::Platform;
use tally::Tally;

use crate::case::{Architecture, Case, Citation};

/// Every signal, strongest first.
pub const SIGNALS: &[&Signal] = &[
    &time_page::SIGNAL,
    &vdso_image::SIGNAL,
    &fault_frame::SIGNAL,
    &auxiliary_vector::SIGNAL,
    &systrap::GS_POINTER,
    &sentry_meminfo::SIGNAL,
    &procfs_tree::SIGNAL,
    &call_answers::SIGNAL,
    &systrap::CALL_SITE,
    &processor_identity::SIGNAL,
    &syslog_actions::SIGNAL,
    &socket_defaults::SIGNAL,
    &texts::KERNEL_LOG,
    &texts::KERNEL_NAME,
    &texts::KERNEL_BANNER,
    &texts::MARKERS,
];

/// One way to tell gVisor's kernel from others.
#[derive(Debug)]
pub struct Signal {
    /// The id in kebab-case; the observer's id if one observer shows the signal.
    pub id: &'static str,
    /// The difficulty of imitating the signal.
    pub strength: Strength,
    /// The memory, file or behaviour that shows the signal.
    pub mechanism: &'static str,
    /// The platforms of gVisor that show it.
    pub platforms: &'static str,
    /// The architectures that have the signal, as Rust names them.
    pub architectures: &'static [&'static str],
    /// The gVisor releases in which the signal was observed.
    pub seen_in: &'static str,
    /// The place in gVisor's source that makes the signal.
    pub source: &'static str,
    /// The function that reads the signal from a case.
    pub read: fn(&Case) -> Reading,
}

/// The difficulty of imitating a signal; the hardest first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Strength {
    /// In the process's own memory or registers: no file, mount or seccomp filter imitates it.
    InMemory,
    /// In a procfs that no mount imitates.
    LiveProcfs,
    /// In how a whole set of system calls answers.
    Fingerprint,
    /// In a value that others could show too: such a signal is shown beside the rest, and decides nothing.
    Supporting,
    /// In text, which anybody can write.
    Text,
}

/// The statement of one signal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reading {
    /// Only gVisor makes the observed value.
    Gvisor(String),
    /// Only Linux makes the observed value.
    Linux(String),
    /// The signal says nothing, for this reason.
    Unknown(String),
}

/// The kernel that answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kernel {
    /// The kernel of gVisor.
    Gvisor,
    /// A kernel other than gVisor's.
    Other,
    /// The signals do not decide.
    Unclear,
}

/// The rule's result for a case.
#[derive(Clone, Debug)]
pub struct Assessment {
    /// The kernel that answers.
    pub kernel: Kernel,
    /// The platform beneath gVisor's kernel; unknown for any other kernel.
    pub platform: Platform,
    /// The reason, in one sentence.
    pub because: String,
    /// Every signal that said something, the platform, the releases that fit, and the means to imitate them.
    pub citations: Vec<Citation>,
    /// True if a signal claims gVisor while a strong signal denies it.
    pub disguise: bool,
    /// True if the kernel of the machine, or of the node, is shown to run the probe.
    pub is_the_machines: bool,
}

/// Weighs all signals of a case.
pub fn assess(case: &Case) -> Assessment {
    let readings: Vec<_> = SIGNALS.iter().map(|signal| (*signal, read(signal, case))).collect();
    let shared = shared_kernel::evidence(case);
    let tally = Tally::of(&readings);
    let (kernel, because) = tally.decide(&shared);
    let platform = if tally.is_of_gvisor() { platform::platform(case) } else { Platform::Unknown };
    let mut citations: Vec<_> =
        readings.iter().filter_map(|(signal, reading)| cite(signal, reading)).collect();
    if kernel != Kernel::Other && tally.is_of_gvisor() {
        citations.extend([platform.cited(), releases::cited(case)]);
    }
    citations.extend(imitation(&readings));
    let is_the_machines = shared.shows_sharing();
    let denied = tally.is_of_linux() || is_the_machines;
    citations.extend(shared.citations);
    let disguise = kernel != Kernel::Gvisor && denied && tally.claims > 0;
    Assessment { kernel, platform, because, citations, disguise, is_the_machines }
}

// === impl Reading ===

impl Reading {
    /// Reads an observation; a missing observation says nothing.
    fn of<T>(observation: &Observation<T>, read: impl FnOnce(&T) -> Self) -> Self {
        observation.seen().map_or_else(|| Self::Unknown(observation.fared()), read)
    }

    /// Reads an observation of a fact that each architecture shows in a way of its own.
    fn by_architecture<T>(
        case: &Case,
        observation: &Observation<T>,
        read: impl FnOnce(&T, Architecture) -> Self,
    ) -> Self {
        match case.architecture() {
            Some(architecture) => Self::of(observation, |fact| read(fact, architecture)),
            None => Self::Unknown("this architecture has no such signal".to_owned()),
        }
    }
}

// === impl Strength ===

impl Strength {
    /// Returns the means that another kernel needs to show the signal.
    pub const fn imitated_by(self) -> &'static str {
        match self {
            Self::InMemory => {
                "a tracer that rewrites the probe's memory and registers as it runs, or a modified kernel"
            }
            Self::LiveProcfs => {
                "a supervisor that answers the probe's system calls (seccomp user notification, ptrace)"
            }
            Self::Fingerprint => "a seccomp profile, and a supervisor for two of the answers",
            Self::Supporting => "a seccomp profile, or settings of the machine",
            Self::Text => "a bind mount",
        }
    }
}

fn read(signal: &Signal, case: &Case) -> Reading {
    let architecture =
        case.collected.introduction.as_ref().map(|introduction| introduction.architecture.as_str());
    match architecture {
        Some(architecture) if !signal.architectures.contains(&architecture) => {
            Reading::Unknown("this architecture has no such signal".to_owned())
        }
        Some(_) => (signal.read)(case),
        None => Reading::Unknown("the probe never spoke".to_owned()),
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

/// Returns the means to imitate the strongest signal of gVisor.
fn imitation(readings: &[(&Signal, Reading)]) -> Option<Citation> {
    let speaking = readings.iter().filter(|(_, reading)| matches!(reading, Reading::Gvisor(_)));
    let strongest = speaking.map(|(signal, _)| signal.strength).min()?;
    Some(Citation { source: "imitated-by", text: strongest.imitated_by().to_owned() })
}

/// The architectures of a signal that every architecture has.
const EVERYWHERE: &[&str] = &["x86_64", "aarch64"];

#[cfg(test)]
mod tests;
