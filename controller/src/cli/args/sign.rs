//! The arguments that sign a verdict. The place of the key is an argument; the key itself never is, and no error repeats either.

use std::{
    ffi::OsString,
    fmt,
    fs::File,
    io::{self, Read},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use clap::Args;

use super::evidence::age;
use crate::{
    cli::console::tell,
    judge::exit::Exit,
    support::signing::{KeyError, SigningKey},
};

/// The most bytes of a key's text.
const MOST: u64 = 64 << 10;
/// The bits of a file's mode by which others than its owner may use it.
const OTHERS: u32 = 0o077;
/// The number of standard error, the last of the streams that every program has.
const LAST_STREAM: u16 = 2;
/// The ending of an attestation's name.
const ENDING: &str = ".sigstore.json";

#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(in crate::cli) struct Arguments {
    /// Sign the verdict with this private key in PEM: a file that its owner alone may read, env:NAME, or fd:N for an open
    /// file [default: not signed]
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
    /// proof is good for at most 24h
    #[arg(long, value_name = "TIME", value_parser = age, default_value = "24h", requires = "proof", help_heading = "How to report")]
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
    #[error("the key of --sign is refused")]
    Key(#[from] KeyError),
}

impl KeyRefused {
    pub(in crate::cli) fn tell(&self) -> Exit {
        let help = match self {
            Self::Inline | Self::Unreadable(_) | Self::NoVariable | Self::NoNumber => {
                "give --sign a file, env:NAME, or fd:N; `controller key new --out FILE` makes a key"
            }
            Self::Open(_) => "`chmod 600 FILE`, or replace the key if others may have read it",
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

    /// Reads the key; `None` without `--sign`.
    pub(in crate::cli) fn signer(self, evidence: &Path, life: Life) -> Result<Option<Signer>, KeyRefused> {
        let Some(place) = self.sign else { return Ok(None) };
        let key = SigningKey::from_pem(&place.read()?)?;
        let to = self.attestation.unwrap_or_else(|| {
            let mut name: OsString = evidence.to_owned().into();
            name.push(ENDING);
            name.into()
        });
        Ok(Some(Signer { key, to, life: life.valid_for }))
    }
}

impl KeyPlace {
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
        let mode = file.metadata().map_err(KeyRefused::Unreadable)?.permissions().mode();
        if mode & OTHERS != 0 {
            return Err(KeyRefused::Open(mode & 0o777));
        }
        bounded(file)
    }
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
