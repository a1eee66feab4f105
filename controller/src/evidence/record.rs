//! The record of a run, which `--save-evidence` keeps and `score` judges again.

use std::collections::BTreeSet;

use crate::case::{
    Case,
    circumstances::Circumstances,
    environment::{Declared, Environment},
};

/// A run before it is judged. The same record under the same policy always gives the same report.
#[derive(Clone, Debug)]
pub struct Record {
    /// The environment in which the workloads are meant to run, and the reason for it.
    pub environment: Declared,
    /// Place, time and versions of the run; `None` if the record comes from a file that lacks them.
    pub circumstances: Option<Circumstances>,
    /// Set when only the requirements of production are judged.
    pub only_production: bool,
    /// Further remarks for the reader of the report.
    pub remarks: Vec<String>,
    /// The cases, one for each probe.
    pub cases: Vec<Case>,
}

impl Record {
    /// Returns the titles of the pods that the run read, such as "pod/web-1"; none for a run on one machine.
    pub fn pods(&self) -> BTreeSet<String> {
        let known = self.cases.iter().find_map(|case| case.surroundings.in_cluster.as_ref());
        let pods = known.into_iter().flat_map(|known| known.cluster.pods());
        pods.map(|pod| pod.origin.title()).collect()
    }

    /// Returns true if only the requirements of production are judged for this environment. A run that was narrowed for a weaker
    /// environment is judged in full for production.
    pub fn is_narrowed_for(&self, environment: Environment) -> bool {
        self.only_production
            && (environment != Environment::Production || self.environment.environment == environment)
    }
}
