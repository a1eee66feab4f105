//! Label selectors, and the objects that select pods by them.

use std::{collections::BTreeMap, net::IpAddr};

use super::form::{each, optional, saved_enum, saved_struct};
use crate::case::{cluster, policy};

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
        target: Option<PodPort> => optional,
    }
}

/// A port of pods: its number or its name.
#[derive(serde::Deserialize, serde::Serialize)]
#[serde(untagged)]
pub(in crate::evidence) enum PodPort {
    Number(u16),
    Name(String),
}

impl From<policy::PodPort> for PodPort {
    fn from(internal: policy::PodPort) -> Self {
        match internal {
            policy::PodPort::Number(number) => Self::Number(number),
            policy::PodPort::Named(name) => Self::Name(name),
        }
    }
}

impl From<PodPort> for policy::PodPort {
    fn from(saved: PodPort) -> Self {
        match saved {
            PodPort::Number(number) => Self::Number(number),
            PodPort::Name(name) => Self::Named(name),
        }
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_port_of_a_service_keeps_the_number_or_the_name_of_its_target() {
        for target in [json!(8080), json!("http"), json!(null)] {
            let port = json!({ "number": 80, "target": target });
            let read: ServicePort = serde_json::from_value(port.clone()).unwrap();
            let internal = cluster::ServicePort::from(read);
            assert_eq!(serde_json::to_value(ServicePort::from(internal)).unwrap(), port);
        }
    }
}
