//! Namespaces that refuse a probe's usual resources or its user: the probe takes those that they admit.

use serde_json::{Value, json};
use stage::{Cluster, cluster::Shop};

use super::{PRODUCTION, lend, nothing_left, on, pod, rehearsed};

/// The resources that both namespaces below admit.
fn sized(shop: &mut Shop) {
    shop.container()["resources"] = json!({
        "limits": { "memory": "256Mi", "cpu": "200m" },
        "requests": { "memory": "256Mi", "cpu": "100m" },
    });
}

fn range() -> Value {
    let rule = json!({
        "type": "Container",
        "min": { "memory": "256Mi" },
        "max": { "cpu": "200m" },
        "maxLimitRequestRatio": { "cpu": "2" },
    });
    json!({
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": { "name": "sizes" },
        "spec": { "limits": [rule] },
    })
}

pub(super) fn of_a_limit_range(cluster: &Cluster) {
    let (shop, control) = (cluster.namespace("sized"), cluster.namespace("control"));
    let mut world = Shop::default();
    sized(&mut world);
    world.others.push(range());
    world.open(&shop);
    control.apply(&range());
    let ended = cluster.verify(&shop, &control, PRODUCTION);
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    let notes = ended.report()["notes"].to_string();
    for rule in ["LimitRange sizes: memory of at least 256Mi", "cpu of at most 200m"] {
        assert!(notes.contains(rule), "{rule}: {notes}");
    }
    nothing_left(&[&shop, &control]);
}

pub(super) fn of_the_workload(cluster: &Cluster) {
    let (shop, control) = (cluster.namespace("sized"), cluster.namespace("control"));
    let mut world = Shop::default();
    sized(&mut world);
    let message = "every container has 256Mi and no more";
    let expression =
        "object.spec.containers.all(one, one.?resources.?limits[?'memory'].orValue('') == '256Mi')";
    let _loans = lend(
        cluster,
        &shop,
        "Validating",
        &json!({
            "matchConstraints": on("CREATE", "pods"),
            "validations": [{ "expression": expression, "message": message }],
        }),
    );
    cluster.until("the policy", || rehearsed(&shop, &pod()).err.contains(message));
    world.open(&shop);
    let ended = cluster.verify(&shop, &control, PRODUCTION);
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    let notes = ended.report()["notes"].to_string();
    assert!(notes.contains("the namespace admits those of pod web"), "{notes}");
    nothing_left(&[&shop, &control]);
}

/// A namespace of `OpenShift` gives each pod a user of the namespace's own range, and refuses any other.
pub(super) fn of_the_namespace(cluster: &Cluster) {
    let (shop, control) = (cluster.namespace("ranged"), cluster.namespace("control"));
    let mut world = Shop::default();
    world.pod()["securityContext"]["runAsUser"] = json!(1_000_680_000);
    let message = "the user must be of the namespace's range";
    let expression = "object.spec.?securityContext.?runAsUser.orValue(1000680000) == 1000680000";
    let _loans = lend(
        cluster,
        &shop,
        "Validating",
        &json!({
            "matchConstraints": on("CREATE", "pods"),
            "validations": [{ "expression": expression, "message": message }],
        }),
    );
    cluster.until("the policy", || rehearsed(&shop, &pod()).err.contains(message));
    world.open(&shop);
    let ended = cluster.verify(&shop, &control, PRODUCTION);
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    let notes = ended.report()["notes"].to_string();
    assert!(notes.contains("the namespace chooses the user itself"), "{notes}");
    nothing_left(&[&shop, &control]);
}
