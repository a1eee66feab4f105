//! A reviewer's path with signatures: a run is verified, signed and kept on one day, and checked a month later by nothing but the files.

use std::{path::Path, rc::Rc, time::Duration};

use serde_json::json;
use tempfile::TempDir;

use crate::{
    cluster::{CONTROL, NAMESPACE},
    enumeration::TIMEOUT,
    fault::Fault,
    simulation::{Ended, Simulation},
    store::key,
    verify::with_control,
};

const DAY: Duration = Duration::from_hours(24);

/// The files of a reviewer, and the cluster from which they come.
struct Review {
    folder: TempDir,
    simulation: Rc<Simulation>,
}

impl Review {
    /// Makes a key, verifies a namespace, and signs the evidence for 90 days.
    fn begin() -> Self {
        let review = Self { folder: tempfile::tempdir().unwrap(), simulation: Simulation::new(1) };
        let made = review.run(&["key", "new", "--out", &review.path("key")]);
        assert_eq!(made.code, Some(0), "{}", made.errors);
        review.verify("january.json.gz", 0);
        review
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn run(&self, words: &[&str]) -> Ended {
        self.simulation.run(words, &[]).0
    }

    /// Verifies the namespace as it is, and signs the evidence.
    fn verify(&self, evidence: &str, code: u8) {
        let (evidence, key) = (self.path(evidence), self.path("key"));
        let words = ["--save-evidence", &evidence, "--sign", &key, "--valid-for", "90d"];
        let ended = self.run(&[&with_control(), &words[..]].concat());
        assert_eq!(ended.code, Some(code), "{}", ended.errors);
    }

    /// Checks the attestation of one file by another file, without asking a cluster.
    fn check(&self, [signed, evidence]: [&str; 2], words: &[&str]) -> Ended {
        let (bundle, key) = (self.path(&format!("{signed}.sigstore.json")), self.path("key.pub"));
        let evidence = self.path(evidence);
        let own = ["attest", "verify", &bundle, "--key", &key, "--evidence", &evidence];
        let (ended, history) = self.simulation.run(&[&own[..], words].concat(), &[]);
        assert_eq!(history.requests(), [""; 0]);
        ended
    }

    fn check_january(&self, words: &[&str]) -> Ended {
        self.check(["january.json.gz"; 2], words)
    }

    /// Verifies the namespace a month later, without its policy.
    fn february(&self) {
        self.simulation.pass(DAY * 31);
        self.simulation
            .cluster
            .change(|store| store.remove(&key("networkpolicies", NAMESPACE, "default-deny")));
        self.verify("february.json.gz", 1);
    }
}

#[test]
fn a_month_later_the_verdict_of_a_run_follows_from_its_files() {
    let review = Review::begin();
    review.simulation.pass(DAY * 31);
    let words = ["--namespace", NAMESPACE, "--environment", "production", "--require-ready"];
    let checked = review.check_january(&words);
    assert_eq!(checked.code, Some(0), "{}", checked.errors);
    for said in ["authentic: ready, with warnings", "verified at 2026-01-01", "judged again"] {
        assert!(checked.output.contains(said), "{said}: {}", checked.output);
    }
}

#[test]
fn a_run_that_ends_early_leaves_no_attestation_of_an_earlier_one() {
    let review = Review::begin();
    let bundle = review.path("january.json.gz.sigstore.json");
    assert!(Path::new(&bundle).exists());
    let (evidence, key) = (review.path("january.json.gz"), review.path("key"));
    review.simulation.cluster.start_in(TIMEOUT * 2);
    let words = ["--save-evidence", &evidence, "--sign", &key];
    let ended = review.run(&[&with_control(), &words[..]].concat());
    assert_eq!(ended.code, Some(5), "{}", ended.errors);
    assert!(ended.errors.contains("attestation of an earlier run, was removed"), "{}", ended.errors);
    assert!(!Path::new(&bundle).exists());
}

#[test]
fn the_end_of_an_attestation_is_named() {
    let review = Review::begin();
    review.simulation.pass(DAY * 89);
    assert_eq!(review.check_january(&[]).code, Some(0));
    review.simulation.pass(DAY * 2);
    let late = review.check_january(&[]);
    assert_eq!(late.code, Some(1), "{late:?}");
    assert!(late.errors.contains("expired") && late.errors.contains("2026-04-01"), "{}", late.errors);
}

#[test]
fn a_month_is_too_old_for_who_asks_for_thirty_days() {
    let review = Review::begin();
    review.simulation.pass(DAY * 31);
    let old = review.check_january(&["--max-age", "30d"]);
    assert_eq!(old.code, Some(1), "{old:?}");
    assert!(old.errors.contains("--max-age allows 30days"), "{}", old.errors);
}

#[test]
fn a_clock_before_the_run_is_named() {
    let review = Review::begin();
    review.february();
    review.simulation.turn_back(DAY * 31);
    let early = review.check(["february.json.gz"; 2], &[]);
    assert_eq!(early.code, Some(1), "{early:?}");
    assert!(early.errors.contains("correct the clock"), "{}", early.errors);
}

#[test]
fn two_signed_runs_are_compared() {
    let review = Review::begin();
    review.february();
    for name in ["january.json.gz", "february.json.gz"] {
        let checked = review.check([name; 2], &[]);
        assert_eq!(checked.code, Some(0), "{name}: {}", checked.errors);
    }
    let [january, february] = ["january.json.gz", "february.json.gz"].map(|name| review.path(name));
    let worse = review.run(&["diff", &january, &february, "--fail-on", "worse"]);
    assert_eq!(worse.code, Some(1), "{}", worse.errors);
    assert!(worse.output.contains("network-policies-apply"), "{}", worse.output);
    let better = review.run(&["diff", &february, &january, "--fail-on", "worse"]);
    assert_eq!(better.code, Some(0), "{}", better.output);
}

#[test]
fn the_files_of_two_dates_cannot_be_exchanged() {
    let review = Review::begin();
    review.february();
    for files in [["january.json.gz", "february.json.gz"], ["february.json.gz", "january.json.gz"]] {
        let exchanged = review.check(files, &[]);
        assert_eq!(exchanged.code, Some(1), "{files:?}: {exchanged:?}");
        assert!(exchanged.errors.contains("is of other evidence"), "{}", exchanged.errors);
    }
}

/// The exit code of such a run says that it did not come to its end, which no signed verdict can say.
#[test]
fn a_run_that_is_interrupted_as_it_publishes_leaves_no_attestation() {
    let review = Review::begin();
    let cluster = &review.simulation.cluster;
    let proof = key("configmaps", CONTROL, "podproof-proof-shop");
    cluster.change(|store| store.add(proof, json!({ "metadata": {} })));
    let (evidence, key) = (review.path("late.json.gz"), review.path("key"));
    let signing = ["--publish", CONTROL, "--save-evidence", &evidence, "--sign", &key];
    let words = [&with_control(), &signing[..]].concat();
    let bundle = review.folder.path().join("late.json.gz.sigstore.json");
    let (ended, history) = review.simulation.run(&words, &[]);
    assert!(ended.code == Some(0) && bundle.exists(), "{}", ended.errors);
    let publishes = |request: &String| request.starts_with("PATCH ") && request.contains("/configmaps/");
    let number = history.requests().iter().position(publishes).unwrap();
    let (ended, _) = review.simulation.run(&words, &[(number, Fault::Interrupt)]);
    assert!(ended.code == Some(130) && !bundle.exists(), "{}", ended.errors);
}
