//! Saved evidence for judging again: read whole, young enough, and of one place.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{args::evidence::Arguments, console::tell};
use crate::{
    case::{Case, Subject, circumstances},
    evidence::{
        record::Record,
        saved::{self, Cases, OtherFile, Provenance, Saved},
    },
    judge::exit::Exit,
    support::clock,
};

/// The most seconds by which a run may begin after now, because two clocks differ.
const AHEAD: u64 = 300;

/// A file that could not be judged.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unread {
    #[error("failed to read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is refused", path.display())]
    Refused { path: PathBuf, source: saved::Error },
    #[error("{} is refused: its run began {} ago, and --max-age allows {}", path.display(), words(*age), words(*most))]
    TooOld { path: PathBuf, age: Duration, most: Duration },
    #[error("{} is refused: it does not keep the time of its run, and --max-age asks for it", path.display())]
    NoTime { path: PathBuf },
    #[error("{} is refused: its run begins {} from now", path.display(), words(*ahead))]
    Future { path: PathBuf, ahead: Duration },
    #[error("{} is of {theirs}, and {} is of {own}: evidence of different places is not judged together", path.display(), first.display())]
    Mixture { path: PathBuf, theirs: Box<Place>, first: PathBuf, own: Box<Place> },
}

/// The place of a run, as far as its evidence keeps it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Place {
    /// The URL of the API server; `None` for a machine, and in older evidence.
    server: Option<String>,
    /// The judged namespace; `None` for a machine.
    namespace: Option<String>,
    /// True if the evidence keeps the machine or the cluster.
    kept: bool,
}

/// Reads files of one place, and remembers the place.
#[derive(Debug)]
pub(super) struct Reader {
    accepted: Arguments,
    now: u64,
    /// Different places that do not contradict each other, each with its first file.
    places: Vec<(PathBuf, Place)>,
}

/// A file of saved evidence that is judged case by case.
#[derive(Debug)]
pub(super) struct Opened {
    path: PathBuf,
    /// The run, without its cases.
    pub(super) record: Record,
    /// The program that saved the evidence.
    pub(super) provenance: Provenance,
    cases: Cases,
}

impl Opened {
    /// Returns the next case; `None` after the last one.
    pub(super) fn next(&mut self) -> Option<Result<Case, Unread>> {
        let case = self.cases.next()?;
        Some(case.map_err(|source| Unread::Refused { path: self.path.clone(), source }))
    }
}

impl Unread {
    pub(super) fn tell(&self) -> Exit {
        let (help, exit) = match self {
            Self::Read { path, .. } if path.as_os_str() == "-" => {
                ("name /dev/stdin to read from standard input", Exit::CouldNotRun)
            }
            Self::Read { .. } => ("name a readable file", Exit::CouldNotRun),
            Self::Refused { source: saved::Error::OtherFile(OtherFile::Attestation), .. } => (
                "name the file that `verify --save-evidence` wrote; `controller attest verify` checks an attestation",
                Exit::Usage,
            ),
            Self::Refused { source: saved::Error::OtherFile(_), .. } => {
                ("name the file that `verify --save-evidence` wrote", Exit::Usage)
            }
            // The digest shows that the content is as it was written.
            Self::Refused { source: saved::Error::Newer { .. } | saved::Error::Content(_), .. } => {
                ("judge the file with the controller that wrote it, or with a newer one", Exit::Usage)
            }
            Self::Refused { .. } => ("restore the file as `verify --save-evidence` wrote it", Exit::Usage),
            Self::TooOld { .. } | Self::NoTime { .. } => {
                ("make a new run with `controller verify --save-evidence FILE`", Exit::Usage)
            }
            Self::Future { .. } => ("correct the clock of this machine or of the run's machine", Exit::Usage),
            Self::Mixture { .. } => {
                ("judge the files one by one, or accept several places with `--mixed`", Exit::Usage)
            }
        };
        tell(self, Some(help));
        exit
    }
}

