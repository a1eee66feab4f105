//! The file that evidence is kept in: versioned, with a digest over its content, read back whole or refused by name.
//!
//! The digest tells damage and careless edits, not forgery: whoever can write the file can write its digest. Sign the file
//! where that matters.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{record::Record, saved_v1};
use crate::support::digest::sha256;

/// The version that is written. Every earlier one is read.
pub const VERSION: u32 = 1;
/// What the file says it is.
const KIND: &str = "podproof-evidence";

/// Who kept the evidence, and when.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Provenance {
    /// The controller's version.
    pub controller: String,
    /// SHA-256 of the probe inside the controller, if there was one.
    pub probe: Option<String>,
    /// Seconds since 1970.
    pub saved_at: u64,
}

/// Why a file is not judged.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is something else.
    #[error("it is not a file of saved evidence")]
    NotEvidence(#[source] serde_json::Error),
    /// It ends too early.
    #[error("it was cut: it ends in the middle")]
    Cut,
    /// Its content is not what was written.
    #[error("it was altered: its content is not the one that its digest was made of")]
    Altered,
    /// A newer program wrote it.
    #[error("it has version {found}, and this controller reads versions up to {VERSION}")]
    Newer {
        /// The file's.
        found: u32,
    },
    /// No program wrote it.
    #[error("it has version {found}, which was never written")]
    NoSuchVersion {
        /// The file's.
        found: u32,
    },
    /// The content is whole and makes no sense.
    #[error("its content makes no sense")]
    Content(#[source] serde_json::Error),
    /// A case of a cluster lacks the cluster.
    #[error("its content makes no sense: it has a pod's case without a cluster")]
    NoCluster,
}

/// As much as every version of the file has.
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

/// The file's bytes.
pub fn encode(record: &Record, provenance: &Provenance) -> Result<Vec<u8>, serde_json::Error> {
    let content = saved_v1::Content::from((record.clone(), provenance.clone()));
    let content = serde_json::value::to_raw_value(&content)?;
    let sha256 = digest(&content);
    let mut bytes =
        serde_json::to_vec(&Envelope { kind: KIND, version: VERSION, sha256: &sha256, content: &content })?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// What was kept.
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

fn read(content: &str) -> Result<(Record, Provenance), Error> {
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
    fn what_was_kept_is_judged_as_it_was() {
        let bytes = encode(&record(), &provenance()).unwrap();
        let (read, said) = decode(&bytes).unwrap();
        assert_eq!(report(&read), report(&record()));
        assert_eq!(said, provenance());
        assert_eq!(encode(&read, &said).unwrap(), bytes);
    }

    #[test]
    fn a_cluster_is_kept_once_however_many_cases_know_it() {
        let mut record = record();
        record.cases.push(fixture::pod());
        let text = String::from_utf8(encode(&record, &provenance()).unwrap()).unwrap();
        assert_eq!(text.matches("\"pod_security\":").count(), 1, "{text}");
    }

    #[test]
    fn a_file_that_was_cut_is_refused_wherever_it_was_cut() {
        let bytes = encode(&record(), &provenance()).unwrap();
        for length in (0..400).chain((400..bytes.len() - 1).step_by(211)) {
            assert!(matches!(decode(&bytes[..length]), Err(Error::Cut)), "{length}");
        }
    }

    #[test]
    fn a_file_that_was_altered_is_refused_whatever_was_altered() {
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
    fn a_newer_version_is_refused_by_its_number_whatever_is_in_it() {
        let newer = br#"{"kind":"podproof-evidence","version":2,"anything":"else"}"#;
        assert!(matches!(decode(newer), Err(Error::Newer { found: 2 })));
        let none = br#"{"kind":"podproof-evidence","version":0,"anything":"else"}"#;
        assert!(matches!(decode(none), Err(Error::NoSuchVersion { found: 0 })));
        for other in [&b"[]"[..], br#"{"version":1}"#, br#"{"kind":"sarif","version":1}"#, b"\x7fELF"] {
            assert!(matches!(decode(other), Err(Error::NotEvidence(_))));
        }
    }
}
