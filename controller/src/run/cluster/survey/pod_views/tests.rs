use serde_json::{Value, json};

use super::*;
use crate::{
    case::cluster::Affinity,
    fixture,
    run::cluster::answering::{client, list as items},
};

fn daemon_set() -> Value {
    let term = json!({ "matchExpressions": [{ "key": "pool", "operator": "Exists" }] });
    let affinity = json!({ "nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": [term] },
    } });
    let spec = json!({ "containers": [], "affinity": affinity });
    let spec = json!({ "selector": {}, "template": { "spec": spec } });
    json!({ "metadata": { "name": "agent", "uid": "a" }, "spec": spec })
}

/// Returns a pod as the DaemonSet controller makes it for a node.
fn of_daemon_set(name: &str, node: &str) -> Value {
    let field = json!({ "key": "metadata.name", "operator": "In", "values": [node] });
    let term = json!({ "matchFields": [field] });
    let affinity = json!({ "nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": [term] },
    } });
    let owner = json!({ "apiVersion": "apps/v1", "kind": "DaemonSet", "name": "agent", "uid": "a", "controller": true });
    json!({
        "metadata": { "name": name, "ownerReferences": [owner] },
        "spec": { "containers": [], "nodeName": node, "affinity": affinity },
    })
}

/// Returns a client of a namespace with a DaemonSet and a pod of it on each of two nodes.
fn with_a_daemon_set() -> Client {
    let answer = |request: &str| match request.split(['?', ' ']).nth(1).unwrap_or_default() {
        path if path.ends_with("/daemonsets") => items(&[daemon_set()], None),
        path if path.ends_with("/pods") => {
            items(&[of_daemon_set("agent-1", "one"), of_daemon_set("agent-2", "two")], None)
        }
        _ => items(&[], None),
    };
    client(answer).0
}

#[tokio::test]
async fn a_daemon_sets_pod_has_the_affinity_of_its_template() {
    let (pod_views, _, _) = read(&with_a_daemon_set(), "shop", &Ok(Vec::new())).await;
    let [template, one, two] = pod_views.as_slice() else { panic!("{pod_views:?}") };
    let keys = |terms: &[Affinity]| terms.iter().map(|term| term.labels[0].key.clone()).collect::<Vec<_>>();
    assert_eq!(keys(&one.placement.affinity), ["pool"]);
    assert_eq!(one.placement, template.placement);
    assert_eq!(one.placement.address(), two.placement.address());
}

#[tokio::test]
async fn a_daemon_sets_pod_is_the_same_in_the_second_reading() {
    let client = with_a_daemon_set();
    let mut cluster = (*fixture::in_cluster(&mut fixture::pod()).cluster).clone();
    cluster.pod_views = read(&client, "shop", &Ok(Vec::new())).await.0;
    let (pods, kinds) = changed(&client, "shop", &BTreeSet::new(), &Known::of(&cluster)).await;
    assert_eq!((pods.unwrap(), kinds), (Vec::new(), BTreeSet::new()));
}

/// Returns the RuntimeClass with which the template of a `CronJob` is judged, beside a pod of gVisor with this owner.
async fn class_beside(owner: Value) -> Option<String> {
    let answer = move |request: &str| match request.split(['?', ' ']).nth(1).unwrap_or_default() {
        path if path.ends_with("/cronjobs") => items(&[cron_job()], None),
        path if path.ends_with("/jobs") => {
            items(&[job("night-1", &json!({})), job("night-0", &over())], None)
        }
        path if path.ends_with("/podtemplates") => {
            items(&[json!({ "metadata": { "name": "night-1", "uid": "j" } })], None)
        }
        path if path.ends_with("/pods") => items(&[admitted(&owner)], None),
        _ => items(&[], None),
    };
    let (pod_views, ..) = read(&client(answer).0, "shop", &Ok(Vec::new())).await;
    let template = pod_views.iter().find(|it| it.origin.is_template() && it.origin.kind == "cronjob");
    template.unwrap().runtime_class.clone()
}

fn cron_job() -> Value {
    let template = json!({ "spec": { "containers": [{ "name": "app" }] } });
    let spec = json!({ "schedule": "0 3 * * *", "jobTemplate": { "spec": { "template": template } } });
    json!({ "metadata": { "name": "night", "uid": "n" }, "spec": spec })
}

/// Returns the status of a Job that has ended.
fn over() -> Value {
    json!({ "conditions": [{ "type": "Complete", "status": "True" }] })
}

