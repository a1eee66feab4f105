//! The architectures that have in-memory signals.

use crate::case::Case;

/// An architecture of a probe.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Architecture {
    X86,
    Arm,
}

impl Architecture {
    /// Returns the architecture of a case's probe; `None` for one without signals, and if the probe never spoke.
    pub(super) fn of(case: &Case) -> Option<Self> {
        match case.collected.introduction.as_ref()?.architecture.as_str() {
            "x86_64" => Some(Self::X86),
            "aarch64" => Some(Self::Arm),
            _ => None,
        }
    }
}
