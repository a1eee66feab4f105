//! `controller watch` with the roles that `controller rbac --watch` prints: a change of the cluster leads to a new proof.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::Child,
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use stage::{
    Cluster,
    cluster::{Namespace, ONE, pod},
};

use crate::{
    Test, gate,
    permissions::{Gate, Granted},
    scene::{RUN, send},
};

pub(super) const TESTS: &[Test] = &[
    ("a policy that opens the namespace leads to a proof that is not ready", opened),
    ("a watch takes at most 64 MB of memory after its run", small),
    ("a killed watch leaves objects that cleanup removes, and the proof as it was", killed),
];

/// Tests that change a node.
pub(super) const OF_NODES: &[Test] = &[
    ("a node with another boot id leads to a new run", rebooted),
    (
        "a node with the startup taint runs no pod before its proof, and has the taint again with another boot id",
        tainted,
    ),
    (
        "a handler that leads to runc under gVisor's name ends in a proof that is not ready, and no new pod",
        swapped,
    ),
];

/// A watch that runs, with everything that it tells.
struct Watch<'a> {
    gate: Gate<'a>,
    _roles: Vec<Granted<'a>>,
    child: Child,
    told: Receiver<String>,
}

/// The longest time until a watch tells a line.
const PATIENCE: Duration = Duration::from_mins(4);
/// The time after which a cause is given again while a watch is silent.
const PAUSE: Duration = Duration::from_secs(1);

/// The key of the taint that keeps pods from nodes without a proof.
const TAINT: &str = "podproof.test/unproven";
/// The memory of a watch between two runs, in kB.
const MOST_MEMORY: u64 = 64_000;

impl<'a> Watch<'a> {
    /// Begins a watch, and waits for its first proof.
    fn open(cluster: &'a Cluster) -> Self {
        let mut watch = Self::begin(Gate::open(cluster), cluster, [&[], &[]]);
        watch.until("published: ");
        watch.until("the next run is due");
        watch
    }

    /// Begins a watch, with further words for its permissions and for itself.
    fn begin(gate: Gate<'a>, cluster: &'a Cluster, [permitted, further]: [&[&str]; 2]) -> Self {
        let (shop, control) = (gate.shop.name(), gate.control.name());
        let words = [&["--control-namespace", control, "--cluster", "--watch", control], permitted].concat();
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
        let mut child = cluster.spawn_controller(&[&["watch"], &places[..], &others, further].concat());
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (teller, told) = mpsc::channel();
        thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| teller.send(line)));
        Self { gate, _roles: roles, child, told }
    }

    /// Waits until the watch tells a line with this text; returns the line.
    fn until(&mut self, text: &str) -> String {
        self.until_while(text, || ())
    }

    /// Waits for a line with this text, and gives its cause again as long as the watch is silent; returns the line.
    fn until_while(&mut self, text: &str, mut cause: impl FnMut()) -> String {
        let (end, mut said) = (Instant::now() + PATIENCE, Vec::new());
        cause();
        while Instant::now() < end {
            match self.told.recv_timeout(PAUSE) {
                Ok(line) if line.contains(text) => return line,
                Ok(line) => said.push(line),
                Err(RecvTimeoutError::Timeout) => cause(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        panic!("the watch never told {text:?}: {said:#?}");
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

/// Gives the node another boot id. The kubelet states its own again within five seconds, perhaps before the watch looks.
fn reboot(cluster: &Cluster) {
    let info = json!({ "bootID": "11111111-c707-4ae1-b6a1-ab2f425a3d24" });
    let patch = json!({ "status": { "nodeInfo": info } }).to_string();
    cluster.ask(&["patch", "node", ONE, "--subresource=status", "--type=merge", "--patch", &patch]);
}

fn rebooted(cluster: &Cluster) {
    let mut watch = Watch::open(cluster);
    watch.until_while("was rebooted", || reboot(cluster));
    watch.until("the next run is due");
    assert_eq!(watch.end(), Some(130));
}

/// Takes the taint from the node again, whatever happens.
struct Tainted<'a>(&'a Cluster);

impl Drop for Tainted<'_> {
    fn drop(&mut self) {
        _ = self.0.kubectl(&["taint", "node", ONE, &format!("{TAINT}-")]);
    }
}

fn tainted(cluster: &Cluster) {
    let gate = Gate::open(cluster);
    let _tainted = Tainted(cluster);
    cluster.ask(&["taint", "node", ONE, &format!("{TAINT}=yes:NoSchedule")]);
    let late = cluster.namespace("late");
    late.apply(&pod("late", "gvisor", ONE, None));
    let waits = |condition: &str| {
        let ended =
            late.kubectl(&["wait", "pod/late", &format!("--for=condition={condition}"), "--timeout=120s"]);
        assert!(ended.status.success(), "{condition}: {ended:#?}");
    };
    waits("PodScheduled=false");

    let words = [&["--remove-taint"][..], &["--nodes", "all", "--remove-taint", TAINT]];
    let mut watch = Watch::begin(gate, cluster, words);
    watch.until("published: ");
    watch.until(&format!("the taint {TAINT} is removed"));
    waits("Ready");
    assert!(watch.has_passed());

    watch.until_while(&format!("the taint {TAINT} is back"), || reboot(cluster));
    // The present boot is proven anew.
    watch.until(&format!("the taint {TAINT} is removed"));
    assert_eq!(watch.end(), Some(130));
    let events =
        cluster.get(&["events", "--field-selector", &format!("involvedObject.name={ONE}")]).to_string();
    for reason in ["StartupTaintRemoved", "StartupTaintPutBack"] {
        assert!(events.contains(reason), "{reason}: {events}");
    }
}

fn swapped(cluster: &Cluster) {
    gate::keep_parameters_watched(cluster);
    let mut watch = Watch::open(cluster);
    let (shop, control) = (watch.gate.shop.name().to_owned(), watch.gate.control.name().to_owned());
    let objects = gate::printed(cluster, &shop, &control, "watch");
    let objects: Vec<_> =
        objects.into_iter().filter(|it| it["kind"].as_str().unwrap().starts_with("Validating")).collect();
    let _gate = Granted::all(cluster, &format!("gate-of-{shop}"), &objects);
    cluster.until("a pod by a ready proof", || gate::asked(cluster, &shop).status.success());

    let _swapped = cluster.node(ONE).swap_gvisor();
    watch.until("a new run: ");
    cluster.until("a proof that is not ready", || watch.verdict() == "not-ready");
    cluster.until("a pod that is refused", || {
        let asked = gate::asked(cluster, &shop);
        !asked.status.success() && asked.err.contains("the namespace is not-ready")
    });
    assert_eq!(watch.end(), Some(130));
}

/// Its size between two runs is that of the program, the watches and the last report. An unoptimised program is larger.
fn small(cluster: &Cluster) {
    let watch = Watch::open(cluster);
    let status = fs::read_to_string(format!("/proc/{}/status", watch.child.id())).unwrap();
    let kilobytes = |name: &str| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim_end_matches("kB").trim().parse().unwrap()
    };
    let [now, most] = ["VmRSS:", "VmHWM:"].map(kilobytes);
    assert!(now <= MOST_MEMORY, "{now} kB, {most} kB at most");
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
