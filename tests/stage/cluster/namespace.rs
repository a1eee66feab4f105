//! A namespace of one test, which is deleted after it.

use std::{
    process,
    sync::atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};

use super::{BUSYBOX, Cluster, Ended};

static COUNT: AtomicUsize = AtomicUsize::new(0);

/// A namespace of the cluster.
#[derive(Debug)]
pub struct Namespace<'a> {
    cluster: &'a Cluster,
    name: String,
    /// Set when the namespace outlives this value.
    stays: bool,
}

impl Cluster {
    /// Makes a namespace whose name begins with this word.
    pub fn namespace(&self, word: &str) -> Namespace<'_> {
        let name = format!("{word}-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        self.make_namespace(name, false)
    }

    /// Makes a namespace of exactly this name, which stays until the cluster ends.
    pub(super) fn lasting_namespace(&self, name: &str) -> Namespace<'_> {
        self.make_namespace(name.to_owned(), true)
    }

    fn make_namespace(&self, name: String, stays: bool) -> Namespace<'_> {
        self.ask(&["create", "namespace", &name]);
        // Until the account exists, the API server refuses pods.
        let account =
            ["wait", "--for=create", "--timeout=60s", "serviceaccount/default", "--namespace", &name];
        self.ask(&account);
        Namespace { cluster: self, name, stays }
    }
}

impl Namespace<'_> {
    /// Returns the namespace's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs kubectl in the namespace.
    pub fn kubectl(&self, words: &[&str]) -> Ended {
        self.cluster.kubectl(&[&["--namespace", &self.name], words].concat())
    }

    /// Returns an object of the namespace, or a list of objects.
    pub fn get(&self, words: &[&str]) -> Value {
        self.cluster.get(&[&["--namespace", &self.name], words].concat())
    }

    /// Applies an object in the namespace.
    pub fn apply(&self, object: &Value) {
        self.cluster.feed(&["--namespace", &self.name, "apply", "--filename=-"], &object.to_string());
    }

    /// Makes pods, and waits until they are ready.
    pub fn run(&self, pods: &[Value]) {
        self.apply(&json!({ "apiVersion": "v1", "kind": "List", "items": pods }));
        let ended = self.kubectl(&["wait", "pod", "--all", "--for=condition=Ready", "--timeout=120s"]);
        assert!(ended.status.success(), "{ended:#?}\n{}", self.kubectl(&["describe", "pods"]).out);
    }

    /// Runs a command in a pod.
    pub fn exec(&self, pod: &str, command: &[&str]) -> Ended {
        self.kubectl(&[&["exec", pod, "--"], command].concat())
    }

    /// Runs a command in a pod, and gives it up after these seconds: an exec into gVisor can hang, and kubectl waits for ever.
    pub fn exec_within(&self, seconds: u32, pod: &str, command: &[&str]) -> Ended {
        let words = [&["--namespace", &self.name, "exec", pod, "--"], command].concat();
        self.cluster.kubectl_within(seconds, &words)
    }

    /// Returns the address of a pod.
    pub fn address(&self, pod: &str) -> String {
        self.get(&["pod", pod])["status"]["podIP"].as_str().unwrap().to_owned()
    }
}

impl Drop for Namespace<'_> {
    fn drop(&mut self) {
        if self.stays {
            return;
        }
        _ = self.cluster.kubectl(&["delete", "namespace", &self.name, "--wait=false"]);
    }
}

/// Returns a pod with limits on a node. It runs a shell command, or waits if there is none.
pub fn pod(name: &str, runtime: &str, node: &str, command: Option<&str>) -> Value {
    let mut container = json!({
        "name": "main",
        "image": BUSYBOX,
        "resources": { "limits": { "memory": "256Mi", "cpu": "500m" } },
    });
    if let Some(command) = command {
        container["command"] = json!(["/bin/sh", "-c", command]);
    }
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": name },
        "spec": {
            "runtimeClassName": runtime,
            "nodeSelector": { "kubernetes.io/hostname": node },
            "terminationGracePeriodSeconds": 0,
            "containers": [container],
        },
    })
}
