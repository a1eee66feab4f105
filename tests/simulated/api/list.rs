//! Reads: one object, and lists in pages.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::json;

use super::{answer::Answer, route::Route, selector::Selector};
use crate::{cluster::Cluster, fault::Fault};

/// The number of changes that a stale list does not have.
const STALE: u64 = 3;

pub(crate) fn get(cluster: &Cluster, route: &Route) -> Answer {
    match cluster.get(&route.key()) {
        Some(object) => Answer::of(200, &route.typed(object)),
        None => route.missing(),
    }
}

pub(crate) fn list(
    cluster: &Cluster,
    route: &Route,
    query: &BTreeMap<String, Vec<String>>,
    fault: Option<Fault>,
) -> Answer {
    let first =
        |name: &str| query.get(name).and_then(|it| it.first()).map(String::as_str).unwrap_or_default();
    let selector = Selector::of(first("labelSelector"), first("fieldSelector"));
    let store = cluster.store();
    let stale = if fault == Some(Fault::Stale) { STALE } else { 0 };
    let version = store.version().saturating_sub(stale);
    let meant = |key: &crate::store::Key| {
        key.0 == route.resource && (route.namespace.is_empty() || key.1 == route.namespace)
    };
    let objects: Vec<_> = match fault {
        Some(Fault::Stale) => store.at(version).into_iter().filter(|(key, _)| meant(key)).collect(),
        _ => store.of_kind(&route.resource, &route.namespace),
    };
    let selected: Vec<_> =
        objects.into_iter().map(|(_, object)| object).filter(|object| selector.selects(object)).collect();
    let from: usize = first("continue").parse().unwrap_or(0);
    let limit: usize = first("limit").parse().unwrap_or(usize::MAX);
    let rest = selected.len().saturating_sub(from.saturating_add(limit));
    let items: Vec<_> = selected.into_iter().skip(from).take(limit).map(Arc::unwrap_or_clone).collect();
    let go_on = if rest > 0 { (from + items.len()).to_string() } else { String::new() };
    Answer::of(200, &route.list(&json!({ "resourceVersion": version.to_string(), "continue": go_on }), items))
}
