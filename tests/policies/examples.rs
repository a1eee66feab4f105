//! Cilium's own examples of policies (`examples/policies` of its Go module): each is read whole, or the parts that are not
//! evaluated are known here; and what the examples of layers 3 and 4 let pass.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use controller::case::policy::{Direction, Endpoint, Flow, Peer, Policies, Transport};
use serde_json::Value;
use stage::policies::passes;

/// Files with a part that the model does not evaluate, and a word of the reason.
const NOT_WHOLE: &[(&str, &str)] = &[("l3/service/service.yaml", "is not evaluated")];

/// A flow of one example: the file, the direction, the pod and its other end as `NAMESPACE/KEY=VALUE` or an address, a port, and the
/// verdict.
type Row = (&'static str, Direction, &'static str, &'static str, u16, bool);

use Direction::{Egress, Ingress};

const ROWS: &[Row] = &[
    (
        "l3/egress-default-deny/egress-default-deny.yaml",
        Egress,
        "default/role=restricted",
        "192.0.2.1",
        80,
        false,
    ),
    (
        "l3/egress-default-deny/egress-default-deny.yaml",
        Egress,
        "default/role=restricted",
        "default/role=other",
        80,
        false,
    ),
    ("l3/egress-default-deny/egress-default-deny.yaml", Egress, "default/role=other", "192.0.2.1", 80, true),
    ("l3/simple/l3.yaml", Ingress, "default/role=backend", "default/role=frontend", 80, true),
    ("l3/simple/l3.yaml", Ingress, "default/role=backend", "other/role=frontend", 80, false),
    ("l3/simple/l3.yaml", Egress, "default/role=backend", "192.0.2.1", 80, true),
    ("l3/simple/l3_egress.yaml", Egress, "default/role=frontend", "default/role=backend", 80, true),
    ("l3/simple/l3_egress.yaml", Egress, "default/role=frontend", "192.0.2.1", 80, false),
    ("l3/ingress-allow-all/ingress-allow-all.yaml", Ingress, "default/role=victim", "default/a=b", 80, true),
    ("l3/ingress-allow-all/ingress-allow-all.yaml", Ingress, "default/role=victim", "192.0.2.1", 80, false),
    ("l3/egress-allow-all/egress-allow-all.yaml", Egress, "default/role=frontend", "default/a=b", 80, true),
    ("l3/egress-allow-all/egress-allow-all.yaml", Egress, "default/role=frontend", "192.0.2.1", 80, false),
    ("l3/egress-deny/egress-deny.yaml", Egress, "default/role=frontend", "default/role=backend", 80, false),
    ("l3/egress-deny/egress-deny.yaml", Egress, "default/role=frontend", "192.0.2.1", 80, true),
    ("l3/match-expressions/or-statement.yaml", Ingress, "default/a=b", "production/a=b", 80, true),
    ("l3/match-expressions/or-statement.yaml", Ingress, "default/a=b", "other/a=b", 80, false),
    ("l3/match-expressions/and-statement.yaml", Ingress, "default/a=b", "production/a=b", 80, false),
    (
        "l3/match-expressions/and-statement.yaml",
        Ingress,
        "default/a=b",
        "production/cilium.example.com/policy=strict",
        80,
        true,
    ),
    ("l3/entities/from_world_deny.yaml", Ingress, "default/a=b", "192.0.2.1", 80, false),
    ("l3/entities/from_world_deny.yaml", Ingress, "default/a=b", "other/a=b", 80, true),
    ("l3/entities/world.yaml", Ingress, "default/role=public", "192.0.2.1", 80, true),
    ("l3/entities/world.yaml", Ingress, "default/role=public", "default/a=b", 80, false),
    ("l3/entities/host.yaml", Egress, "default/env=dev", "192.0.2.1", 80, false),
    ("l3/entities/apiserver.yaml", Egress, "default/env=dev", "default/a=b", 443, false),
    ("l3/cidr/cidr.yaml", Egress, "default/app=myService", "20.1.1.1", 80, true),
    ("l3/cidr/cidr.yaml", Egress, "default/app=myService", "20.1.1.2", 80, false),
    ("l3/cidr/cidr.yaml", Egress, "default/app=myService", "10.1.0.1", 80, true),
    ("l3/cidr/cidr.yaml", Egress, "default/app=myService", "10.96.0.1", 80, false),
    ("l4/cidr_l4_combined.yaml", Egress, "default/role=crawler", "192.0.2.9", 80, true),
    ("l4/cidr_l4_combined.yaml", Egress, "default/role=crawler", "192.0.2.9", 81, false),
    ("l4/cidr_l4_combined.yaml", Egress, "default/role=crawler", "192.0.3.9", 80, false),
    ("l4/l3_l4_combined.yaml", Ingress, "default/role=backend", "default/role=frontend", 80, true),
    ("l4/l3_l4_combined.yaml", Ingress, "default/role=backend", "default/role=frontend", 443, false),
    ("l4/l4.yaml", Egress, "default/app=myService", "192.0.2.1", 80, true),
    ("l4/l4.yaml", Egress, "default/app=myService", "other/a=b", 80, true),
    ("l4/l4.yaml", Egress, "default/app=myService", "192.0.2.1", 81, false),
    ("l4/l4_port_range.yaml", Egress, "default/app=myService", "192.0.2.1", 444, true),
    ("l4/l4_port_range.yaml", Egress, "default/app=myService", "192.0.2.1", 445, false),
    ("l4/icmp.yaml", Egress, "default/app=myService", "192.0.2.1", 80, false),
    ("l4/multi_rule.yaml", Ingress, "default/role=backend", "default/role=frontend", 443, true),
    ("l4/multi_rule.yaml", Ingress, "default/role=backend", "192.0.2.1", 80, true),
    ("l4/multi_rule.yaml", Ingress, "default/role=backend", "192.0.2.1", 443, false),
    (
        "kubernetes/clusterwide/clusterscope-policy.yaml",
        Ingress,
        "default/name=leia",
        "other/name=luke",
        80,
        true,
    ),
    (
        "kubernetes/clusterwide/clusterscope-policy.yaml",
        Ingress,
        "default/name=leia",
        "other/name=vader",
        80,
        false,
    ),
    ("kubernetes/namespace/namespace-policy.yaml", Ingress, "ns1/name=leia", "ns2/name=luke", 80, true),
    ("kubernetes/namespace/namespace-policy.yaml", Ingress, "ns1/name=leia", "ns1/name=luke", 80, false),
    ("kubernetes/namespace/isolate-namespaces.yaml", Ingress, "ns1/a=b", "ns1/a=b", 80, true),
    ("kubernetes/namespace/isolate-namespaces.yaml", Ingress, "ns1/a=b", "ns2/a=b", 80, false),
    ("kubernetes/namespace/kubedns-policy.yaml", Egress, "public/a=b", "192.0.2.1", 53, false),
];

/// Returns the folder of the module that the cluster's Cilium is built from.
pub(crate) fn module() -> PathBuf {
    let mut list = Command::new("go");
    list.args(["list", "-m", "-f", "{{.Dir}}", "github.com/cilium/cilium"]);
    list.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("cluster/parts/cilium"));
    let output = list.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
}

