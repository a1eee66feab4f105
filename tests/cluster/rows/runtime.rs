//! Faults of the runtime, one per row.

use std::process;

use serde_json::json;
use stage::{
    Cluster,
    cluster::{Loan, Shop, deployment},
};

use super::{CLEAN, Lacks, Row};

/// Outcomes without a probe.
const NO_PROBE: Lacks = &[
    ("api-server-blocked", "inconclusive"),
    ("closed-from-the-start", "inconclusive"),
    ("coverage", "inconclusive"),
    ("dns-contained", "inconclusive"),
    ("filesystem-isolation", "inconclusive"),
    ("host-sockets-absent", "inconclusive"),
    ("ingress-closed", "inconclusive"),
    ("least-privilege", "inconclusive"),
    ("limits-enforced", "inconclusive"),
    ("metadata-blocked", "inconclusive"),
    ("neighbours-blocked", "inconclusive"),
    ("network-isolation", "inconclusive"),
    ("policies-enforced", "inconclusive"),
    ("probe-integrity", "inconclusive"),
    ("resource-limits", "inconclusive"),
    ("root-read-only", "inconclusive"),
    ("runtime-class-exists", "unmet"),
    ("runtime-class-used", "unmet"),
    ("runtime-isolation", "inconclusive"),
    ("runtime-settings", "inconclusive"),
    ("secrets-absent", "inconclusive"),
];

/// Outcomes of pods on the node's own kernel. Their control groups, which containerd mounts, show the limits.
pub(super) const OWN_KERNEL: Lacks = &[
    ("runtime-class-exists", "unmet"),
    ("runtime-class-used", "unmet"),
    ("runtime-isolation", "unmet"),
    ("runtime-settings", "not-applicable"),
];

/// Outcomes of pods beside others on the node's own kernel.
pub(super) const OTHERS: Lacks = &[("runtime-class-used", "unmet")];

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "a RuntimeClass that does not exist",
        spoil: |shop| {
            shop.pod()["runtimeClassName"] = json!("nothing-of-the-kind");
            shop.starts = false;
        },
        lacks: &[("deployment/web", NO_PROBE)],
        code: 1,
        says: "there is no RuntimeClass nothing-of-the-kind",
        ..CLEAN
    },
    Row {
        name: "a RuntimeClass named gvisor whose handler is runc",
        spoil: |shop| shop.pod()["runtimeClassName"] = json!(liar()),
        lend: |cluster| vec![class(cluster, &liar(), "runc")],
        lacks: &[("pod/web", OWN_KERNEL)],
        code: 1,
        says: "the handler runc has another name than gVisor's, and the probe saw another kernel",
        ..CLEAN
    },
    Row {
        name: "a RuntimeClass whose handler has another name than gVisor's",
        spoil: |shop| shop.pod()["runtimeClassName"] = json!(renamed()),
        lend: |cluster| vec![class(cluster, &renamed(), "sandboxed")],
        says: "the handler sandboxed has another name than gVisor's, and the probe saw gVisor's kernel",
        ..CLEAN
    },
    Row {
        name: "a workload without a RuntimeClass",
        spoil: |shop| {
            let web = deployment("web");
            shop.deployments[0] = deployment("plain");
            classless(shop);
            shop.deployments.push(web);
        },
        lacks: &[("pod/plain", OWN_KERNEL), ("pod/web", OTHERS)],
        code: 1,
        says: "deployment/plain names no RuntimeClass",
        ..CLEAN
    },
    Row {
        name: "pods that are older than the RuntimeClass of their template",
        spoil: classless,
        then: |namespace| {
            let class = r#"{"spec":{"paused":true,"template":{"spec":{"runtimeClassName":"gvisor"}}}}"#;
            let patched = namespace.kubectl(&["patch", "deployment/web", "--patch", class]);
            assert!(patched.status.success(), "{patched:#?}");
        },
        lacks: &[("pod/web", OWN_KERNEL), ("deployment/web", OTHERS)],
        code: 1,
        says: "its deployment now names gvisor, and the pod was made before",
        ..CLEAN
    },
    Row {
        name: "a pod that opens the host's sockets",
        spoil: |shop| annotate(shop, "dev.gvisor.flag.host-uds", "open"),
        lacks: &[("pod/web", &[("runtime-settings", "unmet")])],
        code: 1,
        says: "dev.gvisor.flag.host-uds=open",
        ..CLEAN
    },
    Row {
        name: "a pod with a bundle of gVisor's flags",
        spoil: |shop| annotate(shop, "dev.gvisor.bundle.experimental-high-performance", "true"),
        lacks: &[("pod/web", &[("runtime-settings", "unmet")])],
        code: 1,
        says: "it turns on directfs",
        ..CLEAN
    },
    Row {
        name: "an annotation of gVisor's that nobody knows",
        spoil: |shop| annotate(shop, "dev.gvisor.of-tomorrow", "true"),
        lacks: &[("pod/web", &[("runtime-settings", "inconclusive")])],
        code: 3,
        says: "dev.gvisor.of-tomorrow=true, which is not known to be harmless",
        ..CLEAN
    },
    Row {
        name: "harmless annotations of gVisor's",
        spoil: |shop| {
            shop.template()["metadata"]["annotations"] = json!({
                "dev.gvisor.internal.seccomp.app": "RuntimeDefault",
                "dev.gvisor.flag.debug": "false",
                "dev.gvisor.flag.overlay2": "root:self,size=64m",
            });
        },
        ..CLEAN
    },
    Row {
        name: "a runtime that ignores control groups",
        spoil: |shop| shop.pod()["runtimeClassName"] = json!(unlimited()),
        lend: |cluster| vec![class(cluster, &unlimited(), "runsc-unlimited")],
        // gVisor has all memory that the machine and its control group leave it (`runsc/sandbox/sandbox.go`,
        // `--total-memory`).
        lacks: &[("pod/web", &[("limits-enforced", "unmet"), ("resource-limits", "unmet")])],
        code: 1,
        says: "the declared memory limit does not reach the sandbox: the sandbox shows the node's memory",
        ..CLEAN
    },
];

fn annotate(shop: &mut Shop, key: &str, value: &str) {
    shop.template()["metadata"]["annotations"] = json!({ key: value });
}

fn classless(shop: &mut Shop) {
    shop.pod().as_object_mut().unwrap().remove("runtimeClassName");
}

fn class<'a>(cluster: &'a Cluster, name: &str, handler: &str) -> Loan<'a> {
    cluster.lend(json!({
        "apiVersion": "node.k8s.io/v1",
        "kind": "RuntimeClass",
        "metadata": { "name": name },
        "handler": handler,
    }))
}

/// Names of objects of the whole cluster contain the process's number, because several runs may share a cluster.
fn liar() -> String {
    format!("gvisor-liar-{}", process::id())
}

fn renamed() -> String {
    format!("safe-{}", process::id())
}

fn unlimited() -> String {
    format!("gvisor-unlimited-{}", process::id())
}
