//! The file that keeps evidence, with a version and a digest of its content. The file is read whole or refused by name.
//!
//! The digest reveals damage and careless edits. It reveals no forgery: who can write the file can write its digest. Sign the
//! file if forgery matters.

mod other_file;

use std::{
    borrow::Cow,
    io::{self, Read, Write},
};

use serde::Deserialize;
#[cfg(test)]
use serde::Serialize;
use serde_json::value::RawValue;

use super::{record::Record, saved_v1, saved_v2};
use crate::{
    case::Case,
    support::{digest::sha256, gzip},
};

pub use other_file::OtherFile;

/// The version that this controller writes. It reads every earlier version, too.
pub const VERSION: u32 = 2;
/// The version whose file is one JSON document.
const ONE_DOCUMENT: u32 = 1;
/// The kind that the file states.
pub(super) const KIND: &str = "podproof-evidence";

/// The program that saved the evidence, and the time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Provenance {
    /// The controller's version.
    pub controller: String,
    /// SHA-256 of the probe; `None` if the controller had none, or if probes of several architectures answered.
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
    /// The file is another one of the product.
    #[error("the file is {0}, and holds no saved evidence")]
    OtherFile(OtherFile),
    /// The file ends too early.
    #[error("the file was cut: its end is missing")]
    Cut,
    /// The content differs from the content that was written.
    #[error("the file was altered: its digest is that of another content")]
    Altered,
    /// The file cannot be decompressed.
    #[error("the file was altered: it cannot be decompressed")]
    NotCompressed(#[source] io::Error),
    /// The file is too large after decompression.
    #[error("the file holds more than {} MiB after decompression", gzip::MOST >> 20)]
    TooLarge,
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
    /// The content is whole, and its form is not that of its version.
    #[error("the content of the file does not have the form of its version")]
    Content(#[source] serde_json::Error),
    /// The file has a case of a cluster and lacks the cluster.
    #[error("the file has the case of a pod and lacks the declarations of its cluster")]
    NoCluster,
    /// A group names a pod that the file lacks.
    #[error("the file names pod {number} of its cluster and lacks its declarations")]
    NoSuchPod {
        /// The place of the pod in the cluster's list.
        number: usize,
    },
}

/// The part that all versions of the file share.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    version: u32,
}

/// A file that is one JSON document.
#[derive(Deserialize)]
#[cfg_attr(test, derive(Serialize))]
#[cfg_attr(not(test), expect(dead_code, reason = "a key that is not named would be an unknown one"))]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    kind: Cow<'a, str>,
    version: u32,
    sha256: &'a str,
    #[serde(borrow)]
    content: &'a RawValue,
}

/// A file of saved evidence that is whole.
#[derive(Debug)]
pub struct Saved {
    /// The run, without its cases.
    pub record: Record,
    /// The program that saved the evidence.
    pub provenance: Provenance,
    /// The cases, which are read one after the other.
    pub cases: Cases,
}

/// The cases of a file.
#[derive(Debug)]
pub enum Cases {
    /// Cases that were read with the record.
    Read(std::vec::IntoIter<Case>),
    /// Cases that are read one by one.
    Lines(Box<saved_v2::CaseLines>),
}

/// Writes the file.
pub fn write(record: &Record, provenance: &Provenance, to: &mut dyn Write) -> io::Result<()> {
    saved_v2::write(record, provenance, to)
}

/// Returns the bytes of the file.
pub fn encode(record: &Record, provenance: &Provenance) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    write(record, provenance, &mut bytes)?;
    Ok(bytes)
}

/// Opens a file, compressed or not. Refuses a file that is not whole, before it returns any case.
pub fn open(bytes: Vec<u8>) -> Result<Saved, Error> {
    if saved_v2::is_whole(&bytes)? {
        return saved_v2::open(bytes);
    }
    let bytes = if gzip::is_compressed(&bytes) {
        let mut inflated = Vec::new();
        gzip::reader(&bytes[..]).read_to_end(&mut inflated).map_err(Error::unread)?;
        inflated
    } else {
        bytes
    };
    let (mut record, provenance) = document(&bytes)?;
    let cases = Cases::Read(std::mem::take(&mut record.cases).into_iter());
    Ok(Saved { record, provenance, cases })
}

/// Returns the record of a file and its provenance. Refuses a file that is not whole.
pub fn decode(bytes: &[u8]) -> Result<(Record, Provenance), Error> {
    let Saved { record, provenance, cases } = open(bytes.to_vec())?;
    Ok((Record { cases: cases.collect::<Result<_, _>>()?, ..record }, provenance))
}

/// Returns the record and the provenance of a file that is one JSON document.
fn document(bytes: &[u8]) -> Result<(Record, Provenance), Error> {
    let head: Head<'_> = serde_json::from_slice(bytes)
        .map_err(|error| OtherFile::recognised(bytes).map_or_else(|| unread(error), Error::OtherFile))?;
    match head.version {
        _ if head.kind != KIND => return Err(Error::NotEvidence(serde::de::Error::custom(head.kind))),
        found if found > VERSION => return Err(Error::Newer { found }),
        0 => return Err(Error::NoSuchVersion { found: 0 }),
        // The lines of a later version that somebody joined.
        found if found > ONE_DOCUMENT => return Err(Error::Cut),
        _ => (),
    }
    let Envelope { kind: _, version: _, sha256: written, content } =
        serde_json::from_slice(bytes).map_err(unread)?;
    if sha256(content.get().as_bytes()) != written {
        return Err(Error::Altered);
    }
    read(content.get())
}

