//! The loss of a run that lacks a permission.

/// The loss without a permission.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Without {
    /// Nothing can be launched; the run ends with exit code 4.
    NoRun,
    /// These requirements are inconclusive, by their ids.
    Inconclusive(&'static [&'static str]),
    /// These requirements are inconclusive for pods with a claim for a volume, by their ids.
    InconclusiveWithClaims(&'static [&'static str]),
    /// Only an explanation is lost.
    Words(&'static str),
}

// === impl Without ===

impl Without {
    /// Returns the ids of the requirements that are inconclusive without the permission.
    pub const fn requirements(self) -> &'static [&'static str] {
        match self {
            Self::Inconclusive(requirements) | Self::InconclusiveWithClaims(requirements) => requirements,
            Self::NoRun | Self::Words(_) => &[],
        }
    }

    /// Returns the loss as the end of a sentence.
    pub fn words(self) -> String {
        match self {
            Self::NoRun => "nothing can be launched (exit code 4)".to_owned(),
            Self::Inconclusive(requirements) => format!("inconclusive: {}", requirements.join(", ")),
            Self::InconclusiveWithClaims(requirements) => {
                format!("inconclusive: {}, where a pod has a claim", requirements.join(", "))
            }
            Self::Words(words) => words.to_owned(),
        }
    }
}
