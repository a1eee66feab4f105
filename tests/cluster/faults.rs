//! Faults that the tests can cause in the cluster, and its recovery.

use serde_json::json;
use stage::{
    Cluster,
    cluster::{TWO, pod},
};

use crate::Test;

pub(super) const TESTS: &[Test] = &[
    ("an API server that crashed is back with everything it knew", crashed),
    ("an API server that is frozen answers nobody until it is thawed", frozen),
    ("pods go on without their kubelet, which finds them again", orphaned),
    ("a service account may do what its role says, and its requests are in the audit log", confined),
];

fn crashed(cluster: &Cluster) {
    let namespace = cluster.namespace("faults");
    cluster.api_server().kill();
    assert!(!namespace.kubectl(&["get", "pods", "--request-timeout=2s"]).status.success());
    cluster.start_api_server();
    cluster.ask(&["get", "namespace", namespace.name()]);
}

fn frozen(cluster: &Cluster) {
    cluster.api_server().freeze();
    let frozen = cluster.kubectl(&["get", "--raw=/readyz", "--request-timeout=2s"]);
    cluster.api_server().thaw();
    assert!(!frozen.status.success(), "{frozen:#?}");
    cluster.until("an answer", || cluster.kubectl(&["get", "--raw=/readyz"]).out == "ok");
}

fn orphaned(cluster: &Cluster) {
    let namespace = cluster.namespace("faults");
    namespace.run(&[pod("orphan", "gvisor", TWO, None)]);
    let node = cluster.node(TWO);
    node.kubelet().kill();
    let tasks = node.ctr(&["tasks", "list"]).out;
    assert!(tasks.contains("RUNNING"), "{tasks}");
    assert!(!namespace.exec("orphan", &["true"]).status.success());
    node.kubelet().start();
    cluster.until("exec", || namespace.exec("orphan", &["true"]).status.success());
    let state = &namespace.get(&["pod", "orphan"])["status"]["containerStatuses"][0];
    assert_eq!(state["restartCount"], 0, "{state:#}");
}

fn confined(cluster: &Cluster) {
    let namespace = cluster.namespace("faults");
    let name = namespace.name();
    namespace.apply(&json!({
        "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "reader" },
    }));
    namespace.apply(&json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": { "name": "reader" },
        "rules": [{ "apiGroups": [""], "resources": ["pods"], "verbs": ["list"] }],
    }));
    namespace.apply(&json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": { "name": "reader" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader" },
        "subjects": [{ "kind": "ServiceAccount", "name": "reader" }],
    }));
    let account = cluster.account(name, "reader");
    let try_to = |words: &[&str]| {
        let mut command = cluster.kubectl_command(words);
        command.env("KUBECONFIG", &account).output().unwrap().status.success()
    };
    assert!(try_to(&["get", "pods", "--namespace", name]));
    assert!(!try_to(&["get", "secrets", "--namespace", name]));
    let user = format!("system:serviceaccount:{name}:reader");
    let verdicts = || {
        let requests = cluster.requests("kubectl");
        let own = requests.iter().filter(|event| event["user"]["username"] == user.as_str());
        let own = own.filter(|event| event["verb"] == "list");
        own.map(|event| event["responseStatus"]["code"].clone()).collect::<Vec<_>>()
    };
    cluster.until("the audit log", || verdicts().len() == 2);
    assert_eq!(verdicts(), [200, 403]);
}