/// Returns the record and the provenance of the content of a file that is one JSON document.
pub(crate) fn read(content: &str) -> Result<(Record, Provenance), Error> {
    serde_json::from_str::<saved_v1::Content>(content).map_err(Error::Content)?.restore()
}

fn unread(error: serde_json::Error) -> Error {
    if error.is_eof() { Error::Cut } else { Error::NotEvidence(error) }
}

// === impl Error ===

impl Error {
    /// Names the reason why a file cannot be decompressed.
    pub(super) fn unread(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Cut,
            io::ErrorKind::FileTooLarge => Self::TooLarge,
            _ => Self::NotCompressed(error),
        }
    }
}

// === impl Cases ===

impl Cases {
    /// Returns the first case, if it was read with the record.
    pub fn first(&self) -> Option<&Case> {
        match self {
            Self::Read(cases) => cases.as_slice().first(),
            Self::Lines(_) => None,
        }
    }
}

impl Iterator for Cases {
    type Item = Result<Case, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Read(cases) => cases.next().map(Ok),
            Self::Lines(lines) => lines.next(),
        }
    }
}

#[cfg(test)]
mod golden;
#[cfg(test)]
pub(crate) use golden::{FULL, is_content, of_content};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        case::{
            cluster::{PodView, Shared},
            environment::{Declared, Environment, Source},
        },
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
    fn cases_of_one_cluster_share_it_and_its_pods_in_the_file() {
        let mut record = record();
        let before = encode(&record, &provenance()).unwrap();
        record.cases.push(record.cases[0].clone());
        let text = String::from_utf8(encode(&record, &provenance()).unwrap()).unwrap();
        assert_eq!(text.matches("\"pod_security\":").count(), 1, "{text}");
        assert_eq!(
            text.matches("\"root_allowed\":").count(),
            String::from_utf8(before).unwrap().matches("\"root_allowed\":").count()
        );
    }

    #[test]
    fn cases_of_one_cluster_share_its_pods_after_they_are_read() {
        let (read, _) = decode(&encode(&record(), &provenance()).unwrap()).unwrap();
        let known = read.cases[0].surroundings.in_cluster.as_ref().unwrap();
        let addresses = |pods: &[Shared<PodView>]| pods.iter().map(Shared::address).collect::<Vec<_>>();
        let all = addresses(&known.cluster.pod_views);
        let own = addresses(&known.group.pod_views);
        assert!(!own.is_empty() && own.iter().all(|address| all.contains(address)));
    }

    #[test]
    fn a_compressed_file_is_read_as_the_plain_one() {
        let plain = encode(&record(), &provenance()).unwrap();
        let compressed = compressed(&plain);
        assert!(compressed.len() * 3 < plain.len(), "{} of {}", compressed.len(), plain.len());
        let (read, said) = decode(&compressed).unwrap();
        assert_eq!(encode(&read, &said).unwrap(), plain);
    }

    #[test]
    fn a_compressed_file_cut_anywhere_is_refused() {
        let compressed = compressed(&encode(&record(), &provenance()).unwrap());
        for length in (2..compressed.len()).step_by(97) {
            let refused = decode(&compressed[..length]);
            assert!(matches!(refused, Err(Error::Cut)), "{length}: {refused:?}");
        }
    }

    #[test]
    fn a_compressed_file_altered_anywhere_is_refused() {
        let compressed = compressed(&encode(&record(), &provenance()).unwrap());
        // The time and the system of the header mean nothing.
        for position in (10..compressed.len()).step_by(97) {
            let mut altered = compressed.clone();
            altered[position] ^= 1;
            assert!(decode(&altered).is_err(), "{position}");
        }
    }

    #[test]
    fn a_file_that_lacks_a_line_is_refused() {
        let text = String::from_utf8(encode(&record(), &provenance()).unwrap()).unwrap();
        let lines: Vec<_> = text.split_inclusive('\n').collect();
        for left_out in 0..lines.len() {
            let rest = lines.iter().enumerate().filter(|(number, _)| *number != left_out);
            let rest: String = rest.map(|(_, line)| *line).collect();
            assert!(decode(rest.as_bytes()).is_err(), "{left_out}");
        }
    }

    #[test]
    fn a_file_with_a_further_line_is_refused() {
        let mut bytes = encode(&record(), &provenance()).unwrap();
        bytes.extend_from_slice(b"{}\n");
        assert!(matches!(decode(&bytes), Err(Error::Cut)));
    }

    #[test]
    fn a_file_cut_anywhere_is_refused_as_cut() {
        let bytes = encode(&record(), &provenance()).unwrap();
        for length in (0..400).chain((400..bytes.len()).step_by(211)) {
            let refused = decode(&bytes[..length]);
            assert!(matches!(refused, Err(Error::Cut)), "{length}: {refused:?}");
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
        let newer = br#"{"kind":"podproof-evidence","version":3,"anything":"else"}"#;
        assert!(matches!(decode(newer), Err(Error::Newer { found: 3 })));
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

    fn compressed(plain: &[u8]) -> Vec<u8> {
        let mut compressed = Vec::new();
        gzip::write(&mut compressed, |to| to.write_all(plain)).unwrap();
        compressed
    }
}
