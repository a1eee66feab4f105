//! Label selectors, and the objects that select pods by them.

use std::{collections::BTreeMap, net::IpAddr};

use super::form::{each, saved_enum, saved_struct};
use crate::case::cluster;

/// Labels or annotations, by key.
pub(super) type Labels = BTreeMap<String, String>;

saved_struct! {
    /// A label selector of pods.
    Selector for cluster::Selector {
        equals: Labels,
        requirements: Vec<Requirement> => each,
    }
}

saved_struct! {
    /// One expression of a selector.
    Requirement for cluster::Requirement {
        key: String,
        operator: String,
        values: Vec<String>,
    }
}

saved_struct! {
    /// An object that selects pods.
    Selecting for cluster::Selecting {
        kind: SelectingKind => Into::into,
        name: String,
        selector: Selector => Into::into,
        target: Option<(String, String)>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        addresses: Vec<IpAddr>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        ports: Vec<ServicePort> => each,
    }
}

saved_struct! {
    /// A port of a Service.
    ServicePort for cluster::ServicePort {
        number: u16,
        target: Option<u16>,
    }
}

saved_enum! {
    /// The kind of an object that selects pods.
    SelectingKind for cluster::SelectingKind {
        Service, "Service";
        EagerService, "EagerService";
        DisruptionBudget, "DisruptionBudget";
        Autoscaler, "Autoscaler";
    }
}
