//! `controller verify --publish`: the proof of a run, with every fault at every request.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    cluster::{CONTROL, Cluster},
    enumeration::{Mode, TIMEOUT},
    fault::Fault,
    simulation::{Ended, NOW, Simulation},
    store::{Key, key, text},
    verify::{PLAIN, with_control},
};

/// The time for the publication of a proof, beyond the timeout of the run.
const PUBLISHING: Duration = Duration::from_secs(30);
/// The life of a proof.
const LIFE: Duration = Duration::from_hours(24);
/// The age of another run's proof, whose half life is over.
const OLD: Duration = Duration::from_hours(13);
/// The precision of the API server's time.
const SECOND: Duration = Duration::from_secs(1);

fn proof() -> Key {
    key("configmaps", CONTROL, "podproof-proof-shop")
}

impl Cluster {
    /// Returns the keys of the published proof; `None` if nothing is prepared for a proof.
    pub(crate) fn proof(&self) -> Option<Value> {
        Some(self.get(&proof())?["data"].clone())
    }
}

/// Returns a run that publishes its proof, where the gate is new.
pub(crate) fn first() -> Mode {
    let words = [&with_control()[..], &["--publish", CONTROL]].concat();
    let prepare = |cluster: &Cluster| {
        cluster.change(|store| store.add(proof(), json!({ "metadata": {} })));
    };
    Mode { words, timeout: TIMEOUT + PUBLISHING, prepare }
}

/// Returns a run that publishes its proof, where another run's proof is old and not over.
pub(crate) fn further() -> Mode {
    Mode { prepare: |cluster| add_proof(cluster, OLD), ..first() }
}

/// Returns a run without control pods, whose verdict closes the gate that another run's proof keeps open.
fn closing() -> Mode {
    let words = [PLAIN, &["--publish", CONTROL]].concat();
    Mode { words, ..further() }
}

/// Adds the proof of another run that was ready.
fn add_proof(cluster: &Cluster, age: Duration) {
    let verified = start() - age;
    let data = json!({
        "verdict": "ready", "environment": "production", "namespace": "shop", "whole": "true",
        "verifiedAt": verified.to_string(), "expiresAt": (verified + LIFE).to_string(),
    });
    cluster.change(|store| store.add(proof(), json!({ "metadata": {}, "data": data })));
}

/// Returns the time at which every command starts.
fn start() -> Timestamp {
    Timestamp::UNIX_EPOCH + Duration::from_secs(NOW)
}

/// Returns the broken promise of a run's published proof. The proof is the one before the run, or this run's own: with the
/// verdict of its report and the time of its evidence.
pub(crate) fn broken(before: &Value, after: &Value, code: Option<u8>, verdict: &str) -> Option<String> {
    let time = |proof: &Value, key: &str| proof[key].as_str().and_then(|time| time.parse::<Timestamp>().ok());
    if after == before {
        // A run that ended with its verdict has published it, but for an equal one that is young.
        let is_verdict = matches!(code, Some(0 | 1 | 3 | 5 | 6));
        let is_kept = after["verdict"] == verdict
            && time(after, "verifiedAt").is_some_and(|at| start() - LIFE / 2 < at);
        return (is_verdict && !is_kept)
            .then(|| format!("ended with {verdict:?}, and its proof is not published"));
    }
    let time = |key: &str| time(after, key);
    let (Some(verified), Some(expires)) = (time("verifiedAt"), time("expiresAt")) else {
        return Some(format!("a proof without its times: {after}"));
    };
    let is_own = after["verdict"] == verdict && expires == verified + LIFE;
    let is_of_now = verified <= start() && start() - SECOND - SECOND <= verified;
    (!is_own || !is_of_now).then(|| format!("the report says {verdict:?}, and the proof {after}"))
}

/// Returns the broken promise of a run that published the first proof.
fn broken_by(simulation: &Simulation, ended: &Ended) -> Option<String> {
    let verdict = text(&ended.report().unwrap(), "/verdict");
    broken(&json!(null), &simulation.cluster.proof().unwrap(), ended.code, &verdict)
}

