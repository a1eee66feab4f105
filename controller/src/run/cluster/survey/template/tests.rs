use serde_json::{Value, json};

use super::*;

fn of(pod: Option<&str>, spec: &Value) -> PodView {
    let origin = Origin { kind: "deployment".into(), name: "web".into(), pod: pod.map(str::to_owned) };
    pod_view(origin, ObjectMeta::default(), &serde_json::from_value(spec.clone()).unwrap())
}

#[test]
fn a_template_that_does_not_refuse_a_token_has_one() {
    let silent = json!({ "containers": [] });
    assert!(of(None, &silent).token && !of(Some("web-1"), &silent).token);
    assert!(!of(None, &json!({ "containers": [], "automountServiceAccountToken": false })).token);
    let source = json!({ "serviceAccountToken": { "path": "token" } });
    let volume = json!({ "name": "kube-api-access", "projected": { "sources": [source] } });
    assert!(of(Some("web-1"), &json!({ "containers": [], "volumes": [volume] })).token);
    assert_eq!(of(None, &silent).deciding_account.as_deref(), Some("default"));
    assert_eq!(of(None, &silent).service_account, "default");
    let refusing = json!({ "containers": [], "automountServiceAccountToken": false });
    assert_eq!(of(None, &refusing).deciding_account, None);
}

/// Policies may bind the workload's pods by them.
#[test]
fn a_workload_keeps_labels_that_look_like_the_products() {
    let labels = Labels::from([("podproof.dev/role".into(), "web".into())]);
    let metadata = ObjectMeta { labels: Some(labels.clone()), ..ObjectMeta::default() };
    let spec = PodSpec::default();
    assert_eq!(*pod_view(Origin::default(), metadata, &spec).labels, labels);
}

#[test]
fn the_pods_of_a_template_will_tolerate_the_taint_of_their_device() {
    let resources = json!({ "limits": { "nvidia.com/gpu": "1" } });
    let spec = json!({ "containers": [{ "name": "app", "resources": resources }] });
    let tolerations = of(None, &spec).placement.tolerations.clone();
    assert_eq!(tolerations[0].key.as_deref(), Some("nvidia.com/gpu"));
    assert!(of(Some("web-1"), &spec).placement.tolerations.is_empty());
}

#[test]
fn a_container_may_run_as_root_unless_forbidden() {
    let app = |context: Value| json!({ "name": "app", "securityContext": context });
    let pod = |pod: Value, container: Value| json!({ "securityContext": pod, "containers": [container] });
    for (spec, allowed) in [
        (pod(json!({}), app(json!({}))), true),
        (pod(json!({ "runAsNonRoot": true }), app(json!({}))), false),
        (pod(json!({ "runAsUser": 1000 }), app(json!({}))), false),
        (pod(json!({ "runAsNonRoot": true }), app(json!({ "runAsUser": 0 }))), true),
        (pod(json!({}), app(json!({ "runAsUser": 1000 }))), false),
    ] {
        assert_eq!(of(None, &spec).root_allowed.is_some(), allowed, "{spec}");
    }
}

#[test]
fn an_ephemeral_container_may_run_as_root_as_any_other() {
    let spec = |pod: Value, added: Value| {
        let app = json!({ "name": "app", "securityContext": { "runAsUser": 1000 } });
        let added = json!({ "name": "debug", "securityContext": added });
        json!({ "securityContext": pod, "containers": [app], "ephemeralContainers": [added] })
    };
    for (pod, added, allowed) in [
        (json!({}), json!({}), true),
        (json!({ "runAsNonRoot": true }), json!({ "runAsNonRoot": false }), true),
        (json!({ "runAsUser": 1000 }), json!({ "runAsUser": 0 }), true),
        (json!({ "runAsNonRoot": true }), json!({}), false),
        (json!({}), json!({ "runAsUser": 1000 }), false),
    ] {
        let root = of(Some("web-1"), &spec(pod.clone(), added.clone())).root_allowed.clone();
        assert_eq!(root, allowed.then(|| "debug".to_owned()), "{pod} {added}");
    }
}

#[test]
fn an_init_container_that_always_restarts_is_a_sidecar() {
    let init = |policy: Value| json!({ "name": "init", "restartPolicy": policy });
    let containers =
        of(None, &json!({ "initContainers": [init(json!("Always")), init(json!(null))], "containers": [] }));
    let kinds: Vec<_> = containers.containers.iter().map(|container| container.kind).collect();
    assert_eq!(kinds, [ContainerKind::Sidecar, ContainerKind::Init]);
}

