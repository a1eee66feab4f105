//! Version 1 of the JSON report: the first form beside the form of today. Keys are only added.
//!
//! `golden` holds reports of the first form, as they were written; the snapshots hold the form of today, without the sentences
//! for people.

use std::{collections::BTreeSet, fs};

use serde_json::Value;
use stage::{Ground, run};

const NAMES: [&str; 2] = ["1-not-ready", "1-cluster"];
/// Keys that the form of today has, and the first form had not.
const ADDED: [&str; 13] = [
    "/accepted",
    "/extent",
    "/extent/left_out",
    "/extent/restricted_to",
    "/extent/whole",
    "/not_judged",
    "/profiles",
    "/profiles/*/allowed",
    "/profiles/*/kind",
    "/run",
    "/sandboxes/*/findings/*/platform_remedies",
    "/sandboxes/*/platforms",
    "/scope",
];
/// Keys of sentences for people, which may be worded anew in any version.
const PROSE: [&str; 9] =
    ["because", "mappings", "not_judged", "notes", "protects", "remedy", "scope", "text", "title"];

fn first(name: &str) -> Value {
    let path = format!("{}/hermetic/golden/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn today(name: &str) -> Value {
    let file = format!("{}/corpus/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let ended = run::run(&["score", &file, "--output", "json"], Ground::new().path(), &[]);
    serde_json::from_str(&ended.out).unwrap()
}

/// Adds the path of every key, with `*` for the places of an array.
fn keys(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                let path = format!("{path}/{key}");
                keys(value, &path, found);
                found.insert(path);
            }
        }
        Value::Array(array) => array.iter().for_each(|value| keys(value, &format!("{path}/*"), found)),
        _ => (),
    }
}

fn keys_of(value: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    keys(value, "", &mut found);
    found
}

/// Replaces every sentence for people.
fn without_prose(value: &mut Value) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                if PROSE.contains(&key.as_str()) && !value.is_null() {
                    *value = "words".into();
                } else {
                    without_prose(value);
                }
            }
        }
        Value::Array(array) => array.iter_mut().for_each(without_prose),
        _ => (),
    }
}

#[test]
fn version_1_only_gains_keys() {
    for name in NAMES {
        let (first, today) = (first(name), today(name));
        assert_eq!((&first["version"], &today["version"]), (&1.into(), &1.into()), "{name}");
        let (before, after) = (keys_of(&first), keys_of(&today));
        let lost: Vec<_> = before.difference(&after).collect();
        assert_eq!(lost, [""; 0], "{name}");
        let entries = ["/platform_remedies/*/platform", "/platform_remedies/*/remedy"];
        let added = after.difference(&before).filter(|key| !entries.iter().any(|end| key.ends_with(end)));
        assert_eq!(added.collect::<Vec<_>>(), ADDED, "{name}");
    }
}

#[test]
fn the_form_of_today_is_the_golden_one() {
    for name in NAMES {
        let mut today = today(name);
        without_prose(&mut today);
        insta::assert_snapshot!(format!("report-{name}"), serde_json::to_string_pretty(&today).unwrap());
    }
}

#[test]
fn the_first_form_is_valid_by_the_schema_of_today() {
    let schema = run::run(&["schema", "report"], Ground::new().path(), &[]).out;
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    for name in NAMES {
        let errors: Vec<_> = validator.iter_errors(&first(name)).map(|error| error.to_string()).collect();
        assert_eq!(errors, [""; 0], "{name}");
    }
}
