//! The file that keeps evidence, with a version and a digest of its content. The file is read whole or refused by name.
//!
//! The digest reveals damage and careless edits. It reveals no forgery: who can write the file can write its digest. Sign the
//! file if forgery matters.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{record::Record, saved_v1};
use crate::support::digest::sha256;

/// The version that this controller writes. It reads every earlier version, too.
pub const VERSION: u32 = 1;
/// The kind that the file states.
const KIND: &str = "podproof-evidence";

/// The program that saved the evidence, and the time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Provenance {
    /// The controller's version.
    pub controller: String,
    /// SHA-256 of the probe inside the controller; `None` if the controller had none.
    pub probe: Option<String>,
    /// The time of saving, in seconds since 1970.
    pub saved_at: u64,
}

/// The reason why a file is refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is of another kind.
    #[error("the file holds no saved evidence")]
    NotEvidence(#[source] serde_json::Error),
    /// The file ends too early.
    #[error("the file was cut: its end is missing")]
    Cut,
    /// The content differs from the content that was written.
    #[error("the file was altered: its digest is that of another content")]
    Altered,
    /// A newer controller wrote the file.
    #[error("the file has version {found}, and this controller reads versions up to {VERSION}")]
    Newer {
        /// The version of the file.
        found: u32,
    },
    /// No controller wrote the file.
    #[error("the file has version {found}, which no controller writes")]
    NoSuchVersion {
        /// The version of the file.
        found: u32,
    },
    /// The content is whole, and its form is not that of the version.
    #[error("the content of the file does not have the form of version {VERSION}")]
    Content(#[source] serde_json::Error),
    /// The file has a case of a cluster and lacks the cluster.
    #[error("the file has the case of a pod and lacks the declarations of its cluster")]
    NoCluster,
}

/// The part that all versions of the file share.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    version: u32,
}

#[derive(Deserialize, Serialize)]
struct Envelope<'a> {
    kind: &'a str,
    version: u32,
    sha256: &'a str,
    #[serde(borrow)]
    content: &'a RawValue,
}

/// Returns the bytes of the file.
pub fn encode(record: &Record, provenance: &Provenance) -> Result<Vec<u8>, serde_json::Error> {
    let content = saved_v1::Content::from((record.clone(), provenance.clone()));
    let content = serde_json::value::to_raw_value(&content)?;
    let sha256 = digest(&content);
    let mut bytes =
        serde_json::to_vec(&Envelope { kind: KIND, version: VERSION, sha256: &sha256, content: &content })?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Returns the record of a file and its provenance. Refuses a file that is not whole.
pub fn decode(bytes: &[u8]) -> Result<(Record, Provenance), Error> {
    let head: Head<'_> = serde_json::from_slice(bytes).map_err(unread)?;
    match head.version {
        _ if head.kind != KIND => return Err(Error::NotEvidence(serde::de::Error::custom(head.kind))),
        found if found > VERSION => return Err(Error::Newer { found }),
        0 => return Err(Error::NoSuchVersion { found: 0 }),
        _ => (),
    }
    let envelope: Envelope<'_> = serde_json::from_slice(bytes).map_err(unread)?;
    if digest(envelope.content) != envelope.sha256 {
        return Err(Error::Altered);
    }
    read(envelope.content.get())
}

/// Returns the record and the provenance of a file's content.
pub(crate) fn read(content: &str) -> Result<(Record, Provenance), Error> {
    serde_json::from_str::<saved_v1::Content>(content).map_err(Error::Content)?.restore()
}

fn digest(content: &RawValue) -> String {
    sha256(content.get().as_bytes())
}

fn unread(error: serde_json::Error) -> Error {
    if error.is_eof() { Error::Cut } else { Error::NotEvidence(error) }
}

#[cfg(test)]
mod golden;
#[cfg(test)]
pub(crate) use golden::{FULL, is_content, of_content};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        case::environment::{Declared, Environment, Source},
        fixture,
        judge::policy::Policy,
        report::Report,
    };

    fn record() -> Record {
        let environment = Declared {
            environment: Environment::Production,
            source: Source::Variable { name: "ENVIRONMENT", value: "production".into() },
            remarks: Vec::new(),
        };
        let cases = vec![fixture::pod(), fixture::gvisor(), fixture::runc(), fixture::silent()];
        Record {
            environment,
            circumstances: None,
            only_production: false,
            remarks: vec!["a remark".into()],
            cases,
        }
    }

    fn provenance() -> Provenance {
        Provenance { controller: "0.1.0".into(), probe: None, saved_at: 7 }
    }

    fn report(record: &Record) -> String {
        serde_json::to_string(&Report::of(record, &Policy::of(Environment::Production))).unwrap()
    }

    #[test]
    fn saved_evidence_is_judged_as_before_it_was_saved() {
        let bytes = encode(&record(), &provenance()).unwrap();
        let (read, said) = decode(&bytes).unwrap();
        assert_eq!(report(&read), report(&record()));
        assert_eq!(said, provenance());
        assert_eq!(encode(&read, &said).unwrap(), bytes);
    }

    #[test]
    fn cases_of_one_cluster_share_it_in_the_file() {
        let mut record = record();
        record.cases.push(fixture::pod());
        let text = String::from_utf8(encode(&record, &provenance()).unwrap()).unwrap();
        assert_eq!(text.matches("\"pod_security\":").count(), 1, "{text}");
    }

    #[test]
    fn a_file_cut_anywhere_is_refused_as_cut() {
        let bytes = encode(&record(), &provenance()).unwrap();
        for length in (0..400).chain((400..bytes.len() - 1).step_by(211)) {
            assert!(matches!(decode(&bytes[..length]), Err(Error::Cut)), "{length}");
        }
    }

    #[test]
    fn a_file_altered_anywhere_is_refused() {
        let bytes = encode(&record(), &provenance()).unwrap();
        for position in (0..200).chain((200..bytes.len() - 1).step_by(211)) {
            let mut altered = bytes.clone();
            altered[position] ^= 1;
            assert!(decode(&altered).is_err(), "{position}");
        }
        let text = String::from_utf8(bytes).unwrap();
        let greener = text.replace("\"token\":true", "\"token\":false").replace("\"shop\"", "\"shoq\"");
        assert!(matches!(decode(greener.as_bytes()), Err(Error::Altered)));
    }

    #[test]
    fn a_newer_version_is_refused_by_its_number() {
        let newer = br#"{"kind":"podproof-evidence","version":2,"anything":"else"}"#;
        assert!(matches!(decode(newer), Err(Error::Newer { found: 2 })));
    }

    #[test]
    fn version_zero_is_refused_by_its_number() {
        let none = br#"{"kind":"podproof-evidence","version":0,"anything":"else"}"#;
        assert!(matches!(decode(none), Err(Error::NoSuchVersion { found: 0 })));
    }

    #[test]
    fn a_file_of_another_kind_is_refused() {
        for other in [&b"[]"[..], br#"{"version":1}"#, br#"{"kind":"sarif","version":1}"#, b"\x7fELF"] {
            assert!(matches!(decode(other), Err(Error::NotEvidence(_))));
        }
    }
}
