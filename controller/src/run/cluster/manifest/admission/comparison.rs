//! The differences of two pods, field by field.

use std::{collections::BTreeSet, fmt};

use k8s_openapi::api::core::v1::Pod;
use serde_json::{Map, Value};

use crate::support::names;

/// The longest text of a value: admission may add values of any length.
const EXCERPT: usize = 80;
/// Lists whose entries are compared one by one, by their names.
const NAMED_LISTS: [&[&str]; 3] =
    [&["spec", "containers"], &["spec", "initContainers"], &["spec", "volumes"]];

/// A field, or an entry of a list, that differs.
#[derive(Clone, Debug)]
pub(super) struct Difference {
    /// The field's path. Fields of the probe's own container have the path of their list.
    pub(super) path: Vec<String>,
    /// The value that was sent; `None` if there was none.
    pub(super) sent: Option<Value>,
    /// The admitted value; `None` if it was removed.
    pub(super) admitted: Option<Value>,
}

/// Returns every difference; `None` if a pod cannot be written as JSON.
pub(super) fn differences(sent: &Pod, admitted: &Pod) -> Option<Vec<Difference>> {
    let (sent, admitted) = (serde_json::to_value(sent).ok()?, serde_json::to_value(admitted).ok()?);
    let mut found = Vec::new();
    compare(Some(&sent), Some(&admitted), &mut Vec::new(), &mut found);
    Some(found)
}

fn compare(
    sent: Option<&Value>,
    admitted: Option<&Value>,
    path: &mut Vec<String>,
    found: &mut Vec<Difference>,
) {
    let (sent, admitted) = (present(sent), present(admitted));
    let empty = Map::new();
    match (sent, admitted) {
        (None, None) => (),
        (Some(Value::Object(sent)), Some(Value::Object(admitted))) => objects(sent, admitted, path, found),
        (Some(Value::Object(sent)), None) => objects(sent, &empty, path, found),
        (None, Some(Value::Object(admitted))) => objects(&empty, admitted, path, found),
        (sent, admitted) if NAMED_LISTS.iter().any(|list| path == list) => {
            entries(list(sent), list(admitted), path, found);
        }
        (sent, admitted) if sent != admitted => {
            found.push(Difference { path: path.clone(), sent: sent.cloned(), admitted: admitted.cloned() });
        }
        _ => (),
    }
}

fn objects(
    sent: &Map<String, Value>,
    admitted: &Map<String, Value>,
    path: &mut Vec<String>,
    found: &mut Vec<Difference>,
) {
    let keys: BTreeSet<_> = sent.keys().chain(admitted.keys()).collect();
    for key in keys {
        path.push(key.clone());
        compare(sent.get(key), admitted.get(key), path, found);
        path.pop();
    }
}

/// Compares lists whose entries have names. Only the probe's own container is compared field by field.
fn entries(sent: &[Value], admitted: &[Value], path: &mut Vec<String>, found: &mut Vec<Difference>) {
    let names: BTreeSet<_> = sent.iter().chain(admitted).map(name).collect();
    for wanted in names {
        let of = |entries: &[Value]| entries.iter().find(|entry| name(entry) == wanted).cloned();
        match (of(sent), of(admitted)) {
            (Some(sent), Some(admitted)) if wanted == names::CONTAINER => {
                compare(Some(&sent), Some(&admitted), path, found);
            }
            (sent, admitted) if sent != admitted => {
                found.push(Difference { path: path.clone(), sent, admitted });
            }
            _ => (),
        }
    }
}

/// Returns a value unless it is empty: an empty list says as much as a missing one.
fn present(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| match value {
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
        Value::Null => false,
        _ => true,
    })
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn name(entry: &Value) -> &str {
    entry.get("name").and_then(Value::as_str).unwrap_or_default()
}

// === impl Difference ===

impl Difference {
    /// Returns the path for a match by segments.
    pub(super) fn segments(&self) -> Vec<&str> {
        self.path.iter().map(String::as_str).collect()
    }

    /// Returns the difference without its values, which may be secret: the environment is one of them.
    pub(super) fn named(&self) -> String {
        let names = [&self.admitted, &self.sent].into_iter().flatten().find_map(titled);
        let names = names.map(|names| format!(": {names}")).unwrap_or_default();
        format!("{} was {}{names}", self.path.join("."), self.became())
    }

    const fn became(&self) -> &'static str {
        match (&self.sent, &self.admitted) {
            (None, _) => "added",
            (_, None) => "removed",
            _ => "changed",
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.join(".");
        match (&self.sent, &self.admitted) {
            (Some(sent), Some(admitted)) => {
                write!(formatter, "{path} was changed from {} to {}", excerpt(sent), excerpt(admitted))
            }
            (None, Some(admitted)) => write!(formatter, "{path} was added: {}", excerpt(admitted)),
            (Some(sent), None) => write!(formatter, "{path} was removed: {}", excerpt(sent)),
            (None, None) => formatter.write_str(&path),
        }
    }
}

/// Returns the names of named entries, or the beginning of the value.
fn excerpt(value: &Value) -> String {
    titled(value).unwrap_or_else(|| value.to_string().chars().take(EXCERPT).collect())
}

/// Returns the names of an entry or of a list of entries; `None` if the value has no names.
fn titled(value: &Value) -> Option<String> {
    let text = |entry: &Value| entry.get("name").and_then(Value::as_str).map(str::to_owned);
    let names: Vec<_> = match value {
        Value::Array(entries) => entries.iter().filter_map(text).collect(),
        entry => text(entry).into_iter().collect(),
    };
    (!names.is_empty()).then(|| names.join(", ").chars().take(EXCERPT).collect())
}
