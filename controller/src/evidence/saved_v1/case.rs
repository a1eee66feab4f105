//! One case: the delivery of a probe, and the observations from outside of its sandbox.

use proto::{Evidence, Introduction};
use serde::{Deserialize, Serialize};

use super::{
    Shared,
    form::{each, saved_struct},
    group_pod::Numbers,
    surroundings::Surroundings,
};
use crate::{
    case::{self, breach},
    evidence::saved::Error,
};

/// The delivery and the surroundings of one probe.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(in crate::evidence) struct Case {
    collected: Collected,
    #[serde(rename = "survey")]
    surroundings: Surroundings,
}

saved_struct! {
    /// The delivery of a probe.
    Collected for case::Collected {
        #[serde(default)]
        nonce: Option<String>,
        introduction: Option<Introduction>,
        evidence: Evidence,
        breaches: Vec<Breach> => each,
    }
}

/// A breach of the protocol, in words: a later reader needs no more.
#[derive(Deserialize, Serialize)]
#[serde(transparent)]
struct Breach(String);

// === impl Case ===

impl Case {
    /// Returns the internal case. Refuses a case of a cluster if the file lacks the cluster.
    pub(in crate::evidence) fn restore(self, shared: Option<&Shared>) -> Result<case::Case, Error> {
        let Self { collected, surroundings } = self;
        Ok(case::Case { collected: collected.into(), surroundings: surroundings.restore(shared)? })
    }

    /// Returns the saved case, with the numbers of pods that the file keeps apart.
    pub(in crate::evidence) fn of(case: case::Case, numbers: &Numbers) -> Self {
        let case::Case { collected, surroundings } = case;
        Self { collected: collected.into(), surroundings: Surroundings::of(surroundings, numbers) }
    }
}

// === impl Breach ===

impl From<breach::Breach> for Breach {
    fn from(breach: breach::Breach) -> Self {
        Self(breach.to_string())
    }
}

impl From<Breach> for breach::Breach {
    fn from(Breach(words): Breach) -> Self {
        Self::Saved(words)
    }
}
