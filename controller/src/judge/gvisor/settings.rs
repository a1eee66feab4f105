//! Settings of runsc that weaken a sandbox, and what of them can be seen from inside (gVisor, `runsc/config/flags.go`,
//! `g3doc/user_guide/production.md`).

mod flags;
mod mounts;
mod network;
mod others;

use flags::Flag;
pub use flags::is_opened_by;

use crate::case::{Case, Subject};

/// Every setting, those that block first.
pub const SETTINGS: &[&Setting] = &[
    &network::HOST_NETWORK,
    &network::RAW_SOCKETS,
    &mounts::OVERLAY,
    &mounts::FILE_ACCESS,
    &mounts::DIRECTFS,
    &mounts::HOST_FIFOS,
    &others::HOST_UNIX_SOCKETS,
    &others::SET_USER_ID,
    &others::IO_URING,
    &others::DEVICES,
    &others::PLATFORM,
];

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// For people; every citation of it begins so.
    pub name: &'static str,
    /// The flags of runsc.
    pub flags: &'static [&'static Flag],
    /// Whether it opens the sandbox so far that production cannot do with it.
    pub blocks: bool,
    /// What it weakens, and where gVisor says so.
    pub source: &'static str,
    /// What of it a case shows.
    pub shown: fn(&Case) -> Shown,
}

/// What is seen of a setting.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Shown {
    /// The sandbox is weakened.
    Weak(String),
    /// It is not.
    Safe(String),
    /// It cannot be seen from inside; why.
    Unseen(&'static str),
    /// It could be seen, and was not; why.
    Unclear(String),
}

// === impl Setting ===

impl Setting {
    /// Returns the flags as a command line has them, with the values that weaken.
    pub fn written(&self) -> String {
        self.flags.iter().map(|flag| flag.written()).collect::<Vec<_>>().join(", ")
    }
}

// === impl Shown ===

impl Shown {
    /// For a citation.
    pub fn text(&self, setting: &Setting) -> String {
        let name = setting.name;
        match self {
            Self::Weak(text) => {
                format!("{name}: weakened, {text} ({}; {})", setting.written(), setting.source)
            }
            Self::Safe(text) => format!("{name}: {text}"),
            Self::Unseen(why) => format!("{name}: not visible from inside, {why}"),
            Self::Unclear(why) => format!("{name}: not seen, {why}"),
        }
    }
}

/// The value that a local runtime's own arguments give to a flag.
fn argument<'a>(case: &'a Case, flags: &[&Flag]) -> Option<&'a str> {
    let Subject::Sandbox { runtime, .. } = &case.surroundings.subject else { return None };
    runtime.iter().skip(1).rev().find_map(|word| {
        let word = word.trim_start_matches('-');
        let (name, value) = word.split_once('=').unwrap_or((word, "true"));
        flags.iter().any(|flag| flag.name == name).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn a_sandbox_with_default_settings_is_weakened_by_none_that_blocks() {
        let case = fixture::gvisor();
        for setting in SETTINGS.iter().filter(|setting| setting.blocks) {
            assert!(
                !matches!((setting.shown)(&case), Shown::Weak(_) | Shown::Unclear(_)),
                "{}",
                setting.name
            );
        }
    }

    #[test]
    fn the_last_argument_counts() {
        let mut case = fixture::gvisor();
        if let Subject::Sandbox { runtime, .. } = &mut case.surroundings.subject {
            runtime.extend(["--host-uds=none".into(), "-host-uds=open".into(), "--iouring".into()]);
        }
        assert_eq!(argument(&case, &[&flags::HOST_UDS]), Some("open"));
        assert_eq!(argument(&case, &[&flags::IOURING]), Some("true"));
        assert_eq!(argument(&case, &[&flags::ALLOW_SUID]), None);
    }
}
