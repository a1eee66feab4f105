//! Running pods that differ from their templates, or from a new pod of the same template: each is not ready for exactly that
//! difference. The run of a probe pod in the same namespace stands beside it.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use stage::{
    Cluster, Ended,
    cluster::{BUSYBOX, Loan, Namespace, ONE, Shop, policy},
};

use super::{pods, unharmed, until_ended, verified};
use crate::{
    Batch, Selection,
    admission::{lend, on, pod, rehearsed},
    outside,
    suite::AT_ONCE,
};

/// Requirements that are not met, each with its outcome.
type Lacks = &'static [&'static str];

/// A namespace whose running pod has one difference.
struct Row {
    name: &'static str,
    /// Makes the namespace's content, and returns the objects outside of it.
    make: for<'a> fn(&'a Cluster, &Namespace<'_>) -> Vec<Loan<'a>>,
    /// The gaps of the running pod. A template beside it that has a probe pod of its own has none.
    live: Lacks,
    /// Words by which the reader recognises the difference.
    says: &'static str,
    /// The exit code and the gaps of a run with a probe pod in the same namespace.
    beside: (i32, Lacks),
}

/// Gaps of a running pod of runc. The limits of an ephemeral container say nothing of the pod's.
const RUNC: Lacks = &[
    "limits-enforced inconclusive",
    "resource-limits inconclusive",
    "runtime-class-exists unmet",
    "runtime-class-used unmet",
    "runtime-isolation unmet",
];
const RUNC_BY_PROBE_POD: Lacks =
    &["runtime-class-exists unmet", "runtime-class-used unmet", "runtime-isolation unmet"];

/// Gaps of a pod that reaches everything.
const OPENED: Lacks = &[
    "api-server-blocked unmet",
    "dns-contained unmet",
    "metadata-blocked unmet",
    "neighbours-blocked unmet",
    "network-isolation unmet",
];

/// Gaps of pods that a policy lets reach everything by an account that is not the probe's.
const BOUND_OTHERWISE: Lacks = &[
    "api-server-blocked inconclusive",
    "closed-from-the-start inconclusive",
    "dns-contained inconclusive",
    "ingress-closed inconclusive",
    "metadata-blocked inconclusive",
    "neighbours-blocked inconclusive",
    "network-isolation unmet",
    "network-policies-apply inconclusive",
    "policies-enforced inconclusive",
];

/// Gaps of a pod with a process that can write evidence in the probe's name.
const TAMPERED: Lacks = &["least-privilege unmet", "probe-integrity inconclusive"];