fn job(name: &str, status: &Value) -> Value {
    let owner = json!({ "apiVersion": "batch/v1", "kind": "CronJob", "name": "night", "uid": "n", "controller": true });
    let template = json!({ "spec": { "containers": [{ "name": "app" }] } });
    json!({
        "metadata": { "name": name, "uid": "j", "ownerReferences": [owner] },
        "spec": { "template": template },
        "status": status,
    })
}

/// Returns a pod whose RuntimeClass nobody claims, as after a webhook.
fn admitted(owner: &Value) -> Value {
    let fields = json!({ "f:spec": { "f:containers": { "k:{\"name\":\"app\"}": { "f:name": {} } } } });
    let managed =
        json!([{ "manager": "kube-controller-manager", "operation": "Update", "fieldsV1": fields }]);
    json!({
        "metadata": { "name": "night-1-a", "ownerReferences": [owner], "managedFields": managed },
        "spec": { "containers": [{ "name": "app" }], "runtimeClassName": "gvisor" },
    })
}

/// A person who may write a pod may write its owner and its `managedFields`.
#[tokio::test]
async fn a_pod_that_no_controller_made_tells_nothing_of_a_template() {
    let owner = |kind: &str, name: &str, uid: &str| json!({ "apiVersion": "batch/v1", "kind": kind, "name": name, "uid": uid, "controller": true });
    assert_eq!(class_beside(owner("Job", "night-1", "j")).await.as_deref(), Some("gvisor"));
    for owner in
        [owner("CronJob", "night", "n"), owner("Job", "night-1", "of another"), owner("Job", "day", "j")]
    {
        assert_eq!(class_beside(owner.clone()).await, None, "{owner}");
    }
}

