//! Traces of the kernel in the probe's own memory and registers, which no file and no mount can forge.

use serde::{Deserialize, Serialize};

use super::mirrored;
use crate::{
    Refused, generated,
    limits::{LIST, text, texts},
};

/// The vDSO's image in the probe's memory.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct VdsoImage {
    /// The address that the image was linked for (`p_vaddr` of its loadable segment).
    pub link_address: u64,
    /// `p_type` of each program header, in order.
    pub segments: Vec<u32>,
    /// The names of the defined dynamic symbols, sorted.
    pub exports: Vec<String>,
    /// True if the dynamic section has a GNU hash table.
    pub gnu_hash: bool,
}

/// The auxiliary vector of the initial stack.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AuxiliaryVector {
    /// The tags of all entries in the kernel's order, without `AT_NULL`.
    pub tags: Vec<u64>,
    /// The value of `AT_HWCAP`; `None` if the vector has no such entry.
    pub hwcap: Option<u64>,
    /// The string of `AT_PLATFORM`; `None` if the vector has no such entry.
    pub platform: Option<String>,
}

/// The signal frame of a page fault on an unmapped address; only on x86-64 and `AArch64`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FaultFrame {
    /// `REG_TRAPNO`; the processor's number for a page fault is 14. On `AArch64`, the magic number of the first record
    /// behind the registers, or 0.
    pub trap_number: u64,
    /// `REG_ERR`, the page fault's error code. On `AArch64`, the exception syndrome (`ESR_EL1`) in its record, or 0.
    pub error_code: u64,
    /// `uc_flags` of the frame.
    pub context_flags: u64,
    /// `uc_stack.ss_flags` of the frame; `None` if the process has had an alternate signal stack.
    pub stack_flags: Option<u32>,
}

/// The page right before the vDSO's image, in gVisor's layout, and the time right after; only on x86-64 and `AArch64`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TimePage {
    /// A sequence number, odd while gVisor writes the page.
    pub sequence: u64,
    /// 1 when the parameters of the monotonic clock are valid.
    pub ready: u64,
    /// The processor's counter at the reference time.
    pub base_cycles: u64,
    /// The reference time, in nanoseconds.
    pub base_ns: u64,
    /// The frequency of the counter, in Hz.
    pub frequency: u64,
    /// The processor's counter right before the system call that gave `now_ns`.
    pub cycles: u64,
    /// The time by a system call for `CLOCK_MONOTONIC`, in nanoseconds.
    pub now_ns: u64,
}

// === impl VdsoImage ===

impl From<VdsoImage> for generated::VdsoImage {
    fn from(VdsoImage { link_address, segments, exports, gnu_hash }: VdsoImage) -> Self {
        Self { link_address, segments, exports, gnu_hash }
    }
}

impl TryFrom<generated::VdsoImage> for VdsoImage {
    type Error = Refused;

    fn try_from(message: generated::VdsoImage) -> Result<Self, Refused> {
        let generated::VdsoImage { link_address, segments, exports, gnu_hash } = message;
        if segments.len() > LIST {
            return Err(Refused::TooMany { field: "segments", limit: LIST });
        }
        Ok(Self { link_address, segments, exports: texts("exports", exports)?, gnu_hash })
    }
}

// === impl AuxiliaryVector ===

impl From<AuxiliaryVector> for generated::AuxiliaryVector {
    fn from(AuxiliaryVector { tags, hwcap, platform }: AuxiliaryVector) -> Self {
        Self { tags, hwcap, platform }
    }
}

impl TryFrom<generated::AuxiliaryVector> for AuxiliaryVector {
    type Error = Refused;

    fn try_from(message: generated::AuxiliaryVector) -> Result<Self, Refused> {
        let generated::AuxiliaryVector { tags, hwcap, platform } = message;
        if tags.len() > LIST {
            return Err(Refused::TooMany { field: "tags", limit: LIST });
        }
        let platform = platform.map(|platform| text("platform", platform)).transpose()?;
        Ok(Self { tags, hwcap, platform })
    }
}

mirrored!(FaultFrame { trap_number, error_code, context_flags, stack_flags });

mirrored!(TimePage { sequence, ready, base_cycles, base_ns, frequency, cycles, now_ns });
