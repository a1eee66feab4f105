//! Selections of pods in the languages of the policies' kinds.

use super::{endpoint::Endpoint, matching::Match};
use crate::case::cluster::Selector;

/// A selection of pods.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Selection {
    /// The pods whose own labels match.
    Labels(Selector),
}

impl Selection {
    /// Returns the selection of every pod.
    pub fn every() -> Self {
        Self::Labels(Selector::default())
    }

    pub(super) fn selects(&self, endpoint: &Endpoint) -> Match {
        match self {
            Self::Labels(selector) => selector.selects(&endpoint.labels).into(),
        }
    }
}
