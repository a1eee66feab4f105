//! Attempts to get a pod past a gate whose proof is not what the gate asks for. No pod of the attempts is made but by a Deployment.

use std::fs;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use stage::{
    Cluster, Ended,
    cluster::{Namespace, deployment},
};

use super::{QUESTIONS, keep_parameters_watched, printed_with, proof};
use crate::{
    admission::{lend, on, pod},
    permissions::Granted,
};

/// A gated namespace, whose proof the test itself writes.
struct Gated<'a> {
    cluster: &'a Cluster,
    shop: Namespace<'a>,
    control: Namespace<'a>,
    _objects: Granted<'a>,
}

impl<'a> Gated<'a> {
    fn open(cluster: &'a Cluster, words: &[&str]) -> Self {
        keep_parameters_watched(cluster);
        let [shop, control] = ["gated", "control"].map(|word| cluster.namespace(word));
        let objects = printed_with(cluster, [shop.name(), control.name(), "gate"], words);
        let name = format!("gate-of-{}", shop.name());
        let gated = Self { cluster, _objects: Granted::all(cluster, &name, &objects), shop, control };
        // Until the API server has seen the policy, it admits every pod.
        gated.until(|ended| ended.err.contains("there is no proof for this namespace yet"));
        gated
    }

    /// Returns a proof that opens the gate.
    fn good(&self) -> Value {
        let now = Timestamp::now();
        json!({
            "verdict": "ready",
            "environment": "production",
            "namespace": self.shop.name(),
            "whole": "true",
            "runtimeClasses": "gvisor",
            "verifiedAt": now.to_string(),
            "expiresAt": (now + SignedDuration::from_hours(24)).to_string(),
        })
    }

    /// Writes keys of the proof.
    fn write(&self, keys: &Value) {
        let patch = json!({ "data": keys }).to_string();
        let name = proof(self.shop.name());
        let ended = self.control.kubectl(&["patch", "configmap", &name, "--type=merge", "--patch", &patch]);
        assert!(ended.status.success(), "{ended:#?}");
    }

    /// Asks for a pod, without making it.
    fn ask(&self, verb: &[&str], pod: &Value) -> Ended {
        let file = self.cluster.state().join(format!("attack-on-{}.json", self.shop.name()));
        fs::write(&file, pod.to_string()).unwrap();
        let file = file.display().to_string();
        self.shop.kubectl(&[verb, &["--dry-run=server", "--filename", &file]].concat())
    }

    /// Asks for a pod until the API server has seen the last change, which nothing announces.
    fn until(&self, holds: impl Fn(&Ended) -> bool) {
        let ask = || self.ask(&["create"], &pod());
        let is_held = (0..QUESTIONS).map(|_| ask()).any(|ended| holds(&ended));
        assert!(is_held, "{:#?}", ask());
    }

    fn opens(&self) {
        self.write(&self.good());
        self.until(|ended| ended.status.success());
    }

    fn closes(&self, keys: &Value, said: &str) {
        self.write(keys);
        self.until(|ended| !ended.status.success() && ended.err.contains(said));
    }
}

/// Each key by itself closes the gate: what is missing, what is another value, and what is of another time.
pub(super) fn forged(cluster: &Cluster) {
    let gated = Gated::open(cluster, &[]);
    for (key, value, said) in [
        ("verdict", None, "there is no proof for this namespace yet"),
        ("verdict", Some("Ready"), "the namespace is Ready"),
        ("verdict", Some("undetermined"), "the namespace is undetermined"),
        ("environment", None, "the proof is for environment"),
        ("environment", Some("staging"), "the proof is for environment staging"),
        ("namespace", None, "the proof is for namespace"),
        ("namespace", Some("another"), "the proof is for namespace another"),
        ("whole", None, "the proof is for a part of the namespace"),
        ("whole", Some("false"), "the proof is for a part of the namespace"),
        ("runtimeClasses", None, "the proof is for pods of RuntimeClass"),
        ("runtimeClasses", Some(""), "the proof is for pods of RuntimeClass"),
        ("runtimeClasses", Some("gvisor2,other"), "the proof is for pods of RuntimeClass gvisor2,other"),
        ("verifiedAt", None, "the proof has no time"),
        ("verifiedAt", Some("yesterday"), "the proof has no time"),
        ("verifiedAt", Some("2026-01-01T00:00:00Z"), "is older than 3600 s"),
        ("verifiedAt", Some("9999-01-01T00:00:00Z"), "the proof is of a later time than the pod"),
        ("expiresAt", None, "the proof has no time"),
        ("expiresAt", Some("2026-01-01T00:00:00Z"), "has expired"),
    ] {
        gated.opens();
        gated.closes(&json!({ key: value }), said);
    }
    // A later end makes no old proof young.
    let old = json!({ "verifiedAt": "2026-01-01T00:00:00Z", "expiresAt": "9999-01-01T00:00:00Z" });
    gated.closes(&old, "is older than 3600 s");
    // The proof of a namespace with the same name, which was deleted since.
    gated.opens();
    let before = (Timestamp::now() - SignedDuration::from_mins(50)).to_string();
    gated.closes(&json!({ "verifiedAt": before }), "the namespace is younger than the proof");
}

