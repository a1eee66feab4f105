//! The kernel's names by uname(2).

use proto::{KernelName, Observation};

use crate::text::printable;

pub(crate) fn observe() -> Observation<KernelName> {
    match nix::sys::utsname::uname() {
        Ok(name) => Observation::Seen(KernelName {
            sysname: printable(&name.sysname().to_string_lossy()),
            release: printable(&name.release().to_string_lossy()),
            version: printable(&name.version().to_string_lossy()),
            machine: printable(&name.machine().to_string_lossy()),
            domainname: printable(&name.domainname().to_string_lossy()),
        }),
        Err(errno) => Observation::failed(errno.desc()),
    }
}
