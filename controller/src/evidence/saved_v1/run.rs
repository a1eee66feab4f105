//! The run as a whole: its record, its environment, its circumstances, and the program that wrote the file.

use serde::{Deserialize, Serialize};

use super::{
    Shared,
    case::Case,
    form::{optional, saved_enum, saved_struct},
};
use crate::{
    case::{circumstances, environment},
    evidence::{record, saved},
};

saved_struct! {
    /// The program that wrote the file, and the time.
    Provenance for saved::Provenance {
        controller: String,
        probe: Option<String>,
        saved_at: u64,
    }
}

/// The parts of a run that are judged, besides its cases.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(in crate::evidence) struct Record {
    environment: Declared,
    /// The circumstances of the run; `None` in older files of version 1, which lack the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    circumstances: Option<Circumstances>,
    only_production: bool,
    remarks: Vec<String>,
}

/// All parts of a run that are judged, as version 1 writes them.
#[derive(Deserialize)]
#[cfg_attr(test, derive(Serialize))]
#[serde(deny_unknown_fields)]
pub(super) struct WholeRecord {
    environment: Declared,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    circumstances: Option<Circumstances>,
    only_production: bool,
    remarks: Vec<String>,
    cases: Vec<Case>,
}

saved_struct! {
    /// The environment, and the reason for it.
    Declared for environment::Declared {
        environment: Environment => Into::into,
        source: Source => Into::into,
        remarks: Vec<String>,
    }
}

/// The source of the environment, in words: a later reader needs no more.
#[derive(Deserialize, Serialize)]
#[serde(transparent)]
pub(super) struct Source(String);

saved_enum! {
    /// The environment in which the workloads are meant to run.
    Environment for environment::Environment {
        Development, "development";
        Staging, "staging";
        Production, "production";
    }
}

saved_struct! {
    /// The place, the time and the versions of the run.
    Circumstances for circumstances::Circumstances {
        run: String,
        started_at: u64,
        controller: String,
        place: Place => Into::into,
    }
}

/// The machine or the cluster in which the run took place.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", tag = "kind")]
pub(super) enum Place {
    Machine { host: String, kernel: String },
    Cluster { server: String, version: Option<String>, namespace: String },
}

// === impl Record ===

impl Record {
    /// Returns the internal record, without cases.
    pub(in crate::evidence) fn restore(self) -> record::Record {
        let Self { environment, circumstances, only_production, remarks } = self;
        record::Record {
            environment: environment.into(),
            circumstances: optional(circumstances),
            only_production,
            remarks,
            cases: Vec::new(),
        }
    }
}

impl From<&record::Record> for Record {
    fn from(record: &record::Record) -> Self {
        let record::Record { environment, circumstances, only_production, remarks, cases: _ } = record;
        Self {
            environment: environment.clone().into(),
            circumstances: optional(circumstances.clone()),
            only_production: *only_production,
            remarks: remarks.clone(),
        }
    }
}

// === impl WholeRecord ===

impl WholeRecord {
    /// Returns the internal record. Refuses a case of a cluster if the file lacks the cluster.
    pub(super) fn restore(self, shared: Option<&Shared>) -> Result<record::Record, saved::Error> {
        let Self { environment, circumstances, only_production, remarks, cases } = self;
        let cases = cases.into_iter().map(|case| case.restore(shared)).collect::<Result<_, _>>()?;
        let rest = Record { environment, circumstances, only_production, remarks };
        Ok(record::Record { cases, ..rest.restore() })
    }
}

#[cfg(test)]
impl From<record::Record> for WholeRecord {
    fn from(record: record::Record) -> Self {
        let numbers = super::Numbers::default();
        let cases = record.cases.iter().cloned().map(|case| Case::of(case, &numbers)).collect();
        let Record { environment, circumstances, only_production, remarks } = (&record).into();
        Self { environment, circumstances, only_production, remarks, cases }
    }
}

// === impl Source ===

impl From<environment::Source> for Source {
    fn from(source: environment::Source) -> Self {
        Self(source.to_string())
    }
}

impl From<Source> for environment::Source {
    fn from(Source(words): Source) -> Self {
        Self::Recorded(words)
    }
}

// === impl Place ===

impl From<circumstances::Place> for Place {
    fn from(place: circumstances::Place) -> Self {
        use circumstances::Place;
        match place {
            Place::Machine { host, kernel } => Self::Machine { host, kernel },
            Place::Cluster { server, version, namespace } => Self::Cluster { server, version, namespace },
        }
    }
}

impl From<Place> for circumstances::Place {
    fn from(place: Place) -> Self {
        match place {
            Place::Machine { host, kernel } => Self::Machine { host, kernel },
            Place::Cluster { server, version, namespace } => Self::Cluster { server, version, namespace },
        }
    }
}
