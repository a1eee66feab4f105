//! Everything of one run that is judged: what `--save-evidence` keeps, and `score` judges again.

use crate::case::{Case, circumstances::Circumstances, environment::Declared};

/// A run before it is judged. The same record under the same policy is the same report, whenever it is judged.
#[derive(Clone, Debug)]
pub struct Record {
    /// Where the workloads are meant to run, and what said so.
    pub environment: Declared,
    /// Place, time and versions of the run; `None` where a saved file of an earlier version does not tell.
    pub circumstances: Option<Circumstances>,
    /// Whether only what production requires was asked for.
    pub only_production: bool,
    /// What the reader should know of the run besides.
    pub remarks: Vec<String>,
    /// One for each probe.
    pub cases: Vec<Case>,
}
