//! `controller key new`: makes a key pair that signs attestations.

use std::{
    ffi::OsString,
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};

use super::console::{print, say, tell};
use crate::{
    judge::exit::Exit,
    support::signing::{KeyError, Kind, SigningKey},
};

/// Makes a key pair that signs attestations
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  controller key new --out podproof.key\n  controller key new --out podproof.key --type \
    ed25519\n\nExit codes: 0 done, 2 wrong usage, or a file exists already, 4 could not write"
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Makes a key pair without a passphrase, and replaces no file
    New(New),
}

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  controller key new --out podproof.key\n  controller verify --local --save-evidence run.json \
    --sign podproof.key\n  controller attest verify run.json.sigstore.json --key podproof.key.pub --evidence run.json\n\nExit \
    codes: 0 done, 2 wrong usage, or a file exists already, 4 could not write"
)]
struct New {
    /// The file for the private key, which only its owner may read; the public key is in FILE.pub
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The kind of the key
    #[arg(long = "type", value_name = "TYPE", value_enum, default_value_t = Kind::P256)]
    kind: Kind,
}

/// The reason why no key was made.
#[derive(Debug, thiserror::Error)]
enum NotMade {
    #[error("{} exists already, and no key replaces a file", .0.display())]
    Exists(PathBuf),
    #[error("failed to write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("failed to make a key")]
    Key(#[from] KeyError),
}

impl Arguments {
    pub(super) fn run(self) -> Exit {
        let What::New(new) = self.what;
        match new.make() {
            Ok(text) => {
                say(&format!(
                    "warning: {} has no passphrase: anybody who reads the file can sign in your name",
                    new.out.display()
                ));
                print(&text)
            }
            Err(error) => {
                let (help, exit) = match &error {
                    NotMade::Exists(_) => ("name a new file, or move the old one away", Exit::Usage),
                    NotMade::Write { .. } => {
                        ("--out takes a file in an existing, writable folder", Exit::CouldNotRun)
                    }
                    NotMade::Key(_) => ("run the command again", Exit::CouldNotRun),
                };
                tell(&error, Some(help));
                exit
            }
        }
    }
}

impl New {
    /// Writes both files, or none.
    fn make(&self) -> Result<String, NotMade> {
        let mut public: OsString = self.out.clone().into();
        public.push(".pub");
        let public = PathBuf::from(public);
        let (key, text) = SigningKey::generate(self.kind)?;
        create(&self.out, 0o600, &text)?;
        if let Err(error) = create(&public, 0o644, &key.public().pem()) {
            // The first error is told; a key without its public half helps nobody.
            _ = fs::remove_file(&self.out);
            return Err(error);
        }
        Ok(format!(
            "private key: {}\npublic key: {}\nhint: {}\n",
            self.out.display(),
            public.display(),
            key.public().hint()
        ))
    }
}

/// Writes a file that does not exist yet.
fn create(path: &Path, mode: u32, text: &str) -> Result<(), NotMade> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AlreadyExists => NotMade::Exists(path.to_owned()),
        _ => NotMade::Write { path: path.to_owned(), source },
    };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(failed)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    written.map_err(|error| {
        // The first error is told; a part of a key helps nobody.
        _ = fs::remove_file(path);
        failed(error)
    })
}
