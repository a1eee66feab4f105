//! `controller watch` with the roles that `controller rbac --watch` prints: a change of the cluster leads to a new proof.

use std::{
    io::{BufRead, BufReader, Lines},
    process::{Child, ChildStderr},
};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use stage::{
    Cluster,
    cluster::{Namespace, ONE},
};

use crate::{
    Test,
    permissions::{Gate, Granted},
    scene::{RUN, send},
};

pub(super) const TESTS: &[Test] = &[
    ("a policy that opens the namespace leads to a proof that is not ready", opened),
    ("a node with another boot id leads to a new run", rebooted),
    ("a killed watch leaves objects that cleanup removes, and the proof as it was", killed),
];

/// A watch that runs, with everything that it tells.
struct Watch<'a> {
    gate: Gate<'a>,
    _roles: Vec<Granted<'a>>,
    child: Child,
    told: Lines<BufReader<ChildStderr>>,
}

impl<'a> Watch<'a> {
    /// Begins a watch, and waits for its first proof.
    fn open(cluster: &'a Cluster) -> Self {
        let gate = Gate::open(cluster);
        let (shop, control) = (gate.shop.name(), gate.control.name());
        let words = ["--control-namespace", control, "--cluster", "--watch", control];
        let place = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": { "name": proof(shop), "namespace": control },
        });
        let writes = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": { "name": "proof", "namespace": control },
            "rules": [{ "apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "patch"] }],
        });
        let bound = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": { "name": "proof", "namespace": control },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "proof" },
            "subjects": [{ "kind": "ServiceAccount", "name": "watch", "namespace": control }],
        });
        let roles = vec![
            Granted::all(cluster, shop, &gate.roles("watch", &words)),
            Granted::all(cluster, &format!("proof-of-{shop}"), &[place, writes, bound]),
        ];
        let kubeconfig = cluster.account(control, "watch").display().to_string();
        let image = cluster.probe_image();
        let places = ["--namespace", shop, "--control-namespace", control, "--publish", control];
        let others =
            ["--kubeconfig", &kubeconfig, "--image", &image, "--environment", "production", "--quiet"];
        let mut child = cluster.spawn_controller(&[&["watch"], &places[..], &others].concat());
        let told = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut watch = Self { gate, _roles: roles, child, told };
        watch.until("published: ");
        watch.until("the next run is due");
        watch
    }

    /// Waits until the watch tells a line with this text; returns the line.
    fn until(&mut self, text: &str) -> String {
        let mut said = Vec::new();
        for line in self.told.by_ref() {
            let line = line.unwrap();
            if line.contains(text) {
                return line;
            }
            said.push(line);
        }
        panic!("the watch ended without {text:?}: {said:#?}");
    }

    fn verdict(&self) -> Value {
        let name = proof(self.gate.shop.name());
        self.gate.control.get(&["configmap", &name])["data"]["verdict"].clone()
    }

    fn has_passed(&self) -> bool {
        ["ready", "ready-with-warnings"].iter().any(|verdict| self.verdict() == *verdict)
    }

    /// Ends the watch by a signal, and returns its exit code.
    fn end(mut self) -> Option<i32> {
        send(Signal::SIGTERM, &self.child);
        self.child.wait().unwrap().code()
    }

    /// Returns the objects of any run in the judged namespace.
    fn left(&self) -> usize {
        left(&self.gate.shop)
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn left(namespace: &Namespace<'_>) -> usize {
    namespace.get(&["pods,configmaps", "--selector", RUN])["items"].as_array().unwrap().len()
}

fn proof(shop: &str) -> String {
    format!("podproof-proof-{shop}")
}

fn opened(cluster: &Cluster) {
    let mut watch = Watch::open(cluster);
    assert!(watch.has_passed());
    let name = watch.gate.shop.name().to_owned();
    let policy = json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": { "name": "open", "namespace": name },
        "spec": { "podSelector": {}, "policyTypes": ["Egress"], "egress": [{}] },
    });
    cluster.apply(&policy.to_string());
    watch.until(&format!("NetworkPolicy {name}/open changed"));
    watch.until("published: ");
    assert_eq!(watch.verdict(), "not-ready");
    assert_eq!(watch.end(), Some(130));
}

/// The kubelet states its own boot id again some time later, which leads to one more run.
fn rebooted(cluster: &Cluster) {
    let mut watch = Watch::open(cluster);
    let info = json!({ "bootID": "11111111-c707-4ae1-b6a1-ab2f425a3d24" });
    let patch = json!({ "status": { "nodeInfo": info } }).to_string();
    cluster.ask(&["patch", "node", ONE, "--subresource=status", "--type=merge", "--patch", &patch]);
    watch.until("was rebooted");
    watch.until("the next run is due");
    assert_eq!(watch.end(), Some(130));
}

fn killed(cluster: &Cluster) {
    let mut watch = Watch::open(cluster);
    let (shop, control) = (watch.gate.shop.name().to_owned(), watch.gate.control.name().to_owned());
    cluster.ask(&["--namespace", &shop, "delete", "networkpolicy", "--all"]);
    watch.until("a new run");
    cluster.until("an object of the run", || watch.left() > 0);
    watch.child.kill().unwrap();
    watch.child.wait().unwrap();
    assert!(watch.has_passed());
    let cleaned = cluster.controller(&["cleanup", "--namespace", &shop, "--control-namespace", &control]);
    assert_eq!(cleaned.code(), Some(0), "{cleaned:#?}");
    cluster.until("the end of the run's objects", || watch.left() == 0);
}
