//! Pods as others write them, by fields and values: each with every requirement that production finds not met, beside clean
//! evidence and a default-deny policy.

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::api::core::v1::PodTemplateSpec;

use super::*;
use crate::{
    case::{Case, environment::Environment},
    fixture,
    judge::{
        finding::{Finding, Judged},
        policy::Policy,
        requirement::Outcome,
    },
};

/// Judges a pod template in place of the workload; returns the requirements that are not met for its sake, each as unmet or
/// inconclusive.
fn lacks(yaml: &str) -> BTreeMap<&'static str, &'static str> {
    let template: PodTemplateSpec = serde_saphyr::from_str(yaml).unwrap();
    let origin = Origin { kind: "statefulset".into(), name: "agent".into(), pod: None };
    let view = pod_view(origin, template.metadata.unwrap_or_default(), &template.spec.unwrap());
    let mut case = fixture::pod();
    let clean = not_met(&case);
    let known = case.surroundings.in_cluster.as_mut().unwrap();
    known.group.pod_views = vec![view.clone().into()];
    Arc::make_mut(&mut known.cluster).pod_views = vec![view.into()];
    let mut lacks = not_met(&case);
    lacks.retain(|id, _| !clean.contains_key(id));
    lacks
}

fn not_met(case: &Case) -> BTreeMap<&'static str, &'static str> {
    let judged = Judged::of(case, &Policy::of(Environment::Production));
    let outcome = |finding: &Finding| match finding.outcome {
        Outcome::Unmet => Some((finding.requirement.id, "unmet")),
        Outcome::Inconclusive(_) => Some((finding.requirement.id, "inconclusive")),
        _ => None,
    };
    judged.findings.iter().filter_map(outcome).collect()
}

/// kubernetes-sigs/agent-sandbox, `examples/python-runtime-sandbox`: a server with requests alone.
#[test]
fn a_sandbox_of_the_agent_sandbox_project() {
    let yaml = "
spec:
  runtimeClassName: gvisor
  containers:
  - name: python-runtime
    image: registry.example/python-runtime:latest
    ports:
    - containerPort: 8888
    readinessProbe: {httpGet: {path: /, port: 8888}, periodSeconds: 1}
    resources:
      requests: {cpu: 250m, memory: 512Mi, ephemeral-storage: 512Mi}
  restartPolicy: Always
";
    assert_eq!(
        lacks(yaml),
        BTreeMap::from([
            ("least-privilege", "unmet"),
            ("limits-declared", "unmet"),
            ("no-token", "unmet"),
            ("resource-limits", "unmet"),
            ("root-read-only", "unmet"),
        ])
    );
}

/// `UKGovernmentBEIS/inspect_k8s_sandbox`, `agent-env`: a StatefulSet under gVisor with a name server beside it.
#[test]
fn a_sandbox_of_the_inspect_chart() {
    let yaml = "
metadata:
  annotations: {karpenter.sh/do-not-disrupt: 'true'}
  labels: {inspect/service: default}
spec:
  runtimeClassName: gvisor
  automountServiceAccountToken: false
  dnsPolicy: None
  dnsConfig: {nameservers: [127.0.0.1], options: [{name: ndots, value: '1'}]}
  containers:
  - name: default
    image: registry.example/python:3.12
    command: [tail, -f, /dev/null]
    resources:
      limits: {cpu: 500m, memory: 2Gi}
      requests: {cpu: 250m, memory: 1Gi}
  - name: coredns
    image: registry.example/coredns:1.8
    args: [-conf, /etc/coredns/Corefile]
    resources:
      limits: {cpu: 50m, memory: 50Mi}
    volumeMounts: [{name: coredns-config, mountPath: /etc/coredns}]
  volumes:
  - name: coredns-config
    configMap: {name: coredns}
";
    assert_eq!(lacks(yaml), BTreeMap::from([("least-privilege", "unmet"), ("root-read-only", "unmet")]));
}

