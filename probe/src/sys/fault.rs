//! Loads from addresses that may be unmapped, and the frame that the kernel gives to the handler of a page fault.

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
mod guard;
#[cfg(target_arch = "x86_64")]
mod x86_64;

use std::io;

use proto::FaultFrame;

#[cfg(target_arch = "aarch64")]
pub(super) use aarch64::load;
#[cfg(target_arch = "x86_64")]
pub(super) use x86_64::{load, load_gs};

/// Reads from an address that is never mapped, and returns the frame that the kernel gave to the handler; `None` on
/// architectures whose frame is not evidence.
pub(crate) fn fault_frame() -> io::Result<Option<FaultFrame>> {
    #[cfg(target_arch = "aarch64")]
    let frame = aarch64::fault_frame().map(Some);
    #[cfg(target_arch = "x86_64")]
    let frame = x86_64::fault_frame().map(Some);
    #[cfg(not(any(target_arch = "aarch64", target_arch = "x86_64")))]
    let frame = Ok(None);
    frame
}

/// Returns no word: these architectures have no load that survives a fault.
#[cfg(not(any(target_arch = "aarch64", target_arch = "x86_64")))]
pub(super) fn load(_address: u64) -> io::Result<Option<u64>> {
    Ok(None)
}
