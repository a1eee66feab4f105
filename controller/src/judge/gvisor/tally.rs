//! The signals counted by strength, and the rule's decision.

use super::{Kernel, Reading, Signal, Strength, shared_kernel::Shared};

/// The fewest in-memory signals that must agree.
const FEWEST_IN_MEMORY: usize = 2;

/// The signals, counted by strength.
#[derive(Debug, Default)]
pub(super) struct Tally {
    gvisor_in_memory: usize,
    linux_in_memory: usize,
    live_procfs: bool,
    fingerprint: bool,
    /// Weaker signals of Linux, which still contradict gVisor.
    linux_elsewhere: Vec<&'static str>,
    /// The number of weaker signals that claim gVisor.
    pub(super) claims: usize,
    missing: Vec<String>,
}

impl Tally {
    pub(super) fn of(readings: &[(&Signal, Reading)]) -> Self {
        let mut tally = Self::default();
        for (signal, reading) in readings {
            tally.count(signal, reading);
        }
        tally
    }

    fn count(&mut self, signal: &Signal, reading: &Reading) {
        match (signal.strength, reading) {
            (Strength::InMemory, Reading::Gvisor(_)) => self.gvisor_in_memory += 1,
            (Strength::InMemory, Reading::Linux(_)) => self.linux_in_memory += 1,
            (Strength::LiveProcfs, Reading::Gvisor(_)) => self.live_procfs = true,
            (Strength::Fingerprint, Reading::Gvisor(_)) => self.fingerprint = true,
            (Strength::LiveProcfs | Strength::Fingerprint, Reading::Linux(_)) => {
                self.linux_elsewhere.push(signal.id);
            }
            _ => (),
        }
        match (signal.strength, reading) {
            (Strength::InMemory, Reading::Gvisor(_))
            | (Strength::Supporting | Strength::Text, Reading::Unknown(_)) => (),
            (_, Reading::Gvisor(_)) => self.claims += 1,
            (_, Reading::Linux(why) | Reading::Unknown(why)) => {
                self.missing.push(format!("{} ({why})", signal.id));
            }
        }
    }

    /// True if an in-memory signal says that the kernel is gVisor's.
    pub(super) fn is_of_gvisor(&self) -> bool {
        self.gvisor_in_memory > 0
    }

    /// True if an in-memory signal says that the kernel is Linux.
    pub(super) fn is_of_linux(&self) -> bool {
        self.linux_in_memory > 0
    }

    pub(super) fn decide(&self, shared: &Shared) -> (Kernel, String) {
        if let Some(why) = shared.process {
            return (Kernel::Other, why.to_owned());
        }
        if self.is_of_gvisor() && (self.is_of_linux() || shared.name.is_some()) {
            return (Kernel::Unclear, "the signals contradict each other: something is imitated".to_owned());
        }
        if let Some(why) = shared.name.filter(|_| shared.by_boot_id || self.is_of_linux()) {
            return (Kernel::Other, why.to_owned());
        }
        if self.linux_in_memory >= FEWEST_IN_MEMORY {
            let why = "the kernel is Linux: it writes Linux's values into a program's memory";
            return (Kernel::Other, why.to_owned());
        }
        if self.is_of_gvisor() && !self.linux_elsewhere.is_empty() {
            let others = self.linux_elsewhere.join(", ");
            return (Kernel::Unclear, format!("the signals contradict each other: {others} shows Linux"));
        }
        if self.gvisor_in_memory >= FEWEST_IN_MEMORY && self.live_procfs && self.fingerprint {
            let because = format!(
                "the kernel is gVisor's: {} in-memory signals, its live procfs and its errno fingerprint agree",
                self.gvisor_in_memory
            );
            return (Kernel::Gvisor, because);
        }
        let missing = self.missing.join(", ");
        (Kernel::Unclear, format!("the evidence does not tell the kernel; missing: {missing}"))
    }
}