/// jupyterhub/zero-to-jupyterhub-k8s: a user's server, whose init container closes the metadata service by iptables.
#[test]
fn a_single_user_server_of_jupyterhub() {
    let yaml = "
metadata:
  labels: {component: singleuser-server, hub.jupyter.org/username: ann}
  annotations: {hub.jupyter.org/username: ann}
spec:
  runtimeClassName: gvisor
  automountServiceAccountToken: false
  securityContext: {fsGroup: 100}
  initContainers:
  - name: block-cloud-metadata
    image: registry.example/network-tools:4
    command: [iptables, -A, OUTPUT, -d, 169.254.169.254, -j, DROP]
    securityContext: {privileged: true, runAsUser: 0, capabilities: {add: [NET_ADMIN]}}
  containers:
  - name: notebook
    image: registry.example/singleuser:4
    args: [jupyterhub-singleuser]
    env:
    - {name: JUPYTERHUB_API_TOKEN, value: 0707070707070707}
    - {name: JUPYTERHUB_USER, value: ann}
    ports: [{name: notebook-port, containerPort: 8888}]
    resources:
      limits: {}
      requests: {memory: 1G}
    securityContext: {allowPrivilegeEscalation: false, runAsUser: 1000}
    volumeMounts: [{name: home, mountPath: /home/jovyan}]
  volumes:
  - name: home
    emptyDir: {}
";
    assert_eq!(
        lacks(yaml),
        BTreeMap::from([
            ("least-privilege", "unmet"),
            ("limits-declared", "unmet"),
            ("resource-limits", "unmet"),
            ("root-read-only", "unmet"),
            ("secrets-absent", "unmet"),
        ])
    );
}

/// An inference server with one GPU, a cache in memory, and a key of a model registry.
#[test]
fn an_inference_server_with_a_gpu() {
    let yaml = "
spec:
  runtimeClassName: gvisor
  automountServiceAccountToken: false
  tolerations: [{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}]
  securityContext: {runAsNonRoot: true, runAsUser: 1000, seccompProfile: {type: RuntimeDefault}}
  containers:
  - name: server
    image: registry.example/inference:1
    args: [--model, example/model]
    env:
    - name: HF_TOKEN
      valueFrom: {secretKeyRef: {name: models, key: token}}
    resources:
      limits: {cpu: '8', memory: 32Gi, nvidia.com/gpu: '1'}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: {drop: [ALL]}
    volumeMounts: [{name: shm, mountPath: /dev/shm}]
  volumes:
  - name: shm
    emptyDir: {medium: Memory, sizeLimit: 8Gi}
";
    assert_eq!(
        lacks(yaml),
        BTreeMap::from([
            ("devices-minimal", "unmet"),
            ("runtime-settings", "unmet"),
            ("secrets-absent", "unmet"),
        ])
    );
}

/// A pod with Istio's sidecar and without its CNI plugin: an init container changes the pod's own iptables.
#[test]
fn a_pod_with_the_sidecar_of_istio() {
    let yaml = "
metadata:
  labels: {app: web, security.istio.io/tlsMode: istio, service.istio.io/canonical-name: web}
  annotations: {sidecar.istio.io/status: '{}', istio.io/rev: default}
spec:
  runtimeClassName: gvisor
  automountServiceAccountToken: false
  securityContext: {seccompProfile: {type: RuntimeDefault}}
  initContainers:
  - name: istio-init
    image: registry.example/proxyv2:1.27
    args: [istio-iptables, -p, '15001']
    resources: {limits: {cpu: '2', memory: 1Gi}}
    securityContext:
      allowPrivilegeEscalation: false
      privileged: false
      readOnlyRootFilesystem: false
      runAsGroup: 0
      runAsNonRoot: false
      runAsUser: 0
      capabilities: {add: [NET_ADMIN, NET_RAW], drop: [ALL]}
  - name: istio-proxy
    image: registry.example/proxyv2:1.27
    restartPolicy: Always
    resources: {limits: {cpu: '2', memory: 1Gi}}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      runAsNonRoot: true
      runAsUser: 1337
      capabilities: {drop: [ALL]}
    volumeMounts: [{name: istio-token, mountPath: /var/run/secrets/tokens}]
  containers:
  - name: app
    image: registry.example/web:1
    resources: {limits: {cpu: 500m, memory: 256Mi}}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      runAsNonRoot: true
      runAsUser: 1000
      capabilities: {drop: [ALL]}
  volumes:
  - name: istio-envoy
    emptyDir: {medium: Memory}
  - name: istio-token
    projected:
      sources:
      - serviceAccountToken: {audience: istio-ca, expirationSeconds: 43200, path: istio-token}
";
    assert_eq!(
        lacks(yaml),
        BTreeMap::from([
            ("least-privilege", "unmet"),
            ("root-read-only", "unmet"),
            ("secrets-absent", "unmet"),
        ])
    );
}
