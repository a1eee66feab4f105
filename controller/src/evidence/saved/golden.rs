//! Tests that hold version 1 of the file still. `content.json` is the content of a file, formatted for readers, in which each
//! key of the version occurs. `keys.txt` lists the paths of these keys; a `?` marks a key that a file may lack.

use std::collections::{BTreeMap, BTreeSet};

use proto::{Call, Observer, Protocol, Reach};
use serde::Serialize;
use serde_json::{Value, json};

use super::*;

/// The content of a file in which each key occurs.
pub(crate) const FULL: &str = include_str!("golden/content.json");
const KEYS: &str = include_str!("golden/keys.txt");

#[test]
fn the_full_content_is_written_as_it_was_read() {
    let content = saved_v1::Content::from(read(FULL).unwrap());
    let again = serde_json::to_string_pretty(&content).unwrap();
    for (line, (found, expected)) in again.lines().zip(FULL.lines()).enumerate() {
        assert_eq!(found, expected, "line {}", line + 1);
    }
    assert_eq!(again + "\n", FULL);
}

#[test]
fn a_file_of_version_1_is_read() {
    let (read, _) = decode(&sealed(&content())).unwrap();
    assert_eq!(read.cases.len(), content()["record"]["cases"].as_array().unwrap().len());
}

/// The lines of version 2 have the keys of version 1, and numbers in place of the cluster's pods.
#[test]
fn the_lines_of_version_2_hold_the_content_of_version_1() {
    let content = content();
    let (record, provenance) = read(FULL).unwrap();
    let text = String::from_utf8(encode(&record, &provenance).unwrap()).unwrap();
    let mut lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let end = lines.pop().unwrap();
    let before = text.rfind("{\"end\"").unwrap();
    assert_eq!(end, json!({ "end": { "sha256": sha256(&text.as_bytes()[..before]) } }));
    let mut lines = lines.into_iter();
    let mut head = lines.next().unwrap();
    assert_eq!((&head["kind"], &head["version"]), (&json!(KIND), &json!(2)));
    let (mut pods, mut cases) = (Vec::new(), Vec::new());
    for mut line in lines {
        if line.get("pod").is_some() {
            pods.push(line["pod"].take());
        } else {
            cases.push(line["case"].take());
        }
    }
    head["cluster"]["shapes"] = Value::Array(pods);
    head["record"]["cases"] = Value::Array(cases);
    for key in ["kind", "version"] {
        remove(&mut head, &[key]);
    }
    assert_eq!(head, content);
}

/// The pods of the cluster are written by their numbers once they are shared, which a file of version 2 makes them.
#[test]
fn a_group_names_the_clusters_pods_by_their_numbers() {
    let (mut record, provenance) = read(FULL).unwrap();
    let known = record.cases[0].surroundings.in_cluster.as_mut().unwrap();
    known.group.pod_views = known.cluster.pod_views.clone();
    let count = known.cluster.pod_views.len();
    let text = String::from_utf8(encode(&record, &provenance).unwrap()).unwrap();
    let line = text.lines().find(|line| line.starts_with("{\"case\"")).unwrap();
    let case: Value = serde_json::from_str(line).unwrap();
    let numbers: Vec<_> = (0..count).collect();
    assert_eq!(case.pointer("/case/survey/in_cluster/group/shapes").unwrap(), &json!(numbers));
}

#[test]
fn a_pod_that_the_file_lacks_is_refused() {
    let mut content = content();
    content["record"]["cases"][0]["survey"]["in_cluster"]["group"]["shapes"] = json!([1000]);
    assert!(matches!(decode(&sealed(&content)), Err(Error::NoSuchPod { number: 1000 })));
}

