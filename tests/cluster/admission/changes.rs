//! Policies that change the pods they admit, each in one way.

use serde_json::json;
use stage::{
    Cluster,
    cluster::{ONE, Shop, TWO},
};

use super::{PRODUCTION, lend, nothing_left, on, pod, rehearsed};
use crate::{Batch, Selection, suite::AT_ONCE};

/// An annotation that each policy adds besides.
const HARMLESS: &str = "podproof.test/changed";

/// A change of the probe's pod by an admission policy.
struct Change {
    name: &'static str,
    /// The patches in CEL, where a map of several types begins with a value of type `dyn`; empty where the policy adds the harmless annotation alone.
    patch: &'static str,
    effect: Effect,
}

/// The expected effect of a change.
#[derive(Clone, Copy)]
enum Effect {
    /// The run is ready, and its report remarks the change in these words.
    Remark(&'static str),
    /// The run is inconclusive, and its report names the change in these words.
    Refusal(&'static str),
}

use Effect::{Refusal, Remark};

const CHANGES: &[Change] = &[
    Change {
        name: "a harmless annotation",
        patch: "",
        effect: Remark("annotations.podproof.test/changed was added"),
    },
    Change {
        name: "an environment variable",
        patch: "JSONPatch{op: 'add', path: '/spec/containers/0/env', \
                value: [{'name': 'HELLO', 'value': 'world'}]}",
        effect: Remark("spec.containers.env was added: HELLO"),
    },
    Change {
        name: "a label",
        patch: "JSONPatch{op: 'add', path: '/metadata/labels/team', value: 'red'}",
        effect: Remark("metadata.labels.team was added"),
    },
    Change {
        name: "raised requests, a toleration and a node selector, as on GKE Autopilot",
        patch: "JSONPatch{op: 'replace', path: '/spec/containers/0/resources', value: { \
                'requests': {'cpu': '50m', 'memory': '64Mi'}, \
                'limits': {'cpu': '250m', 'memory': '192Mi'}}}, \
                JSONPatch{op: 'add', path: '/spec/tolerations', \
                value: [{'key': 'kubernetes.io/arch', 'operator': 'Equal', 'value': 'amd64', 'effect': 'NoSchedule'}]}, \
                JSONPatch{op: 'add', path: '/spec/nodeSelector/kubernetes.io~1os', value: 'linux'}",
        effect: Remark("spec.containers.resources.limits.memory was changed"),
    },
    Change {
        name: "a group of files, labels of SELinux and annotations, as on OpenShift",
        patch: "JSONPatch{op: 'add', path: '/spec/securityContext/fsGroup', value: 1000680000}, \
                JSONPatch{op: 'add', path: '/spec/securityContext/seLinuxOptions', value: {'level': 's0:c26,c15'}}, \
                JSONPatch{op: 'add', path: '/metadata/annotations/openshift.io~1scc', value: 'restricted-v2'}, \
                JSONPatch{op: 'replace', path: '/spec/containers/0/securityContext/capabilities/drop', \
                value: ['ALL', 'KILL']}",
        effect: Remark("spec.securityContext.fsGroup was added"),
    },
    Change {
        name: "a proxy beside the probe, as a mesh adds it",
        patch: "JSONPatch{op: 'add', path: '/spec/initContainers', \
                value: [{'name': dyn('mesh-proxy'), 'image': dyn('podproof.test/busybox:1'), \
                'restartPolicy': dyn('Always'), \
                'resources': dyn({'limits': {'cpu': '100m', 'memory': '64Mi'}})}]}, \
                JSONPatch{op: 'add', path: '/metadata/labels/security.istio.io~1tlsMode', value: 'istio'}",
        effect: Remark("spec.initContainers was added: mesh-proxy"),
    },
    Change {
        name: "a folder of its own for temporary files",
        patch: "JSONPatch{op: 'add', path: '/spec/volumes', value: [{'name': dyn('tmp'), 'emptyDir': dyn({})}]}, \
                JSONPatch{op: 'add', path: '/spec/containers/0/volumeMounts', \
                value: [{'name': 'tmp', 'mountPath': '/tmp'}]}",
        effect: Remark("spec.containers.volumeMounts was added: tmp"),
    },
    Change {
        name: "a longer grace period, a spread and DNS options",
        patch: "JSONPatch{op: 'replace', path: '/spec/terminationGracePeriodSeconds', value: 6}, \
                JSONPatch{op: 'add', path: '/spec/dnsConfig', value: {'options': [{'name': 'ndots', 'value': '1'}]}}, \
                JSONPatch{op: 'add', path: '/spec/topologySpreadConstraints', value: [{'maxSkew': dyn(1), \
                'topologyKey': dyn('kubernetes.io/hostname'), 'whenUnsatisfiable': dyn('ScheduleAnyway')}]}",
        effect: Remark("spec.dnsConfig.options was added: ndots"),
    },
    Change {
        name: "a removed affinity",
        patch: "JSONPatch{op: 'remove', path: '/spec/affinity'}",
        effect: Remark("spec.affinity"),
    },
    Change {
        name: "another RuntimeClass",
        patch: "JSONPatch{op: 'replace', path: '/spec/runtimeClassName', value: 'runc'}",
        effect: Refusal("spec.runtimeClassName was changed from"),
    },
    Change {
        name: "another value of the workload's label",
        patch: "JSONPatch{op: 'replace', path: '/metadata/labels/app', value: 'api'}",
        effect: Refusal("metadata.labels.app was changed from"),
    },
    Change {
        name: "another network",
        patch: "JSONPatch{op: 'add', path: '/metadata/annotations/k8s.v1.cni.cncf.io~1networks', value: 'other'}",
        effect: Refusal("metadata.annotations.k8s.v1.cni.cncf.io/networks was added"),
    },
    Change {
        name: "a setting of gVisor",
        patch: "JSONPatch{op: 'add', path: '/metadata/annotations/dev.gvisor.flag.net-raw', value: 'true'}",
        effect: Refusal("metadata.annotations.dev.gvisor.flag.net-raw was added"),
    },
    Change {
        name: "a path of the node",
        patch: "JSONPatch{op: 'add', path: '/spec/volumes', \
                value: [{'name': dyn('agent'), 'hostPath': dyn({'path': '/var/run'})}]}",
        effect: Refusal("spec.volumes was added: agent"),
    },
    Change {
        name: "a removed owner",
        patch: "JSONPatch{op: 'remove', path: '/metadata/ownerReferences'}",
        effect: Refusal("metadata.ownerReferences was removed"),
    },
];

pub(crate) fn batch() -> Batch {
    Batch { names: rows().map(|(name, _)| name).collect(), run }
}

fn rows() -> impl Iterator<Item = (String, &'static Change)> {
    CHANGES.iter().map(|change| (format!("a policy that changes the probe's pod: {}", change.name), change))
}

fn run(cluster: &Cluster, selection: &Selection) {
    selection.run(AT_ONCE, &selection.of(rows()), |change| changed(cluster, change.patch, change.effect));
}

fn changed(cluster: &Cluster, patch: &str, effect: Effect) {
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
    ours["spec"]["terminationGracePeriodSeconds"] = json!(5);
    cluster.until("the policy", || {
        let ended = rehearsed(&shop, &ours);
        assert!(ended.status.success(), "{ended:#?}");
        ended.out.contains(HARMLESS)
    });
    let ended = cluster.verify(&shop, &control, PRODUCTION);
    let report = ended.report();
    let (place, says, code) = match effect {
        Remark(says) => ("notes", says, 0),
        Refusal(says) => ("sandboxes", says, 3),
    };
    let told = report[place].to_string();
    assert!(told.contains("admission changed the probe") && told.contains(says), "{says}: {ended:#?}");
    assert_eq!(ended.code(), Some(code), "{ended:#?}");
    nothing_left(&[&shop, &control]);
}

/// The network of another node says nothing of the probe's.
pub(super) fn of_control(cluster: &Cluster) {
    let (shop, control) = (cluster.namespace("placed"), cluster.namespace("control"));
    Shop::default().open(&shop);
    let term =
        "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0";
    let expression =
        format!("[JSONPatch{{op: 'replace', path: '{term}/matchFields/0/values/0', value: '{TWO}'}}]");
    let _loans = lend(
        cluster,
        &control,
        "Mutating",
        &json!({
            "matchConstraints": on("CREATE", "pods"),
            "matchConditions": [{ "name": "placed", "expression": "has(object.spec.affinity)" }],
            "reinvocationPolicy": "Never",
            "mutations": [{ "patchType": "JSONPatch", "jsonPatch": { "expression": expression } }],
        }),
    );
    let mut ours = pod();
    let field = json!({ "key": "metadata.name", "operator": "In", "values": [ONE] });
    ours["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"] =
        json!({ "nodeSelectorTerms": [{ "matchFields": [field] }] });
    cluster.until("the policy", || {
        let ended = rehearsed(&control, &ours);
        assert!(ended.status.success(), "{ended:#?}");
        ended.out.contains(&format!("\"{TWO}\""))
    });
    let ended = cluster.verify(&shop, &control, PRODUCTION);
    assert_eq!(ended.code(), Some(3), "{ended:#?}");
    let told = ended.report()["sandboxes"].to_string();
    assert!(told.contains(&format!("runs on {TWO}, not on {ONE}; exempt the control namespace")), "{told}");
    nothing_left(&[&shop, &control]);
}
