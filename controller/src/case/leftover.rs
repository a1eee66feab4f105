//! An object that a run could not remove.

use std::fmt;

/// An object that a run could not remove.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Leftover {
    /// The object, and why it is still there.
    pub what: String,
    /// The command that removes the object.
    pub remedy: String,
}

impl fmt::Display for Leftover {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "left behind: {}; remove it with `{}`", self.what, self.remedy)
    }
}
