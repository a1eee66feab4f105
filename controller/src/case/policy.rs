//! A model of network policies: the traffic that they let pass to and from an endpoint, and the rule that lets it pass.
//! The model knows no client. It reads objects as the API server returns them.

pub mod admin;
mod alike;
mod antrea;
mod apart;
mod binding;
mod block;
mod calico;
mod cilium;
mod egress_ports;
pub mod endpoint;
pub mod kinds;
mod matching;
pub mod network_policy;
mod object;
mod opaque;
mod order;
mod own;
pub mod reach;
pub mod rule;
mod selection;
#[cfg(test)]
pub(crate) mod simulation;
mod summary;
mod verdict;
mod words;

pub use binding::Binding;
pub use block::Block;
pub use calico::selector::Expression;
pub use cilium::{Entity, Identity};
pub use endpoint::{Direction, Endpoint, Flow, Host, NamedPort, Node, Peer, PodPort, Transport};
pub use opaque::{OF_ONE_POD, Opaque, Unread};
pub use order::{Family, Order, Tier};
pub use reach::NAME_LABEL;
pub use rule::{Action, Namespaces, PeerRule, Policy, PortRange, PortRule, Rule, Section, Subject};
pub use selection::Selection;
pub use summary::{Pass, Side, Summary};
pub use verdict::{Gap, Verdict};

use serde_json::Value;

use super::cluster::{Origin, Unreadable};

/// The policies that may bind the pods of a namespace.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policies {
    /// The objects, as the API server returned them; empty for evidence that lacks them.
    pub objects: Vec<Value>,
    /// Policies that the model evaluates.
    pub read: Vec<Policy>,
    /// Policies that the model cannot evaluate, and failed reads.
    pub opaque: Vec<Opaque>,
}

impl Policies {
    /// Reads objects of any kind that may bind pods. `unread` names the failed reads.
    pub fn of(objects: Vec<Value>, unread: Vec<Opaque>) -> Self {
        let mut policies = Self { objects: Vec::new(), read: Vec::new(), opaque: unread };
        let mut of_calico = Vec::new();
        for object in &objects {
            let (api_version, kind) = (object["apiVersion"].as_str(), object["kind"].as_str());
            let group =
                api_version.and_then(|version| version.split_once('/')).map_or("", |(group, _)| group);
            match (group, kind.unwrap_or_default()) {
                ("networking.k8s.io", "NetworkPolicy") => policies.read.push(network_policy::read(object)),
                ("cilium.io", "CiliumNetworkPolicy" | "CiliumClusterwideNetworkPolicy") => {
                    policies.read.extend(cilium::read(object));
                }
                (admin::GROUP, kind) if admin::Kind::of(kind).is_some() => {
                    policies.read.extend(admin::Kind::of(kind).map(|kind| admin::read(object, kind)));
                }
                (group, kind) if calico::is_known(group, kind) => of_calico.push(object),
                (group, kind) if kinds::binds_nothing(group, kind, &object["spec"]) => (),
                (group, kind) if antrea::is_list(group, kind) => (),
                (group, kind) => policies.opaque.push(Opaque::of(object, group, kind, &objects)),
            }
        }
        let (read, opaque) = calico::read(&of_calico, &objects);
        policies.read.extend(read);
        policies.opaque.extend(opaque);
        Self { objects, ..policies }
    }

    /// Returns the time of a policy's creation by its title, in seconds since 1970; `None` if it is not known.
    pub fn created(&self, title: &str) -> Option<i64> {
        let is_it = |object: &&Value| {
            let (kind, name) =
                (object["kind"].as_str(), object.pointer("/metadata/name").and_then(Value::as_str));
            kind.zip(name)
                .and_then(|(kind, name)| title.strip_prefix(kind)?.strip_prefix(' ')?.strip_prefix(name))
                == Some("")
        };
        let created = self.objects.iter().find(is_it)?.pointer("/metadata/creationTimestamp")?.as_str()?;
        Some(created.parse::<jiff::Timestamp>().ok()?.as_second())
    }

    /// Returns true if a policy of any kind names peers by DNS names. A network learns such a name's addresses from the answers
    /// that a pod gets.
    pub fn speak_of_names(&self) -> bool {
        self.objects.iter().any(|object| names_peers(&object["spec"]) || names_peers(&object["specs"]))
    }

    /// Returns true if there is no policy and no failed read.
    pub fn is_empty(&self) -> bool {
        self.read.is_empty() && self.opaque.is_empty()
    }

    /// Returns the reads that failed.
    pub fn unread(&self) -> impl Iterator<Item = &Unreadable> {
        self.opaque.iter().filter_map(Opaque::unreadable)
    }
}

/// The fields that list DNS names: of Cilium, of Calico, and of the administrator's kinds and those of EKS.
const NAMES: [&str; 3] = ["toFQDNs", "domains", "domainNames"];

fn names_peers(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.iter().any(|(key, value)| {
            let names = value.as_array().is_some_and(|names| !names.is_empty());
            (names && NAMES.contains(&key.as_str())) || names_peers(value)
        }),
        Value::Array(items) => items.iter().any(names_peers),
        _ => false,
    }
}

/// The workloads and the policies of a namespace.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The namespace's name.
    pub namespace: String,
    /// Pods and pod templates, each with its workload.
    pub endpoints: Vec<(Origin, Endpoint)>,
    /// The policies that may bind them.
    pub policies: Policies,
    /// Failed reads of workloads; empty if every kind of workload was read.
    pub unread: Vec<String>,
}

impl Reading {
    /// Returns true if the namespace has a workload or a pod with this kind and name.
    pub fn has(&self, asked: &(String, String)) -> bool {
        self.endpoints.iter().any(|(origin, _)| origin.is(asked))
    }
}