#[test]
fn the_keys_are_those_of_version_1() {
    let content = content();
    let mut paths = BTreeSet::new();
    collect(&content, "", &mut paths);
    let marked = paths.iter().map(|path| {
        let mut lacking = content.clone();
        let keys: Vec<_> = path.split('.').collect();
        remove(&mut lacking, &keys);
        if read(&lacking.to_string()).is_ok() { format!("{path} ?") } else { path.clone() }
    });
    let found: BTreeSet<_> = marked.collect();
    let listed = KEYS.lines().map(str::to_owned).collect();
    let added: Vec<_> = found.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&found).collect();
    assert!(added.is_empty() && gone.is_empty(), "added: {added:#?}, gone: {gone:#?}");
}

/// Keys of maps that have the names of labels, or of objects that the API server wrote.
const FREE: [&str; 10] = [
    "earlier_labels",
    "equals",
    "gvisor_annotations",
    "injection_annotations",
    "labels",
    "later_labels",
    "namespace_labels",
    "network_annotations",
    "node_selector",
    "policy_objects",
];

/// A newer controller may have written the key, and the verdict may rest on it.
#[test]
fn an_unknown_key_in_any_object_is_refused() {
    let content = content();
    let mut objects = BTreeMap::new();
    collect_objects(&content, ("", ""), &mut objects);
    assert!(objects.len() > 100, "{objects:#?}");
    for place in objects.values() {
        let mut newer = content.clone();
        let object = newer.pointer_mut(place).unwrap().as_object_mut().unwrap();
        // The only key of such an object may be the name of an enum's variant.
        let by_name = object.len() > 1;
        object.insert("unheard_of".to_owned(), json!(true));
        let Err(Error::Content(source)) = read(&newer.to_string()) else { panic!("{place} is read") };
        assert!(!by_name || source.to_string().contains("`unheard_of`"), "{place}: {source}");
    }
}

#[test]
fn an_unknown_key_in_any_line_is_refused_by_its_name() {
    let (record, provenance) = read(FULL).unwrap();
    let text = String::from_utf8(encode(&record, &provenance).unwrap()).unwrap();
    let lines: Vec<_> = text.lines().collect();
    for (changed, place) in [(0, ""), (1, "/pod"), (lines.len() - 2, "/case")] {
        let mut content = String::new();
        for (number, line) in lines[..lines.len() - 1].iter().enumerate() {
            let last = line.strip_suffix('}').unwrap();
            let newer = if place.is_empty() {
                format!("{last},\"unheard_of\":1}}")
            } else {
                format!("{},\"unheard_of\":1}}}}", last.strip_suffix('}').unwrap())
            };
            content += if number == changed { &newer } else { line };
            content.push('\n');
        }
        let end = json!({ "end": { "sha256": sha256(content.as_bytes()) } });
        let refused = decode(format!("{content}{end}\n").as_bytes());
        let Err(Error::Content(source)) = refused else { panic!("{place}: {refused:?}") };
        assert!(source.to_string().contains("`unheard_of`"), "{place}: {source}");
    }
}

/// The types of `proto` are part of the file as they are, so that their names are names of the file, too.
#[test]
fn each_name_of_the_wire_contract_occurs_in_the_full_content() {
    fn occurs(names: &[impl Serialize]) {
        for name in names {
            let name = serde_json::to_string(name).unwrap();
            assert!(FULL.contains(&name), "{name}");
        }
    }
    occurs(Observer::ALL);
    occurs(Protocol::ALL);
    occurs(Reach::ALL);
    occurs(Call::ALL);
    occurs(&["seen", "absent", "denied", "failed", "timed-out", "crashed"]);
}

