//! Policies that change what they admit, each in one way.

use std::{sync::Mutex, thread};

use serde_json::json;
use stage::{Cluster, cluster::Shop};

use super::{PRODUCTION, lend, nothing_left, on, pod, rehearsed};

/// How many namespaces are under way at once.
const AT_ONCE: usize = 3;
/// What each policy adds besides, and nobody minds.
const HARMLESS: &str = "podproof.test/changed";

/// A change, as patches in CEL, and what is said of it; of one that does not matter, nothing is.
const CHANGES: &[(&str, Option<&str>)] = &[
    ("", None),
    (
        "JSONPatch{op: 'add', path: '/spec/containers/0/env', \
         value: [{'name': 'HELLO', 'value': 'world'}]}",
        Some("spec.containers.env was added"),
    ),
    (
        "JSONPatch{op: 'replace', path: '/spec/runtimeClassName', value: 'runc'}",
        Some("spec.runtimeClassName was changed"),
    ),
    (
        "JSONPatch{op: 'add', path: '/metadata/labels/team', value: 'red'}",
        Some("metadata.labels.team was added"),
    ),
    (
        "JSONPatch{op: 'add', path: '/spec/initContainers', \
         value: [{'name': 'sidecar', 'image': 'podproof.test/busybox:1', 'restartPolicy': 'Always'}]}",
        Some("spec.initContainers was added: sidecar"),
    ),
    ("JSONPatch{op: 'remove', path: '/spec/affinity'}", Some("spec.affinity was removed")),
    (
        "JSONPatch{op: 'add', path: '/spec/containers/0/lifecycle', value: {'postStart': \
         {'exec': {'command': ['/probe', 'hold', '1']}}}}",
        Some("spec.containers.lifecycle was added"),
    ),
    (
        "JSONPatch{op: 'remove', path: '/metadata/ownerReferences'}",
        Some("metadata.ownerReferences was removed"),
    ),
];

pub(super) fn found(cluster: &Cluster) {
    let waiting = Mutex::new(CHANGES.iter());
    let wrong = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(&(patch, says)) = waiting.lock().unwrap().next() else { break };
                    if let Err(failed) = stage::attempt(|| changed(cluster, patch, says)) {
                        let message = failed.message().unwrap_or_default();
                        wrong.lock().unwrap().push(format!("{patch}: {message}"));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn changed(cluster: &Cluster, patch: &str, says: Option<&str>) {
    let (shop, control) = (cluster.namespace("changed"), cluster.namespace("control"));
    // No Pod Security: it is the controller that has to notice.
    Shop { restricted: false, ..Shop::default() }.open(&shop);
    let mark = format!(
        "JSONPatch{{op: 'add', path: '/metadata/annotations/{}', value: 'yes'}}",
        HARMLESS.replace('/', "~1")
    );
    let patches = [mark.as_str(), patch].into_iter().filter(|patch| !patch.is_empty());
    let expression = format!("[{}]", patches.collect::<Vec<_>>().join(", "));
    let mut constraints = on("CREATE", "pods");
    constraints["objectSelector"] = json!({ "matchLabels": { "podproof.dev/role": "probe" } });
    let _loans = lend(
        cluster,
        &shop,
        "Mutating",
        &json!({
            "matchConstraints": constraints,
            "reinvocationPolicy": "Never",
            "mutations": [{ "patchType": "JSONPatch", "jsonPatch": { "expression": expression } }],
        }),
    );
    let mut ours = pod();
    ours["metadata"]["labels"]["podproof.dev/role"] = json!("probe");
    ours["metadata"]["annotations"] = json!({ "podproof.dev/note": "like a probe" });
    ours["metadata"]["ownerReferences"] =
        json!([{ "apiVersion": "v1", "kind": "ConfigMap", "name": "nobody", "uid": "nobody" }]);
    ours["spec"]["affinity"] = json!({ "nodeAffinity": {} });
    cluster.until("the policy", || {
        let ended = rehearsed(&shop, &ours);
        assert!(ended.status.success(), "{ended:#?}");
        ended.out.contains(HARMLESS)
    });
    let ended = cluster.verify(&shop, &control, PRODUCTION);
    let sandboxes = ended.report()["sandboxes"].to_string();
    let told = sandboxes.contains("an admission webhook changed the probe's pod");
    assert_eq!(told, says.is_some(), "{ended:#?}");
    assert!(sandboxes.contains(says.unwrap_or_default()), "{ended:#?}");
    assert_eq!(ended.code(), Some(if says.is_some() { 3 } else { 0 }), "{ended:#?}");
    nothing_left(&[&shop, &control]);
}