impl Reader {
    pub(super) fn new(accepted: Arguments) -> Self {
        Self { accepted, now: clock::now(), places: Vec::new() }
    }

    /// Opens a file of saved evidence. Refuses evidence that is too old, or of another place than the first file's.
    pub(super) fn open(&mut self, path: &Path) -> Result<Opened, Unread> {
        self.open_bytes(path, Self::read(path)?)
    }

    /// Reads a file.
    pub(super) fn read(path: &Path) -> Result<Vec<u8>, Unread> {
        fs::read(path).map_err(|source| Unread::Read { path: path.to_owned(), source })
    }

    /// Opens a file as [`open`](Self::open) does, whose bytes were read already.
    pub(super) fn open_bytes(&mut self, path: &Path, bytes: Vec<u8>) -> Result<Opened, Unread> {
        let refused = |source| Unread::Refused { path: path.to_owned(), source };
        let Saved { record, cases, provenance } = saved::open(bytes).map_err(refused)?;
        self.check_age(path, &record)?;
        self.check_place(path, &record, cases.first())?;
        Ok(Opened { path: path.to_owned(), record, provenance, cases })
    }

    fn check_age(&self, path: &Path, record: &Record) -> Result<(), Unread> {
        let Some(most) = self.accepted.max_age else { return Ok(()) };
        let path = path.to_owned();
        let Some(circumstances) = &record.circumstances else { return Err(Unread::NoTime { path }) };
        let began = circumstances.started_at;
        if began > self.now.saturating_add(AHEAD) {
            return Err(Unread::Future { path, ahead: Duration::from_secs(began - self.now) });
        }
        let age = Duration::from_secs(self.now.saturating_sub(began));
        if age > most { Err(Unread::TooOld { path, age, most }) } else { Ok(()) }
    }

    fn check_place(&mut self, path: &Path, record: &Record, first: Option<&Case>) -> Result<(), Unread> {
        if self.accepted.mixed {
            return Ok(());
        }
        let Some(theirs) = Place::of(record, first) else { return Ok(()) };
        if let Some((first, own)) = self.places.iter().find(|(_, own)| theirs.contradicts(own)) {
            let (first, own) = (first.clone(), own.clone());
            return Err(Unread::Mixture {
                path: path.to_owned(),
                theirs: Box::new(theirs),
                first,
                own: Box::new(own),
            });
        }
        if self.places.iter().all(|(_, own)| *own != theirs) {
            self.places.push((path.to_owned(), theirs));
        }
        Ok(())
    }
}

impl Place {
    /// Returns the place of a record, which a file of version 1 may name in its first case alone; `None` if neither names one.
    fn of(record: &Record, first: Option<&Case>) -> Option<Self> {
        let kept = record.circumstances.as_ref().map(|circumstances| &circumstances.place);
        match kept {
            Some(circumstances::Place::Cluster { server, namespace, .. }) => {
                let server = Some(server.trim_end_matches('/').to_owned());
                Some(Self { server, namespace: Some(namespace.clone()), kept: true })
            }
            Some(circumstances::Place::Machine { .. }) => {
                Some(Self { server: None, namespace: None, kept: true })
            }
            None => match first.map(|case| &case.surroundings.subject) {
                Some(Subject::Pods { namespace, .. }) => {
                    Some(Self { server: None, namespace: Some(namespace.clone()), kept: false })
                }
                _ => None,
            },
        }
    }

    /// Returns true if both places are known and differ. The machine of a run is not compared: pipelines change it.
    fn contradicts(&self, other: &Self) -> bool {
        let differ = |one: &Option<String>, two: &Option<String>| {
            one.as_ref().zip(two.as_ref()).is_some_and(|(one, two)| one != two)
        };
        let kinds = self.kept && other.kept && self.namespace.is_some() != other.namespace.is_some();
        kinds || differ(&self.server, &other.server) || differ(&self.namespace, &other.namespace)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.namespace, &self.server) {
            (Some(namespace), Some(server)) => {
                write!(formatter, "namespace {namespace} of the cluster {server}")
            }
            (Some(namespace), None) => write!(formatter, "namespace {namespace}"),
            (None, _) => formatter.write_str("a machine"),
        }
    }
}

