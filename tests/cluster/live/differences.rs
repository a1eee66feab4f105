//! Running pods that differ from their templates, or from a new pod of the same template: each is not ready for exactly that
//! difference. The probe-pod run of the same namespace, which cannot see it, is shown beside it.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use stage::{
    Cluster, Ended,
    cluster::{BUSYBOX, Shop, policy},
};

use super::{until_ended, verified};
use crate::{
    Test,
    admission::{lend, on, pod, rehearsed},
    outside,
};

pub(crate) const TESTS: &[Test] = &[
    ("with --live a pod of runc is unmet in its own kernel", runc),
    ("with --live a pod of runc under a template of gVisor is unmet, and the template met", outdated),
    ("with --live a pod that started before its RuntimeClass changed is unmet", class_changed),
    ("with --live a policy that was opened after the pod's start is unmet", policy_opened),
    ("with --live a policy that opens the network for the pod's service account is unmet", identity),
    ("with --live a sidecar that admission added is unmet by its name", sidecar),
    ("with --live a running pod's path of the node is unmet", |cluster| {
        faulty(cluster, "filesystem-isolation", |pod| {
            pod["volumes"] = json!([{ "name": "node", "hostPath": { "path": "/etc" } }]);
            pod["containers"][0]["volumeMounts"] =
                json!([{ "name": "node", "mountPath": "/node", "readOnly": true }]);
        });
    }),
    ("with --live a running pod's root user is unmet", |cluster| {
        faulty(cluster, "least-privilege", |pod| pod["securityContext"] = json!({ "runAsUser": 0 }));
    }),
    ("with --live a running pod's capability is unmet", |cluster| {
        faulty(cluster, "least-privilege", |pod| {
            pod["securityContext"]["runAsUser"] = json!(0);
            pod["securityContext"]["runAsNonRoot"] = json!(false);
            pod["containers"][0]["securityContext"]["capabilities"]["add"] = json!(["SYS_ADMIN"]);
        });
    }),
    ("with --live a privileged second container of a running pod is unmet", |cluster| {
        faulty(cluster, "least-privilege", |pod| {
            let mut second = pod["containers"][0].clone();
            second["name"] = json!("second");
            second["securityContext"] = json!({ "privileged": true });
            pod["containers"].as_array_mut().unwrap().push(second);
        });
    }),
];

/// Returns the requirements that are unmet or inconclusive in the sandboxes of running pods.
fn lacking(ended: &Ended) -> BTreeSet<String> {
    let report = ended.report();
    let sandboxes = report["sandboxes"].as_array().unwrap().iter();
    let live = sandboxes.filter(|it| it["subject"]["running_pod"].is_string());
    live.flat_map(|sandbox| sandbox["findings"].as_array().unwrap().clone())
        .filter(|finding| finding["class"] != "advisory")
        .filter(|finding| finding["outcome"] == "unmet" || finding["outcome"] == "inconclusive")
        .map(|finding| {
            format!("{} {}", finding["id"].as_str().unwrap(), finding["outcome"].as_str().unwrap())
        })
        .collect()
}

/// Asserts that running pods lack exactly these requirements.
fn lacks(ended: &Ended, expected: &[&str]) {
    let expected: BTreeSet<_> = expected.iter().map(|&it| it.to_owned()).collect();
    assert_eq!(lacking(ended), expected, "{ended:#?}");
    assert_eq!(ended.code(), Some(1), "{ended:#?}");
}

fn runc(cluster: &Cluster) {
    let namespace = cluster.namespace("live");
    let mut shop = Shop::default();
    shop.pod()["runtimeClassName"] = json!("runc");
    shop.open(&namespace);
    let ended = verified(cluster, &namespace, &["--live"]);
    assert_eq!(ended.code(), Some(1), "{ended:#?}");
    assert_eq!(ended.finding("runtime-isolation")["outcome"], "unmet", "{ended:#?}");
    until_ended(cluster, &namespace);
}

/// Judges a pod whose template, in a paused rollout, has a fault no more.
fn repaired(cluster: &Cluster, fault: fn(&mut Value)) -> Ended {
    let namespace = cluster.namespace("live");
    let mut shop = Shop { restricted: false, ..Shop::default() };
    let mut clean = shop.deployments[0].clone();
    fault(shop.pod());
    shop.open(&namespace);
    assert!(namespace.kubectl(&["rollout", "pause", "deployment/web"]).status.success());
    clean["spec"]["paused"] = json!(true);
    namespace.apply(&clean);
    let ended = verified(cluster, &namespace, &["--live"]);
    assert_eq!(ended.code(), Some(1), "{ended:#?}");
    ended
}

/// The template is bound like the running pod, which represents it.
fn faulty(cluster: &Cluster, id: &str, fault: fn(&mut Value)) {
    let ended = repaired(cluster, fault);
    let finding = ended.finding(id);
    assert_eq!(finding["outcome"], "unmet", "{finding:#}");
    let report = ended.report();
    let sandboxes = report["sandboxes"].as_array().unwrap();
    assert!(sandboxes.iter().all(|it| it["subject"]["running_pod"].is_string()), "{report:#}");
}

