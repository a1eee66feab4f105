//! The memory that the kernel claims to have, by sysinfo(2), which needs no `/proc`.

use nix::sys::sysinfo::sysinfo;
use proto::{MemoryTotal, Observation};

pub(crate) fn observe() -> Observation<MemoryTotal> {
    match sysinfo() {
        Ok(information) => Observation::Seen(MemoryTotal { bytes: information.ram_total() }),
        Err(errno) => Observation::failed(errno.desc()),
    }
}
