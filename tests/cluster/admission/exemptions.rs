//! Exemptions from policies that change pods: the probe carries those of its workload, and those that the user names.

use serde_json::json;
use stage::{
    Cluster, Ended,
    cluster::{Loan, Namespace, Shop},
};

use super::{PRODUCTION, lend, nothing_left, on, pod, rehearsed};

/// The annotation that refuses a proxy of Istio.
const REFUSES: (&str, &str) = ("sidecar.istio.io/inject", "false");
/// An annotation that no table knows.
const OWN: (&str, &str) = ("podproof.test/exempt", "yes");

pub(super) fn of_the_workload(cluster: &Cluster) {
    let (ended, shop, control) = exempted(cluster, REFUSES, &[]);
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    nothing_left(&[&shop, &control]);
}

pub(super) fn of_the_user(cluster: &Cluster) {
    let annotation = format!("{}={}", OWN.0, OWN.1);
    let words = ["--probe-annotation", &annotation, "--probe-label", "team=red"];
    let (ended, shop, control) = exempted(cluster, OWN, &words);
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    nothing_left(&[&shop, &control]);
}

pub(super) fn of_nobody(cluster: &Cluster) {
    let (ended, shop, control) = exempted(cluster, OWN, &[]);
    assert_eq!(ended.code(), Some(3), "{ended:#?}");
    assert!(ended.report()["sandboxes"].to_string().contains("spec.volumes was added: agent"), "{ended:#?}");
    nothing_left(&[&shop, &control]);
}

/// Verifies a shop under a policy that gives each pod a path of the node, unless the pod has the annotation. The workload's
/// pods have it.
fn exempted<'a>(
    cluster: &'a Cluster,
    (key, value): (&str, &str),
    words: &[&str],
) -> (Ended, Namespace<'a>, Namespace<'a>) {
    let (shop, control) = (cluster.namespace("exempt"), cluster.namespace("control"));
    let mut world = Shop { restricted: false, ..Shop::default() };
    world.template()["metadata"]["annotations"] = json!({ key: value });
    let _loans: Vec<Loan<'_>> = lend(
        cluster,
        &shop,
        "Mutating",
        &json!({
            "matchConstraints": on("CREATE", "pods"),
            "matchConditions": [{
                "name": "not-exempt",
                "expression": format!("object.metadata.?annotations[?'{key}'].orValue('') != '{value}'"),
            }],
            "reinvocationPolicy": "Never",
            "mutations": [{ "patchType": "JSONPatch", "jsonPatch": { "expression": "[JSONPatch{op: 'add', \
                path: '/spec/volumes', value: [{'name': dyn('agent'), 'hostPath': dyn({'path': '/var/run'})}]}]" } }],
        }),
    );
    cluster.until("the policy", || {
        let ended = rehearsed(&shop, &pod());
        assert!(ended.status.success(), "{ended:#?}");
        ended.out.contains("hostPath")
    });
    world.open(&shop);
    (cluster.verify(&shop, &control, &[PRODUCTION, words].concat()), shop, control)
}
