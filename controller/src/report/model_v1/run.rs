//! Place, time and controller of a run.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::case::circumstances::{self, Circumstances};

/// Place, time and controller of a run. The probes' versions stand with their sandboxes.
#[derive(Clone, Debug, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Run {
    /// The run's name, which every object bears that the run creates: `podproof-` and eight hexadecimal digits.
    pub id: String,
    /// The start of the run in UTC, as RFC 3339 writes a time: `2026-11-28T06:51:51Z`.
    pub started_at: String,
    /// The version of the controller that made the run.
    pub controller: String,
    /// The machine or the cluster of the run.
    pub place: Place,
}

/// The machine or the cluster in which a run took place.
#[derive(Clone, Debug, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Place {
    /// The machine that ran the controller.
    Machine {
        /// The machine's host name.
        host: String,
        /// The release of the machine's kernel.
        kernel: String,
    },
    /// A namespace of a cluster.
    Cluster {
        /// The URL of the API server.
        server: String,
        /// The version of the API server, such as `v1.35.4`; `null` where the API server did not tell.
        version: Option<String>,
        /// The namespace whose pods were judged.
        namespace: String,
    },
}

// === impl Run ===

impl Run {
    /// Returns the start of the run as a time.
    pub(in crate::report) fn started(&self) -> Option<Timestamp> {
        self.started_at.parse().ok()
    }
}

impl From<&Circumstances> for Run {
    fn from(circumstances: &Circumstances) -> Self {
        let Circumstances { run, started_at, controller, place } = circumstances;
        // A time past the year 9999 is no time of a run; the last known time stands for such a number.
        let time = i64::try_from(*started_at).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
        Self {
            id: run.clone(),
            started_at: time.unwrap_or(Timestamp::MAX).to_string(),
            controller: controller.clone(),
            place: place.into(),
        }
    }
}

// === impl Place ===

impl From<&circumstances::Place> for Place {
    fn from(place: &circumstances::Place) -> Self {
        match place {
            circumstances::Place::Machine { host, kernel } => {
                Self::Machine { host: host.clone(), kernel: kernel.clone() }
            }
            circumstances::Place::Cluster { server, version, namespace } => Self::Cluster {
                server: server.clone(),
                version: version.clone(),
                namespace: namespace.clone(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(started_at: u64) -> String {
        let place = circumstances::Place::Machine { host: "one".into(), kernel: "6.18.44".into() };
        let circumstances =
            Circumstances { run: "podproof-07070707".into(), started_at, controller: "0.1.0".into(), place };
        Run::from(&circumstances).started_at
    }

    #[test]
    fn the_time_is_written_in_utc() {
        assert_eq!(at(0), "1970-01-01T00:00:00Z");
        assert_eq!(at(1_795_848_711), "2026-11-28T06:51:51Z");
    }

    #[test]
    fn a_number_that_is_no_time_is_still_written() {
        assert!(at(u64::MAX).starts_with("9999-12-3"), "{}", at(u64::MAX));
    }
}
