//! Cases of cyclonus on the node where Cilium enforces policies. In each case three words agree: the model's, the probe's and
//! that of `nc` in the pods.
//!
//! Cases run in three lanes at once. A lane has the namespaces x, y and z with the pods a, b and c, and lays the policies of
//! one case after the other over them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, thread,
    time::{Duration, Instant},
};

use controller::case::policy::{Endpoint, Policies, Transport};
use serde_json::{Value, json};
use stage::{
    Cluster,
    cluster::{BUSYBOX, Namespace, ONE},
    policies::{connects, policies, ports, program},
    run,
};

use crate::Test;

pub(super) const TESTS: &[Test] =
    &[("48 cases of cyclonus: the model, the probe and nc agree on the node that enforces", agree)];

const CASES: usize = 48;
/// The runtime of each lane's pods.
const LANES: [&str; 3] = ["gvisor", "runc", "runc"];
const NAMESPACES: [&str; 3] = ["x", "y", "z"];
const PODS: [&str; 3] = ["a", "b", "c"];
/// The listening ports of every pod.
const PORTS: [u16; 2] = [80, 81];
/// The time in which the network takes over new policies, at most.
const PATIENCE: Duration = Duration::from_mins(1);
/// The time between two tries of `nc`: no event tells that the network has taken over a policy.
const PAUSE: Duration = Duration::from_millis(300);
/// The probes of one case that may differ before the last.
const TRIES: usize = 2;
/// The longest time of one exec. A hung one is tried again.
const EXEC_SECONDS: u32 = 15;
/// The time from the probe's first round to the second. The network learns of a new pod's labels a while after its start.
const SETTLE: &str = "3s";

/// Three namespaces with three pods each.
struct Lane<'a> {
    cluster: &'a Cluster,
    control: &'a Namespace<'a>,
    namespaces: Vec<Namespace<'a>>,
    /// The pods of all namespaces, by the word of the namespace and the pod's name.
    pods: Vec<(&'static str, &'static str, Endpoint)>,
    /// The cases, as cyclonus prints them for the addresses of these pods.
    cases: Vec<Value>,
}

/// A connection from a pod, and the model's word on it.
struct Cell {
    title: String,
    /// The address and the port, as `nc` wants them.
    target: String,
    expected: Option<bool>,
}

fn agree(cluster: &Cluster) {
    cluster.probe_image();
    let control = cluster.namespace("control");
    let lanes = LANES.iter().enumerate();
    let differences: Vec<String> = thread::scope(|scope| {
        let run = |(number, runtime): (usize, &'static str)| {
            let control = &control;
            scope.spawn(move || Lane::open(cluster, control, runtime).run(number))
        };
        let running: Vec<_> = lanes.map(|(number, runtime)| run((number, *runtime))).collect();
        running.into_iter().flat_map(|lane| lane.join().unwrap()).collect()
    });
    assert!(differences.is_empty(), "{differences:#?}");
}