const ROWS: &[Row] = &[
    Row {
        name: "a pod of runc",
        make: |_, namespace| open(namespace, |shop| shop.pod()["runtimeClassName"] = json!("runc")),
        live: RUNC,
        says: "the machine's boot id",
        beside: (1, RUNC_BY_PROBE_POD),
    },
    Row {
        name: "a pod of runc under a template of gVisor",
        make: |_, namespace| repaired(namespace, |pod| pod["runtimeClassName"] = json!("runc")),
        live: RUNC,
        says: "the machine's boot id",
        beside: (1, RUNC_BY_PROBE_POD),
    },
    Row {
        name: "a pod that started before its RuntimeClass changed",
        make: class_changed,
        live: RUNC,
        says: "the machine's boot id",
        beside: (3, &["runtime-class-used inconclusive"]),
    },
    Row {
        name: "a policy that was opened after the pod's start",
        make: |_, namespace| {
            Shop::default().open(namespace);
            let opened = json!({ "podSelector": {}, "policyTypes": ["Egress"], "egress": [{}] });
            namespace.apply(&policy("late", &opened));
            Vec::new()
        },
        live: OPENED,
        says: "NetworkPolicy late",
        beside: (1, OPENED),
    },
    Row {
        name: "a policy that opens the network for the pod's service account",
        make: |_, namespace| open(namespace, by_account),
        live: OPENED,
        says: "by-account",
        beside: (1, BOUND_OTHERWISE),
    },
    Row {
        name: "a sidecar that admission added",
        make: sidecar,
        live: TAMPERED,
        says: "container sidecar ",
        beside: (1, &["least-privilege unmet"]),
    },
    Row {
        name: "a path of the node in the running pod alone",
        make: |_, namespace| {
            repaired(namespace, |pod| {
                pod["volumes"] = json!([{ "name": "node", "hostPath": { "path": "/etc" } }]);
                pod["containers"][0]["volumeMounts"] =
                    json!([{ "name": "node", "mountPath": "/node", "readOnly": true }]);
            })
        },
        live: &["filesystem-isolation unmet"],
        says: "/etc",
        beside: (1, &["filesystem-isolation unmet"]),
    },
    Row {
        name: "a container that runs as root although its template says otherwise",
        make: |_, namespace| repaired(namespace, |pod| pod["securityContext"] = json!({ "runAsUser": 0 })),
        live: TAMPERED,
        says: "runs as root",
        beside: (1, &["least-privilege unmet"]),
    },
    Row {
        name: "a capability of the running pod",
        make: |_, namespace| {
            repaired(namespace, |pod| {
                pod["securityContext"]["runAsUser"] = json!(0);
                pod["securityContext"]["runAsNonRoot"] = json!(false);
                pod["containers"][0]["securityContext"]["capabilities"]["add"] = json!(["SYS_ADMIN"]);
            })
        },
        live: TAMPERED,
        says: "SYS_ADMIN",
        beside: (1, &["least-privilege unmet"]),
    },
    Row {
        name: "two containers of which one is privileged",
        make: |_, namespace| {
            repaired(namespace, |pod| {
                let mut second = pod["containers"][0].clone();
                second["name"] = json!("second");
                second["securityContext"] = json!({ "privileged": true, "readOnlyRootFilesystem": true });
                pod["containers"].as_array_mut().unwrap().push(second);
            })
        },
        live: TAMPERED,
        says: "second",
        beside: (1, &["least-privilege unmet"]),
    },
    Row {
        name: "a process of root that somebody started in the container",
        make: |cluster, namespace| {
            Shop::default().open(namespace);
            let status = namespace.get(&["pods"])["items"][0]["status"]["containerStatuses"][0].clone();
            let id = status["containerID"].as_str().unwrap().split_once("://").unwrap().1.to_owned();
            let fifos = cluster.state().join("fifos").display().to_string();
            let words =
                ["tasks", "exec", "--detach", "--fifo-dir", &fifos, "--exec-id", "root", "--user", "0", &id];
            let command = ["/bin/sh", "-c", "sleep 600"];
            let ended = cluster.node(ONE).ctr(&[&words[..], &command].concat());
            assert!(ended.status.success(), "{ended:#?}");
            Vec::new()
        },
        live: &["least-privilege unmet"],
        says: "runs as root, although the specification of its pod rules that out",
        beside: (0, &[]),
    },
];

pub(crate) fn batch() -> Batch {
    Batch { names: rows().map(|(name, _)| name).collect(), run }
}

fn rows() -> impl Iterator<Item = (String, &'static Row)> {
    ROWS.iter().map(|row| (format!("with --live, and beside it a probe pod: {}", row.name), row))
}

fn run(cluster: &Cluster, selection: &Selection) {
    cluster.probe_image();
    // The control pod reaches the outside, so that a pod that does not is held back by its policy.
    let _imitated = outside::imitate(cluster);
    let rows = selection.of(rows());
    selection.run(AT_ONCE, &rows, |row| row.judge(cluster));
}

impl Row {
    fn judge(&self, cluster: &Cluster) {
        let namespace = cluster.namespace("live");
        let _lent = (self.make)(cluster, &namespace);
        let before = pods(&namespace);
        let live = verified(cluster, &namespace, &["--live"]);
        let (code, beside) = self.beside;
        let by_probe_pod = verified(cluster, &namespace, &[]);
        let found = (
            (live.code(), lacking(&live, Some(true)), lacking(&live, Some(false))),
            (by_probe_pod.code(), lacking(&by_probe_pod, None)),
        );
        let expected = ((Some(1), set(self.live), set(&[])), (Some(code), set(beside)));
        assert_eq!(found, expected, "{live:#?} {by_probe_pod:#?}");
        assert!(live.out.contains(self.says), "{live:#?}");
        until_ended(cluster, &namespace);
        unharmed(&namespace, &before, 1);
    }
}

