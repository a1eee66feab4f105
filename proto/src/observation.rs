//! The result of one look: the thing itself, or the reason why looking failed.

use std::io;

use serde::{Deserialize, Serialize};

use crate::{Fact, Observer, Refused, generated, limits};

/// The result of looking for a `T`. A look that failed is a value of its own and differs from a look that found nothing.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Observation<T> {
    /// The thing was there.
    Seen(T),
    /// The look succeeded, and the thing does not exist.
    Absent,
    /// The look was not allowed.
    Denied {
        /// The errno value of the refusal.
        errno: u32,
    },
    /// The look failed for another reason.
    Failed {
        /// A sentence fragment that states the reason.
        reason: String,
    },
    /// The observer did not answer within the budget.
    TimedOut,
    /// A signal ended the process that looked.
    Crashed {
        /// The signal's number.
        signal: u32,
    },
}

/// One observer's result, as the probe sends it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Observed {
    /// The observer that looked.
    pub observer: Observer,
    /// The result of the look.
    pub outcome: Observation<Fact>,
}

// === impl Observation ===

impl<T> Observation<T> {
    /// Returns a failed look with the fragment that states the reason.
    pub fn failed(reason: impl Into<String>) -> Self {
        Self::Failed { reason: reason.into() }
    }

    /// Returns the result that the error of a failed operation implies: absent, denied or failed.
    pub fn unseen(error: &io::Error) -> Self {
        match (error.kind(), error.raw_os_error()) {
            (io::ErrorKind::NotFound, _) => Self::Absent,
            (io::ErrorKind::PermissionDenied, Some(errno)) => Self::Denied { errno: errno.unsigned_abs() },
            _ => Self::failed(error.to_string()),
        }
    }

    /// Returns the fact that was seen; `None` for every other result.
    pub const fn seen(&self) -> Option<&T> {
        if let Self::Seen(fact) = self { Some(fact) } else { None }
    }

    /// Describes the result as a sentence fragment: "seen", or the reason why nothing was seen.
    pub fn fared(&self) -> String {
        match self {
            Self::Seen(_) => "seen".to_owned(),
            Self::Absent => "there is no such thing".to_owned(),
            Self::Denied { errno } => format!("looking was denied (errno {errno})"),
            Self::Failed { reason } => reason.clone(),
            Self::TimedOut => "looking took too long".to_owned(),
            Self::Crashed { signal } => format!("looking was ended by signal {signal}"),
        }
    }

    /// Converts the fact that was seen; keeps every other result.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Observation<U> {
        self.and_then(|fact| Observation::Seen(change(fact)))
    }

    /// Continues with the fact that was seen; keeps every other result.
    pub fn and_then<U>(self, look: impl FnOnce(T) -> Observation<U>) -> Observation<U> {
        match self {
            Self::Seen(fact) => look(fact),
            Self::Absent => Observation::Absent,
            Self::Denied { errno } => Observation::Denied { errno },
            Self::Failed { reason } => Observation::Failed { reason },
            Self::TimedOut => Observation::TimedOut,
            Self::Crashed { signal } => Observation::Crashed { signal },
        }
    }
}

impl<T, E> Observation<Result<T, E>> {
    /// Returns the error if the look gave one; otherwise the result with the plain fact.
    pub fn transpose(self) -> Result<Observation<T>, E> {
        let mut error = None;
        let observation = self.and_then(|result| match result {
            Ok(fact) => Observation::Seen(fact),
            Err(refused) => {
                error = Some(refused);
                Observation::Absent
            }
        });
        error.map_or(Ok(observation), Err)
    }
}

// === impl Observed ===

impl From<Observed> for generated::Observed {
    fn from(Observed { observer, outcome }: Observed) -> Self {
        use generated::observed::Outcome;
        let outcome = match outcome {
            Observation::Seen(fact) => Outcome::Seen(fact.into()),
            Observation::Absent => Outcome::Absent(generated::Absent {}),
            Observation::Denied { errno } => Outcome::Denied(generated::Denied { errno }),
            Observation::Failed { reason } => Outcome::Failed(generated::Failed { reason }),
            Observation::TimedOut => Outcome::TimedOut(generated::TimedOut {}),
            Observation::Crashed { signal } => Outcome::Crashed(generated::Crashed { signal }),
        };
        Self { observer: generated::Observer::from(observer).into(), outcome: Some(outcome) }
    }
}

impl TryFrom<generated::Observed> for Observed {
    type Error = Refused;

    fn try_from(generated::Observed { observer, outcome }: generated::Observed) -> Result<Self, Refused> {
        use generated::observed::Outcome;
        let observer = Observer::try_from(observer)?;
        let outcome = match limits::present("outcome", outcome)? {
            Outcome::Seen(fact) => {
                let fact = Fact::try_from(fact)?;
                if fact.observer() != observer {
                    return Err(Refused::ForeignFact { observer, fact: fact.observer() });
                }
                Observation::Seen(fact)
            }
            Outcome::Absent(generated::Absent {}) => Observation::Absent,
            Outcome::Denied(generated::Denied { errno }) => Observation::Denied { errno },
            Outcome::Failed(generated::Failed { reason }) => {
                Observation::Failed { reason: limits::text("reason", reason)? }
            }
            Outcome::TimedOut(generated::TimedOut {}) => Observation::TimedOut,
            Outcome::Crashed(generated::Crashed { signal }) => Observation::Crashed { signal },
        };
        Ok(Self { observer, outcome })
    }
}