/// Values that stand in for the keys that the first files of this version lack.
#[test]
fn a_key_that_older_files_lack_has_a_value_that_claims_nothing() {
    let unknown = json!({ "failed": { "reason": "the file does not hold it" } });
    let not_kept = json!({ "Err": {
        "what": "read this list",
        "forbidden": false,
        "message": "the saved evidence does not keep it",
    } });
    for (place, key, expected) in [
        ("/record/cases/0/collected", "nonce", Value::Null),
        ("/record/cases/0/collected/evidence/egress/seen", "container_age_ms", Value::Null),
        ("/record/cases/0/survey", "cgroup_path", Value::Null),
        ("/record/cases/0/survey", "measures_cpu", json!(false)),
        ("/record/cases/0/survey", "untried_sockets", Value::Null),
        ("/record/cases/0/survey", "credentials", Value::Null),
        ("/record/cases/0/survey", "ingress", Value::Null),
        ("/record/cases/0/survey", "profile", json!({ "kind": "deny-all", "allowed": [] })),
        ("/record/cases/0/survey/declared", "pids", Value::Null),
        ("/record/cases/0/survey/machine", "kernel_release", unknown.clone()),
        ("/record/cases/0/survey/machine", "namespaces", unknown.clone()),
        ("/record/cases/0/survey/machine", "runs_the_probe", unknown.clone()),
        ("/record/cases/0/survey/machine", "shadow", unknown),
        ("/record/cases/0/survey/machine", "shadow_size", Value::Null),
        ("/record/cases/0/survey/machine", "identities", json!([])),
        ("/record/cases/0/survey/in_cluster/pod", "asked_after_ms", Value::Null),
        ("/cluster", "neighbours", json!([])),
        ("/cluster", "dns_endpoints", not_kept.clone()),
        ("/cluster", "api_endpoints", not_kept.clone()),
        ("/cluster", "storage_classes", not_kept.clone()),
        ("/cluster", "csi_drivers", not_kept.clone()),
        ("/cluster", "device_claims", not_kept),
        ("/cluster/shapes/0", "devices", Value::Null),
        ("/cluster/shapes/0/containers/0", "loosened", Value::Null),
        ("/cluster/shapes/0", "name_servers", json!([])),
        ("/cluster/classes/Ok/0", "overhead_cpu_millis", json!(0)),
        ("/cluster/nodes/Ok/0", "identities", json!([])),
        ("/cluster/shapes/0", "secrets", Value::Null),
        ("/cluster/shapes/0", "credentials", Value::Null),
        ("/cluster/shapes/0", "images", Value::Null),
        ("/cluster/shapes/0", "limits", json!({ "memory": null, "cpu_millis": null, "pids": null })),
        ("/cluster/shapes/0/containers/0", "writable_root", Value::Null),
        ("/cluster/shapes/0/containers/0", "has_ended", Value::Null),
    ] {
        let mut lacking = content();
        remove(lacking.pointer_mut(place).unwrap(), &[key]);
        assert_eq!(again(&lacking).pointer(place).unwrap()[key], expected, "{key}");
    }
}

#[test]
fn a_run_without_circumstances_is_written_without_the_key() {
    let mut content = content();
    remove(&mut content, &["record", "circumstances"]);
    assert_eq!(again(&content), content);
}

#[test]
fn a_run_of_one_round_is_written_without_the_key() {
    let mut content = content();
    let survey = content.pointer_mut("/record/cases/0/survey").unwrap();
    remove(survey, &["settle_ms"]);
    assert_eq!(again(&content), content);
}

#[test]
fn a_run_without_attempts_is_written_with_the_key() {
    let mut content = content();
    let survey = content.pointer_mut("/record/cases/0/survey").unwrap();
    remove(survey, &["settle_ms"]);
    survey["no_network"] = json!(true);
    assert_eq!(again(&content), content);
    let (record, _) = read(&content.to_string()).unwrap();
    assert_eq!(record.cases[0].surroundings.rounds, crate::case::rounds::Rounds::None);
}

#[test]
fn a_running_container_is_written_as_it_was_read() {
    let mut content = content();
    let subject = content.pointer_mut("/record/cases/2/survey/subject").unwrap();
    *subject = json!({ "kind": "container", "runtime": ["runsc", "--root", "/run/runsc"], "id": "web" });
    assert_eq!(again(&content), content);
}

#[test]
fn a_case_of_a_cluster_is_refused_if_the_file_lacks_the_cluster() {
    for key in ["cluster", "coverage"] {
        let mut content = content();
        content[key] = Value::Null;
        assert!(matches!(decode(&sealed(&content)), Err(Error::NoCluster)), "{key}");
    }
}

