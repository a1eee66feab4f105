//! The auxiliary vector: gVisor's loader writes fewer entries than Linux ever did.

use proto::AuxiliaryVector;

use super::{EVERYWHERE, Reading, Signal, Strength};
use crate::case::{Architecture, Case};

pub(super) const SIGNAL: Signal = Signal {
    id: "auxiliary-vector",
    strength: Strength::InMemory,
    mechanism: "entries of the auxiliary vector on the initial stack",
    platforms: "all",
    architectures: EVERYWHERE,
    seen_in: "2022-12 to 2026-08; on aarch64 2022-12 to 2026-09",
    source: "pkg/sentry/loader/loader.go (the auxv of loadBinary), pkg/cpuid/cpuid_amd64.go, cpuid_arm64.go (HWCAP)",
    read,
};

/// Tags of the vector's entries (include/uapi/linux/auxvec.h).
const AT_FLAGS: u64 = 8;
const AT_PLATFORM: u64 = 15;
const AT_SYSINFO_EHDR: u64 = 33;
/// `HWCAP_CPUID`, which Linux has set on every `AArch64` since 4.11 and gVisor never passes on (`AllowedHWCap1`).
const HWCAP_CPUID: u64 = 1 << 11;

fn read(case: &Case) -> Reading {
    Reading::by_architecture(case, &case.evidence().auxiliary_vector, reading)
}

fn reading(vector: &AuxiliaryVector, architecture: Architecture) -> Reading {
    let has = |tag: u64| vector.tags.contains(&tag);
    let text = format!(
        "{} entries, {} platform, {} flags, {}",
        vector.tags.len(),
        vector.platform.as_deref().unwrap_or("no"),
        if has(AT_FLAGS) { "with" } else { "without" },
        vector.hwcap.map_or("no hardware capabilities".to_owned(), |hwcap| format!(
            "hardware capabilities {hwcap:#x}"
        )),
    );
    let named = has(AT_PLATFORM) || vector.platform.is_some();
    let capabilities = vector.hwcap.unwrap_or_default();
    let (like_gvisors, like_linuxs) = match architecture {
        Architecture::X86 => (capabilities == 0, capabilities != 0),
        Architecture::Arm => (capabilities & HWCAP_CPUID == 0, capabilities & HWCAP_CPUID != 0),
    };
    match (has(AT_FLAGS), named) {
        (false, false) if like_gvisors && has(AT_SYSINFO_EHDR) => Reading::Gvisor(text),
        (true, true) if like_linuxs => Reading::Linux(text),
        _ => Reading::Unknown(format!("neither gVisor's nor Linux's: {text}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{self, arm, arm::Release};

    #[test]
    fn gvisor_lacks_every_entry_that_linux_always_writes() {
        let Some(gvisor) = fixture::gvisor().collected.evidence.auxiliary_vector.seen().cloned() else {
            panic!()
        };
        assert!(matches!(reading(&gvisor, Architecture::X86), Reading::Gvisor(_)));
        let Some(linux) = fixture::runc().collected.evidence.auxiliary_vector.seen().cloned() else {
            panic!()
        };
        assert!(matches!(reading(&linux, Architecture::X86), Reading::Linux(_)));
        let since_2024 = AuxiliaryVector { hwcap: Some(0), ..gvisor.clone() };
        assert!(matches!(reading(&since_2024, Architecture::X86), Reading::Gvisor(_)));
        let mixed = AuxiliaryVector { platform: Some("x86_64".into()), ..gvisor };
        assert!(matches!(reading(&mixed, Architecture::X86), Reading::Unknown(_)));
    }

    #[test]
    fn on_arm_gvisor_passes_capabilities_on_but_never_the_processors_registers() {
        let vector = |case: &Case| case.evidence().auxiliary_vector.seen().unwrap().clone();
        let linux = vector(&arm::runc());
        assert!(matches!(reading(&linux, Architecture::Arm), Reading::Linux(_)));
        for release in [Release::Of2022, Release::Of2024, Release::Of2026] {
            let gvisor = vector(&arm::gvisor(release));
            assert!(matches!(reading(&gvisor, Architecture::Arm), Reading::Gvisor(_)));
            for mixed in [
                AuxiliaryVector { hwcap: linux.hwcap, ..gvisor.clone() },
                AuxiliaryVector { platform: linux.platform.clone(), ..gvisor.clone() },
                AuxiliaryVector { hwcap: gvisor.hwcap, ..linux.clone() },
            ] {
                assert!(matches!(reading(&mixed, Architecture::Arm), Reading::Unknown(_)), "{mixed:?}");
            }
        }
    }
}
