//! The objects of the simulated cluster: a hardened workload of gVisor, in two node pools, under a policy that denies
//! everything.

use serde_json::{Value, json};

use crate::store::{Key, key};

/// The namespace that is judged.
pub(crate) const NAMESPACE: &str = "shop";
/// The namespace of the control pods.
pub(crate) const CONTROL: &str = "podproof";
/// The number of places whose evidence a verdict needs: the workload runs in two node pools.
pub(crate) const PLACES: usize = 2;
/// The digest of every image on nodes of amd64.
pub(crate) const DIGEST: &str = "sha256:0707070707070707070707070707070707070707070707070707070707070707";
/// The digest of every image on nodes of arm64.
pub(crate) const ARM_DIGEST: &str = "sha256:0808080808080808080808080808080808080808080808080808080808080808";
/// The annotation of a namespace with the digest of another image, which its pods run in place of theirs.
pub(crate) const EXCHANGED: &str = "podproof.test/image-digest";
/// The annotation of a namespace whose admission takes the affinity from each pod.
pub(crate) const UNPLACED: &str = "podproof.test/unplaced";
/// The annotation of a namespace with the Secret that its pods must name, so that the nodes may pull their image.
pub(crate) const PULL_SECRET: &str = "podproof.test/pull-secret";
/// The annotation of a namespace in whose pods a process starts after so many seconds.
pub(crate) const SLOW: &str = "podproof.test/slow";
/// The annotation of a namespace whose pods start after so many seconds.
pub(crate) const STARTS_IN: &str = "podproof.test/starts-in";
/// The annotation of a node with the number of pods for which it has room.
pub(crate) const ROOM: &str = "podproof.test/room";
/// The annotation of a namespace whose network is open to each pod until the pod has given its evidence.
pub(crate) const OPEN_AT_FIRST: &str = "podproof.test/open-at-first";
/// The image on nodes of amd64, as `--image-digest` names it.
pub(crate) const IMAGE: &str =
    "amd64=sha256:0707070707070707070707070707070707070707070707070707070707070707";

/// The beginning of the addresses of pods in the judged namespace.
pub(crate) const ADDRESSES: &str = "10.244.1.";

/// Returns every object with its key.
pub(crate) fn objects() -> Vec<(Key, Value)> {
    let labels = json!({ "pod-security.kubernetes.io/enforce": "restricted" });
    vec![
        (key("namespaces", "", NAMESPACE), json!({ "metadata": { "labels": labels } })),
        (key("namespaces", "", CONTROL), json!({ "metadata": { "labels": labels } })),
        (key("namespaces", "", "default"), json!({ "metadata": {} })),
        (key("nodes", "", "one"), node("one", "sandbox", "10.99.0.2")),
        (key("nodes", "", "two"), node("two", "other", "10.99.0.3")),
        (key("runtimeclasses", "", "gvisor"), json!({ "metadata": {}, "handler": "runsc" })),
        (
            key("networkpolicies", NAMESPACE, "default-deny"),
            json!({
                "metadata": {},
                "spec": { "podSelector": {}, "policyTypes": ["Ingress", "Egress"] },
            }),
        ),
        (
            key("services", "default", "kubernetes"),
            json!({
                "metadata": {},
                "spec": { "clusterIPs": ["10.96.0.1"], "ports": [{ "name": "https", "port": 443, "targetPort": 6443 }] },
            }),
        ),
        (
            key("endpointslices", "default", "kubernetes"),
            json!({
                "metadata": { "labels": { "kubernetes.io/service-name": "kubernetes" } },
                "addressType": "IPv4",
                "endpoints": [{ "addresses": ["10.99.0.2"], "conditions": { "ready": true } }],
                "ports": [{ "name": "https", "protocol": "TCP", "port": 6443 }],
            }),
        ),
        (
            key("deployments", NAMESPACE, "web"),
            json!({
                "metadata": {},
                "spec": { "selector": { "matchLabels": { "app": "web" } }, "template": template() },
            }),
        ),
        (key("pods", NAMESPACE, "web-1"), pod("one", "10.244.1.200")),
        (key("pods", NAMESPACE, "web-2"), pod("two", "10.244.1.201")),
        // No run made this object.
        (
            key("configmaps", NAMESPACE, "settings"),
            json!({ "metadata": { "labels": { "podproof.dev/run": "canary" } }, "data": { "colour": "red" } }),
        ),
    ]
}

pub(crate) fn node(name: &str, pool: &str, address: &str) -> Value {
    json!({
        "metadata": { "labels": { "cloud.google.com/gke-nodepool": pool, "kubernetes.io/arch": "amd64" } },
        "spec": {},
        "status": {
            "addresses": [{ "type": "InternalIP", "address": address }],
            "capacity": { "memory": "25275768832", "cpu": "8" },
            "conditions": [{ "type": "Ready", "status": "True" }],
            "runtimeHandlers": [{ "name": "runsc" }],
            "nodeInfo": {
                "architecture": "amd64", "bootID": "82571336-c707-4ae1-b6a1-ab2f425a3d24",
                "containerRuntimeVersion": "containerd://2.4.2", "kernelVersion": "6.12.57+deb13-amd64",
                "kubeProxyVersion": "", "kubeletVersion": "v1.35.4",
                "machineID": format!("machine {name}"), "operatingSystem": "linux",
                "osImage": "Debian GNU/Linux 12 (bookworm)", "systemUUID": format!("system {name}"),
            },
        },
    })
}

fn template() -> Value {
    json!({ "metadata": { "labels": { "app": "web" } }, "spec": {
        "runtimeClassName": "gvisor",
        "automountServiceAccountToken": false,
        "securityContext": {
            "runAsNonRoot": true, "runAsUser": 1000, "seccompProfile": { "type": "RuntimeDefault" },
        },
        "containers": [{
            "name": "app",
            "image": "registry.example/web:1",
            "resources": { "limits": { "memory": "128Mi", "cpu": "500m" } },
            "securityContext": {
                "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
                "capabilities": { "drop": ["ALL"] },
            },
        }],
    } })
}

fn pod(node: &str, address: &str) -> Value {
    let mut pod = template();
    pod["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "w", "controller": true,
    }]);
    pod["spec"]["nodeName"] = json!(node);
    let digits = address.replace('.', "");
    let status = json!({
        "name": "app", "image": "", "imageID": "", "ready": true, "restartCount": 0,
        "containerID": format!("containerd://{digits:0>64}"), "state": { "running": {} },
    });
    pod["status"] =
        json!({ "phase": "Running", "podIPs": [{ "ip": address }], "containerStatuses": [status] });
    pod
}