#[test]
fn each_name_that_the_full_content_lacks_is_that_of_version_1() {
    for (place, names) in [
        ("/record/environment/environment", &["development", "staging", "production"][..]),
        ("/record/cases/0/survey/profile/kind", &["deny-all", "no-private", "allow-list"]),
        ("/record/cases/0/survey/limits_doubt", &["resized", "of-its-pod"]),
        ("/cluster/shapes/0/containers/0/kind", &["Regular", "Init", "Sidecar", "Ephemeral"]),
    ] {
        for name in names {
            let mut content = content();
            *content.pointer_mut(place).unwrap() = json!(name);
            assert_eq!(again(&content), content, "{name}");
        }
    }
}

#[test]
fn a_run_on_a_machine_is_written_as_it_was_read() {
    let mut content = content();
    content["record"]["circumstances"]["place"] =
        json!({ "kind": "machine", "host": "build-1", "kernel": "6.18.44" });
    assert_eq!(again(&content), content);
}

/// Returns true if a value has the form of a file's content.
pub(crate) fn is_content(content: &Value) -> bool {
    read(&content.to_string()).is_ok()
}

/// Returns the record of a file's content.
pub(crate) fn of_content(content: &Value) -> Record {
    read(&content.to_string()).unwrap().0
}

fn content() -> Value {
    serde_json::from_str(FULL).unwrap()
}

/// Returns the content as it is written after it was read.
fn again(content: &Value) -> Value {
    let read = decode(&sealed(content)).unwrap();
    let (record, provenance) = decode(&encode(&read.0, &read.1).unwrap()).unwrap();
    serde_json::to_value(saved_v1::Content::from((record, provenance))).unwrap()
}

/// Returns a whole file with this content.
fn sealed(content: &Value) -> Vec<u8> {
    let content = serde_json::value::to_raw_value(content).unwrap();
    let sha256 = sha256(content.get().as_bytes());
    serde_json::to_vec(&Envelope { kind: KIND.into(), version: 1, sha256: &sha256, content: &content })
        .unwrap()
}

/// Collects the paths of all keys; the elements of a list share the path of the list.
fn collect(value: &Value, path: &str, into: &mut BTreeSet<String>) {
    match value {
        Value::Array(elements) => elements.iter().for_each(|element| collect(element, path, into)),
        Value::Object(entries) => {
            for (key, value) in entries {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                collect(value, &path, into);
                into.insert(path);
            }
        }
        _ => (),
    }
}

/// Collects the place of one object for each path and each set of keys, without the maps of [`FREE`].
fn collect_objects(value: &Value, (place, path): (&str, &str), into: &mut BTreeMap<String, String>) {
    match value {
        Value::Array(elements) => {
            for (number, element) in elements.iter().enumerate() {
                collect_objects(element, (&format!("{place}/{number}"), path), into);
            }
        }
        Value::Object(entries) => {
            let keys: Vec<_> = entries.keys().map(String::as_str).collect();
            into.entry(format!("{path} {}", keys.join(","))).or_insert_with(|| place.to_owned());
            for (key, value) in entries {
                // A probe pod's containers by their ids, and the namespace's policies by their titles.
                let by_name = (key == "containers" && value.is_object())
                    || (key == "policies" && value["Ok"].is_object());
                if !by_name && !FREE.contains(&key.as_str()) {
                    collect_objects(value, (&format!("{place}/{key}"), &format!("{path}/{key}")), into);
                }
            }
        }
        _ => (),
    }
}

/// Removes the key at the end of the path from each object that the path leads to.
fn remove(value: &mut Value, path: &[&str]) {
    match (value, path) {
        (Value::Array(elements), _) => elements.iter_mut().for_each(|element| remove(element, path)),
        (Value::Object(entries), &[key]) => {
            entries.remove(key);
        }
        (Value::Object(entries), [key, rest @ ..]) => {
            if let Some(value) = entries.get_mut(*key) {
                remove(value, rest);
            }
        }
        _ => (),
    }
}
