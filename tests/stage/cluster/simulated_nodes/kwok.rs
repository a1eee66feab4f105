//! kwok, which plays every kubelet: stages that let nodes and pods come up, and an exec that runs the command.

use std::path::Path;

use serde_json::{Value, json};

use super::{ONE, Place, Service, State, container, network};

/// The port of every kubelet.
pub(super) const PORT: u16 = 10250;
/// The image of pods that wait for ever.
pub const NEVER_STARTS: &str = "podproof.test/never-starts:1";
/// The digest of every image that runs.
pub const IMAGE_DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
/// The place of that digest in the template of a pod's status.
const DIGEST: &str = "DIGEST";

/// A pod with readiness gates never becomes ready, because nobody sets their conditions.
const RUNNING: &str = r#"
{{ $now := Now }}
{{ $root := . }}
{{ $ready := not .spec.readinessGates }}
phase: Running
startTime: {{ $now | Quote }}
conditions:
- { type: Initialized, status: "True", lastTransitionTime: {{ $now | Quote }} }
- { type: ContainersReady, status: "True", lastTransitionTime: {{ $now | Quote }} }
- { type: Ready, status: {{ if $ready }}"True"{{ else }}"False"{{ end }}, lastTransitionTime: {{ $now | Quote }} }
containerStatuses:
{{ range .spec.containers }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  imageID: "registry.example/image@DIGEST"
  containerID: "containerd://{{ $root.metadata.uid }}"
  ready: true
  started: true
  restartCount: 0
  state: { running: { startedAt: {{ $now | Quote }} } }
{{ end }}
{{ with NodeIPsWith .spec.nodeName }}
hostIP: {{ index . 0 | Quote }}
hostIPs:
- ip: {{ index . 0 | Quote }}
{{ end }}
{{ with PodIPsWith .spec.nodeName false ( or .metadata.uid "" ) ( or .metadata.name "" ) ( or .metadata.namespace "" ) }}
podIP: {{ index . 0 | Quote }}
podIPs:
- ip: {{ index . 0 | Quote }}
{{ end }}
"#;

const READY: &str = r"
{{ $now := Now }}
conditions:
{{ range NodeConditions }}
- type: {{ .type | Quote }}
  status: {{ .status | Quote }}
  reason: {{ .reason | Quote }}
  message: {{ .message | Quote }}
  lastHeartbeatTime: {{ $now | Quote }}
  lastTransitionTime: {{ $now | Quote }}
{{ end }}
addresses:
- { type: InternalIP, address: {{ NodeIP | Quote }} }
- { type: Hostname, address: {{ .metadata.name | Quote }} }
daemonEndpoints: { kubeletEndpoint: { Port: {{ NodePort }} } }
";

/// Returns the service, which runs below the root that `container` makes.
pub(super) fn service(state: &State, place: Place, folder: &Path) -> Service {
    let documents: Vec<_> = documents().iter().map(Value::to_string).collect();
    let file = state.write("kwok.yaml", documents.join("\n---\n"));
    Service::new(state, place, "kwok", "chroot")
        .word(container::ROOT)
        .word(folder.join("kwok"))
        .option("--config", file)
        .option("--kubeconfig", state.kubeconfig())
}

fn documents() -> [Value; 5] {
    let options = json!({
        "manageAllNodes": true,
        "enableDebuggingHandlers": true,
        "nodeIP": network::address(ONE),
        "nodePort": PORT,
        "podPlayStageParallelism": 16,
        "nodePlayStageParallelism": 16,
        "podsOnNodeSyncParallelism": 4,
        "enablePodsOnNodeSyncListPager": false,
        "enablePodsOnNodeSyncStreamWatch": false,
    });
    let there = json!({ "key": ".metadata.deletionTimestamp", "operator": "DoesNotExist" });
    let pending = json!({ "key": ".status.phase", "operator": "In", "values": ["Pending"] });
    let starts = json!({ "key": ".spec.containers.[].image", "operator": "NotIn", "values": [NEVER_STARTS] });
    let deleted = json!({ "key": ".metadata.deletionTimestamp", "operator": "Exists" });
    let unready = json!({
        "key": ".status.conditions.[] | select( .type == \"Ready\" ) | .status",
        "operator": "NotIn",
        "values": ["True"],
    });
    [
        json!({ "apiVersion": "config.kwok.x-k8s.io/v1alpha1", "kind": "KwokConfiguration", "options": options }),
        stage("node-ready", "Node", &[unready], &json!({ "statusTemplate": READY })),
        stage(
            "pod-running",
            "Pod",
            &[there, pending, starts],
            &json!({ "statusTemplate": RUNNING.replace(DIGEST, IMAGE_DIGEST) }),
        ),
        stage("pod-deleted", "Pod", &[deleted], &json!({ "delete": true })),
        json!({
            "apiVersion": "kwok.x-k8s.io/v1alpha1",
            "kind": "ClusterExec",
            "metadata": { "name": "probe" },
            "spec": { "execs": [{ "local": { "workDir": "/" } }] },
        }),
    ]
}

fn stage(name: &str, kind: &str, selector: &[Value], next: &Value) -> Value {
    json!({
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": { "name": name },
        "spec": {
            "resourceRef": { "apiGroup": "v1", "kind": kind },
            "selector": { "matchExpressions": selector },
            "next": next,
        },
    })
}
