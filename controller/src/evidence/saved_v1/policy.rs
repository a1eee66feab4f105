//! The policies that bind a namespace.

use super::{
    form::{saved_enum, saved_struct},
    selector::Selector,
};
use crate::case::cluster;

saved_struct! {
    /// A NetworkPolicy of the namespace.
    Policy for cluster::Policy {
        name: String,
        selector: Selector => Into::into,
        ingress: Direction => Into::into,
        egress: Direction => Into::into,
    }
}

saved_enum! {
    /// The traffic of one direction that a NetworkPolicy lets through.
    Direction for cluster::Direction {
        Unbound, "Unbound";
        Denied, "Denied";
        Allowed, "Allowed";
    }
}

saved_struct! {
    /// A policy of another kind.
    OtherPolicy for cluster::OtherPolicy {
        title: String,
        opens_egress: bool,
    }
}