fn words(time: Duration) -> humantime::FormattedDuration {
    humantime::format_duration(time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        case::{
            circumstances::Circumstances,
            environment::{self, Declared},
        },
        fixture,
    };

    fn declared() -> Declared {
        environment::declared(None, None, |_| None).unwrap()
    }

    fn of(place: Option<circumstances::Place>, started_at: u64) -> Record {
        let circumstances = place.map(|place| Circumstances {
            run: "podproof-07070707".into(),
            started_at,
            controller: "0.1.0".into(),
            place,
        });
        Record {
            environment: declared(),
            circumstances,
            only_production: false,
            remarks: Vec::new(),
            cases: vec![fixture::pod()],
        }
    }

    fn cluster(server: &str, namespace: &str) -> circumstances::Place {
        circumstances::Place::Cluster { server: server.into(), version: None, namespace: namespace.into() }
    }

    fn machine() -> circumstances::Place {
        circumstances::Place::Machine { host: "one".into(), kernel: "6.12".into() }
    }

    fn aged(record: &Record) -> Result<(), Unread> {
        let accepted = Arguments { max_age: Some(Duration::from_hours(24)), mixed: false };
        Reader { accepted, now: 1_000_000, places: Vec::new() }.check_age(Path::new("file"), record)
    }

    #[test]
    fn evidence_that_is_too_old_or_has_no_time_is_refused() {
        assert!(aged(&of(Some(machine()), 1_000_000 - 86_400)).is_ok());
        assert!(matches!(aged(&of(Some(machine()), 1_000_000 - 86_401)), Err(Unread::TooOld { .. })));
        assert!(matches!(aged(&of(None, 0)), Err(Unread::NoTime { .. })));
    }

    #[test]
    fn evidence_from_the_future_has_no_age() {
        assert!(aged(&of(Some(machine()), 1_000_000 + AHEAD)).is_ok());
        assert!(matches!(aged(&of(Some(machine()), 1_000_001 + AHEAD)), Err(Unread::Future { .. })));
    }

    fn mixed(records: &[Record]) -> Result<(), Unread> {
        let accepted = Arguments { max_age: None, mixed: false };
        let mut reader = Reader { accepted, now: 0, places: Vec::new() };
        records
            .iter()
            .try_for_each(|record| reader.check_place(Path::new("file"), record, record.cases.first()))
    }

    #[test]
    fn evidence_of_different_places_is_refused_by_name() {
        let one = || of(Some(cluster("https://one:6443/", "shop")), 0);
        for other in [
            of(Some(cluster("https://two:6443", "shop")), 0),
            of(Some(cluster("https://one:6443", "blog")), 0),
            of(Some(machine()), 0),
        ] {
            let error = mixed(&[one(), other]).unwrap_err().to_string();
            assert!(error.contains("namespace shop of the cluster https://one:6443"), "{error}");
        }
        let mut blog = of(None, 0);
        if let Subject::Pods { namespace, .. } = &mut blog.cases[0].surroundings.subject {
            "blog".clone_into(namespace);
        }
        assert!(matches!(mixed(&[one(), blog]), Err(Unread::Mixture { .. })));
    }

    #[test]
    fn older_evidence_does_not_hide_a_mixture_that_follows() {
        let (one, two) =
            (of(Some(cluster("https://one", "shop")), 0), of(Some(cluster("https://two", "shop")), 0));
        assert!(matches!(mixed(&[of(None, 0), one, two]), Err(Unread::Mixture { .. })));
    }

    #[test]
    fn evidence_of_one_place_is_accepted() {
        let one = || of(Some(cluster("https://one:6443/", "shop")), 0);
        assert!(mixed(&[one(), of(Some(cluster("https://one:6443", "shop")), 9), of(None, 0)]).is_ok());
        assert!(mixed(&[of(Some(machine()), 0), of(Some(machine()), 0)]).is_ok());
    }
}
