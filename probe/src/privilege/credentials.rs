//! The users and groups of the probe's process.

use nix::unistd::{getgroups, getresgid, getresuid};
use proto::{Credentials, Observation};

pub(crate) fn observe() -> Observation<Credentials> {
    let look = || -> nix::Result<Credentials> {
        let (user, group) = (getresuid()?, getresgid()?);
        Ok(Credentials {
            real_user: user.real.as_raw(),
            effective_user: user.effective.as_raw(),
            saved_user: user.saved.as_raw(),
            real_group: group.real.as_raw(),
            effective_group: group.effective.as_raw(),
            saved_group: group.saved.as_raw(),
            supplementary_groups: u32::try_from(getgroups()?.len()).unwrap_or(u32::MAX),
        })
    };
    look().map_or_else(|errno| Observation::failed(errno.desc()), Observation::Seen)
}
