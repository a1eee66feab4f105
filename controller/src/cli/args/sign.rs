//! The arguments that sign a verdict. The place of the key is an argument; the key itself never is, and no error repeats either.

use std::{
    ffi::OsString,
    fmt,
    fs::File,
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use clap::Args;
use nix::unistd::geteuid;

use super::evidence::age;
use crate::{
    cli::{console::tell, files::Files},
    judge::exit::Exit,
    support::signing::{KeyError, SigningKey},
};

/// The most bytes of a key's text.
const MOST: u64 = 64 << 10;
/// The bits of a file's mode by which others than its owner may use it.
const OTHERS: u32 = 0o077;
/// The user root.
const ROOT: u32 = 0;
/// The number of standard error, the last of the streams that every program has.
const LAST_STREAM: u16 = 2;
/// The ending of an attestation's name.
const ENDING: &str = ".sigstore.json";
/// The life of a proof without `--valid-for`, as the flag has it.
pub(in crate::cli) const LIFE: &str = "24h";

#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(in crate::cli) struct Arguments {
    /// Sign the verdict with this private key in PEM: a file that no other user may read (a Secret's file may be read by its
    /// group), env:NAME, or fd:N for an open file [default: not signed]
    #[arg(
        long,
        value_name = "KEY",
        group = "proof",
        allow_hyphen_values = true,
        help_heading = "How to report"
    )]
    sign: Option<KeyPlace>,
    /// The file for the signed attestation, a sigstore bundle [default: the file of the evidence with the ending
    /// .sigstore.json]
    #[arg(long, value_name = "FILE", requires = "sign", help_heading = "How to report")]
    attestation: Option<PathBuf>,
}

/// The life of a proof.
#[derive(Args, Clone, Copy, Debug)]
#[group(skip)]
pub(in crate::cli) struct Life {
    /// The time that the proof or the attestation is good for, from the start of the run, such as 12h or 30d; a published
    /// proof is good for 1m to 24h
    #[arg(long, value_name = "TIME", value_parser = age, default_value = LIFE, requires = "proof", help_heading = "How to report")]
    pub(in crate::cli) valid_for: Duration,
}

/// The place of a private key. Its text may be the key itself, by mistake, so it is never shown.
#[derive(Clone)]
struct KeyPlace(String);

/// A key, and the place of what it signs.
#[derive(Debug)]
pub(in crate::cli) struct Signer {
    pub(in crate::cli) key: SigningKey,
    /// The file of the attestation.
    pub(in crate::cli) to: PathBuf,
    /// The life of the attestation.
    pub(in crate::cli) life: Duration,
}

