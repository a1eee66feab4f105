//! Is the kernel that answers gVisor's? The signals, and the rule that weighs them.
//!
//! *gVisor* needs at least two in-memory signals that agree, from different mechanisms, and one live procfs signal, and
//! the mixed errno fingerprint, and no strong signal of another kernel. *Another kernel* needs two in-memory signals of
//! Linux, or what only a shared kernel has (the machine's boot id, the probe among the machine's own processes), and no
//! in-memory signal of gVisor. Everything between is *unclear*. Text never decides: gVisor's own documentation says that it
//! can be imitated (`g3doc/user_guide/quick_start/docker.md`). The absence of a signal is "unknown", never "no": gVisor
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

use crate::case::{Case, Citation};

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
    /// In kebab-case; where one observer shows it, the observer's id.
    pub id: &'static str,
    /// How hard it is to imitate.
    pub strength: Strength,
    /// What is looked at.
    pub mechanism: &'static str,
    /// The platforms of gVisor that show it.
    pub platforms: &'static str,
    /// The architectures for which it is made, as Rust names them.
    pub architectures: &'static [&'static str],
    /// The gVisor releases in which it was seen.
    pub seen_in: &'static str,
    /// Where gVisor's source makes it so.
    pub source: &'static str,
    /// Reads it from a case.
    pub read: fn(&Case) -> Reading,
}

/// How hard a signal is to imitate; the hardest first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Strength {
    /// In the process's own memory or registers: no file, mount or seccomp filter imitates it.
    InMemory,
    /// In a procfs that no mount imitates.
    LiveProcfs,
    /// In how a whole set of system calls answers.
    Fingerprint,
    /// It fits, and others could show it, too: it is shown beside the rest, and decides nothing.
    Supporting,
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
    /// What is beneath it, where it is gVisor's.
    pub platform: Platform,
    /// One sentence of reason.
    pub because: String,
    /// Every signal that said something, the platform, the releases that fit, and what imitating it would take.
    pub citations: Vec<Citation>,
    /// Something claims gVisor while a strong signal denies it.
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
    /// Reads what was seen; what was not seen says nothing.
    fn of<T>(observation: &Observation<T>, read: impl FnOnce(&T) -> Self) -> Self {
        observation.seen().map_or_else(|| Self::Unknown(observation.fared()), read)
    }
}

// === impl Strength ===

impl Strength {
    /// What it takes to show it on another kernel.
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
            Reading::Unknown("not made for this architecture".to_owned())
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

/// What it would take to imitate the strongest of what speaks for gVisor.
fn imitation(readings: &[(&Signal, Reading)]) -> Option<Citation> {
    let speaking = readings.iter().filter(|(_, reading)| matches!(reading, Reading::Gvisor(_)));
    let strongest = speaking.map(|(signal, _)| signal.strength).min()?;
    Some(Citation { source: "imitated-by", text: strongest.imitated_by().to_owned() })
}

/// The signals that are made for every architecture.
const EVERYWHERE: &[&str] = &["x86_64", "aarch64"];

#[cfg(test)]
mod tests;