impl<'a> Lane<'a> {
    fn open(cluster: &'a Cluster, control: &'a Namespace<'a>, runtime: &str) -> Self {
        let printed = |address: &[&str]| {
            let output = program("cyclonus").args(address).output().unwrap();
            assert!(output.status.success(), "{output:?}");
            let text = String::from_utf8(output.stdout).unwrap();
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
        };
        let first = printed(&[]).swap_remove(0);
        let declared = ports(&first["Pods"][0]);
        let namespaces: Vec<_> = NAMESPACES.iter().map(|word| cluster.namespace(word)).collect();
        let open = |namespace: &Namespace<'_>| {
            let pods = PODS.map(|name| pod(cluster, name, runtime, &first["Pods"][0]["Containers"]));
            namespace.run(&pods);
        };
        thread::scope(|scope| {
            for namespace in &namespaces {
                scope.spawn(|| open(namespace));
            }
        });
        let mut pods = Vec::new();
        for (word, namespace) in NAMESPACES.into_iter().zip(&namespaces) {
            let labelled =
                namespace.kubectl(&["label", "namespace", namespace.name(), &format!("ns={word}")]);
            assert!(labelled.status.success(), "{labelled:?}");
            let object = cluster.get(&["namespace", namespace.name()]);
            let labels: BTreeMap<String, String> =
                serde_json::from_value(object["metadata"]["labels"].clone()).unwrap();
            for name in PODS {
                let endpoint = Endpoint {
                    namespace: namespace.name().to_owned(),
                    namespace_labels: Some(labels.clone()),
                    labels: [("pod".to_owned(), name.to_owned())].into_iter().collect(),
                    ports: declared.clone(),
                    addresses: vec![namespace.address(name).parse().unwrap()],
                    service_account: "default".to_owned(),
                    in_the_nodes_network: false,
                };
                pods.push((word, name, endpoint));
            }
        }
        let target = pods.last().unwrap().2.addresses[0].to_string();
        let unchanged =
            |step: &Value| step["Namespaces"] == first["Namespaces"] && step["Pods"] == first["Pods"];
        let mut cases = printed(&[&target]);
        // A case that changes pods or labels would spoil the lane for the next. An address block of a NetworkPolicy never matches
        // a pod in Cilium (https://github.com/cilium/cilium/issues/9209), and does in the API.
        cases.retain(|step| {
            let policies = &step["Policies"];
            let some = policies.as_array().is_some_and(|list| !list.is_empty());
            unchanged(step) && some && !policies.to_string().contains("ipBlock")
        });
        Self { cluster, control, namespaces, pods, cases }
    }

    /// Runs the lane's share of the cases, spread over all of them; returns every difference.
    fn run(&self, number: usize) -> Vec<String> {
        assert!(self.cases.len() >= CASES, "{} cases", self.cases.len());
        let chosen =
            (0..CASES).skip(number).step_by(LANES.len()).map(|index| index * self.cases.len() / CASES);
        chosen.flat_map(|index| self.judge(&self.cases[index])).collect()
    }

    fn judge(&self, case: &Value) -> Vec<String> {
        let mut case = case.clone();
        for policy in case["Policies"].as_array_mut().unwrap() {
            let word = policy["metadata"]["namespace"].as_str().unwrap().to_owned();
            let place = NAMESPACES.iter().position(|it| *it == word).unwrap();
            policy["metadata"]["namespace"] = self.namespaces[place].name().into();
        }
        self.cluster
            .apply(&json!({ "apiVersion": "v1", "kind": "List", "items": Self::objects(&case) }).to_string());
        let policies = policies(&case);
        let mut different = self.by_nc(&policies);
        different.extend(self.until_the_probe_agrees(&policies));
        for namespace in &self.namespaces {
            let removed = namespace.kubectl(&["delete", "networkpolicies", "--all"]);
            assert!(removed.status.success(), "{removed:?}");
        }
        different.into_iter().map(|cell| format!("{}: {cell}: {}", case["Case"], case["Policies"])).collect()
    }

    /// Returns the policies of a case as kubectl wants them: cyclonus leaves out their kind.
    fn objects(case: &Value) -> Vec<Value> {
        let object = |policy: &Value| {
            json!({
                "apiVersion": "networking.k8s.io/v1",
                "kind": "NetworkPolicy",
                "metadata": { "name": policy["metadata"]["name"], "namespace": policy["metadata"]["namespace"] },
                "spec": policy["spec"],
            })
        };
        case["Policies"].as_array().unwrap().iter().map(object).collect()
    }

    /// Connects from each pod of the namespace x to every other pod, until the model agrees; returns the cells that differ.
    /// A cell is tried again only while it differs: a new policy takes a moment, and so does a connection on a busy machine.
    fn by_nc(&self, policies: &Policies) -> Vec<String> {
        let different = PODS.map(|name| {
            let others = self.pods.iter().filter(|(word, pod, _)| (*word, *pod) != ("x", name));
            let from = self.endpoint("x", name);
            let cell = |(word, pod, to): &(&str, &str, Endpoint), port: u16| Cell {
                title: format!("nc from x/{name} to {word}/{pod}:{port}"),
                target: format!("{} {port}", to.addresses[0]),
                expected: connects(policies, from, to, port, Transport::Tcp),
            };
            (name, others.flat_map(|to| PORTS.map(|port| cell(to, port))).collect::<Vec<_>>())
        });
        thread::scope(|scope| {
            let running = different.map(|(name, cells)| scope.spawn(move || self.until_same(name, cells)));
            running.into_iter().flat_map(|pod| pod.join().unwrap()).collect()
        })
    }

    /// Tries cells from a pod until the model agrees; returns those that still differ.
    fn until_same(&self, name: &str, mut cells: Vec<Cell>) -> Vec<String> {
        let started = Instant::now();
        loop {
            let connect = |Cell { target, .. }: &Cell| {
                format!("(timeout 3 nc -w 1 {target} </dev/null >/dev/null 2>&1 && echo {target}) & ")
            };
            let script = cells.iter().map(connect).collect::<String>() + "wait";
            let reached = self.namespaces[0].exec_within(EXEC_SECONDS, name, &["sh", "-c", &script]).out;
            let reached: BTreeSet<_> = reached.lines().collect();
            cells.retain(|cell| cell.expected != Some(reached.contains(cell.target.as_str())));
            if cells.is_empty() || started.elapsed() > PATIENCE {
                break;
            }
            thread::sleep(PAUSE);
        }
        let text =
            |Cell { title, expected, .. }: Cell| format!("{title} is never as the model says: {expected:?}");
        cells.into_iter().map(text).collect()
    }

    /// Probes until the model agrees; returns the attempts that differ at the last try. On a busy machine the network learns late
    /// of a new pod's labels. A wrong word of the model differs each time.
    fn until_the_probe_agrees(&self, policies: &Policies) -> Vec<String> {
        let agrees = (0..TRIES).any(|_| self.by_probe(policies).is_empty());
        if agrees { Vec::new() } else { self.by_probe(policies) }
    }

    /// Has the controller probe for x/a, which most policies bind, with every pod as a target; returns the attempts that differ
    /// from the model.
    fn by_probe(&self, policies: &Policies) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("evidence.json");
        let mut words = ["--like", "pod/a", "--settle", SETTLE].map(str::to_owned).to_vec();
        words.extend(["--save-evidence".to_owned(), file.display().to_string()]);
        for (_, _, to) in &self.pods {
            for port in PORTS {
                words.extend(["--egress-target".to_owned(), format!("{}:{port}", to.addresses[0])]);
            }
        }
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let ended = self.cluster.verify(&self.namespaces[0], self.control, &words);
        let cases = run::saved_cases(&fs::read(&file).unwrap_or_default());
        assert!(!cases.is_empty(), "{ended:#?}");
        let (mut cells, mut different) = (0, Vec::new());
        for case in &cases {
            let stands_for = &case["survey"]["subject"]["stands_for"][0];
            let name = stands_for.as_str().unwrap().strip_prefix("pod/").unwrap();
            // The probe has the labels of the pod, and an address of its own.
            let from = Endpoint { addresses: Vec::new(), ..self.endpoint("x", name).clone() };
            let attempts = case["collected"]["evidence"]["egress"]["seen"]["attempts"].as_array();
            let attempts = attempts.unwrap_or_else(|| panic!("no attempts: {ended:#?}"));
            for (word, pod, to) in &self.pods {
                for port in PORTS {
                    let Some(expected) = connects(policies, &from, to, port, Transport::Tcp) else {
                        continue;
                    };
                    let attempt = attempt(case, attempts, &to.addresses[0].to_string(), port);
                    let found =
                        [&attempt["reach"], &attempt["again"]].iter().any(|reach| **reach == "reached");
                    cells += 1;
                    if found != expected {
                        different.push(format!(
                            "the probe for x/{name} to {word}/{pod}:{port}: {attempt}, the model {expected}"
                        ));
                    }
                }
            }
        }
        assert!(cells > 0, "no attempt was compared: {ended:#?}");
        different
    }

    fn endpoint(&self, namespace: &str, name: &str) -> &Endpoint {
        &self.pods.iter().find(|(word, pod, _)| (*word, *pod) == (namespace, name)).unwrap().2
    }
}

