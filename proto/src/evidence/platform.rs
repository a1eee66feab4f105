//! Traces of the platform beneath gVisor's kernel that a program can find. All but the duration exist only on x86-64.

use serde::{Deserialize, Serialize};

use super::{Answer, mirrored};
use crate::{Refused, generated, limits::present};

/// The length in bytes of a call site, `mov imm32, %eax; syscall`.
const CALL_SITE: usize = 7;

/// The word at gs:0.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GsPointer {
    /// True if the word is the address of itself.
    pub own_address: bool,
    /// The answer of write(2) from that address.
    pub write: Answer,
    /// The answer of mincore(2) for the page of that address.
    pub mincore: Answer,
    /// True if `/proc/self/maps` lists the address; `None` if the file could not be read.
    pub listed: Option<bool>,
}

/// The bytes of a call site before and after its use.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CallSite {
    /// The bytes before the first use.
    pub before: [u8; CALL_SITE],
    /// The bytes after the use.
    pub after: [u8; CALL_SITE],
}

/// The selectors in the segment registers.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each is named as the processor's manual names it")]
pub struct SegmentRegisters {
    pub cs: u32,
    pub ss: u32,
    pub ds: u32,
    pub es: u32,
    pub fs: u32,
    pub gs: u32,
}

/// The duration of getppid(2).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CallDuration {
    /// The number of calls that were made.
    pub calls: u32,
    /// The mean duration of a call in the quickest round of calls, in nanoseconds.
    pub shortest_ns: u64,
}

/// The CPUID instruction's answers about a hypervisor.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessorIdentity {
    /// Bit 31 of ECX of leaf 1, which is set on a virtual processor.
    pub hypervisor: bool,
    /// EAX, EBX, ECX and EDX of leaf 0x40000000, in which hypervisors name themselves.
    pub hypervisor_leaf: [u32; 4],
}

mirrored!(SegmentRegisters { cs, ss, ds, es, fs, gs });

mirrored!(CallDuration { calls, shortest_ns });

// === impl GsPointer ===

impl From<GsPointer> for generated::GsPointer {
    fn from(GsPointer { own_address, write, mincore, listed }: GsPointer) -> Self {
        Self { own_address, write: Some(write.into()), mincore: Some(mincore.into()), listed }
    }
}

impl TryFrom<generated::GsPointer> for GsPointer {
    type Error = Refused;

    fn try_from(message: generated::GsPointer) -> Result<Self, Refused> {
        let generated::GsPointer { own_address, write, mincore, listed } = message;
        Ok(Self {
            own_address,
            write: present("write", write)?.try_into()?,
            mincore: present("mincore", mincore)?.try_into()?,
            listed,
        })
    }
}

// === impl CallSite ===

impl From<CallSite> for generated::CallSite {
    fn from(CallSite { before, after }: CallSite) -> Self {
        Self { before: before.to_vec(), after: after.to_vec() }
    }
}

impl TryFrom<generated::CallSite> for CallSite {
    type Error = Refused;

    fn try_from(generated::CallSite { before, after }: generated::CallSite) -> Result<Self, Refused> {
        let bytes = |field, bytes: Vec<u8>| bytes.try_into().map_err(|_| Refused::OutOfRange { field });
        Ok(Self { before: bytes("before", before)?, after: bytes("after", after)? })
    }
}

// === impl ProcessorIdentity ===

impl From<ProcessorIdentity> for generated::ProcessorIdentity {
    fn from(ProcessorIdentity { hypervisor, hypervisor_leaf }: ProcessorIdentity) -> Self {
        Self { hypervisor, hypervisor_leaf: hypervisor_leaf.to_vec() }
    }
}

impl TryFrom<generated::ProcessorIdentity> for ProcessorIdentity {
    type Error = Refused;

    fn try_from(message: generated::ProcessorIdentity) -> Result<Self, Refused> {
        let generated::ProcessorIdentity { hypervisor, hypervisor_leaf } = message;
        let hypervisor_leaf =
            hypervisor_leaf.try_into().map_err(|_| Refused::OutOfRange { field: "hypervisor_leaf" })?;
        Ok(Self { hypervisor, hypervisor_leaf })
    }
}
