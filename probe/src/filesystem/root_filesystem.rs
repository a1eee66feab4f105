//! The root directory: its file system, and the permission to write there. Nothing is written.

use nix::unistd::{AccessFlags, access};
use proto::{Answer, Observation, RootFilesystem};

use crate::sys;

pub(crate) fn observe() -> Observation<RootFilesystem> {
    let (magic, flags) = match sys::statfs(c"/") {
        Ok(found) => found,
        Err(error) => return Observation::unseen(&error),
    };
    let write_access = match access("/", AccessFlags::W_OK) {
        Ok(()) => Answer::Value(0),
        Err(errno) => Answer::Errno((errno as i32).unsigned_abs()),
    };
    Observation::Seen(RootFilesystem { magic, flags, write_access })
}
