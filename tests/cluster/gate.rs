//! `controller gate` and `verify --publish`: the cluster itself admits sandboxed pods by a young proof that is ready, with no
//! program of podproof alive.

mod attacks;

use std::fs;

use serde_json::{Value, json};
use stage::{Cluster, Ended, cluster::Shop};

use crate::{
    Test,
    permissions::{Gate, Granted},
};

pub(super) const TESTS: &[Test] = &[
    (
        "a gate admits new pods only by a young proof that is ready, and only its account writes the proof",
        gated,
    ),
    ("a gate refuses pods by each key of its proof that is not what the gate asks for", attacks::forged),
    ("no form of a pod leads around a gate that is closed", attacks::around),
    ("a gate for sandboxed pods alone refuses a pod without a class by any proof", attacks::plain),
    ("a gate that warns admits a pod and tells its creator why it should not", attacks::warned),
];

/// The most questions until the API server has noticed a change of a proof or a policy, which nothing announces.
const QUESTIONS: u32 = 300;

fn gated(cluster: &Cluster) {
    keep_parameters_watched(cluster);
    let gate = Gate::open(cluster);
    let (shop, control) = (gate.shop.name(), gate.control.name());
    let _roles =
        Granted::all(cluster, shop, &gate.roles("gate", &["--control-namespace", control, "--cluster"]));
    let _gate = Granted::all(cluster, &format!("gate-of-{shop}"), &printed(cluster, shop, control, "gate"));
    let words = ["--control-namespace", control, "--publish", control];

    refused(cluster, &gate, "there is no proof for this namespace yet");
    let said = refused(cluster, &gate, "controller verify --namespace");
    assert!(said.err.contains(shop) && said.err.contains("--valid-for 1h "), "{said:#?}");

    let [evidence, key] =
        ["run.json", "podproof.key"].map(|name| cluster.state().join(name).display().to_string());
    _ = fs::remove_file(&key).and_then(|()| fs::remove_file(format!("{key}.pub")));
    assert_eq!(cluster.controller(&["key", "new", "--out", &key]).code(), Some(0));
    let signed = ["--save-evidence", &evidence, "--sign", &key];
    let published = gate.verify("gate", &[&words[..], &signed].concat());
    assert_eq!(published.code(), Some(0), "{published:#?}");
    assert!(published.err.contains("published"), "{published:#?}");
    admitted(cluster, &gate);
    signed_as(cluster, &gate, &[&evidence, &format!("{key}.pub")]);

    let again = gate.verify("gate", &words[..]);
    assert!(again.err.contains("kept, since it says the same"), "{again:#?}");

    // No program of podproof runs, and the proof ends by itself.
    let data = json!({ "data": { "verifiedAt": "2026-01-01T00:00:00Z" } }).to_string();
    let place = ["--namespace", control, "patch", "configmap", &proof(shop), "--type=merge", "--patch"];
    cluster.ask(&[&place[..], &[&data]].concat());
    refused(cluster, &gate, "is older than 3600 s");

    let renewed = gate.verify("gate", &words[..]);
    assert_eq!(renewed.code(), Some(0), "{renewed:#?}");
    admitted(cluster, &gate);

    cluster.ask(&["--namespace", shop, "delete", "networkpolicy", "--all"]);
    let broken = gate.verify("gate", &words[..]);
    assert_eq!(broken.code(), Some(1), "{broken:#?}");
    refused(cluster, &gate, "the namespace is not-ready");

    for (account, may) in [("gate", true), ("default", false)] {
        let user = format!("--as=system:serviceaccount:{control}:{account}");
        let object = format!("configmaps/{}", proof(shop));
        let asked = cluster.kubectl(&["auth", "can-i", "patch", &object, "--namespace", control, &user]);
        assert_eq!(asked.status.success(), may, "{account}: {asked:#?}");
    }
}

