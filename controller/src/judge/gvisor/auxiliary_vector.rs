//! The auxiliary vector: gVisor's loader writes fewer entries than Linux ever did.

use proto::AuxiliaryVector;

use super::{Reading, Signal, Strength};
use crate::case::Case;

pub(super) const SIGNAL: Signal = Signal {
    id: "auxiliary-vector",
    strength: Strength::InMemory,
    mechanism: "entries of the auxiliary vector on the initial stack",
    platforms: "all",
    architectures: &["x86_64"],
    seen_in: "2022-12 to 2026-08",
    source: "pkg/sentry/loader/loader.go (the auxv of loadBinary), pkg/cpuid/cpuid_amd64.go (HWCAP)",
    read,
};

/// Tags of the vector's entries (include/uapi/linux/auxvec.h).
const AT_FLAGS: u64 = 8;
const AT_PLATFORM: u64 = 15;
const AT_SYSINFO_EHDR: u64 = 33;

fn read(case: &Case) -> Reading {
    Reading::of(&case.evidence().auxiliary_vector, reading)
}

fn reading(vector: &AuxiliaryVector) -> Reading {
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
    match (has(AT_FLAGS), named, vector.hwcap) {
        (false, false, None | Some(0)) if has(AT_SYSINFO_EHDR) => Reading::Gvisor(text),
        (true, true, Some(1..)) => Reading::Linux(text),
        _ => Reading::Unknown(format!("neither gVisor's nor Linux's: {text}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn gvisor_lacks_every_entry_that_linux_always_writes() {
        let Some(gvisor) = fixture::gvisor().collected.evidence.auxiliary_vector.seen().cloned() else {
            panic!()
        };
        assert!(matches!(reading(&gvisor), Reading::Gvisor(_)));
        let Some(linux) = fixture::runc().collected.evidence.auxiliary_vector.seen().cloned() else {
            panic!()
        };
        assert!(matches!(reading(&linux), Reading::Linux(_)));
        let since_2024 = AuxiliaryVector { hwcap: Some(0), ..gvisor.clone() };
        assert!(matches!(reading(&since_2024), Reading::Gvisor(_)));
        let mixed = AuxiliaryVector { platform: Some("x86_64".into()), ..gvisor };
        assert!(matches!(reading(&mixed), Reading::Unknown(_)));
    }
}
