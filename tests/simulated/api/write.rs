//! Writes of whole objects: an update at a known version, and a server-side apply, whose fields replace those of the same names.

use serde_json::{Value, json};

use super::{
    answer::{Answer, refused},
    route::Route,
};
use crate::{cluster::Cluster, history::Event, store::text};

pub(crate) fn replace(cluster: &Cluster, route: &Route, new: &Value) -> Answer {
    let Some(object) = cluster.get(&route.key()) else { return route.missing() };
    if is_of_another_version(new, &object) {
        return modified();
    }
    written(cluster, route, |object| object["spec"] = new["spec"].clone())
}

pub(crate) fn apply(cluster: &Cluster, route: &Route, applied: &Value) -> Answer {
    let key = route.key();
    let Some(object) = cluster.get(&key) else {
        let object = cluster.change(|store| store.add(key.clone(), applied.clone()));
        cluster.note(Event::Made { uid: text(&object, "/metadata/uid"), key });
        return Answer::of(201, &route.typed(object));
    };
    if is_of_another_version(applied, &object) {
        return modified();
    }
    written(cluster, route, |object| {
        let fields = applied.as_object().into_iter().flatten();
        for (field, value) in
            fields.filter(|(field, _)| !["apiVersion", "kind", "metadata"].contains(&field.as_str()))
        {
            object[field] = value.clone();
        }
    })
}

/// Returns true for a change of a version that the object no longer has. A change need not name one.
fn is_of_another_version(change: &Value, object: &Value) -> bool {
    let version = text(change, "/metadata/resourceVersion");
    !version.is_empty() && version != text(object, "/metadata/resourceVersion")
}

fn modified() -> Answer {
    refused(409, "Conflict", "the object has been modified")
}

fn written(cluster: &Cluster, route: &Route, change: impl FnOnce(&mut Value)) -> Answer {
    let written = cluster.change(|store| store.modify(&route.key(), change));
    Answer::of(200, &route.typed(written.unwrap_or_else(|| json!({}))))
}
