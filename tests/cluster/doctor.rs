//! `controller doctor` foresees, in the words of the run, what would keep a run from a verdict.

use serde_json::{Value, json};
use stage::{
    Cluster, Ended,
    cluster::{Namespace, Shop, policy},
};

use crate::Test;

pub(super) const TESTS: &[Test] = &[
    ("doctor finds nothing in a namespace in which nothing is wrong", clean),
    ("doctor names a control namespace with a policy of its own", shut_off),
    ("doctor names the judged namespace as control namespace, as a run does", itself),
    ("doctor names a Service that would send a probe traffic", eager),
    ("doctor says which rule gives a probe other resources", sized),
    ("doctor names the quota that refuses a control pod", without_room),
];

fn doctor(cluster: &Cluster, shop: &Namespace<'_>, control: &Namespace<'_>) -> Ended {
    let image = cluster.probe_image();
    let own = ["doctor", "--namespace", shop.name(), "--control-namespace", control.name()];
    cluster.controller(&[&own[..], &["--image", &image]].concat())
}

/// Opens a shop with these objects besides, and returns what doctor says of it.
fn examined(cluster: &Cluster, besides: Vec<Value>, in_control: Option<Value>) -> Ended {
    let (shop, control) = (cluster.namespace("examined"), cluster.namespace("control"));
    let mut world = Shop::default();
    world.others.extend(besides);
    world.open(&shop);
    if let Some(object) = in_control {
        control.apply(&object);
    }
    doctor(cluster, &shop, &control)
}

fn clean(cluster: &Cluster) {
    let ended = examined(cluster, Vec::new(), None);
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    assert!(!ended.out.contains("remedy"), "{ended:#?}");
}

fn shut_off(cluster: &Cluster) {
    let closed = policy("closed", &json!({ "podSelector": {}, "policyTypes": ["Ingress"] }));
    let ended = examined(cluster, Vec::new(), Some(closed));
    assert_eq!(ended.code(), Some(3), "{ended:#?}");
    assert!(ended.out.contains("shuts its listener off") && ended.out.contains("closed"), "{ended:#?}");
}

fn itself(cluster: &Cluster) {
    let shop = cluster.namespace("examined");
    Shop::default().open(&shop);
    let words = "the control namespace is the judged namespace";
    let foreseen = doctor(cluster, &shop, &shop);
    assert_eq!(foreseen.code(), Some(3), "{foreseen:#?}");
    assert!(foreseen.out.contains(words), "{foreseen:#?}");
    let ended = cluster.verify(&shop, &shop, &["--environment", "production"]);
    assert_eq!(ended.code(), Some(3), "{ended:#?}");
    let because = ended.finding("network-isolation")["because"].to_string();
    assert!(because.contains(words), "{because}");
}

fn eager(cluster: &Cluster) {
    let service = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": { "name": "web" },
        "spec": {
            "selector": { "app": "web" },
            "ports": [{ "port": 8080 }],
            "publishNotReadyAddresses": true,
        },
    });
    // The probe needs the label by which both select.
    let web = json!({ "matchLabels": { "app": "web" } });
    let own = policy("own", &json!({ "podSelector": web, "policyTypes": ["Egress"] }));
    let ended = examined(cluster, vec![service, own], None);
    assert_eq!(ended.code(), Some(3), "{ended:#?}");
    assert!(ended.out.contains("the Service web has publishNotReadyAddresses"), "{ended:#?}");
}

fn sized(cluster: &Cluster) {
    let range = json!({
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": { "name": "sizes" },
        "spec": { "limits": [{ "type": "Container", "max": { "cpu": "200m" } }] },
    });
    let ended = examined(cluster, vec![range], None);
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    assert!(ended.out.contains("LimitRange sizes: cpu of at most 200m"), "{ended:#?}");
}

fn without_room(cluster: &Cluster) {
    let quota = json!({
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": { "name": "none" },
        "spec": { "hard": { "pods": "0" } },
    });
    let (shop, control) = (cluster.namespace("examined"), cluster.namespace("control"));
    Shop::default().open(&shop);
    control.apply(&quota);
    cluster.until("the quota's count", || {
        control.get(&["resourcequota", "none"])["status"]["hard"]["pods"] == "0"
    });
    let ended = doctor(cluster, &shop, &control);
    assert_eq!(ended.code(), Some(4), "{ended:#?}");
    assert!(ended.out.contains("exceeded quota: none"), "{ended:#?}");
}
