//! Version 1 of the content of the file: types of its own, and the conversions between them and the internal types. These
//! types and their names in the file never change; the internal types may. A key that is added later needs
//! `#[serde(default)]`, because older files lack it, and an entry in both files of `saved/golden/`.
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

use serde::{Deserialize, Serialize};

use self::{
    cluster::Cluster,
    group::Coverage,
    run::{Provenance, Record},
};
use super::{record, saved};
use crate::case::cluster as internal;

/// The content of a file.
#[derive(Deserialize, Serialize)]
pub(super) struct Content {
    provenance: Provenance,
    record: Record,
    cluster: Option<Cluster>,
    coverage: Option<Coverage>,
}

/// The knowledge of a cluster that all cases of a file share.
#[derive(Clone)]
struct Shared {
    cluster: Arc<internal::Cluster>,
    coverage: Arc<internal::Coverage>,
}

// === impl Content ===

impl Content {
    /// Returns the internal record. Refuses a record with a case of a cluster if the file lacks the cluster.
    pub(super) fn restore(self) -> Result<(record::Record, saved::Provenance), saved::Error> {
        let Self { provenance, record, cluster, coverage } = self;
        let shared = cluster.zip(coverage).map(|(cluster, coverage)| Shared {
            cluster: Arc::new(cluster.into()),
            coverage: Arc::new(coverage.into()),
        });
        Ok((record.restore(shared.as_ref())?, provenance.into()))
    }
}

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
