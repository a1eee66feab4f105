//! The vDSO: gVisor has an image of its own. Its link address is one that Linux no longer uses, since Linux relocates its
//! image.

use proto::VdsoImage;

use super::{EVERYWHERE, Reading, Signal, Strength};
use crate::case::{Architecture, Case};

pub(super) const SIGNAL: Signal = Signal {
    id: "vdso-image",
    strength: Strength::InMemory,
    mechanism: "link address, exports and notes of the vDSO in the probe's memory",
    platforms: "all",
    architectures: EVERYWHERE,
    seen_in: "2022-12 to 2026-08; on aarch64 2022-12 to 2026-09",
    source: "vdso/vdso_amd64.lds, vdso_arm64.lds (VDSO_PRELINK, VERSION)",
    read,
};

/// The link address of gVisor's image (`VDSO_PRELINK`).
const GVISOR_LINK_ADDRESS: u64 = 0xffff_ffff_ff70_0000;
/// An export of gVisor's image. On x86-64, Linux's image has no export of that name.
const GVISOR_EXPORT: &str = "__kernel_rt_sigreturn";
/// An export of both images on x86-64.
const EXPORT: &str = "__vdso_clock_gettime";
/// An export of both images on `AArch64`, where all of gVisor's exports have the names of Linux's.
const ARM_EXPORT: &str = "__kernel_clock_gettime";
/// The type of a note segment (elf(5)). gVisor's image has had no notes since 2022-01.
const PT_NOTE: u32 = 4;

fn read(case: &Case) -> Reading {
    Reading::by_architecture(case, &case.evidence().vdso_image, reading)
}

fn reading(image: &VdsoImage, architecture: Architecture) -> Reading {
    let exports = |name: &str| image.exports.iter().any(|export| export == name);
    let notes = image.segments.contains(&PT_NOTE);
    // On `AArch64` both images have this export.
    let telling = architecture == Architecture::X86;
    let both = match architecture {
        Architecture::X86 => EXPORT,
        Architecture::Arm => ARM_EXPORT,
    };
    let text = format!(
        "linked for {:#x}, {} exports, {}{} notes",
        image.link_address,
        image.exports.len(),
        if telling && exports(GVISOR_EXPORT) { "with __kernel_rt_sigreturn, " } else { "" },
        if notes { "with" } else { "without" },
    );
    let (like_gvisors, like_linuxs) = (exports(GVISOR_EXPORT), !(telling && exports(GVISOR_EXPORT)));
    match (image.link_address, notes) {
        (GVISOR_LINK_ADDRESS, false) if like_gvisors && exports(both) && !image.gnu_hash => {
            Reading::Gvisor(text)
        }
        (0, true) if like_linuxs && exports(both) => Reading::Linux(text),
        _ => Reading::Unknown(format!("neither gVisor's nor Linux's: {text}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{self, arm, arm::Release};

    #[test]
    fn each_trait_must_fit() {
        let Some(gvisor) = fixture::gvisor().collected.evidence.vdso_image.seen().cloned() else { panic!() };
        assert!(matches!(reading(&gvisor, Architecture::X86), Reading::Gvisor(_)));
        let Some(linux) = fixture::runc().collected.evidence.vdso_image.seen().cloned() else { panic!() };
        assert!(matches!(reading(&linux, Architecture::X86), Reading::Linux(_)));
        let mixed = VdsoImage { link_address: 0, ..gvisor.clone() };
        assert!(matches!(reading(&mixed, Architecture::X86), Reading::Unknown(_)));
        let mixed = VdsoImage { exports: linux.exports, ..gvisor };
        assert!(matches!(reading(&mixed, Architecture::X86), Reading::Unknown(_)));
    }

    #[test]
    fn on_arm_the_link_address_and_the_notes_tell() {
        let image = |case: &Case| case.evidence().vdso_image.seen().unwrap().clone();
        let (gvisor, linux) = (image(&arm::gvisor(Release::Of2026)), image(&arm::runc()));
        assert!(matches!(reading(&gvisor, Architecture::Arm), Reading::Gvisor(_)));
        assert!(matches!(reading(&linux, Architecture::Arm), Reading::Linux(_)));
        for mixed in [
            VdsoImage { link_address: 0, ..gvisor.clone() },
            VdsoImage { segments: linux.segments.clone(), ..gvisor.clone() },
            VdsoImage { gnu_hash: true, ..gvisor.clone() },
            VdsoImage { exports: vec!["__vdso_clock_gettime".into()], ..gvisor.clone() },
        ] {
            assert!(matches!(reading(&mixed, Architecture::Arm), Reading::Unknown(_)), "{mixed:?}");
        }
        assert!(matches!(reading(&gvisor, Architecture::X86), Reading::Unknown(_)));
    }
}
