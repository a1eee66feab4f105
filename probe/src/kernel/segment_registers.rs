//! The selectors in the segment registers, which the kernel gave to the program.

use proto::{Observation, SegmentRegisters};

use crate::sys;

pub(crate) fn observe() -> Observation<SegmentRegisters> {
    sys::segment_registers()
        .map_or_else(|| Observation::failed("not made for this architecture"), Observation::Seen)
}
