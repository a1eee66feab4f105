//! The signature of a verdict, after the evidence was saved and judged.

use std::path::Path;

use super::{
    args::{policy::Sources, sign::Signer},
    console::say,
};
use crate::{
    judge::policy::Policy,
    report::{
        Report,
        attestation::{
            Facts, Gathered, NotStated, Statement,
            verification_v1::{NamedBy, SignedDigest, SignedFile},
        },
    },
    support::{digest::sha256, envelope, file, signing::KeyError},
};

/// The reason why no attestation was written.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotSigned {
    #[error(transparent)]
    Stated(#[from] NotStated),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Write(#[from] file::Error),
}

impl NotSigned {
    pub(super) const fn help(&self) -> &'static str {
        match self {
            Self::Stated(NotStated::NoRun) => {
                "make a new run by `controller verify --save-evidence FILE --sign KEY`"
            }
            Self::Stated(NotStated::Expired) => {
                "make a new run, or give the attestation a longer life by --valid-for"
            }
            Self::Key(_) => "run the command again",
            Self::Write(file::Error::Remove { .. }) => {
                "remove the file: it is the attestation of an earlier run, and signs other evidence"
            }
            Self::Write(_) => "--attestation takes a file in an existing, writable folder",
        }
    }
}

/// A verdict that is to be signed.
#[derive(Debug)]
pub(super) struct Signing {
    pub(super) signer: Signer,
    /// The policy file; `None` without one.
    pub(super) policy: Option<SignedFile>,
    /// The step that named the environment.
    pub(super) named_by: NamedBy,
    /// True if a run for a part was to be undetermined.
    pub(super) require_whole: bool,
    /// The time of the judgement, in seconds since 1970.
    pub(super) judged_at: u64,
}

impl Signing {
    /// Returns the signature of a run's verdict; `None` without a signer.
    pub(super) fn of_run(
        signer: Option<Signer>,
        policy: &Policy,
        file: Option<&SignedFile>,
        started_at: u64,
    ) -> Option<Self> {
        Some(Self {
            signer: signer?,
            policy: file.cloned(),
            named_by: NamedBy::Run,
            require_whole: policy.require_whole,
            judged_at: started_at,
        })
    }

    /// Removes the attestation of an earlier run, which does not sign the evidence of this one.
    pub(super) fn withdraw(&self) -> Result<(), NotSigned> {
        let to = &self.signer.to;
        if file::remove(to)? {
            say(&format!("{}, the attestation of an earlier run, was removed", to.display()));
        }
        Ok(())
    }

    /// Signs the verdict on evidence, and writes the attestation. Returns its text.
    pub(super) fn sign(
        &self,
        report: &Report,
        gathered: &Gathered,
        evidence: SignedFile,
        probe: Option<String>,
    ) -> Result<String, NotSigned> {
        let Self { signer, policy, named_by, require_whole, judged_at } = self;
        let facts = Facts {
            evidence,
            probe,
            policy: policy.clone(),
            named_by: *named_by,
            require_whole: *require_whole,
            judged_at: *judged_at,
            life: signer.life,
        };
        let statement = Statement::of(report, gathered, facts)?;
        let bundle = envelope::seal(&signer.key, &statement.bytes())?;
        file::write(&signer.to, bundle.as_bytes())?;
        say(&format!("attestation {}: {}", signer.to.display(), report.headline()));
        Ok(bundle)
    }
}

/// Returns the signed form of a file: the last part of its path, and a digest.
pub(super) fn signed_file(path: &Path, sha256: String) -> SignedFile {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    SignedFile { name, digest: SignedDigest { sha256 } }
}

/// Returns the signed form of the policy file.
pub(super) fn signed_policy(sources: &Sources) -> Option<SignedFile> {
    let (name, read) = sources.file.as_ref()?;
    Some(signed_file(Path::new(name), sha256(read.text().as_bytes())))
}