/// No form of the pod, and no object of the gated namespace, leads around a gate that is closed.
pub(super) fn around(cluster: &Cluster) {
    let gated = Gated::open(cluster, &[]);
    let (shop, name) = (&gated.shop, gated.shop.name());
    gated.opens();
    gated.closes(&json!({ "verdict": "not-ready" }), "the namespace is not-ready");
    let refused = |verb: &[&str], change: &dyn Fn(&mut Value)| {
        let mut pod = pod();
        change(&mut pod);
        let ended = gated.ask(verb, &pod);
        let said = ended.err.contains("the namespace is not-ready");
        assert!(!ended.status.success() && said, "{verb:?} {pod}: {ended:#?}");
    };
    let as_it_is = |_: &mut Value| ();
    let back_dated = |pod: &mut Value| pod["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
    let without_a_name = |pod: &mut Value| {
        let metadata = pod["metadata"].as_object_mut().unwrap();
        metadata.remove("name");
        metadata.insert("generateName".to_owned(), json!("attack-"));
    };
    let like_a_probe = |pod: &mut Value| {
        let labels = json!({ "podproof.dev/role": "probe", "podproof.dev/run": "podproof-00000001" });
        pod["metadata"]["labels"] = labels;
    };
    refused(&["create"], &without_a_name);
    refused(&["create"], &back_dated);
    refused(&["apply", "--server-side"], &back_dated);
    refused(&["create"], &like_a_probe);

    // The gate ignores a proof in the gated namespace.
    shop.apply(&json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": proof(name) }, "data": gated.good(),
    }));
    refused(&["create"], &as_it_is);

    // The API server gives a namespace its name as a label again.
    for label in ["kubernetes.io/metadata.name-", "kubernetes.io/metadata.name=another"] {
        cluster.ask(&["label", "namespace", name, label, "--overwrite"]);
        refused(&["create"], &as_it_is);
    }

    // The pods of a workload are pods like others.
    shop.apply(&deployment("attack"));
    let condition = "--for=condition=ReplicaFailure";
    let failed = shop.kubectl(&["wait", "deployment/attack", condition, "--timeout=120s"]);
    assert!(failed.status.success(), "{failed:#?}");
    assert_eq!(shop.get(&["pods"])["items"], json!([]));

    // A policy that gives a pod its class acts before the gate.
    let _loans = lend(
        cluster,
        shop,
        "Mutating",
        &json!({
            "matchConstraints": on("CREATE", "pods"),
            "reinvocationPolicy": "Never",
            "mutations": [{
                "patchType": "ApplyConfiguration",
                "applyConfiguration": { "expression": "Object{spec: Object.spec{runtimeClassName: 'gvisor'}}" },
            }],
        }),
    );
    cluster.until("a pod with a late class that is refused", || {
        gated.ask(&["create"], &without_a_class()).err.contains("the namespace is not-ready")
    });
}

fn without_a_class() -> Value {
    let mut pod = pod();
    pod["spec"].as_object_mut().unwrap().remove("runtimeClassName");
    pod
}

pub(super) fn plain(cluster: &Cluster) {
    let gated = Gated::open(cluster, &["--sandboxed-only"]);
    gated.opens();
    let ended = gated.ask(&["create"], &without_a_class());
    let said = ended.err.contains("takes only pods of the RuntimeClasses gvisor");
    assert!(!ended.status.success() && said, "{ended:#?}");
}

pub(super) fn warned(cluster: &Cluster) {
    let gated = Gated::open(cluster, &["--mode", "warn"]);
    gated.write(&json!({ "verdict": "not-ready" }));
    gated.until(|ended| {
        assert!(ended.status.success(), "{ended:#?}");
        ended.err.contains("the namespace is not-ready")
    });
}
