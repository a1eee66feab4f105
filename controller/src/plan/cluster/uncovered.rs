//! Pods and templates that no probe represents.

use std::fmt;

/// A pod, template or pool that no probe represents, with the reason.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Uncovered {
    /// The title of the pod, the template or the pool.
    pub(super) title: String,
    /// The pool without a probe for it; `None` if it has no probe at all.
    pub(super) pool: Option<String>,
    /// The reason, as the end of a sentence.
    pub(super) why: String,
}

impl Uncovered {
    /// Returns a pod, template or pool without any probe.
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
