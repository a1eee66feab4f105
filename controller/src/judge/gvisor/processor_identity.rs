//! CPUID: if the processor lets gVisor answer the instruction, the answer is a virtual processor without a hypervisor's name.

use proto::ProcessorIdentity;

use super::{Reading, Signal, Strength};
use crate::case::Case;

pub(super) const SIGNAL: Signal = Signal {
    id: "processor-identity",
    // A hypervisor can hide its name, too.
    strength: Strength::Supporting,
    mechanism: "CPUID says that the processor is virtual, and names no hypervisor",
    platforms: "systrap, ptrace; in a virtual machine whose processor lets CPUID fault",
    architectures: &["x86_64"],
    seen_in: "2022-12 to 2026-09",
    source: "pkg/sentry/platform/cpuid_amd64.go, pkg/cpuid/native_amd64.go",
    read,
};

fn read(case: &Case) -> Reading {
    Reading::of(&case.evidence().processor_identity, reading)
}

fn reading(identity: &ProcessorIdentity) -> Reading {
    match (identity.hypervisor, identity.hypervisor_leaf) {
        (true, [0, 0, 0, 0]) => Reading::Gvisor("a virtual processor without a hypervisor's name".to_owned()),
        (true, _) => Reading::Unknown("the hypervisor has a name".to_owned()),
        (false, _) => Reading::Unknown("the processor is not virtual".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_virtual_processor_without_a_name_is_gvisors() {
        let identity = |hypervisor, hypervisor_leaf| ProcessorIdentity { hypervisor, hypervisor_leaf };
        assert!(matches!(reading(&identity(true, [0; 4])), Reading::Gvisor(_)));
        assert!(matches!(reading(&identity(true, [1, 2, 3, 4])), Reading::Unknown(_)));
        assert!(matches!(reading(&identity(false, [0; 4])), Reading::Unknown(_)));
    }
}