fn set(lacks: Lacks) -> BTreeSet<String> {
    lacks.iter().map(|&it| it.to_owned()).collect()
}

/// Returns the requirements that are unmet or inconclusive: in the sandboxes of running pods, in the others, or in all.
fn lacking(ended: &Ended, in_place: Option<bool>) -> BTreeSet<String> {
    let report = ended.report();
    let sandboxes = report["sandboxes"].as_array().unwrap().iter();
    let asked_for = sandboxes
        .filter(|it| in_place.is_none_or(|in_place| it["subject"]["running_pod"].is_string() == in_place));
    asked_for
        .flat_map(|sandbox| sandbox["findings"].as_array().unwrap().clone())
        .filter(|finding| finding["class"] != "advisory")
        .filter(|finding| finding["outcome"] == "unmet" || finding["outcome"] == "inconclusive")
        .map(|finding| {
            format!("{} {}", finding["id"].as_str().unwrap(), finding["outcome"].as_str().unwrap())
        })
        .collect()
}

fn open<'a>(namespace: &Namespace<'_>, spoil: fn(&mut Shop)) -> Vec<Loan<'a>> {
    let mut shop = Shop::default();
    spoil(&mut shop);
    shop.open(namespace);
    Vec::new()
}

/// Makes a pod whose template, in a paused rollout, has the pod's fault no more.
fn repaired<'a>(namespace: &Namespace<'_>, fault: fn(&mut Value)) -> Vec<Loan<'a>> {
    let mut shop = Shop { restricted: false, ..Shop::default() };
    let mut clean = shop.deployments[0].clone();
    fault(shop.pod());
    shop.open(namespace);
    assert!(namespace.kubectl(&["rollout", "pause", "deployment/web"]).status.success());
    clean["spec"]["paused"] = json!(true);
    namespace.apply(&clean);
    Vec::new()
}

/// A class cannot be changed, and can be replaced.
fn class_changed<'a>(cluster: &'a Cluster, namespace: &Namespace<'_>) -> Vec<Loan<'a>> {
    let class = format!("class-of-{}", namespace.name());
    let lent = |handler: &str| {
        cluster.lend(json!({
            "apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": { "name": class }, "handler": handler,
        }))
    };
    let former = lent("runc");
    let mut shop = Shop::default();
    shop.pod()["runtimeClassName"] = json!(class);
    shop.open(namespace);
    drop(former);
    cluster.until("the end of the class", || {
        !cluster.kubectl(&["get", "runtimeclass", &class]).status.success()
    });
    vec![lent("runsc")]
}

/// Calico and Cilium select pods by their service accounts.
fn by_account(shop: &mut Shop) {
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
}

fn sidecar<'a>(cluster: &Cluster, namespace: &Namespace<'_>) -> Vec<Loan<'a>> {
    const PATCH: &str = "[JSONPatch{op: 'add', path: '/spec/containers/-', value: {'name': dyn('sidecar'), \
                         'image': dyn('IMAGE'), 'imagePullPolicy': dyn('Never'), \
                         'securityContext': dyn({'runAsUser': dyn(0), 'runAsNonRoot': dyn(false), 'readOnlyRootFilesystem': dyn(true)}), \
                         'resources': dyn({'limits': {'cpu': '100m', 'memory': '64Mi'}})}}]";
    let mut constraints = on("CREATE", "pods");
    constraints["objectSelector"] = json!({ "matchLabels": { "app": "web" } });
    let lent = lend(
        cluster,
        namespace,
        "Mutating",
        &json!({
            "matchConstraints": constraints,
            "reinvocationPolicy": "Never",
            "mutations":
                [{ "patchType": "JSONPatch", "jsonPatch": { "expression": PATCH.replace("IMAGE", BUSYBOX) } }],
        }),
    );
    cluster.until("the policy", || rehearsed(namespace, &pod()).out.contains("sidecar"));
    Shop { restricted: false, ..Shop::default() }.open(namespace);
    // A pod that is made from now on is as the template says.
    drop(lent);
    cluster.until("the end of the policy", || !rehearsed(namespace, &pod()).out.contains("sidecar"));
    Vec::new()
}
