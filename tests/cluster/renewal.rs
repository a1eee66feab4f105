//! The files of deploy/gate, as they are: the `CronJob` renews the proof, nobody but its account writes the proof, and the proof
//! ends by itself.

use std::{
    fs,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use stage::Cluster;

use crate::{
    Test,
    deployed::{Names, file, open, with_images},
    gate,
};

pub(super) const TESTS: &[Test] = &[(
    "the CronJob of deploy/gate renews the proof, which ends by itself and which nobody else writes",
    renewed,
)];

/// Tests of signing, which use the same names.
pub(super) const SIGNED: &[Test] =
    &[("the CronJob that signs reads its key from a Secret, and the proof has the attestation", signed)];

const PROOF: &str = "podproof-proof-shop";
/// The age of a proof that the test takes, in seconds; and the age at which the proof is too old.
const AGE: i64 = 30;
const MOST: &str = "60s";
/// The time for the API server to notice a change, and for a proof to age.
const PATIENCE: Duration = Duration::from_mins(3);

/// The gate, which is an object of the whole cluster.
struct Gate<'a>(&'a Cluster);

impl Drop for Gate<'_> {
    fn drop(&mut self) {
        _ = self.0.kubectl(&["delete", "--ignore-not-found", "--filename", &file("gate/gate.yaml")]);
    }
}

fn renewed(cluster: &Cluster) {
    let _names = Names::take(cluster);
    let _gate = Gate(cluster);
    gate::keep_parameters_watched(cluster);
    open(cluster, &["runtime-class.yaml", "default-deny.yaml", "namespace.yaml", "rbac.yaml"]);
    // The gate refuses new pods of the workload, too, so the workload comes first.
    for name in ["gate/gate.yaml", "gate/renew.yaml"] {
        cluster.ask(&["apply", "--filename", &file(name)]);
    }
    with_images_of_the_cluster(cluster);

    refused(cluster, "there is no proof for this namespace yet");
    renew(cluster, "first", "Complete");
    admitted(cluster);

    only_its_account_writes(cluster);
    ends_by_itself(cluster);

    let first = run(cluster);
    renew(cluster, "second", "Complete");
    assert_ne!(run(cluster), first);
    admitted(cluster);

    cluster.ask(&["--namespace", "shop", "delete", "networkpolicy", "--all"]);
    renew(cluster, "broken", "Failed");
    refused(cluster, "the namespace is not-ready");
}

fn signed(cluster: &Cluster) {
    let _names = Names::take(cluster);
    let _gate = Gate(cluster);
    gate::keep_parameters_watched(cluster);
    open(cluster, &["runtime-class.yaml", "default-deny.yaml", "namespace.yaml", "rbac.yaml"]);
    let path = |name: &str| cluster.state().join(name).display().to_string();
    let (key, public, proof) = (path("renewal.key"), path("renewal.key.pub"), path("renewal.json"));
    let made = cluster.controller(&["key", "new", "--out", &key]);
    assert_eq!(made.code(), Some(0), "{made:#?}");
    let from = format!("--from-file=podproof.key={key}");
    cluster.ask(&["--namespace", "podproof", "create", "secret", "generic", "podproof-signing-key", &from]);
    for name in ["gate/gate.yaml", "gate/renew-signed.yaml"] {
        cluster.ask(&["apply", "--filename", &file(name)]);
    }
    with_images_of_the_cluster(cluster);

    renew(cluster, "signed", "Complete");
    let object = cluster.get(&["--namespace", "podproof", "configmap", PROOF]);
    fs::write(&proof, object.to_string()).unwrap();
    let words = ["--proof", &proof, "--key", &public, "--namespace", "shop", "--require-ready"];
    let accepted = cluster.controller(&[&["attest", "verify"][..], &words].concat());
    assert_eq!(accepted.code(), Some(0), "{accepted:#?}");
}

/// Gives the `CronJob` images that node one has and a short delay, and lets nothing but the test start it.
fn with_images_of_the_cluster(cluster: &Cluster) {
    let mut object = cluster.get(&["--namespace", "podproof", "cronjob", "renew-shop"]);
    object["spec"]["suspend"] = true.into();
    let job = &mut object["spec"]["jobTemplate"]["spec"];
    job["backoffLimit"] = 0.into();
    let mut spec = job["template"]["spec"].take();
    let words = spec["containers"][0]["args"].as_array_mut().unwrap();
    *words.iter_mut().find(|word| *word == "--jitter=5m").unwrap() = "--jitter=1s".into();
    job["template"]["spec"] = with_images(cluster, spec);
    cluster.feed(&["replace", "--filename=-"], &object.to_string());
}

