//! The renewal of a published proof: the changes of a cluster that call for a new run, and the time of the next one. Only records
//! of objects are compared, so that a node's heartbeat or a pod's status is no change.

mod change;
mod due;
mod judged;
mod record;
mod shape;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use change::{Change, changes};
pub(crate) use due::{Jitter, after_failure, before_expiry};
pub(crate) use judged::JudgedGroups;
pub(crate) use record::{Declared, NodeRecord, Offer, Record};
pub(crate) use shape::{Shape, is_made_of_kind, is_represented, shape};

use crate::case::cluster::node::is_named;

/// The number of a watch, which shows the objects of one kind in one place.
pub(crate) type Watch = usize;

/// The records of all watched objects, by their watch and their title.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Scene(BTreeMap<(Watch, String), Record>);

impl Scene {
    /// Shows an object as it is now; `None` for an object that has no record. Returns true if that changes the scene.
    pub(crate) fn show(&mut self, watch: Watch, title: String, record: Option<Record>) -> bool {
        let key = (watch, title);
        let Some(record) = record else { return self.0.remove(&key).is_some() };
        let record = record.after(self.0.get(&key));
        let is_new = self.0.get(&key) != Some(&record);
        self.0.insert(key, record);
        is_new
    }

    /// Removes an object. Returns true if that changes the scene.
    pub(crate) fn hide(&mut self, watch: Watch, title: &str) -> bool {
        self.0.remove(&(watch, title.to_owned())).is_some()
    }

    /// Shows the whole list of a watch. Returns true if that changes the scene.
    pub(crate) fn list(&mut self, watch: Watch, listed: BTreeMap<String, Record>) -> bool {
        let is_gone = |key: &&(Watch, String)| key.0 == watch && !listed.contains_key(&key.1);
        let gone: Vec<_> = self.0.keys().filter(is_gone).cloned().collect();
        let mut changed = !gone.is_empty();
        for key in gone {
            self.0.remove(&key);
        }
        for (title, record) in listed {
            changed |= self.show(watch, title, Some(record));
        }
        changed
    }

    /// Returns a node by its name; `None` if it is not there.
    pub(crate) fn node(&self, name: &str) -> Option<&NodeRecord> {
        self.nodes().find(|(node, _)| *node == name).map(|(_, node)| node)
    }

    /// Returns the nodes by their names.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = (&str, &NodeRecord)> {
        self.0.iter().filter_map(|((_, title), record)| match record {
            Record::Node(node) => Some((title.as_str(), node)),
            Record::Declared(..) | Record::Template(_) | Record::Pod { .. } => None,
        })
    }

    /// Returns the objects that are declared, each with its kind and its version.
    fn declared(&self) -> BTreeMap<&(Watch, String), (Declared, &str)> {
        let declared = self.0.iter().filter_map(|(key, record)| match record {
            Record::Declared(kind, version) => Some((key, (*kind, version.as_str()))),
            Record::Node(_) | Record::Template(_) | Record::Pod { .. } => None,
        });
        declared.collect()
    }

    /// Returns the keys of the node labels by which pods choose their nodes.
    fn keys(&self) -> BTreeSet<&str> {
        let shapes = self.0.values().filter_map(|record| match record {
            Record::Template(shape) | Record::Pod { shape, .. } => Some(shape),
            Record::Node(_) | Record::Declared(..) => None,
        });
        shapes.flat_map(|shape| &shape.keys).map(String::as_str).collect()
    }

    /// Returns the groups of pods, each by its shape and its place, with one of its objects. A template has no place, and a pod that has
    /// no node yet is in no group. `keys` are those of labels by which pods choose their nodes.
    fn groups(&self, keys: &BTreeSet<&str>) -> BTreeMap<(&str, Option<Place<'_>>), &(Watch, String)> {
        let places: BTreeMap<_, _> = self.nodes().map(|(name, node)| (name, Place::of(node, keys))).collect();
        let group = |record| group(record, &places);
        self.0.iter().filter_map(|(key, record)| Some((group(record)?, key))).collect()
    }
}

/// The pool of a pod's node, and in a pool that no label names the kind of the node.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
struct Place<'a> {
    pool: &'a str,
    labels: Vec<(&'a str, &'a str)>,
    taints: Option<&'a BTreeSet<String>>,
}

impl<'a> Place<'a> {
    fn of(node: &'a NodeRecord, keys: &BTreeSet<&str>) -> Self {
        let NodeRecord { pool, offer, .. } = node;
        let chosen_by = offer.setup.iter().filter(|(key, _)| keys.contains(key.as_str()));
        let labels = chosen_by.map(|(key, value)| (key.as_str(), value.as_str())).collect();
        Self { pool, labels, taints: (!is_named(pool)).then_some(&offer.taints) }
    }
}

/// Returns the shape and the place of a group that an object shows; `None` for an object that shows none.
fn group<'a>(record: &'a Record, places: &BTreeMap<&str, Place<'a>>) -> Option<(&'a str, Option<Place<'a>>)> {
    match record {
        Record::Template(shape) => Some((&shape.digest, None)),
        Record::Pod { shape, node: Some(node) } => {
            Some((&shape.digest, Some(places.get(node.as_str()).cloned().unwrap_or_default())))
        }
        Record::Pod { node: None, .. } | Record::Node(_) | Record::Declared(..) => None,
    }
}

/// The pools whose nodes ran a probe; `None` if no run has shown them, so that each counts.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Used(pub(crate) Option<BTreeSet<String>>);

impl Used {
    /// Returns these pools and others.
    pub(crate) fn and(self, others: Self) -> Self {
        Self(self.0.zip(others.0).map(|(own, others)| own.into_iter().chain(others).collect()))
    }

    /// Returns true for a pool that counts.
    fn has(&self, pool: &str) -> bool {
        self.0.as_ref().is_none_or(|used| used.contains(pool))
    }
}
