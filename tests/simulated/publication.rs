//! `controller verify --publish`: the proof of a run, with every fault at every request.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    cluster::{CONTROL, Cluster},
    enumeration::{Mode, TIMEOUT},
    fault::Fault,
    simulation::{Ended, NOW},
    store::{Key, key, text},
    verify::with_control,
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
    let prepare = |cluster: &Cluster| {
        let verified = start() - OLD;
        let data = json!({
            "verdict": "ready", "environment": "production", "namespace": "shop", "whole": "true",
            "verifiedAt": verified.to_string(), "expiresAt": (verified + LIFE).to_string(),
        });
        cluster.change(|store| store.add(proof(), json!({ "metadata": {}, "data": data })));
    };
    Mode { prepare, ..first() }
}

/// Returns the time at which every command starts.
fn start() -> Timestamp {
    Timestamp::UNIX_EPOCH + Duration::from_secs(NOW)
}

/// Returns the broken promise of a published proof. The proof is the one before the run, or this run's own: with the verdict of
/// its report and the time of its evidence.
pub(crate) fn broken(before: &Value, after: &Value, ended: &Ended) -> Option<String> {
    if after == before {
        return (ended.code == Some(0)).then(|| "ready, and its proof is not published".to_owned());
    }
    let verdict = text(&ended.report().unwrap_or_default(), "/verdict");
    let time = |key: &str| after[key].as_str().and_then(|time| time.parse::<Timestamp>().ok());
    let (Some(verified), Some(expires)) = (time("verifiedAt"), time("expiresAt")) else {
        return Some(format!("a proof without its times: {after}"));
    };
    let is_own = after["verdict"] == *verdict && expires == verified + LIFE;
    let is_of_now = verified <= start() && start() - SECOND - SECOND <= verified;
    (!is_own || !is_of_now).then(|| format!("the report says {verdict:?}, and the proof {after}"))
}

#[test]
fn a_ready_run_publishes_its_proof() {
    let mode = first();
    let simulation = mode.simulation();
    let (ended, _) = simulation.run(&mode.words, &[]);
    assert_eq!(ended.code, Some(0), "{} {}", ended.errors, ended.output);
    assert_eq!(broken(&json!(null), &simulation.cluster.proof().unwrap(), &ended), None);
}

#[test]
fn a_publication_that_fails_once_is_made_again() {
    let mode = first();
    let asked = mode.requests();
    let of_proof = asked.iter().enumerate().filter(|(_, it)| it.contains("podproof-proof"));
    let numbers: Vec<_> = of_proof.map(|(number, _)| number).collect();
    assert_eq!(numbers.len(), 2, "{asked:#?}");
    for (number, fault) in numbers.into_iter().zip([Fault::Status(500), Fault::CutAfter]) {
        let (ended, _) = mode.simulation().run(&mode.words, &[(number, fault)]);
        assert_eq!(ended.code, Some(0), "{fault:?}: {}", ended.errors);
    }
}

#[test]
fn a_signal_while_a_proof_is_published_ends_the_run() {
    let mode = first();
    let number = mode.requests().iter().position(|it| it.contains("podproof-proof")).unwrap();
    let (ended, _) = mode.simulation().run(&mode.words, &[(number, Fault::Interrupt)]);
    assert_eq!(ended.code, Some(130), "{}", ended.errors);
}

/// The other requests are those of a run that publishes nothing, and pairs of faults meet them.
#[test]
fn no_fault_breaks_a_promise_of_a_publication() {
    for mode in [first(), further()] {
        mode.enumerate(|request, _| request.contains("podproof-proof"));
    }
}