#[test]
fn a_container_without_a_seccomp_profile_has_its_pods() {
    let profile = |name: &str| json!({ "seccompProfile": { "type": name } });
    for (pod, own, expected) in [
        (json!({}), json!({}), SeccompProfile::Unnamed),
        (profile("RuntimeDefault"), json!({}), SeccompProfile::Named),
        (profile("Unconfined"), json!({}), SeccompProfile::Unconfined),
        (profile("RuntimeDefault"), profile("Unconfined"), SeccompProfile::Unconfined),
        (profile("Unconfined"), profile("Localhost"), SeccompProfile::Named),
    ] {
        let spec =
            json!({ "securityContext": pod, "containers": [{ "name": "app", "securityContext": own }] });
        assert_eq!(of(None, &spec).containers[0].seccomp, expected, "{spec}");
    }
}

#[test]
fn a_limit_of_the_pod_is_kept() {
    let limits = json!({ "memory": "64Mi", "cpu": "100m" });
    let pod_view = of(None, &json!({ "containers": [{ "name": "app" }], "resources": { "limits": limits } }));
    assert_eq!((pod_view.limits.memory, pod_view.limits.cpu_millis), (Some(64 << 20), Some(100)));
    assert!(pod_view.without_limits().is_empty());
}

#[test]
fn every_container_and_every_outside_volume_is_kept() {
    let spec = json!({
        "runtimeClassName": "gvisor",
        "hostPID": true,
        "securityContext": { "sysctls": [{ "name": "net.core.somaxconn", "value": "1" }] },
        "initContainers": [{ "name": "first", "securityContext": { "privileged": true } }],
        "containers": [{
            "name": "app",
            "resources": { "limits": { "memory": "64Mi", "cpu": "100m" } },
            "ports": [{ "containerPort": 80, "hostPort": 8080 }, { "containerPort": 53, "protocol": "UDP" }],
        }],
        "ephemeralContainers": [{
            "name": "debug",
            "securityContext": { "capabilities": { "add": ["SYS_PTRACE"] }, "procMount": "Unmasked" },
        }],
        "volumes": [
            { "name": "a", "hostPath": { "path": "/etc" } },
            { "name": "b", "emptyDir": {} },
            { "name": "c", "persistentVolumeClaim": { "claimName": "data" } },
            { "name": "d", "csi": { "driver": "secrets-store.csi.k8s.io" } },
            { "name": "e", "nfs": { "server": "nas", "path": "/" } },
            { "name": "f", "flexVolume": { "driver": "vendor/thing" } },
            { "name": "g", "image": { "reference": "registry.example/data:1" } },
            { "name": "h", "sourceOfALaterVersion": { "path": "/" } },
        ],
    });
    let pod_view = of(None, &spec);
    assert_eq!(pod_view.containers.len(), 3);
    assert!(pod_view.containers[0].privileged && pod_view.containers[2].unmasked_proc);
    assert_eq!(
        (pod_view.containers[1].memory, pod_view.containers[1].cpu_millis),
        (Some(64 << 20), Some(100))
    );
    assert_eq!(
        (&pod_view.containers[1].ports[..], &pod_view.containers[1].host_ports[..]),
        (&[80][..], &[8080][..])
    );
    assert_eq!((pod_view.host_namespaces.len(), pod_view.sysctls.len()), (1, 1));
    let kinds: Vec<_> = pod_view.volumes.iter().map(|volume| volume.kind).collect();
    assert_eq!(
        kinds,
        [
            VolumeKind::HostPath,
            VolumeKind::Claim,
            VolumeKind::Csi,
            VolumeKind::Network,
            VolumeKind::Driver,
            VolumeKind::Driver
        ]
    );
    assert_eq!(pod_view.without_limits().iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["first"]);
}

/// No field of a specification tells of such files.
#[test]
fn an_annotation_that_gives_files_of_the_node_is_a_volume_of_an_unknown_driver() {
    let annotations = [("mounts.nri.io/container.app", "[]"), ("cpu-quota.crio.io", "disable")];
    let annotations = annotations.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let metadata = ObjectMeta { annotations: Some(annotations.into()), ..ObjectMeta::default() };
    let origin = Origin { kind: "deployment".into(), name: "web".into(), pod: None };
    let volumes = pod_view(origin, metadata, &PodSpec::default()).volumes;
    let volumes: Vec<_> = volumes.iter().map(|it| (it.kind, it.name.as_str(), it.source.as_str())).collect();
    assert_eq!(volumes, [(VolumeKind::Driver, "mounts.nri.io/container.app", "mounts.nri.io")]);
}
