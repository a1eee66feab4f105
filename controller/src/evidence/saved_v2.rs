//! Version 2 of the file: a line for the run and its cluster, a line for each pod of the cluster, a line for each case, and a last
//! line with the digest of all lines before it. Each line is a JSON document. Its types are those of version 1; a group names the
//! cluster's pods by their numbers. A file of any number of cases is written and read in the memory of one line.

use std::{
    fmt,
    io::{self, BufRead, BufReader, Cursor, Write},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    record,
    saved::{self, Cases, Error, KIND, Saved, VERSION},
    saved_v1::{Case, Cluster, Coverage, Numbers, PodView, Provenance, Record, Shared},
};
use crate::{
    case::cluster as internal,
    support::{digest::hexadecimal, gzip},
};

/// The start of each file.
const START: &str = r#"{"kind":"podproof-evidence","version":2,"#;

/// The first line.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Head {
    kind: String,
    version: u32,
    provenance: Provenance,
    record: Record,
    /// The declarations of the cluster. Its pods are in lines of their own.
    cluster: Option<Cluster>,
    coverage: Option<Coverage>,
}

/// A further line.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Line {
    /// A pod or a pod template of the cluster.
    Pod(Box<PodView>),
    /// The line of one case.
    Case(Box<Case>),
    /// The last line.
    End(End),
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct End {
    /// The SHA-256 of all lines before.
    sha256: String,
}

/// Writes a record in this version.
pub(super) fn write(
    record: &record::Record,
    provenance: &saved::Provenance,
    to: &mut dyn Write,
) -> io::Result<()> {
    let known = record.cases.iter().find_map(|case| case.surroundings.in_cluster.as_ref());
    let cluster = known
        .map(|known| internal::Cluster { pod_views: Vec::new(), ..internal::Cluster::clone(&known.cluster) });
    let head = Head {
        kind: KIND.to_owned(),
        version: VERSION,
        provenance: provenance.clone().into(),
        record: record.into(),
        cluster: cluster.map(Into::into),
        coverage: known.map(|known| internal::Coverage::clone(&known.coverage).into()),
    };
    let mut lines = Lines { to, sha256: Sha256::new() };
    lines.write(&head)?;
    let pods = known.map(|known| known.cluster.pod_views.as_slice()).unwrap_or_default();
    for pod in pods {
        lines.write(&Line::Pod(Box::new(pod.clone().into())))?;
    }
    let numbers = known.map(|known| Numbers::of(&known.cluster)).unwrap_or_default();
    for case in &record.cases {
        lines.write(&Line::Case(Box::new(Case::of(case.clone(), &numbers))))?;
    }
    let sha256 = hexadecimal(&lines.sha256.clone().finalize());
    lines.write(&Line::End(End { sha256 }))
}

/// The lines of a file that is written.
struct Lines<'a> {
    to: &'a mut dyn Write,
    sha256: Sha256,
}

impl Lines<'_> {
    fn write(&mut self, line: &impl Serialize) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        self.sha256.update(&bytes);
        self.to.write_all(&bytes)
    }
}

/// Returns true if a file has this version and the digest of its lines, and false for a file of another version. Refuses a file
/// of this version that is not whole.
pub(super) fn is_whole(bytes: &[u8]) -> Result<bool, Error> {
    let mut lines = plain(bytes, gzip::is_compressed(bytes));
    let (mut sha256, mut before, mut line) = (Sha256::new(), Vec::new(), Vec::new());
    while lines.read_until(b'\n', &mut line).map_err(Error::unread)? > 0 {
        if before.is_empty() && !line.starts_with(START.as_bytes()) {
            return Ok(false);
        }
        sha256.update(&before);
        std::mem::swap(&mut before, &mut line);
        line.clear();
    }
    if before.is_empty() {
        return Ok(false);
    }
    match serde_json::from_slice(&before) {
        Ok(Line::End(End { sha256: written })) if before.ends_with(b"\n") => {
            if written == hexadecimal(&sha256.finalize()) { Ok(true) } else { Err(Error::Altered) }
        }
        // A last line that was altered is no end either.
        _ => Err(Error::Cut),
    }
}

/// Opens a file that [is whole](is_whole).
pub(super) fn open(bytes: Vec<u8>) -> Result<Saved, Error> {
    let is_compressed = gzip::is_compressed(&bytes);
    let mut lines = plain(Cursor::new(bytes), is_compressed);
    let mut line = Vec::new();
    lines.read_until(b'\n', &mut line).map_err(Error::unread)?;
    let Head { kind: _, version: _, provenance, record, cluster, coverage } =
        serde_json::from_slice(&line).map_err(Error::Content)?;
    let mut cluster: Option<internal::Cluster> = cluster.map(Into::into);
    let first = loop {
        match next(&mut lines, &mut line)? {
            Line::Pod(pod) => {
                let cluster = cluster.as_mut().ok_or(Error::NoCluster)?;
                cluster.pod_views.push((*pod).into());
            }
            Line::Case(case) => break Some(case),
            Line::End(_) => break None,
        }
    };
    let shared = Shared::of(cluster, coverage);
    let cases = CaseLines { lines, line, first, shared };
    let (record, provenance) = (record.restore(), provenance.into());
    Ok(Saved { record, provenance, cases: Cases::Lines(Box::new(cases)) })
}

/// The cases of a file, read one by one.
pub struct CaseLines {
    lines: Box<dyn BufRead>,
    line: Vec<u8>,
    first: Option<Box<Case>>,
    shared: Option<Shared>,
}

impl Iterator for CaseLines {
    type Item = Result<crate::case::Case, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let case = match self.first.take() {
            Some(case) => case,
            None => match next(&mut self.lines, &mut self.line) {
                Ok(Line::Case(case)) => case,
                Ok(Line::End(_)) => return None,
                Ok(Line::Pod(_)) => {
                    return Some(Err(Error::Content(serde::de::Error::custom("a pod after a case"))));
                }
                Err(error) => return Some(Err(error)),
            },
        };
        Some(case.restore(self.shared.as_ref()))
    }
}

impl fmt::Debug for CaseLines {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("CaseLines").finish_non_exhaustive()
    }
}

fn next(lines: &mut impl BufRead, line: &mut Vec<u8>) -> Result<Line, Error> {
    line.clear();
    lines.read_until(b'\n', line).map_err(Error::unread)?;
    serde_json::from_slice(line).map_err(Error::Content)
}

/// Returns a reader of the lines, decompressed where the file is compressed.
fn plain<'a>(bytes: impl BufRead + 'a, is_compressed: bool) -> Box<dyn BufRead + 'a> {
    if is_compressed { Box::new(BufReader::new(gzip::reader(bytes))) } else { Box::new(bytes) }
}
