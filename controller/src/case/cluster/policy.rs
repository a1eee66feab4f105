//! A NetworkPolicy, as far as it can be judged without evaluating its rules: whom it selects, and in which directions.

use super::Selector;

/// A NetworkPolicy.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// The pods that it binds.
    pub selector: Selector,
    /// Whether it binds what comes in.
    pub ingress: Direction,
    /// Whether it binds what goes out.
    pub egress: Direction,
}

/// A policy of another kind, which is not evaluated.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OtherPolicy {
    /// Its kind and name.
    pub title: String,
    /// Whether it has rules by which something may go out.
    pub opens_egress: bool,
}

/// What a policy says of one direction.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    /// Nothing: the direction stays open unless another policy binds it.
    Unbound,
    /// Nothing may pass.
    Denied,
    /// What its rules list may pass.
    Allowed,
}
