//! A NetworkPolicy without its rules: the pods that it selects, and the directions that it binds.

use super::Selector;

/// A NetworkPolicy of the namespace.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Policy {
    /// The policy's name.
    pub name: String,
    /// The pods that the policy binds.
    pub selector: Selector,
    /// The effect on ingress traffic.
    pub ingress: Direction,
    /// The effect on egress traffic.
    pub egress: Direction,
}

/// A policy of another kind, which is not evaluated.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OtherPolicy {
    /// The policy's kind and name.
    pub title: String,
    /// True if it has rules that allow egress.
    pub opens_egress: bool,
}

/// A policy's effect on one direction of traffic.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    /// The policy does not bind the direction, which stays open unless another policy binds it.
    Unbound,
    /// No traffic may pass.
    Denied,
    /// Traffic that the rules list may pass.
    Allowed,
}
