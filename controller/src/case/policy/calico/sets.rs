//! NetworkSets, GlobalNetworkSets and HostEndpoints: addresses with labels, which the selectors of Calico's rules select
//! beside pods (docs.tigera.io, "Network set", "Global network set", "Host endpoint").

use serde_json::Value;

use super::{labels, selector::Expression};
use crate::case::{
    cluster::Labels,
    policy::{block::Block, matching::Match, object, rule::PeerRule},
};

/// The sets of a cluster.
#[derive(Debug, Default)]
pub(super) struct Sets {
    sets: Vec<Set>,
    /// The kinds of which a list was read, which holds all objects of the kind.
    listed: Vec<&'static Kind>,
}

/// A kind of sets.
#[derive(Debug, Eq, PartialEq)]
struct Kind {
    name: &'static str,
    list: &'static str,
    /// The field with the addresses.
    addresses: &'static str,
    is_namespaced: bool,
}

const KINDS: [Kind; 3] = [
    Kind { name: "NetworkSet", list: "NetworkSetList", addresses: "nets", is_namespaced: true },
    Kind { name: "GlobalNetworkSet", list: "GlobalNetworkSetList", addresses: "nets", is_namespaced: false },
    Kind { name: "HostEndpoint", list: "HostEndpointList", addresses: "expectedIPs", is_namespaced: false },
];

/// Addresses with labels.
#[derive(Debug)]
struct Set {
    namespace: Option<String>,
    labels: Labels,
    blocks: Vec<Result<Block, String>>,
}

impl Sets {
    pub(super) fn of(objects: &[&Value]) -> Self {
        let mut sets = Self::default();
        for object in objects {
            let is = |name: &str| object["kind"] == name;
            for kind in &KINDS {
                if is(kind.name) {
                    sets.sets.push(kind.read(object));
                }
                if is(kind.list) {
                    sets.listed.push(kind);
                    let items = object["items"].as_array().into_iter().flatten();
                    sets.sets.extend(items.map(|item| kind.read(item)));
                }
            }
        }
        sets
    }

    /// Returns the addresses of the sets that a selector selects.
    pub(super) fn selected(&self, selector: &Expression) -> Vec<PeerRule> {
        let mut selected: Vec<_> = self.sets.iter().filter_map(|set| set.selected(selector)).collect();
        for kind in KINDS.iter().filter(|kind| !self.listed.contains(kind)) {
            let anywhere = |key: &str| match (key, kind.is_namespaced) {
                (labels::NAMESPACE, true) => Err("sets of addresses were not read".to_owned()),
                _ => labels::of_set(None, None, key),
            };
            if selector.selects(&anywhere) != Match::No {
                let why = format!("the {}s, which the selector may select, were not read", kind.name);
                selected.push(PeerRule::Unread(why));
            }
        }
        selected
    }
}

impl Kind {
    fn read(&self, object: &Value) -> Set {
        let (metadata, spec) = (&object["metadata"], &object["spec"]);
        let labels = metadata["labels"].as_object().into_iter().flatten();
        let label =
            |(key, value): (&String, &Value)| (key.clone(), value.as_str().unwrap_or_default().to_owned());
        let addresses = spec[self.addresses].as_array().into_iter().flatten().map(block);
        let mut blocks: Vec<_> = addresses.collect();
        if self.name == "HostEndpoint" && blocks.is_empty() {
            blocks.push(Err("the addresses of a HostEndpoint are not known".to_owned()));
        }
        Set {
            namespace: metadata["namespace"].as_str().filter(|_| self.is_namespaced).map(str::to_owned),
            labels: labels.map(label).collect(),
            blocks,
        }
    }
}

impl Set {
    fn selected(&self, selector: &Expression) -> Option<PeerRule> {
        let labels = |key: &str| labels::of_set(self.namespace.as_deref(), Some(&self.labels), key);
        let blocks = self.blocks.iter().map(|block| match block {
            Ok(block) => PeerRule::Block { block: *block, except: Vec::new() },
            Err(why) => PeerRule::Unread(why.clone()),
        });
        match selector.selects(&labels) {
            Match::No => None,
            Match::Yes => Some(PeerRule::Any(blocks.collect())),
            Match::Unknown(why) => {
                Some(PeerRule::All(vec![PeerRule::Any(blocks.collect()), PeerRule::Unread(why)]))
            }
        }
    }
}

/// Reads a block or a single address.
pub(super) fn block(value: &Value) -> Result<Block, String> {
    match value.as_str().and_then(Block::of_address) {
        Some(block) => Ok(block),
        None => object::block(value),
    }
}