/// The reason why a key is not used.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum KeyRefused {
    #[error("--sign takes the place of a key, never the key itself")]
    Inline,
    #[error("the file of --sign cannot be read")]
    Unreadable(#[source] io::Error),
    #[error("others than its owner may read or change the file of --sign (mode {0:03o})")]
    Open(u32),
    #[error("the variable of --sign is not set")]
    NoVariable,
    #[error("fd:N takes the number of an open file")]
    NoNumber,
    #[error("a watch reads the key for each run, and fd:N can be read once")]
    Descriptor,
    #[error("the key of --sign is refused")]
    Key(#[from] KeyError),
}

impl KeyRefused {
    pub(in crate::cli) fn tell(&self) -> Exit {
        let help = match self {
            Self::Inline | Self::Unreadable(_) | Self::NoVariable | Self::NoNumber => {
                "give --sign a file, env:NAME, or fd:N; `controller key new --out FILE` makes a key"
            }
            Self::Descriptor => "give --sign a file or env:NAME",
            Self::Open(_) => {
                "`chmod 600 FILE`, or in a pod `defaultMode: 0400` and `fsGroup`; replace the key if others may have read it"
            }
            Self::Key(_) => {
                "`controller key new --out FILE` makes a key; `openssl pkcs8 -topk8 -nocrypt -in OLD -out FILE` converts one"
            }
        };
        tell(self, Some(help));
        Exit::Usage
    }
}

impl Arguments {
    pub(in crate::cli) const fn are_given(&self) -> bool {
        self.sign.is_some()
    }

    /// Refuses a key that can be read once.
    pub(in crate::cli) fn for_many_runs(&self) -> Result<(), KeyRefused> {
        let is_descriptor = self.sign.as_ref().is_some_and(KeyPlace::is_descriptor);
        if is_descriptor { Err(KeyRefused::Descriptor) } else { Ok(()) }
    }

    /// Reads the key; `None` without `--sign`.
    pub(in crate::cli) fn signer(self, evidence: &Path, life: Life) -> Result<Option<Signer>, KeyRefused> {
        let Some(place) = self.sign else { return Ok(None) };
        let key = SigningKey::from_pem(&place.read()?)?;
        let to = self.attestation.unwrap_or_else(|| beside(evidence));
        Ok(Some(Signer { key, to, life: life.valid_for }))
    }

    /// Adds the files of the signature for a file of evidence.
    pub(in crate::cli) fn files(&self, evidence: &Path, files: Files) -> Files {
        let Some(place) = &self.sign else { return files };
        let files = files.reads("the key of --sign", place.file());
        match &self.attestation {
            Some(to) => files.writes("--attestation", Some(to)),
            None => files.writes("the attestation", Some(&beside(evidence))),
        }
    }
}

/// Returns the default file of an attestation.
fn beside(evidence: &Path) -> PathBuf {
    let mut name: OsString = evidence.to_owned().into();
    name.push(ENDING);
    name.into()
}

impl KeyPlace {
    /// Returns the path of a key in a file.
    fn file(&self) -> Option<&Path> {
        let Self(text) = self;
        (!text.starts_with("env:") && !self.is_descriptor()).then_some(Path::new(text))
    }

    fn read(&self) -> Result<Vec<u8>, KeyRefused> {
        let Self(text) = self;
        if let Some(name) = text.strip_prefix("env:") {
            let value =
                if name.is_empty() || name.contains(['=', '\0']) { None } else { std::env::var_os(name) };
            return Ok(value.ok_or(KeyRefused::NoVariable)?.into_encoded_bytes());
        }
        if let Some(number) = text.strip_prefix("fd:") {
            let number: u16 = number.parse().map_err(|_| KeyRefused::NoNumber)?;
            let text = bounded(open(Path::new(&format!("/proc/self/fd/{number}")))?);
            if number > LAST_STREAM {
                // No runtime or helper that the run starts inherits the key. A file that is closed already is no fault.
                _ = nix::unistd::close(i32::from(number));
            }
            return text;
        }
        if text.starts_with('-') || text.contains("PRIVATE KEY") {
            return Err(KeyRefused::Inline);
        }
        let file = open(Path::new(text))?;
        let metadata = file.metadata().map_err(KeyRefused::Unreadable)?;
        if is_open(metadata.mode(), metadata.uid(), geteuid().as_raw()) {
            return Err(KeyRefused::Open(metadata.mode() & 0o777));
        }
        bounded(file)
    }

    /// Returns true for an open file, which can be read once.
    fn is_descriptor(&self) -> bool {
        self.0.starts_with("fd:")
    }
}

/// Returns true if others than a user may use a key. A user who is not root may read a file of root's by its group: so a Secret is
/// mounted for a program, and `PostgreSQL` has the same rule (postgresql.org, "Secure TCP/IP Connections with SSL").
const fn is_open(mode: u32, owner: u32, user: u32) -> bool {
    let group = if owner == ROOT && user != ROOT { 0o040 } else { 0 };
    mode & OTHERS & !group != 0
}

fn open(path: &Path) -> Result<File, KeyRefused> {
    File::open(path).map_err(KeyRefused::Unreadable)
}

fn bounded(file: File) -> Result<Vec<u8>, KeyRefused> {
    let mut text = Vec::new();
    file.take(MOST).read_to_end(&mut text).map_err(KeyRefused::Unreadable)?;
    Ok(text)
}

impl FromStr for KeyPlace {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for KeyPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("KeyPlace")
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    const SOMEBODY: u32 = 65534;

    #[derive(Parser)]
    struct Alone {
        #[command(flatten)]
        sign: Arguments,
    }

    /// Returns true if a command accepts its files: the evidence `run.json`, a report and those of the signature.
    fn are_accepted(report: &str, words: &[&str]) -> bool {
        let words = ["verify", "--sign", "podproof.key"].iter().chain(words);
        let evidence = Path::new("run.json");
        let files = Files::default().writes("--save-evidence", Some(evidence));
        let files = files.writes("--output", Some(Path::new(report)));
        Alone::try_parse_from(words).unwrap().sign.files(evidence, files).check().is_ok()
    }

    #[test]
    fn an_attestation_has_a_file_of_its_own() {
        assert!(are_accepted("report.json", &[]));
        for taken in ["run.json", "report.json", "podproof.key", "./podproof.key"] {
            assert!(!are_accepted("report.json", &["--attestation", taken]), "{taken}");
        }
    }

    #[test]
    fn no_report_replaces_the_key_or_the_default_attestation() {
        for report in ["podproof.key", "run.json.sigstore.json"] {
            assert!(!are_accepted(report, &[]), "{report}");
        }
    }

    #[test]
    fn a_key_of_its_user_is_for_that_user_alone() {
        for (mode, open) in [(0o100_600, false), (0o100_400, false), (0o100_440, true), (0o100_404, true)] {
            assert_eq!(is_open(mode, SOMEBODY, SOMEBODY), open, "{mode:o}");
        }
    }

    #[test]
    fn roots_own_key_is_for_root_alone() {
        assert!(is_open(0o100_640, ROOT, ROOT) && !is_open(0o100_600, ROOT, ROOT));
    }

    #[test]
    fn another_user_may_read_roots_key_by_its_group() {
        for (mode, open) in [(0o100_440, false), (0o100_640, false), (0o100_460, true), (0o100_444, true)] {
            assert_eq!(is_open(mode, ROOT, SOMEBODY), open, "{mode:o}");
        }
    }
}
