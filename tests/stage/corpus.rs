//! Files of the corpus with the facts that their releases did not keep, as a run of today finds them in the same place.

use std::fs;

use controller::support::digest::sha256;
use serde_json::{Value, json};

/// The id of the target at which the control pod tries the probe.
const PROBES_LISTENER: u32 = 90;

/// Returns a file of the corpus with what a run of today would have found besides.
pub fn completed(name: &str) -> String {
    let mut content = content(name);
    complete(&mut content);
    sealed(&content)
}

/// Returns the completed content of a file of the corpus.
pub fn completed_content(name: &str) -> Value {
    let mut content = content(name);
    complete(&mut content);
    content
}

/// Returns a whole file of version 1 with this content.
pub fn sealed(content: &Value) -> String {
    let content = content.to_string();
    let digest = sha256(content.as_bytes());
    format!(r#"{{"kind":"podproof-evidence","version":1,"sha256":"{digest}","content":{content}}}"#)
}

/// Returns the content of a file of the corpus, whose version is 1.
pub fn content(name: &str) -> Value {
    let path = format!("{}/corpus/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let mut file: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    file["content"].take()
}

fn complete(content: &mut Value) {
    if content["cluster"].is_object() {
        for list in ["dns_endpoints", "api_endpoints", "storage_classes", "csi_drivers", "device_claims"] {
            add(&mut content["cluster"], list, json!({ "Ok": [] }));
        }
        pods(&mut content["cluster"]["shapes"]);
    }
    for case in content["record"]["cases"].as_array_mut().unwrap() {
        let mut survey = case["survey"].take();
        add(&mut survey, "untried_sockets", json!([]));
        add(&mut survey, "credentials", json!([]));
        let evidence = &mut case["collected"]["evidence"];
        let sentinels = json!({ "folders": [], "unseen": [], "other_root": false, "others": null });
        add(evidence, "host_sentinels", json!({ "seen": sentinels }));
        add(evidence, "kernel_files", json!({ "seen": { "files": [], "unseen": [] } }));
        add(evidence, "shadow", json!("absent"));
        add(evidence, "quotas", json!("absent"));
        if evidence["egress"]["seen"].is_object() && survey["in_cluster"].is_object() {
            in_cluster(&mut evidence["egress"]["seen"], &mut survey);
        }
        case["survey"] = survey;
    }
}

/// Adds the facts of a probe pod: its age, its labels, and the attempts of the control pod on it.
fn in_cluster(egress: &mut Value, survey: &mut Value) {
    add(egress, "container_age_ms", json!(900));
    let group = &mut survey["in_cluster"]["group"];
    pods(&mut group["shapes"]);
    let labels = group["labels"].clone();
    add(&mut survey["in_cluster"]["pod"], "labels", labels);
    if !survey["ingress"].is_null() {
        return;
    }
    let target = json!({
        "id": PROBES_LISTENER, "address": "10.244.0.7", "port": 8080, "protocol": "tcp", "name": "", "token": null,
    });
    survey["ingress"] = json!({ "targets": [target] });
    let attempt = |reach: &str| {
        let again = if survey["settle_ms"].is_null() { Value::Null } else { json!(reach) };
        json!({ "target": PROBES_LISTENER, "reach": reach, "errno": 0, "took_us": 9, "again": again })
    };
    let (own, control) = (attempt("reached"), attempt("timed-out"));
    egress["attempts"].as_array_mut().unwrap().push(own);
    if let Some(tried) = survey["control"]["tried"].as_array_mut() {
        tried.push(control);
    }
}

fn pods(pods: &mut Value) {
    for pod in pods.as_array_mut().unwrap() {
        for key in ["devices", "secrets", "credentials"] {
            add(pod, key, json!([]));
        }
        for container in pod["containers"].as_array_mut().unwrap() {
            add(container, "loosened", json!([]));
        }
    }
}

/// Adds a key that the file lacks.
fn add(to: &mut Value, key: &str, value: Value) {
    let to = to.as_object_mut().unwrap();
    if to.get(key).is_none_or(Value::is_null) {
        to.insert(key.to_owned(), value);
    }
}
