//! Changes of objects: a container that is added to a running pod, a merge into a node, and an object that is applied ([`write`]).

use serde_json::{Value, json};

use super::{
    answer::{Answer, refused},
    route::Route,
    write,
};
use crate::{cluster::Cluster, history::Event, store::text};

pub(crate) fn patch(cluster: &Cluster, route: &Route, patch: &Value, dry_run: bool) -> Answer {
    match (route.resource.as_str(), route.part.as_str()) {
        ("pods", "ephemeralcontainers") => visit(cluster, route, patch, dry_run),
        ("nodes", "") => merge(cluster, route, patch),
        (_, "") => write::apply(cluster, route, patch),
        (resource, part) => refused(405, "MethodNotAllowed", &format!("PATCH {resource} {part}")),
    }
}

/// Merges a patch into an object, whose version must be the patch's (RFC 7396).
fn merge(cluster: &Cluster, route: &Route, patch: &Value) -> Answer {
    let key = route.key();
    let Some(object) = cluster.get(&key) else { return route.missing() };
    if patch["metadata"]["resourceVersion"] != object["metadata"]["resourceVersion"] {
        return refused(409, "Conflict", "the object has been modified");
    }
    let changed = cluster.change(|store| store.modify(&key, |object| merged(object, patch)));
    Answer::of(200, &route.typed(changed.unwrap_or_default()))
}

fn merged(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (field, value) in fields {
        if value.is_null() {
            target.as_object_mut().unwrap().remove(field);
        } else {
            merged(&mut target[field], value);
        }
    }
}

/// Adds the containers whose names the pod does not have yet.
fn visit(cluster: &Cluster, route: &Route, patch: &Value, dry_run: bool) -> Answer {
    let key = route.key();
    let Some(mut pod) = cluster.get(&key) else { return route.missing() };
    let mut containers = pod["spec"]["ephemeralContainers"].as_array().cloned().unwrap_or_default();
    let mut added = Vec::new();
    for container in patch["spec"]["ephemeralContainers"].as_array().into_iter().flatten() {
        if !containers.iter().any(|it| it["name"] == container["name"]) {
            containers.push(container.clone());
            added.push(text(container, "/name"));
        }
    }
    let containers = json!(containers);
    if dry_run || added.is_empty() {
        pod["spec"]["ephemeralContainers"] = containers;
        return Answer::of(200, &route.typed(pod));
    }
    let change = |pod: &mut Value| pod["spec"]["ephemeralContainers"] = containers;
    let Some(pod) = cluster.change(|store| store.modify(&key, change)) else { return route.missing() };
    for container in added {
        cluster.note(Event::Visited { pod: key.2.clone(), container: container.clone() });
        cluster.start_visit(key.clone(), container);
    }
    Answer::of(200, &route.typed(pod))
}
