//! The vDSO: gVisor has an image of its own. Its link address is one that Linux no longer uses, since Linux relocates its
//! image.

use proto::VdsoImage;

use super::{Reading, Signal, Strength};
use crate::case::Case;

pub(super) const SIGNAL: Signal = Signal {
    id: "vdso-image",
    strength: Strength::InMemory,
    mechanism: "link address, exports and notes of the vDSO in the probe's memory",
    platforms: "all",
    architectures: &["x86_64"],
    seen_in: "2022-12 to 2026-08",
    source: "vdso/vdso_amd64.lds (VDSO_PRELINK, VERSION)",
    read,
};

/// The link address of gVisor's image (`VDSO_PRELINK`).
const GVISOR_LINK_ADDRESS: u64 = 0xffff_ffff_ff70_0000;
/// An export of gVisor's image. On x86-64, Linux's image has no export of that name.
const GVISOR_EXPORT: &str = "__kernel_rt_sigreturn";
/// An export of both images.
const EXPORT: &str = "__vdso_clock_gettime";
/// The type of a note segment (elf(5)). gVisor's image has had no notes since 2022-01.
const PT_NOTE: u32 = 4;

fn read(case: &Case) -> Reading {
    Reading::of(&case.evidence().vdso_image, reading)
}

fn reading(image: &VdsoImage) -> Reading {
    let exports = |name: &str| image.exports.iter().any(|export| export == name);
    let notes = image.segments.contains(&PT_NOTE);
    let text = format!(
        "linked for {:#x}, {} exports, {}{} notes",
        image.link_address,
        image.exports.len(),
        if exports(GVISOR_EXPORT) { "with __kernel_rt_sigreturn, " } else { "" },
        if notes { "with" } else { "without" },
    );
    match (image.link_address, exports(GVISOR_EXPORT), notes) {
        (GVISOR_LINK_ADDRESS, true, false) if exports(EXPORT) && !image.gnu_hash => Reading::Gvisor(text),
        (0, false, true) if exports(EXPORT) => Reading::Linux(text),
        _ => Reading::Unknown(format!("neither gVisor's nor Linux's: {text}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn each_trait_must_fit() {
        let Some(gvisor) = fixture::gvisor().collected.evidence.vdso_image.seen().cloned() else { panic!() };
        assert!(matches!(reading(&gvisor), Reading::Gvisor(_)));
        let Some(linux) = fixture::runc().collected.evidence.vdso_image.seen().cloned() else { panic!() };
        assert!(matches!(reading(&linux), Reading::Linux(_)));
        let mixed = VdsoImage { link_address: 0, ..gvisor.clone() };
        assert!(matches!(reading(&mixed), Reading::Unknown(_)));
        let mixed = VdsoImage { exports: linux.exports, ..gvisor };
        assert!(matches!(reading(&mixed), Reading::Unknown(_)));
    }
}
