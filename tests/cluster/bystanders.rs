//! Objects that select a workload's pods: none of them takes a probe for such a pod, though the probe has the same
//! labels.

use serde_json::{Value, json};
use stage::{
    Cluster,
    cluster::{Namespace, Shop},
};

use crate::Test;

pub(super) const TESTS: &[Test] = &[
    ("a probe with the workload's labels gets no traffic and no other owner", unnoticed),
    ("a Service that sends traffic to pods before they are ready never selects a probe", unpublished),
    ("such a Service is named, and no probe is made, if a policy selects by the same label", refused),
];

const PRODUCTION: &[&str] = &["--environment", "production"];
/// The annotation that marks the end of the watched time.
const MARK: &str = "podproof.test/mark";
const RUN: &str = "podproof.dev/run";

/// All changes in a namespace from a moment on, by kind.
struct Watch<'a> {
    cluster: &'a Cluster,
    namespace: &'a Namespace<'a>,
    /// Each kind's path, and the version of its list at that moment.
    kinds: [(String, String); 3],
}

/// Changes of pods, of replica sets and of endpoint slices, in their order.
struct Changes([Vec<Value>; 3]);

impl<'a> Watch<'a> {
    fn begin(cluster: &'a Cluster, namespace: &'a Namespace<'a>) -> Self {
        let groups = [("api/v1", "pods"), ("apis/apps/v1", "replicasets")];
        let kinds = [groups[0], groups[1], ("apis/discovery.k8s.io/v1", "endpointslices")];
        let kinds = kinds.map(|(group, kind)| {
            let path = format!("/{group}/namespaces/{}/{kind}", namespace.name());
            let list: Value = serde_json::from_str(&cluster.ask(&["get", "--raw", &path])).unwrap();
            (path, list["metadata"]["resourceVersion"].as_str().unwrap().to_owned())
        });
        Self { cluster, namespace, kinds }
    }

    /// Reads the changes that the API server has kept, up to a mark that is set now.
    fn end(self) -> Changes {
        let kinds = "pods,replicasets,endpointslices";
        let marked = self.namespace.kubectl(&["annotate", kinds, "--all", &format!("{MARK}=end")]);
        assert!(marked.status.success(), "{marked:#?}");
        Changes(self.kinds.map(|(path, since)| {
            let path = format!("{path}?watch=true&resourceVersion={since}&timeoutSeconds=1");
            let mut changes = Vec::<Value>::new();
            self.cluster.until("the mark", || {
                let text = self.cluster.ask(&["get", "--raw", &path]);
                changes = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
                changes.iter().any(|change| change["object"]["metadata"]["annotations"][MARK] == "end")
            });
            changes
        }))
    }
}

impl Changes {
    /// Splits the changes of pods into those of probes and the others.
    fn of_probes(&self) -> (Vec<&Value>, Vec<&Value>) {
        self.0[0].iter().partition(|change| change["object"]["metadata"]["labels"][RUN].is_string())
    }

    fn replica_sets(&self) -> impl Iterator<Item = &Value> {
        self.0[1].iter().map(|change| &change["object"])
    }

    /// Returns all endpoints with this address that were ever listed.
    fn endpoints(&self, address: &Value) -> Vec<&Value> {
        let slices = self.0[2].iter().filter_map(|change| change["object"]["endpoints"].as_array());
        slices.flatten().filter(|endpoint| endpoint["addresses"][0] == *address).collect()
    }
}