fn folder() -> PathBuf {
    module().join("examples/policies")
}

/// Returns the names of the files with policies, sorted.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in next.read_dir().unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "yaml") {
                found.insert(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found
}

/// Returns the policies of a file; those without a namespace are of the namespace `default`.
fn read(path: &Path) -> Policies {
    let text = fs::read_to_string(path).unwrap();
    let documents = text.split("\n---").map(|document| serde_saphyr::from_str::<Value>(document).unwrap());
    let policies = documents.filter(|it| it["kind"].as_str().is_some_and(|kind| kind.starts_with("Cilium")));
    let objects = policies.map(|mut policy| {
        if policy["kind"] == "CiliumNetworkPolicy" && policy["metadata"]["namespace"].is_null() {
            policy["metadata"]["namespace"] = "default".into();
        }
        policy
    });
    Policies::of(objects.collect(), Vec::new())
}

fn pod(text: &str) -> Endpoint {
    let (namespace, label) = text.split_once('/').unwrap();
    let (key, value) = label.rsplit_once('=').unwrap();
    Endpoint {
        namespace: namespace.to_owned(),
        namespace_labels: Some([("kubernetes.io/metadata.name".to_owned(), namespace.to_owned())].into()),
        labels: [(key.to_owned(), value.to_owned())].into_iter().collect(),
        service_account: "default".to_owned(),
        addresses: vec![[10, 1, 2, 3].into()],
        ..Endpoint::default()
    }
}

#[test]
fn every_example_of_cilium_is_read_whole_or_known() {
    let folder = folder();
    let files = files(&folder);
    assert!(files.len() > 40, "{} files are too few to be all", files.len());
    let mut wrong = Vec::new();
    for file in &files {
        let policies = format!("{:?}", read(&folder.join(file)));
        let known: Vec<_> = NOT_WHOLE.iter().filter(|(known, _)| known == file).collect();
        let is_whole = !policies.contains("Unread(") && policies.contains("opaque: []");
        if is_whole != known.is_empty() || !known.iter().all(|(_, word)| policies.contains(word)) {
            let reasons: Vec<_> = policies.split("Unread(").skip(1).map(|it| it.split(')').next()).collect();
            wrong.push(format!("{file}: {reasons:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_example_of_layers_3_and_4_lets_pass_what_cilium_does() {
    let folder = folder();
    let mut wrong = Vec::new();
    for &(file, direction, subject, other, port, expected) in ROWS {
        let end = other.contains('/').then(|| pod(other));
        let peer = end.as_ref().map_or_else(|| Peer::Address(other.parse().unwrap()), Peer::Pod);
        let flow = Flow { direction, peer, port, transport: Transport::Tcp };
        let verdict = read(&folder.join(file)).verdict(&pod(subject), &flow);
        if passes(&verdict) != Some(expected) {
            wrong.push(format!("{file}: {subject} {direction:?} {other} {port}: {verdict:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