#[test]
fn a_ready_run_publishes_its_proof() {
    let mode = first();
    let simulation = mode.simulation();
    let (ended, _) = simulation.run(&mode.words, &[]);
    assert_eq!(ended.code, Some(0), "{} {}", ended.errors, ended.output);
    assert_eq!(broken_by(&simulation, &ended), None);
}

/// Returns the number of the request that looks at the place of the proof before the run.
fn look(requests: &[String]) -> usize {
    requests.iter().position(|it| it.contains("podproof-proof")).unwrap()
}

/// Returns the numbers of the requests that read or write the proof after the run.
fn of_proof(requests: &[String]) -> Vec<usize> {
    let numbered = requests.iter().enumerate().filter(|(_, it)| it.contains("podproof-proof"));
    numbered.map(|(number, _)| number).skip(1).collect()
}

#[test]
fn the_place_of_a_proof_is_looked_at_once_before_the_first_pod() {
    let asked = first().requests();
    let made = asked.iter().position(|it| it.starts_with("POST ")).unwrap();
    assert!(look(&asked) < made, "{asked:#?}");
    assert!(of_proof(&asked).iter().all(|&number| number > made), "{asked:#?}");
}

/// Sees that a run which cannot publish its proof ends before it makes an object.
fn nothing_made(prepare: impl FnOnce(&Cluster), said: &str) {
    let simulation = Simulation::new(1);
    prepare(&simulation.cluster);
    let (ended, history) = simulation.run(&first().words, &[]);
    assert_eq!((ended.code, history.made()), (Some(4), Vec::new()), "{ended:?}");
    for said in [said, "help: `controller gate"] {
        assert!(ended.errors.contains(said), "{said}: {}", ended.errors);
    }
}

#[test]
fn a_run_whose_proof_has_no_place_makes_nothing() {
    nothing_made(|_| (), "has no ConfigMap podproof-proof-shop");
}

#[test]
fn a_run_that_may_not_read_the_place_of_its_proof_makes_nothing() {
    let prepare = |cluster: &Cluster| {
        (first().prepare)(cluster);
        cluster.refuse("get", "configmaps");
    };
    nothing_made(prepare, "failed to read the proof podproof/podproof-proof-shop");
}

#[test]
fn a_look_without_an_answer_refuses_no_run() {
    let mode = first();
    let simulation = mode.simulation();
    let (ended, _) = simulation.run(&mode.words, &[(look(&mode.requests()), Fault::Hang)]);
    assert_eq!(ended.code, Some(0), "{}", ended.errors);
    assert_eq!(broken_by(&simulation, &ended), None);
}

#[test]
fn a_proof_that_somebody_wrote_meanwhile_is_read_again() {
    let mode = first();
    let write = of_proof(&mode.requests())[1];
    let (ended, history) = mode.simulation().run(&mode.words, &[(write, Fault::Status(409))]);
    assert_eq!((ended.code, of_proof(&history.requests()).len()), (Some(0), 4), "{}", ended.errors);
}

#[test]
fn a_publication_that_fails_once_is_made_again() {
    let mode = first();
    let asked = mode.requests();
    let numbers = of_proof(&asked);
    assert_eq!(numbers.len(), 2, "{asked:#?}");
    for (number, fault) in numbers.into_iter().zip([Fault::Status(500), Fault::CutAfter]) {
        let (ended, _) = mode.simulation().run(&mode.words, &[(number, fault)]);
        assert_eq!(ended.code, Some(0), "{fault:?}: {}", ended.errors);
    }
}

/// The bodies of a proxy's errors, none of which is a status of Kubernetes.
const OF_A_PROXY: [&str; 4] =
    ["<html><h1>502 Bad Gateway</h1></html>\n", "no healthy upstream", "{\"error\":\"down\"}", ""];

/// Sees that a run publishes its proof although a proxy answers so many requests from this one on.
fn published_behind_a_proxy(mode: &Mode, first: usize, many: usize) {
    for body in OF_A_PROXY {
        let simulation = mode.simulation();
        let faults: Vec<_> = (first..first + many).map(|number| (number, Fault::Proxy(body))).collect();
        let (ended, _) = simulation.run(&mode.words, &faults);
        assert_eq!(ended.code, Some(0), "{body:?}: {}", ended.errors);
        assert_eq!(broken_by(&simulation, &ended), None);
    }
}

