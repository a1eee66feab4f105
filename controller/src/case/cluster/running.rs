//! A running pod, as far as it decides whether the pod may be examined in place.

use std::fmt;

/// A pod of the judged namespace.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Running {
    /// Why the pod may not be examined in place; `None` if it may.
    pub unfit: Option<Unfit>,
    /// The ended probes of earlier runs, which stay in the pod's status until the pod goes.
    pub earlier_probes: usize,
    /// Why it is not known how much memory is left to the pod; `None` if it is known, or if no limit binds the pod.
    pub unmeasured: Option<String>,
}

/// Why a pod may not be examined in place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Unfit {
    /// Somebody deleted the pod.
    Terminating,
    /// The kubelet made the pod from a file of its node. The API refuses changes of such a pod.
    Static,
    /// No container of the pod runs; the pod's phase.
    NotRunning(String),
    /// A visit may take more memory than is left to the pod, in bytes.
    Full {
        /// The memory below the pod's limit.
        left: u64,
        /// The memory that a visit may take.
        visit: u64,
    },
}

impl fmt::Display for Unfit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Terminating => formatter.write_str("it is being deleted"),
            Self::Static => formatter.write_str("it is a static pod, which only its node can change"),
            Self::Full { left, visit } => write!(
                formatter,
                "{} MiB of memory are left below its limit, and a visit may take {} MiB; give it more, or examine another pod",
                left >> 20,
                visit >> 20
            ),
            Self::NotRunning(phase) => write!(formatter, "no container of it runs; its phase is {phase}"),
        }
    }
}