fn unnoticed(cluster: &Cluster) {
    let (shop, control) = (cluster.namespace("bystanders"), cluster.namespace("control"));
    let target = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "name": "web" });
    let budget = json!({ "minAvailable": 1, "selector": { "matchLabels": { "app": "web" } } });
    let autoscaler = json!({ "scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 2 });
    let mut world = Shop::default();
    world.others.push(service(&json!({})));
    world.others.push(named("policy/v1", "PodDisruptionBudget", &budget));
    world.others.push(named("autoscaling/v2", "HorizontalPodAutoscaler", &autoscaler));
    world.open(&shop);
    until_listed(cluster, &shop, 1);
    let watch = Watch::begin(cluster, &shop);
    let ended = cluster.verify(&shop, &control, PRODUCTION);
    until_listed(cluster, &shop, 1);
    let changes = watch.end();

    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    is_nobodys(&changes, &shop);
    is_out_of_service(&changes);
    let notes = ended.report()["notes"].to_string();
    for counting in ["the PodDisruptionBudget web", "the HorizontalPodAutoscaler web"] {
        assert!(notes.contains(counting), "{notes}");
    }
}

/// Asserts that the probe looks like a pod of the replica set, and that the set has as many pods as ever.
fn is_nobodys(changes: &Changes, shop: &Namespace<'_>) {
    let (probes, others) = changes.of_probes();
    let selector = shop.get(&["replicasets"])["items"][0]["spec"]["selector"]["matchLabels"].clone();
    assert!(selector["app"] == "web" && selector.as_object().unwrap().len() > 1, "{selector}");
    for metadata in probes.iter().map(|change| &change["object"]["metadata"]) {
        for (label, value) in selector.as_object().unwrap() {
            assert_eq!(metadata["labels"][label], *value, "the probe is unlike the ReplicaSet's pods");
        }
        let owners = metadata["ownerReferences"].as_array().unwrap();
        assert_eq!(owners.len(), 1, "{owners:#?}");
        assert_eq!((&owners[0]["kind"], &owners[0]["controller"]), (&json!("ConfigMap"), &json!(true)));
        assert_eq!(owners[0]["name"], metadata["labels"][RUN]);
    }
    for change in others {
        assert_eq!(change["type"], "MODIFIED", "the run made or removed a pod of the workload: {change:#}");
    }
    for set in changes.replica_sets() {
        assert_eq!((&set["status"]["replicas"], &set["spec"]["replicas"]), (&json!(1), &json!(1)), "{set:#}");
    }
}

/// Asserts that the Service lists the probe, and never as an endpoint that gets traffic.
fn is_out_of_service(changes: &Changes) {
    let (probes, _) = changes.of_probes();
    let mut addresses = probes.iter().map(|change| &change["object"]["status"]["podIP"]);
    let endpoints = changes.endpoints(addresses.find(|address| address.is_string()).unwrap());
    assert!(!endpoints.is_empty(), "the Service never selected the probe");
    for endpoint in endpoints {
        let conditions = &endpoint["conditions"];
        assert!(conditions["ready"] == false && conditions["serving"] == false, "{endpoint:#}");
    }
}

fn unpublished(cluster: &Cluster) {
    let (shop, control) = (cluster.namespace("unpublished"), cluster.namespace("control"));
    let mut world = Shop::default();
    world.others.push(service(&json!({ "publishNotReadyAddresses": true, "clusterIP": "None" })));
    world.open(&shop);
    until_listed(cluster, &shop, 1);
    let watch = Watch::begin(cluster, &shop);
    let ended = cluster.verify(&shop, &control, PRODUCTION);
    let changes = watch.end();

    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    let notes = ended.report()["notes"].to_string();
    assert!(notes.contains("does without the label app"), "{notes}");
    let (probes, _) = changes.of_probes();
    let mut addresses = probes.iter().map(|change| &change["object"]["status"]["podIP"]);
    let address = addresses.find(|address| address.is_string()).unwrap();
    assert!(changes.endpoints(address).is_empty(), "{:#?}", changes.endpoints(address));
}

fn refused(cluster: &Cluster) {
    let (shop, control) = (cluster.namespace("eager"), cluster.namespace("control"));
    let mut world = Shop::default();
    world.others.push(service(&json!({ "publishNotReadyAddresses": true })));
    world.policy(
        "own",
        &json!({ "podSelector": { "matchLabels": { "app": "web" } }, "policyTypes": ["Egress"] }),
    );
    world.open(&shop);
    until_listed(cluster, &shop, 1);
    let watch = Watch::begin(cluster, &shop);
    let ended = cluster.verify(&shop, &control, PRODUCTION);
    let changes = watch.end();

    assert_eq!(ended.code(), Some(3), "{ended:#?}");
    let coverage = ended.finding("coverage");
    assert_eq!(coverage["outcome"], "inconclusive");
    let because = coverage["because"].as_str().unwrap();
    assert!(because.contains("the Service web has publishNotReadyAddresses"), "{because}");
    assert!(changes.of_probes().0.is_empty(), "{:#?}", changes.of_probes().0);
    for namespace in [&shop, &control] {
        let owners = namespace.get(&["configmaps", "--selector", RUN]);
        assert_eq!(owners["items"], json!([]));
    }
}

/// Returns a Service of the workload, with these settings.
fn service(settings: &Value) -> Value {
    let mut specification = json!({ "selector": { "app": "web" }, "ports": [{ "port": 8080 }] });
    specification.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    named("v1", "Service", &specification)
}

fn named(version: &str, kind: &str, specification: &Value) -> Value {
    json!({ "apiVersion": version, "kind": kind, "metadata": { "name": "web" }, "spec": specification })
}

/// Waits until the Service lists so many pods, ready or not.
fn until_listed(cluster: &Cluster, namespace: &Namespace<'_>, count: usize) {
    cluster.until("the Service's pods", || {
        let slices = namespace.get(&["endpointslices"]);
        let slices = slices["items"].as_array().unwrap().iter();
        slices.filter_map(|slice| slice["endpoints"].as_array()).flatten().count() == count
    });
}
