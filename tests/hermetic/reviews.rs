//! A reviewer's path with signatures, over saved evidence: two dates are verified and signed, and later checked and compared.

use std::{fs, path::Path};

use serde_json::Value;
use stage::corpus::sealed;

use crate::attestations::{Signed, ran, timed};

/// A run of one date: its evidence and its attestation.
struct Date {
    evidence: String,
    bundle: String,
}

/// Judges and signs the evidence of a run, as `verify --save-evidence FILE --sign KEY` does.
fn date(signed: &Signed, name: &str, run: &str, corpus: &str) -> Date {
    let evidence = signed.put(name, renamed(&timed(corpus), run)).display().to_string();
    let words = ["score", &evidence, "--environment", "production", "--sign", &signed.key];
    let ended = stage::run::run(&[&words[..], &["--valid-for", "3650d"]].concat(), Path::new("/"), &[]);
    assert!(ended.err.contains("attestation"), "{ended:#?}");
    Date { bundle: format!("{evidence}.sigstore.json"), evidence }
}

/// Returns the same evidence of another run, as a whole file.
fn renamed(text: &str, run: &str) -> String {
    let mut file: Value = serde_json::from_str(text).unwrap();
    file["content"]["record"]["circumstances"]["run"] = run.into();
    sealed(&file["content"])
}

fn check(signed: &Signed, bundle: &str, evidence: &str, code: i32) -> stage::Ended {
    ran(&["attest", "verify", bundle, "--key", &signed.public, "--evidence", evidence], code)
}

#[test]
fn a_month_later_both_dates_are_checked_and_compared() {
    let signed = Signed::new("1-cluster", &[]);
    let january = date(&signed, "january.json", "podproof-00000001", "1-cluster");
    let february = date(&signed, "february.json", "podproof-00000002", "1-cluster-worse");
    for Date { evidence, bundle } in [&january, &february] {
        let checked = check(&signed, bundle, evidence, 0);
        assert!(checked.out.contains("judged again"), "{}", checked.out);
    }
    let compared = ran(&["diff", &january.evidence, &february.evidence, "--fail-on", "worse"], 1);
    assert!(compared.out.contains("worse"), "{}", compared.out);
}

#[test]
fn an_attestation_shows_that_the_file_is_the_one_of_its_date() {
    let signed = Signed::new("1-cluster", &[]);
    let january = date(&signed, "january.json", "podproof-00000001", "1-cluster");
    let february = date(&signed, "february.json", "podproof-00000002", "1-cluster-worse");
    let swapped = check(&signed, &january.bundle, &february.evidence, 1);
    assert!(swapped.err.contains("is of other evidence"), "{}", swapped.err);
    // The evidence's own digest is made again, as a forger would.
    let text = fs::read_to_string(&january.evidence).unwrap();
    fs::write(&january.evidence, renamed(&text, "podproof-00000003")).unwrap();
    let forged = check(&signed, &january.bundle, &january.evidence, 1);
    assert!(forged.err.contains("is of other evidence"), "{}", forged.err);
}