/// The template names another RuntimeClass than the running pod, so that a probe pod represents it.
fn outdated(cluster: &Cluster) {
    let ended = repaired(cluster, |pod| pod["runtimeClassName"] = json!("runc"));
    let report = ended.report();
    let sandboxes = report["sandboxes"].as_array().unwrap();
    let outcome = |live: bool| {
        let sandbox = sandboxes.iter().find(|it| it["subject"]["running_pod"].is_string() == live).unwrap();
        let mut findings = sandbox["findings"].as_array().unwrap().iter();
        findings.find(|it| it["id"] == "runtime-isolation").unwrap()["outcome"].clone()
    };
    assert_eq!((outcome(true), outcome(false)), (json!("unmet"), json!("met")), "{report:#}");
}

/// A class cannot be changed, and can be replaced.
fn class_changed(cluster: &Cluster) {
    let namespace = cluster.namespace("live");
    let class = format!("class-of-{}", namespace.name());
    let lent = |handler: &str| {
        cluster.lend(json!({
            "apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": { "name": class }, "handler": handler,
        }))
    };
    let mut shop = Shop::default();
    shop.pod()["runtimeClassName"] = json!(class);
    let former = lent("runc");
    shop.open(&namespace);
    drop(former);
    cluster.until("the end of the class", || {
        !cluster.kubectl(&["get", "runtimeclass", &class]).status.success()
    });
    let _now = lent("runsc");
    let ended = verified(cluster, &namespace, &["--live"]);
    assert_eq!(ended.code(), Some(1), "{ended:#?}");
    assert_eq!(ended.finding("runtime-isolation")["outcome"], "unmet", "{ended:#?}");
    let by_probe_pod = verified(cluster, &namespace, &[]);
    assert_eq!(by_probe_pod.code(), Some(3), "{by_probe_pod:#?}");
    assert_eq!(by_probe_pod.finding("runtime-isolation")["outcome"], "met", "{by_probe_pod:#?}");
}

fn policy_opened(cluster: &Cluster) {
    let _imitated = outside::imitate(cluster);
    let namespace = cluster.namespace("live");
    Shop::default().open(&namespace);
    namespace
        .apply(&policy("late", &json!({ "podSelector": {}, "policyTypes": ["Egress"], "egress": [{}] })));
    let ended = verified(cluster, &namespace, &["--live"]);
    assert_eq!(ended.code(), Some(1), "{ended:#?}");
    assert_eq!(ended.finding("network-isolation")["outcome"], "unmet", "{ended:#?}");
}

/// Calico and Cilium select pods by their service accounts.
fn identity(cluster: &Cluster) {
    let _imitated = outside::imitate(cluster);
    let namespace = cluster.namespace("live");
    let mut shop = Shop::default();
    shop.others.push(json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "web" } }));
    shop.others.push(json!({
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNetworkPolicy",
        "metadata": { "name": "by-account" },
        "spec": {
            "endpointSelector": { "matchLabels": { "io.cilium.k8s.policy.serviceaccount": "web" } },
            "egress": [{ "toEntities": ["all"] }],
        },
    }));
    shop.pod()["serviceAccountName"] = json!("web");
    shop.open(&namespace);
    let ended = verified(cluster, &namespace, &["--live"]);
    assert_eq!(ended.code(), Some(1), "{ended:#?}");
    assert_eq!(ended.finding("network-isolation")["outcome"], "unmet", "{ended:#?}");
}

fn sidecar(cluster: &Cluster) {
    const PATCH: &str = "[JSONPatch{op: 'add', path: '/spec/containers/-', value: {'name': dyn('sidecar'), \
                         'image': dyn('IMAGE'), 'imagePullPolicy': dyn('Never'), \
                         'securityContext': dyn({'runAsUser': dyn(0), 'runAsNonRoot': dyn(false), 'readOnlyRootFilesystem': dyn(true)}), \
                         'resources': dyn({'limits': {'cpu': '100m', 'memory': '64Mi'}})}}]";
    let namespace = cluster.namespace("live");
    let mut constraints = on("CREATE", "pods");
    constraints["objectSelector"] = json!({ "matchLabels": { "app": "web" } });
    let lent = lend(
        cluster,
        &namespace,
        "Mutating",
        &json!({
            "matchConstraints": constraints,
            "reinvocationPolicy": "Never",
            "mutations":
                [{ "patchType": "JSONPatch", "jsonPatch": { "expression": PATCH.replace("IMAGE", BUSYBOX) } }],
        }),
    );
    cluster.until("the policy", || rehearsed(&namespace, &pod()).out.contains("sidecar"));
    Shop { restricted: false, ..Shop::default() }.open(&namespace);
    let ended = verified(cluster, &namespace, &["--live"]);
    lacks(&ended, &["least-privilege unmet"]);
    let finding = ended.finding("least-privilege");
    assert!(finding.to_string().contains("container sidecar "), "{finding:#}");
    drop(lent);
}
