//! The workload's own words: a visit sees its processes, and carries none of them.

use std::fs;

use serde_json::json;
use stage::{Cluster, cluster::Shop};

use super::verified;
use crate::Test;

pub(crate) const TESTS: &[Test] =
    &[("with --live no argument, variable or file of the workload leaves the pod", secrets)];

const ARGUMENT: &str = "xk29-vqh7-argument";
const VARIABLE: &str = "xk29-vqh7-variable";
const CONTENT: &str = "xk29-vqh7-content";
/// Writes the content, which is no argument as a whole, and waits.
const WAIT: &str = "printf %s%s xk29-vqh7 -content >/data/file; while :; do sleep 600; done";

fn secrets(cluster: &Cluster) {
    let namespace = cluster.namespace("live");
    let mut shop = Shop::default();
    let container = shop.container();
    container["command"] = json!(["/bin/sh", "-c", WAIT, ARGUMENT]);
    container["env"] = json!([{ "name": "GREETING", "value": VARIABLE }]);
    container["volumeMounts"] = json!([{ "name": "data", "mountPath": "/data" }]);
    shop.pod()["volumes"] = json!([{ "name": "data", "emptyDir": { "sizeLimit": "8Mi" } }]);
    shop.open(&namespace);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("evidence.json").display().to_string();
    // The probe has the container's own user, and could read most.
    let ended = verified(cluster, &namespace, &["--live", "--live-uid", "--save-evidence", &file]);
    let name = &super::pods(&namespace)[0].name;
    let evidence = fs::read_to_string(&file).unwrap();
    assert!(evidence.contains(name) && evidence.contains("command"), "{ended:#?}");
    for secret in [ARGUMENT, VARIABLE, CONTENT] {
        for text in [&ended.out, &ended.err, &evidence] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
}
