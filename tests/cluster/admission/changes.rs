//! Policies that change the pods they admit, each in one way.

use serde_json::json;
use stage::{Cluster, cluster::Shop};

use super::{PRODUCTION, lend, nothing_left, on, pod, rehearsed};
use crate::{Batch, Selection};

/// Namespaces that are under way at once.
const AT_ONCE: usize = 3;
/// An annotation that each policy adds besides, and that no report mentions.
const HARMLESS: &str = "podproof.test/changed";

/// A change of the probe's pod by an admission policy.
struct Change {
    name: &'static str,
    /// The patch in CEL; empty where the policy adds the harmless annotation alone.
    patch: &'static str,
    /// Words of the report; `None` where the change does not matter.
    says: Option<&'static str>,
}

const CHANGES: &[Change] = &[
    Change { name: "a harmless annotation", patch: "", says: None },
    Change {
        name: "an environment variable",
        patch: "JSONPatch{op: 'add', path: '/spec/containers/0/env', \
                value: [{'name': 'HELLO', 'value': 'world'}]}",
        says: Some("spec.containers.env was added"),
    },
    Change {
        name: "another RuntimeClass",
        patch: "JSONPatch{op: 'replace', path: '/spec/runtimeClassName', value: 'runc'}",
        says: Some("spec.runtimeClassName was changed"),
    },
    Change {
        name: "a label",
        patch: "JSONPatch{op: 'add', path: '/metadata/labels/team', value: 'red'}",
        says: Some("metadata.labels.team was added"),
    },
    Change {
        name: "a sidecar",
        patch: "JSONPatch{op: 'add', path: '/spec/initContainers', \
                value: [{'name': 'sidecar', 'image': 'podproof.test/busybox:1', 'restartPolicy': 'Always'}]}",
        says: Some("spec.initContainers was added: sidecar"),
    },
    Change {
        name: "a removed affinity",
        patch: "JSONPatch{op: 'remove', path: '/spec/affinity'}",
        says: Some("spec.affinity was removed"),
    },
    Change {
        name: "a hook after the start",
        patch: "JSONPatch{op: 'add', path: '/spec/containers/0/lifecycle', value: {'postStart': \
                {'exec': {'command': ['/probe', 'hold', '1']}}}}",
        says: Some("spec.containers.lifecycle was added"),
    },
    Change {
        name: "a removed owner",
        patch: "JSONPatch{op: 'remove', path: '/metadata/ownerReferences'}",
        says: Some("metadata.ownerReferences was removed"),
    },
];

pub(crate) fn batch() -> Batch {
    Batch { names: rows().map(|(name, _)| name).collect(), run }
}

fn rows() -> impl Iterator<Item = (String, &'static Change)> {
    CHANGES.iter().map(|change| (format!("a policy that changes the probe's pod: {}", change.name), change))
}

fn run(cluster: &Cluster, selection: &Selection) {
    selection.run(AT_ONCE, &selection.of(rows()), |change| changed(cluster, change.patch, change.says));
}

fn changed(cluster: &Cluster, patch: &str, says: Option<&str>) {
    let (shop, control) = (cluster.namespace("changed"), cluster.namespace("control"));
    // Without Pod Security, the controller itself has to notice.
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