/// A reading request is made again at once some times, and then as a part of the publication.
#[test]
fn a_proof_is_published_after_many_answers_of_a_proxy() {
    let mode = first();
    let of_proof = of_proof(&mode.requests());
    published_behind_a_proxy(&mode, of_proof[0], 8);
    published_behind_a_proxy(&mode, of_proof[1], 2);
}

#[test]
fn a_list_that_a_proxy_answers_is_asked_for_again() {
    let mode = first();
    let list = mode.requests().iter().position(|it| it.contains("/networkpolicies")).unwrap();
    published_behind_a_proxy(&mode, list, 1);
}

/// Returns the verdict that is kept after a ready run, during which another run published a proof that it is not ready.
fn kept_beside_another_run(began: Timestamp, code: Option<u8>) -> String {
    let mode = first();
    let simulation = mode.simulation();
    let cluster = simulation.cluster.clone();
    simulation.beside(TIMEOUT * 2, async move {
        sleep(SECOND).await;
        let data = json!({
            "verdict": "not-ready", "run": "podproof-ffffffff", "verifiedAt": began.to_string(),
            "expiresAt": (began + LIFE).to_string(),
        });
        cluster.change(|store| store.modify(&proof(), |object| object["data"] = data));
    });
    let (ended, _) = simulation.run(&mode.words, &[]);
    assert_eq!(ended.code, code, "{} {}", ended.errors, ended.output);
    text(&simulation.cluster.get(&proof()).unwrap(), "/data/verdict")
}

#[test]
fn a_proof_of_a_run_that_began_later_stays() {
    assert_eq!(kept_beside_another_run(start() + SECOND, Some(4)), "not-ready");
}

#[test]
fn a_proof_of_a_run_that_began_earlier_is_replaced() {
    assert_eq!(kept_beside_another_run(start() - OLD, Some(0)), "ready-with-warnings");
}

#[test]
fn a_machine_that_sleeps_during_a_run_makes_no_proof_younger() {
    let mode = first();
    let simulation = mode.simulation();
    let cluster = simulation.cluster.clone();
    simulation.beside(TIMEOUT * 2, async move {
        sleep(SECOND).await;
        cluster.let_pass(OLD);
    });
    let (ended, _) = simulation.run(&mode.words, &[]);
    assert_eq!(ended.code, Some(0), "{} {}", ended.errors, ended.output);
    assert_eq!(broken_by(&simulation, &ended), None);
}

/// Returns what a second run tells, where the namespace was made at a time.
fn told_again(created: Timestamp) -> String {
    let mode = first();
    let simulation = mode.simulation();
    simulation.run(&mode.words, &[]);
    simulation.cluster.let_pass(SECOND * 10);
    let namespace = key("namespaces", "", "shop");
    let born =
        |namespace: &mut Value| namespace["metadata"]["creationTimestamp"] = json!(created.to_string());
    simulation.cluster.change(|store| store.modify(&namespace, born));
    simulation.run(&mode.words, &[]).0.errors
}

#[test]
fn an_equal_proof_of_the_same_namespace_is_kept() {
    let told = told_again(start() - OLD);
    assert!(told.contains("kept, since it says the same"), "{told}");
}

#[test]
fn a_namespace_that_was_made_again_gets_a_new_proof() {
    let told = told_again(start() + SECOND);
    assert!(told.contains(" published: ready"), "{told}");
}

#[test]
fn a_signal_at_a_request_for_the_proof_ends_the_run() {
    let mode = first();
    let asked = mode.requests();
    for number in [look(&asked), of_proof(&asked)[0]] {
        let (ended, _) = mode.simulation().run(&mode.words, &[(number, Fault::Interrupt)]);
        assert_eq!(ended.code, Some(130), "{}", ended.errors);
    }
}

#[test]
fn no_fault_breaks_a_promise_of_a_publication() {
    for mode in [first(), further()] {
        mode.enumerate(|_, _| true);
    }
}

#[test]
fn no_fault_leaves_a_gate_open_that_a_run_closes() {
    let (ended, _) = closing().ended(&[]);
    assert_eq!(ended.code, Some(3), "{} {}", ended.errors, ended.output);
    closing().enumerate(|request, _| request.contains("podproof-proof"));
}
