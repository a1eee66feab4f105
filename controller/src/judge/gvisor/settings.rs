//! Settings of runsc that weaken a sandbox, as far as they can be seen from inside (gVisor, `runsc/config/flags.go`,
//! `g3doc/user_guide/production.md`).

mod annotations;
mod flags;
mod mounts;
mod network;
mod others;

pub use annotations::{Effect, effect};
use flags::Flag;

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

/// One setting of runsc.
#[derive(Debug)]
pub struct Setting {
    /// The name for people, with which each citation begins.
    pub name: &'static str,
    /// The flags of runsc that set it.
    pub flags: &'static [&'static Flag],
    /// True if the setting opens the sandbox so far that production cannot accept it.
    pub blocks: bool,
    /// The weakness, and the place where gVisor describes it.
    pub source: &'static str,
    /// The function that reads the setting from a case.
    pub shown: fn(&Case) -> Shown,
}

/// The state of a setting, as far as a case shows it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Shown {
    /// The setting weakens the sandbox.
    Weak(String),
    /// The setting does not weaken the sandbox.
    Safe(String),
    /// The setting cannot be seen from inside, for this reason.
    Unseen(&'static str),
    /// The setting could be seen and was not, for this reason.
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
    /// Returns the text of a citation.
    pub fn text(&self, setting: &Setting) -> String {
        let name = setting.name;
        match self {
            Self::Weak(text) => {
                format!("{name}: weakened, {text} ({}; {})", setting.written(), setting.source)
            }
            Self::Safe(text) => format!("{name}: {text}"),
            Self::Unseen(why) => format!("{name}: not visible from inside, {why}"),
            Self::Unclear(why) => format!("{name}: not observed, {why}"),
        }
    }
}

/// Returns the value that a local runtime's own arguments give to a flag.
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
    fn default_settings_include_no_weakness_that_blocks() {
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