/// Returns the probe's attempt at a port of a pod.
fn attempt<'a>(case: &Value, attempts: &'a [Value], address: &str, port: u16) -> &'a Value {
    let destinations = case["survey"]["destinations"].as_array().unwrap().iter();
    let mut ids = destinations.map(|destination| &destination["target"]).filter(|target| {
        target["address"] == address && target["port"] == port && target["protocol"] == "tcp"
    });
    let id = &ids.next().unwrap_or_else(|| panic!("{address}:{port} was no target"))["id"];
    attempts.iter().find(|attempt| attempt["target"] == *id).unwrap()
}

/// Returns a pod that listens on every port by TCP and UDP, and declares the ports by the names that cyclonus uses.
fn pod(cluster: &Cluster, name: &str, runtime: &str, declared: &Value) -> Value {
    let image = cluster.probe_image();
    let ports = declared.as_array().unwrap().iter().map(|container| {
        json!({
            "name": container["PortName"],
            "containerPort": container["Port"],
            "protocol": container["Protocol"],
        })
    });
    let mut containers =
        vec![json!({ "name": "main", "image": BUSYBOX, "ports": ports.collect::<Vec<_>>() })];
    containers.extend(PORTS.map(|port| {
        json!({
            "name": format!("listener-{port}"),
            "image": image,
            "args": ["listen", port.to_string(), "1800"],
            "securityContext": { "runAsUser": 0 },
        })
    }));
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": name, "labels": { "pod": name } },
        "spec": {
            "runtimeClassName": runtime,
            "nodeSelector": { "kubernetes.io/hostname": ONE },
            "terminationGracePeriodSeconds": 0,
            "containers": containers,
        },
    })
}
