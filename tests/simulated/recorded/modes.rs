//! The commands whose requests are recorded.

/// A command, whose requests are in the file of its name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mode {
    pub(crate) name: &'static str,
    words: &'static [&'static str],
    /// The exit code in a cluster in which nothing is wrong. Without a control pod the network is inconclusive.
    pub(crate) code: u8,
    /// Set for a command that leaves the control namespace alone.
    alone: bool,
    /// Set for a command that waits for each deletion of a pod by itself.
    pub(crate) deletes: bool,
}

const VERIFY: &[&str] =
    &["verify", "--environment", "production", "--output", "json", "--quiet", "--settle", "0"];
const LIVE: &[&str] =
    &["verify", "--environment", "production", "--output", "json", "--quiet", "--settle", "0", "--live"];

/// The command before which a run is killed.
pub(crate) const CLEANUP: Mode =
    Mode { name: "cleanup", words: &["cleanup"], code: 0, alone: false, deletes: true };
/// A run with a control pod.
pub(crate) const CONTROLLED: Mode =
    Mode { name: "verify-with-control", words: VERIFY, code: 0, alone: false, deletes: false };

/// Every command but the clean-up.
pub(crate) const MODES: &[Mode] = &[
    Mode { name: "verify", words: VERIFY, code: 3, alone: true, deletes: false },
    CONTROLLED,
    Mode { name: "verify-live", words: LIVE, code: 0, alone: false, deletes: false },
    Mode { name: "plan", words: &["plan"], code: 0, alone: false, deletes: false },
    Mode { name: "doctor", words: &["doctor"], code: 0, alone: false, deletes: false },
];

impl Mode {
    /// Returns the words of the command.
    pub(crate) fn words<'a>(&self, judged: &'a str, control: &'a str, image: &'a str) -> Vec<&'a str> {
        let mut words = [self.words, &["--namespace"]].concat();
        words.push(judged);
        if !self.alone {
            words.extend(["--control-namespace", control]);
        }
        if self.name != CLEANUP.name {
            words.extend(["--image", image]);
        }
        words
    }
}
