//! Version 1 of the content of the file: types of its own, and the conversions between them and the internal types. These
//! types and their names in the file never change; the internal types may. A key that is added later needs
//! `#[serde(default)]` with a value that claims nothing, because older files lack it, and an entry in both files of
//! `saved/golden/`. An older controller refuses a file with a key that it does not know: the key may decide the verdict. So each
//! type has `#[serde(deny_unknown_fields)]`. serde does not promise it beside `#[serde(flatten)]` (serde.rs, "Container
//! attributes"), and a test of the file holds it there.
//!
//! Types of `proto` are part of the file as they are: [`proto::Evidence`], [`proto::Introduction`], [`proto::Attempt`] and
//! [`proto::Target`] with all that they contain, [`proto::Observation`], [`proto::BootId`], [`proto::Namespaces`] and
//! [`proto::Protocol`]. They are the public contract with the probe, and the tests of the file pin their form.

mod case;
mod class;
mod cluster;
mod container;
mod destination;
mod form;
mod group;
mod group_pod;
mod machine;
mod node;
mod peers;
mod placement;
mod pod;
mod policy;
mod profile;
mod run;
mod selector;
mod storage;
mod subject;
mod surroundings;

use std::sync::Arc;

use serde::Deserialize;
#[cfg(test)]
use serde::Serialize;

use self::run::WholeRecord;
pub(super) use self::{
    case::Case,
    cluster::Cluster,
    group::Coverage,
    group_pod::Numbers,
    pod::PodView,
    run::{Provenance, Record},
};
use super::{record, saved};
use crate::case::cluster as internal;

/// The content of a file of version 1.
#[derive(Deserialize)]
#[cfg_attr(test, derive(Serialize))]
#[serde(deny_unknown_fields)]
pub(super) struct Content {
    provenance: Provenance,
    record: WholeRecord,
    cluster: Option<Cluster>,
    coverage: Option<Coverage>,
}

/// The knowledge of a cluster that all cases of a file share.
#[derive(Clone)]
pub(super) struct Shared {
    cluster: Arc<internal::Cluster>,
    coverage: Arc<internal::Coverage>,
}

// === impl Shared ===

impl Shared {
    /// Returns the knowledge of a file; `None` if the file lacks a part of it.
    pub(super) fn of(cluster: Option<internal::Cluster>, coverage: Option<Coverage>) -> Option<Self> {
        let shared = cluster.zip(coverage);
        shared.map(|(cluster, coverage)| Self {
            cluster: Arc::new(cluster),
            coverage: Arc::new(coverage.into()),
        })
    }
}

// === impl Content ===

impl Content {
    /// Returns the internal record. Refuses a record with a case of a cluster if the file lacks the cluster.
    pub(super) fn restore(self) -> Result<(record::Record, saved::Provenance), saved::Error> {
        let Self { provenance, record, cluster, coverage } = self;
        let shared = Shared::of(cluster.map(Into::into), coverage);
        Ok((record.restore(shared.as_ref())?, provenance.into()))
    }
}

#[cfg(test)]
impl From<(record::Record, saved::Provenance)> for Content {
    fn from((record, provenance): (record::Record, saved::Provenance)) -> Self {
        let known = record.cases.iter().find_map(|case| case.surroundings.in_cluster.as_ref());
        Self {
            cluster: known.map(|known| internal::Cluster::clone(&known.cluster).into()),
            coverage: known.map(|known| internal::Coverage::clone(&known.coverage).into()),
            provenance: provenance.into(),
            record: record.into(),
        }
    }
}
