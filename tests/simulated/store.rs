//! The objects of the simulated cluster, each with the version of its last change, and every change so far.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

/// Kind, namespace and name of an object.
pub(crate) type Key = (String, String, String);

/// The time at which every object of the simulation is created: the clock of the report is not paused.
const CREATED: &str = "2026-01-01T00:00:00Z";

/// One change of one object.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) version: u64,
    /// "ADDED", "MODIFIED" or "DELETED", as a watch tells it.
    pub(crate) kind: &'static str,
    pub(crate) key: Key,
    pub(crate) object: Arc<Value>,
}

/// All objects, and the changes that led to them.
#[derive(Debug, Default)]
pub(crate) struct Store {
    objects: BTreeMap<Key, Arc<Value>>,
    changes: Vec<Change>,
    version: u64,
    uids: u64,
}

/// Returns the key of an object.
pub(crate) fn key(resource: &str, namespace: &str, name: &str) -> Key {
    (resource.to_owned(), namespace.to_owned(), name.to_owned())
}

impl Store {
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    pub(crate) fn get(&self, key: &Key) -> Option<&Value> {
        self.objects.get(key).map(|object| &**object)
    }

    /// Returns the keys and the objects of a kind; an empty namespace is every namespace.
    pub(crate) fn of_kind(&self, resource: &str, namespace: &str) -> Vec<(Key, Arc<Value>)> {
        let of_kind = |key: &Key| key.0 == resource && (namespace.is_empty() || key.1 == namespace);
        self.objects
            .iter()
            .filter(|(key, _)| of_kind(key))
            .map(|(key, it)| (key.clone(), Arc::clone(it)))
            .collect()
    }

    /// Returns the objects as they were at an earlier version.
    pub(crate) fn at(&self, version: u64) -> BTreeMap<Key, Arc<Value>> {
        let mut objects = BTreeMap::new();
        for change in self.changes.iter().take_while(|change| change.version <= version) {
            match change.kind {
                "DELETED" => drop(objects.remove(&change.key)),
                _ => drop(objects.insert(change.key.clone(), Arc::clone(&change.object))),
            }
        }
        objects
    }

    /// Returns the changes of a kind after a version.
    pub(crate) fn since(&self, version: u64, resource: &str, namespace: &str) -> Vec<Change> {
        let meant = |it: &&Change| {
            it.version > version && it.key.0 == resource && (namespace.is_empty() || it.key.1 == namespace)
        };
        self.changes.iter().filter(meant).cloned().collect()
    }

    /// Adds an object with a uid of its own; returns it as it is stored.
    pub(crate) fn add(&mut self, key: Key, mut object: Value) -> Value {
        self.uids += 1;
        let metadata = &mut object["metadata"];
        metadata["name"] = json!(key.2);
        if !key.1.is_empty() {
            metadata["namespace"] = json!(key.1);
        }
        metadata["uid"] = json!(format!("00000000-0000-4000-8000-{:012}", self.uids));
        metadata["creationTimestamp"] = json!(CREATED);
        metadata["generation"] = json!(1);
        self.change("ADDED", key, object)
    }

    /// Changes an object, if it is there.
    pub(crate) fn modify(&mut self, key: &Key, change: impl FnOnce(&mut Value)) -> Option<Value> {
        let mut object = self.get(key)?.clone();
        change(&mut object);
        Some(self.change("MODIFIED", key.clone(), object))
    }

    pub(crate) fn remove(&mut self, key: &Key) -> Option<Value> {
        let object = self.get(key)?.clone();
        Some(self.change("DELETED", key.clone(), object))
    }

    fn change(&mut self, kind: &'static str, key: Key, mut object: Value) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let stored = Arc::new(object.clone());
        match kind {
            "DELETED" => drop(self.objects.remove(&key)),
            _ => drop(self.objects.insert(key.clone(), Arc::clone(&stored))),
        }
        self.changes.push(Change { version: self.version, kind, key, object: stored });
        object
    }
}

/// Returns the text at a path; empty if there is none.
pub(crate) fn text(object: &Value, path: &str) -> String {
    object.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[test]
fn the_past_of_a_store_can_be_read() {
    let mut store = Store::default();
    let pod = key("pods", "shop", "a");
    store.add(pod.clone(), json!({}));
    let before = store.version();
    store.remove(&pod);
    assert!(store.at(before).contains_key(&pod));
    assert!(store.get(&pod).is_none());
}