/// Starts a Job of the `CronJob`, and waits for its end.
fn renew(cluster: &Cluster, name: &str, condition: &str) {
    let kubectl = |words: &[&str]| cluster.kubectl(&[&["--namespace", "podproof"], words].concat());
    let made = kubectl(&["create", "job", name, "--from=cronjob/renew-shop"]);
    assert!(made.status.success(), "{made:#?}");
    let (job, condition) = (format!("job/{name}"), format!("--for=condition={condition}"));
    let ended = kubectl(&["wait", &condition, "--timeout=180s", &job]);
    assert!(ended.status.success(), "{ended:#?}\n{:#?}", kubectl(&["logs", &job]));
}

/// Returns the name of the run that the proof is of.
fn run(cluster: &Cluster) -> String {
    cluster.ask(&["--namespace", "podproof", "get", "configmap", PROOF, "--output=jsonpath={.data.run}"])
}

/// Writes the proof as other accounts, whom the API server refuses.
fn only_its_account_writes(cluster: &Cluster) {
    let data = json!({ "data": { "verdict": "ready" } }).to_string();
    for (user, may) in [
        ("system:serviceaccount:podproof:gate", true),
        ("system:serviceaccount:podproof:default", false),
        ("system:serviceaccount:shop:default", false),
        ("system:node:one", false),
        ("jane", false),
    ] {
        let (user, group) = (format!("--as={user}"), "--as-group=system:authenticated");
        let words =
            ["--namespace", "podproof", "patch", "configmap", PROOF, "--type=merge", "--patch", &data];
        let written = cluster.kubectl(&[&words[..], &[&user, group]].concat());
        assert_eq!(written.status.success(), may, "{user}: {written:#?}");
        assert!(may || written.err.contains("Forbidden"), "{user}: {written:#?}");
    }
}

/// Sees a pod refused once the proof is older than the gate's limit, while no pod of podproof runs.
fn ends_by_itself(cluster: &Cluster) {
    let gate = ["gate", "--namespace", "shop", "--runtime-class", "gvisor", "--max-age", MOST];
    let printed = cluster.controller(&gate);
    assert_eq!(printed.code(), Some(0), "{printed:#?}");
    let documents = printed.out.split("---\n").map(|it| serde_saphyr::from_str::<Value>(it).unwrap());
    // The proof itself stays as its account wrote it.
    for object in documents.filter(|object| object["kind"] != "ConfigMap") {
        cluster.apply(&object.to_string());
    }
    let running = ["pods", "--namespace", "podproof", "--field-selector=status.phase=Running"];
    until(|| {
        let pods = cluster.get(&running);
        if pods["items"] == json!([]) { Ok(()) } else { Err(pods) }
    });

    refused(cluster, "is older than 60 s");
    let took = json!({ "data": { "verifiedAt": seconds_ago(cluster, AGE) } }).to_string();
    cluster.ask(&["--namespace", "podproof", "patch", "configmap", PROOF, "--type=merge", "--patch", &took]);
    admitted(cluster);
    refused(cluster, "is older than 60 s");
    cluster.ask(&["apply", "--filename", &file("gate/gate.yaml")]);
}

/// Returns a time before now, by the API server's clock.
fn seconds_ago(cluster: &Cluster, seconds: i64) -> String {
    let name = "podproof-clock";
    let created = cluster.ask(&[
        "create",
        "configmap",
        name,
        "--namespace",
        "podproof",
        "--dry-run=server",
        "--output=jsonpath={.metadata.creationTimestamp}",
    ]);
    let now: jiff::Timestamp = created.trim().parse().unwrap();
    (now - jiff::SignedDuration::from_secs(seconds)).to_string()
}

fn refused(cluster: &Cluster, why: &str) {
    until(|| {
        let ended = gate::asked(cluster, "shop");
        if !ended.status.success() && ended.err.contains(why) { Ok(()) } else { Err(ended) }
    });
}

fn admitted(cluster: &Cluster) {
    until(|| {
        let ended = gate::asked(cluster, "shop");
        if ended.status.success() { Ok(()) } else { Err(ended) }
    });
}

/// Asks until the API server has seen the last change, which nothing announces.
fn until<T: std::fmt::Debug>(mut holds: impl FnMut() -> Result<(), T>) {
    let began = Instant::now();
    while let Err(last) = holds() {
        assert!(began.elapsed() < PATIENCE, "still not seen: {last:#?}");
    }
}
