//! Pods and templates that no probe represents.

use std::fmt;

/// Something that no probe represents, with the reason.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Uncovered {
    /// The pod, the template or the pool, as people write it.
    pub(super) title: String,
    /// The pool in which it runs and is not represented; `None` where it has no probe at all.
    pub(super) pool: Option<String>,
    /// The reason, as a sentence's end.
    pub(super) why: String,
}

impl Uncovered {
    /// Something that has no probe at all.
    pub(super) fn everywhere(title: impl Into<String>, why: impl Into<String>) -> Self {
        Self { title: title.into(), pool: None, why: why.into() }
    }
}

impl fmt::Display for Uncovered {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { title, pool, why } = self;
        match pool {
            Some(pool) => write!(formatter, "{title} in pool {pool}: {why}"),
            None => write!(formatter, "{title}: {why}"),
        }
    }
}
