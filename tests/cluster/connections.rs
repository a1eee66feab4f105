//! Ways to name the cluster: a context, and a program that gives a token. The gate of deploy/ uses the third way, a
//! pod's own service account.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use serde_json::{Value, json};
use stage::{Cluster, cluster::Shop};

use crate::Test;

pub(super) const TESTS: &[Test] = &[
    ("a named context of the kubeconfig is used, else the current one", contexts),
    ("a program of the kubeconfig gives the token, and its failure is reported", plugin),
];

/// Writes a changed copy of the administrator's kubeconfig.
fn kubeconfig(cluster: &Cluster, name: &str, change: impl FnOnce(&mut Value)) -> String {
    let text = fs::read_to_string(cluster.kubeconfig()).unwrap();
    let mut configuration = serde_json::from_str(&text).unwrap();
    change(&mut configuration);
    write(cluster, name, &configuration.to_string()).display().to_string()
}

fn write(cluster: &Cluster, name: &str, text: &str) -> PathBuf {
    let file = cluster.state().join(name);
    fs::write(&file, text).unwrap();
    file
}

/// Verifies a namespace without workloads, for which no probe is made. Exit code 3 is then the best possible.
fn look(cluster: &Cluster, words: &[&str]) -> stage::Ended {
    let empty = cluster.namespace("empty");
    Shop { deployments: Vec::new(), ..Shop::default() }.open(&empty);
    let image = cluster.probe_image();
    cluster
        .controller(&[&["verify", "--quiet", "--namespace", empty.name(), "--image", &image], words].concat())
}

fn contexts(cluster: &Cluster) {
    let file = kubeconfig(cluster, "contexts.json", |configuration| {
        let clusters = configuration["clusters"].as_array_mut().unwrap();
        clusters.push(json!({ "name": "nowhere", "cluster": { "server": "https://127.0.0.1:1" } }));
        let contexts = configuration["contexts"].as_array_mut().unwrap();
        contexts.push(json!({ "name": "nowhere", "context": { "cluster": "nowhere", "user": "stage" } }));
        configuration["current-context"] = json!("nowhere");
    });
    let current = look(cluster, &["--kubeconfig", &file]);
    assert_eq!(current.code(), Some(4), "{current:#?}");
    let named = look(cluster, &["--kubeconfig", &file, "--context", "stage"]);
    assert_eq!(named.code(), Some(3), "{named:#?}");
    let missing = look(cluster, &["--kubeconfig", &file, "--context", "no-such-context"]);
    assert_eq!(missing.code(), Some(4), "{missing:#?}");
    assert!(missing.err.contains("no-such-context"), "{}", missing.err);
}

fn plugin(cluster: &Cluster) {
    let text = fs::read_to_string(cluster.kubeconfig()).unwrap();
    let administrator: Value = serde_json::from_str(&text).unwrap();
    let credential = json!({
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": { "token": administrator["users"][0]["user"]["token"] },
    });
    let with = |name: &str, script: &str| {
        let program = write(cluster, name, script);
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        kubeconfig(cluster, &format!("{name}.json"), |configuration| {
            let exec = json!({
                "apiVersion": "client.authentication.k8s.io/v1",
                "command": program,
                "interactiveMode": "Never",
            });
            configuration["users"][0]["user"] = json!({ "exec": exec });
        })
    };
    let program = with("gives-a-token", &format!("#!/bin/sh\ncat <<'END'\n{credential}\nEND\n"));
    let given = look(cluster, &["--kubeconfig", &program]);
    assert_eq!(given.code(), Some(3), "{given:#?}");
    let broken = with("gives-none", "#!/bin/sh\necho 'you are logged out' >&2\nexit 1\n");
    let failed = look(cluster, &["--kubeconfig", &broken]);
    assert_eq!(failed.code(), Some(4), "{failed:#?}");
    assert!(failed.err.contains("gives-none"), "{}", failed.err);
}
