//! Files of the product that are no saved evidence, and are taken for it.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, de::IgnoredAny};

/// The beginning of the media types of a sigstore bundle (sigstore/protobuf-specs, `sigstore_bundle.proto`).
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle";

/// A file of the product that is no saved evidence.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OtherFile {
    /// The report of `--output json`.
    Report,
    /// The attestation of `--sign`.
    Attestation,
    /// The comparison of `controller diff --output json`.
    Comparison,
}

/// The keys by which the files are known.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Keys<'a> {
    #[serde(borrow)]
    media_type: Option<Cow<'a, str>>,
    verdict: Option<IgnoredAny>,
    sandboxes: Option<IgnoredAny>,
    narrower: Option<IgnoredAny>,
    changes: Option<IgnoredAny>,
}

impl OtherFile {
    /// Recognises a file; `None` for a file that the product did not write, and for one that is cut.
    pub(super) fn recognised(bytes: &[u8]) -> Option<Self> {
        let keys: Keys<'_> = serde_json::from_slice(bytes).ok()?;
        if keys.media_type.is_some_and(|media_type| media_type.starts_with(BUNDLE)) {
            Some(Self::Attestation)
        } else if keys.verdict.is_some() && keys.sandboxes.is_some() {
            Some(Self::Report)
        } else if keys.narrower.is_some() && keys.changes.is_some() {
            Some(Self::Comparison)
        } else {
            None
        }
    }
}

impl fmt::Display for OtherFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Report => "a report of `--output json`",
            Self::Attestation => "an attestation of `--sign`",
            Self::Comparison => "a comparison of `controller diff --output json`",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        evidence::saved::{Error, decode},
        fixture,
        report::diff,
        support::{envelope, signing},
    };

    fn recognised(bytes: &[u8]) -> OtherFile {
        match decode(bytes) {
            Err(Error::OtherFile(other)) => other,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_report_is_recognised() {
        let report = serde_json::to_vec(&fixture::report(&fixture::gvisor())).unwrap();
        assert_eq!(recognised(&report), OtherFile::Report);
    }

    #[test]
    fn a_comparison_is_recognised() {
        let report = fixture::report(&fixture::gvisor());
        let comparison = serde_json::to_vec_pretty(&diff::compare(&report, &report)).unwrap();
        assert_eq!(recognised(&comparison), OtherFile::Comparison);
    }

    #[test]
    fn an_attestation_is_recognised() {
        let (key, _) = signing::SigningKey::generate(signing::Kind::P256).unwrap();
        let bundle = envelope::seal(&key, b"{}").unwrap();
        assert_eq!(recognised(bundle.as_bytes()), OtherFile::Attestation);
    }
}
