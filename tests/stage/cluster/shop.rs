//! A namespace in which nothing is wrong, for tests to spoil in one way or another, and the controller's report on
//! it.

use std::{
    collections::BTreeMap,
    process,
    sync::{Mutex, PoisonError},
};

use serde_json::{Value, json};

use super::{BUSYBOX, Cluster, Ended, Namespace, POOL};

/// Folders of the clusters whose nodes have the probe's image.
static GIVEN: Mutex<Vec<std::path::PathBuf>> = Mutex::new(Vec::new());

/// Content of such a namespace.
#[derive(Clone, Debug)]
pub struct Shop {
    /// Set when Pod Security's `restricted` is enforced.
    pub restricted: bool,
    /// Deployments; most tests change the first.
    pub deployments: Vec<Value>,
    /// Policies and all other objects.
    pub others: Vec<Value>,
    /// Set when the pods can start.
    pub starts: bool,
}

/// An object outside of a test's namespace, which is deleted after the test.
#[derive(Debug)]
pub struct Loan<'a> {
    cluster: &'a Cluster,
    object: Value,
}

/// The pods that one probe represents, and each requirement's outcome.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Judged {
    /// Pods or pod templates, as the report titles them.
    pub stands_for: Vec<String>,
    /// Outcomes by the requirement's id, without advisory requirements: gVisor's defaults do not meet all of those.
    pub outcomes: BTreeMap<String, String>,
}

impl Default for Shop {
    fn default() -> Self {
        let deny_all =
            policy("default-deny", &json!({ "podSelector": {}, "policyTypes": ["Ingress", "Egress"] }));
        Self { restricted: true, deployments: vec![deployment("web")], others: vec![deny_all], starts: true }
    }
}

impl Shop {
    /// Returns the first deployment's pod template.
    pub fn template(&mut self) -> &mut Value {
        &mut self.deployments[0]["spec"]["template"]
    }

    /// Returns the specification of the first deployment's pods.
    pub fn pod(&mut self) -> &mut Value {
        &mut self.template()["spec"]
    }

    /// Returns the container of the first deployment's pods.
    pub fn container(&mut self) -> &mut Value {
        &mut self.pod()["containers"][0]
    }

    /// Removes every NetworkPolicy.
    pub fn without_policies(&mut self) {
        self.others.retain(|object| object["kind"] != "NetworkPolicy");
    }

    /// Adds a NetworkPolicy of this specification.
    pub fn policy(&mut self, name: &str, specification: &Value) {
        self.others.push(policy(name, specification));
    }

    /// Makes all objects in a namespace, and waits until every deployment has its pods.
    pub fn open(&self, namespace: &Namespace<'_>) {
        if self.restricted {
            let label = "pod-security.kubernetes.io/enforce=restricted";
            let ended = namespace.kubectl(&["label", "namespace", namespace.name(), label]);
            assert!(ended.status.success(), "{ended:#?}");
        }
        // Policies exist before the pods that they bind.
        let items = self.others.iter().chain(&self.deployments).collect::<Vec<_>>();
        namespace.apply(&json!({ "apiVersion": "v1", "kind": "List", "items": items }));
        for deployment in self.deployments.iter().filter(|_| self.starts) {
            let name = format!("deployment/{}", deployment["metadata"]["name"].as_str().unwrap());
            let ended = namespace.kubectl(&["wait", "--for=condition=Available", "--timeout=120s", &name]);
            assert!(ended.status.success(), "{ended:#?}\n{}", namespace.kubectl(&["describe", "pods"]).out);
        }
    }
}

impl Cluster {
    /// Returns the reference of the probe's image as the controller makes it; every node has the image.
    pub fn probe_image(&self) -> String {
        // A cluster may have seen the probes of other test runs.
        let reference = format!("podproof.test/probe:{}", process::id());
        let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = self.state().path().to_owned();
        if !given.contains(&folder) {
            let archive = self.state().join("probe.tar");
            let ended = self.controller(&["image", &archive.display().to_string(), "--name", &reference]);
            assert!(ended.status.success(), "{ended:#?}");
            for node in &self.nodes {
                node.import(&archive);
            }
            given.push(folder);
        }
        reference
    }

    /// Has the controller verify a namespace, with the control pod in another one; the report is JSON.
    pub fn verify(&self, namespace: &Namespace<'_>, control: &Namespace<'_>, words: &[&str]) -> Ended {
        let image = self.probe_image();
        let own = ["verify", "--namespace", namespace.name(), "--control-namespace", control.name()];
        let others = ["--image", &image, "--output", "json", "--quiet"];
        self.controller(&[&own[..], &others, words].concat())
    }

    /// Applies an object outside of the test's namespace, until the loan is dropped.
    pub fn lend(&self, object: Value) -> Loan<'_> {
        self.apply(&object.to_string());
        Loan { cluster: self, object }
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        let [kind, name] =
            ["/kind", "/metadata/name"].map(|at| self.object.pointer(at).and_then(Value::as_str));
        let namespace =
            self.object.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or("default");
        let words = ["delete", kind.unwrap_or_default(), name.unwrap_or_default(), "--namespace", namespace];
        _ = self.cluster.kubectl(&[&words[..], &["--wait=false", "--ignore-not-found"]].concat());
    }
}

impl Ended {
    /// Returns the judged sandboxes, the worst first, if the report was asked for as JSON.
    pub fn judged(&self) -> Vec<Judged> {
        let report = self.report();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let judged = |sandbox: &Value| Judged {
            stands_for: sandbox["subject"]["stands_for"].as_array().unwrap().iter().map(text).collect(),
            outcomes: (sandbox["findings"].as_array().unwrap().iter())
                .filter(|finding| finding["class"] != "advisory")
                .map(|finding| (text(&finding["id"]), text(&finding["outcome"])))
                .collect(),
        };
        report["sandboxes"].as_array().unwrap().iter().map(judged).collect()
    }
}

/// Returns a deployment with one pod, in which nothing is wrong, on the node where policies are enforced.
pub fn deployment(name: &str) -> Value {
    let labels = json!({ "app": name });
    let container = json!({
        "name": "app",
        "image": BUSYBOX,
        "imagePullPolicy": "Never",
        "resources": {
            "limits": { "memory": "64Mi", "cpu": "100m" },
            "requests": { "memory": "32Mi", "cpu": "10m" },
        },
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "capabilities": { "drop": ["ALL"] },
            "readOnlyRootFilesystem": true,
        },
    });
    let pod = json!({
        "runtimeClassName": "gvisor",
        "automountServiceAccountToken": false,
        "nodeSelector": { POOL: "enforced" },
        "terminationGracePeriodSeconds": 0,
        "securityContext":
            { "runAsNonRoot": true, "runAsUser": 65_534, "seccompProfile": { "type": "RuntimeDefault" } },
        "containers": [container],
    });
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": name },
        "spec": {
            "replicas": 1,
            "selector": { "matchLabels": labels },
            "template": { "metadata": { "labels": labels }, "spec": pod },
        },
    })
}

/// Returns a NetworkPolicy of this specification.
pub fn policy(name: &str, specification: &Value) -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": { "name": name },
        "spec": specification,
    })
}
