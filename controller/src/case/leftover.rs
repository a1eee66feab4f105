//! Something that a run could not remove.

/// Something that could not be removed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Leftover {
    /// What and why.
    pub what: String,
    /// The command that removes it.
    pub remedy: String,
}
