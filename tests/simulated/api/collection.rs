//! Deletion of all selected objects that existed at a version.

use std::collections::BTreeMap;

use serde_json::json;

use super::{
    answer::{Answer, refused},
    route::Route,
    selector::Selector,
};
use crate::{cluster::Cluster, history::Event, store::text};

/// Deletes a collection. A request without an exact version would meet objects that the controller never saw.
pub(crate) fn delete(cluster: &Cluster, route: &Route, query: &BTreeMap<String, Vec<String>>) -> Answer {
    let first =
        |name: &str| query.get(name).and_then(|it| it.first()).map(String::as_str).unwrap_or_default();
    let version = first("resourceVersion").parse().ok().filter(|_| first("resourceVersionMatch") == "Exact");
    let Some(version) = version else { return refused(400, "BadRequest", "the version is not exact") };
    let selector = Selector::of(first("labelSelector"), first("fieldSelector"));
    let then = cluster.store().at(version);
    for (key, object) in then {
        let is_meant = key.0 == route.resource && key.1 == route.namespace && selector.selects(&object);
        if is_meant && let Some(object) = cluster.get(&key) {
            cluster.note(Event::Deleted { uid: text(&object, "/metadata/uid"), key: key.clone() });
            cluster.delete(&key, false);
        }
    }
    Answer::of(200, &route.list(&json!({}), Vec::new()))
}
