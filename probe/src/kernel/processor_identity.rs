//! The CPUID instruction's answers about a hypervisor. gVisor answers the instruction itself if the processor permits it.

use proto::{Observation, ProcessorIdentity};

use crate::sys;

pub(crate) fn observe() -> Observation<ProcessorIdentity> {
    sys::processor_identity()
        .map_or_else(|| Observation::failed("not made for this architecture"), Observation::Seen)
}