/// Keeps a policy with a parameter for the cluster's life. An API server stops watching `ConfigMaps` as parameters with the last
/// such policy, and a later policy then finds no ConfigMap that is younger (apiserver, `pkg/admission/plugin/policy/generic/policy_source.go`).
pub(super) fn keep_parameters_watched(cluster: &Cluster) {
    let metadata = json!({ "name": "parameters-watched" });
    let nothing = json!({ "matchLabels": { "tests": "none" } });
    let rules = json!([{ "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"] }]);
    let group = "admissionregistration.k8s.io/v1";
    let policy = json!({
        "apiVersion": group, "kind": "ValidatingAdmissionPolicy", "metadata": metadata,
        "spec": {
            "paramKind": { "apiVersion": "v1", "kind": "ConfigMap" },
            "matchConstraints": { "resourceRules": rules, "namespaceSelector": nothing },
            "validations": [{ "expression": "true" }],
        },
    });
    let reference = json!({ "name": "none", "namespace": "default", "parameterNotFoundAction": "Allow" });
    let binding = json!({
        "apiVersion": group, "kind": "ValidatingAdmissionPolicyBinding", "metadata": metadata,
        "spec": { "policyName": "parameters-watched", "paramRef": reference, "validationActions": ["Audit"] },
    });
    for object in [policy, binding] {
        cluster.apply(&object.to_string());
    }
}

/// Sees that the published proof holds the run's attestation, and that a changed proof is refused.
fn signed_as(cluster: &Cluster, gate: &Gate<'_>, [evidence, public]: &[&str; 2]) {
    let mut object =
        cluster.get(&["configmap", &proof(gate.shop.name()), "--namespace", gate.control.name()]);
    let file = cluster.state().join("proof.json");
    let verify = |object: &Value| {
        fs::write(&file, object.to_string()).unwrap();
        let proof = file.display().to_string();
        let own = ["attest", "verify", "--proof", &proof, "--key", public, "--evidence", evidence];
        cluster.controller(&[&own[..], &["--namespace", gate.shop.name(), "--require-ready"]].concat())
    };
    let accepted = verify(&object);
    assert_eq!(accepted.code(), Some(0), "{accepted:#?}");
    for (key, value) in [("runtimeClasses", "gvisor,kata,unsafe"), ("run", "podproof-ffffffff")] {
        let kept = object["data"][key].take();
        object["data"][key] = value.into();
        let refused = verify(&object);
        assert_eq!(refused.code(), Some(1), "{refused:#?}");
        assert!(refused.err.contains(&format!("its `{key}` differs")), "{}", refused.err);
        object["data"][key] = kept;
    }
}

fn proof(shop: &str) -> String {
    format!("podproof-proof-{shop}")
}

/// Returns the objects that `controller gate` prints for an account.
pub(super) fn printed(cluster: &Cluster, shop: &str, control: &str, account: &str) -> Vec<Value> {
    printed_with(cluster, [shop, control, account], &[])
}

/// Returns the objects that `controller gate` prints with further words.
fn printed_with(cluster: &Cluster, [shop, control, account]: [&str; 3], further: &[&str]) -> Vec<Value> {
    let account = format!("{control}:{account}");
    let own = ["gate", "--namespace", shop, "--runtime-class", "gvisor", "--max-age", "1h"];
    let places = ["--proof-namespace", control, "--service-account", &account];
    let printed = cluster.controller(&[&own[..], &places, further].concat());
    assert_eq!(printed.code(), Some(0), "{printed:#?}");
    let documents = printed.out.split("---\n").map(|it| serde_saphyr::from_str::<Value>(it).unwrap());
    documents.collect()
}

/// Asks for a pod of gVisor in a namespace, without making it.
pub(super) fn asked(cluster: &Cluster, namespace: &str) -> Ended {
    let template = &Shop::default().deployments[0]["spec"]["template"];
    let metadata = json!({ "name": "late", "labels": template["metadata"]["labels"] });
    let pod = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"] });
    let file = cluster.state().join(format!("late-in-{namespace}.json"));
    fs::write(&file, pod.to_string()).unwrap();
    let file = file.display().to_string();
    cluster.kubectl(&["--namespace", namespace, "create", "--dry-run=server", "--filename", &file])
}

fn refused(cluster: &Cluster, gate: &Gate<'_>, why: &str) -> Ended {
    until(cluster, gate, |ended| !ended.status.success() && ended.err.contains(why))
}

fn admitted(cluster: &Cluster, gate: &Gate<'_>) {
    until(cluster, gate, |ended| ended.status.success());
}

/// Asks until the API server has seen the last change.
fn until(cluster: &Cluster, gate: &Gate<'_>, holds: impl Fn(&Ended) -> bool) -> Ended {
    let ask = || asked(cluster, gate.shop.name());
    let mut answers = (0..QUESTIONS).map(|_| ask());
    answers.find(|ended| holds(ended)).unwrap_or_else(|| panic!("{:#?}", ask()))
}
