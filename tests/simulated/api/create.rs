//! Creation of objects: a name once, a dry run without effect, and the defaults that the product's pods lack.

use serde_json::{Value, json};

use super::{
    answer::{Answer, refused},
    route::Route,
};
use crate::{
    cluster::{Cluster, UNPLACED},
    history::Event,
    store::{key, text},
};

pub(crate) fn create(cluster: &Cluster, route: &Route, mut object: Value, dry_run: bool) -> Answer {
    if route.resource.starts_with("selfsubject") {
        let asked = |field: &str| text(&object, &format!("/spec/resourceAttributes/{field}"));
        let allowed = !cluster.refuses(&asked("verb"), &asked("resource"));
        object["status"] =
            json!({ "allowed": allowed, "incomplete": false, "resourceRules": [], "nonResourceRules": [] });
        return Answer::of(201, &object);
    }
    let key = key(&route.resource, &route.namespace, &text(&object, "/metadata/name"));
    if cluster.get(&key).is_some() {
        return refused(409, "AlreadyExists", &format!("{} \"{}\" already exists", key.0, key.2));
    }
    if route.resource == "pods" {
        object["spec"]["serviceAccountName"] = json!("default");
        object["status"] = json!({ "phase": "Pending" });
        if cluster.annotation(&route.namespace, UNPLACED).is_some() {
            object["spec"]["affinity"].take();
        }
    }
    if dry_run {
        return Answer::of(201, &route.typed(object));
    }
    let object = cluster.change(|store| store.add(key.clone(), object));
    cluster.note(Event::Made { uid: text(&object, "/metadata/uid"), key: key.clone() });
    if route.resource == "pods" {
        cluster.start(key);
    }
    Answer::of(201, &route.typed(object))
}