/// Returns the workload to which a pod with this owner belongs.
async fn workload_of(kind: &str, name: &str, uid: &str) -> String {
    let version = if kind == "Sandbox" { "agents.example/v1" } else { "apps/v1" };
    let owner = json!({ "apiVersion": version, "kind": kind, "name": name, "uid": uid, "controller": true });
    let answer = move |request: &str| {
        let spec = json!({ "selector": {}, "template": { "spec": { "containers": [] } } });
        let of = |name: &str, uid: &str, owners: Value| {
            let metadata = json!({ "name": name, "uid": uid, "ownerReferences": owners });
            json!({ "metadata": metadata, "spec": spec })
        };
        let web = json!([{ "apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "w", "controller": true }]);
        match request.split(['?', ' ']).nth(1).unwrap_or_default() {
            path if path.ends_with("/deployments") => items(&[of("web", "w", json!([]))], None),
            path if path.ends_with("/replicasets") => items(&[of("web-1", "r", web)], None),
            path if path.ends_with("/cronjobs") => items(&[cron_job()], None),
            path if path.ends_with("/jobs") => items(&[job("night-1", &over())], None),
            path if path.ends_with("/pods") => items(&[admitted(&owner)], None),
            _ => items(&[], None),
        }
    };
    let (pod_views, ..) = read(&client(answer).0, "shop", &Ok(Vec::new())).await;
    pod_views.iter().find(|it| !it.origin.is_template()).unwrap().origin.workload()
}

/// By its workload, a pod is given an entry of the policy file.
#[tokio::test]
async fn a_pod_is_of_no_workload_that_did_not_make_it() {
    for (kind, name, uid, workload) in [
        ("ReplicaSet", "web-1", "r", "deployment/web"),
        ("ReplicaSet", "web-1", "another", "pod/night-1-a"),
        ("ReplicaSet", "web-2", "r2", "replicaset/web-2"),
        ("Deployment", "web", "w", "pod/night-1-a"),
        ("Job", "night-1", "j", "pod/night-1-a"),
        ("Sandbox", "agent", "s", "sandbox/agent"),
    ] {
        assert_eq!(workload_of(kind, name, uid).await, workload, "{kind} {name} {uid}");
    }
}

#[test]
fn a_limit_that_a_resize_asks_for_is_none_until_it_is_in_force() {
    let limits = |status: Value| {
        let limits = json!({ "limits": { "cpu": "1", "memory": "256Mi", "nvidia.com/gpu": "1" } });
        let status = json!({ "name": "web", "image": "", "imageID": "", "ready": true, "restartCount": 0, "resources": status });
        let pod = json!({
            "metadata": { "name": "web-1" },
            "spec": { "containers": [{ "name": "web", "resources": limits }] },
            "status": { "containerStatuses": [status] },
        });
        let view = of_pod(serde_json::from_value(pod).unwrap(), &Makers::new());
        (view.containers[0].cpu_millis, view.containers[0].memory)
    };
    let (cpu, memory) = (Some(1000), Some(256 << 20));
    assert_eq!(limits(Value::Null), (cpu, memory));
    assert_eq!(limits(json!({ "limits": { "cpu": "1", "memory": "256Mi" } })), (cpu, memory));
    assert_eq!(limits(json!({ "limits": { "cpu": "2", "memory": "256Mi" } })), (Some(2000), memory));
    assert_eq!(limits(json!({ "limits": { "memory": "256Mi" } })), (None, memory));
    assert_eq!(limits(json!({ "requests": { "cpu": "100m" } })), (None, None));
}

#[test]
fn a_limit_of_the_whole_pod_is_none_until_it_is_in_force() {
    let asked = json!({ "limits": { "cpu": "1", "memory": "256Mi" } });
    let pod = json!({
        "metadata": { "name": "web-1" },
        "spec": { "containers": [{ "name": "web" }], "resources": asked },
        "status": { "resources": { "limits": { "cpu": "1" } } },
    });
    let view = of_pod(serde_json::from_value(pod).unwrap(), &Makers::new());
    assert_eq!((view.limits.cpu_millis, view.limits.memory), (Some(1000), None));
}

#[test]
fn pods_of_one_template_keep_their_like_parts_once() {
    let mut alike = Alike::default();
    let mut read = |name: &str, image: &str| {
        let container =
            json!({ "name": "web", "image": image, "securityContext": { "privileged": name == "odd" } });
        let pod = json!({
            "metadata": { "name": name, "labels": { "app": "web" } },
            "spec": { "containers": [container], "nodeSelector": { "pool": "one" } },
        });
        living(serde_json::from_value(pod).unwrap(), &mut alike)
    };
    let [one, two, odd] = ["one", "two", "odd"].map(|name| read(name, "web:1"));
    let parts = |Living { pod_view, endpoint, .. }: &Living| {
        let labels = [pod_view.labels.address(), endpoint.labels.address()];
        (labels, pod_view.containers.address())
    };
    assert_eq!(parts(&one), parts(&two));
    assert_eq!(one.pod_view.labels.address(), one.endpoint.labels.address());
    assert_eq!(odd.pod_view.labels.address(), one.pod_view.labels.address());
    assert_ne!(odd.pod_view.containers.address(), one.pod_view.containers.address());
    assert!(odd.pod_view.containers[0].privileged && !one.pod_view.containers[0].privileged);
}

#[test]
fn an_ephemeral_container_has_ended_where_the_status_says_so() {
    let status = |name: &str, state: Value| json!({ "name": name, "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state });
    let ended = status("ended", json!({ "terminated": { "exitCode": 0 } }));
    let running = status("running", json!({ "running": {} }));
    let containers = ["ended", "running", "new"].map(|name| json!({ "name": name }));
    let pod = json!({
        "metadata": { "name": "web-1" },
        "spec": { "containers": [{ "name": "web" }], "ephemeralContainers": containers },
        "status": { "ephemeralContainerStatuses": [running, ended] },
    });
    let view = of_pod(serde_json::from_value(pod).unwrap(), &Makers::new());
    let ended = view.containers.iter().filter(|it| it.has_ended).map(|it| it.name.as_str());
    assert_eq!(ended.collect::<Vec<_>>(), ["ended"]);
}

/// It is never started again.
#[test]
fn an_ephemeral_container_that_has_ended_may_not_run_as_root() {
    for (state, root) in [
        (json!({ "running": {} }), Some("debug".to_owned())),
        (json!({ "terminated": { "exitCode": 0 } }), None),
    ] {
        let status = json!({ "name": "debug", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state });
        let pod = json!({
            "metadata": { "name": "web-1" },
            "spec": {
                "containers": [{ "name": "web", "securityContext": { "runAsUser": 1000 } }],
                "ephemeralContainers": [{ "name": "debug" }],
            },
            "status": { "ephemeralContainerStatuses": [status] },
        });
        let view = of_pod(serde_json::from_value(pod).unwrap(), &Makers::new());
        assert_eq!(view.root_allowed, root);
    }
}
