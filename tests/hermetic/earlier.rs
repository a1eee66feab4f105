//! Results of an earlier run, which nobody may take for those of a run that has none.

use std::{fs, net::TcpListener};

use serde_json::json;
use stage::{Ended, Ground, run};

use super::ways::Home;

/// The files that a run writes.
const RESULTS: &[&str] =
    &["run.json.gz", "run.json.gz.sigstore.json", "podproof.prom", "podproof.xml", "podproof.sarif"];
const EARLIER: &str = "podproof_verdict{verdict=\"ready\"} 1\n";

/// Makes a run in a cluster whose API server is a loopback port without a listener. Returns its end, and the names of the files
/// afterwards.
fn failed() -> (Ended, Vec<String>) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let home = Home::new(&json!({ "server": format!("https://127.0.0.1:{port}") }), &json!({}));
    for name in RESULTS.iter().chain(&["other.xml"]) {
        fs::write(home.path().join(name), EARLIER).unwrap();
    }
    let made = home.run(&["key", "new", "--out", "podproof.key"]);
    assert_eq!(made.code(), Some(0), "{made:#?}");
    let words = "verify --namespace shop --image registry.example/probe:1 --timeout 30s --save-evidence run.json.gz \
        --sign podproof.key --output prometheus=podproof.prom --output junit=podproof.xml --output sarif=podproof.sarif \
        --output html=/dev/null";
    let ended = home.run(&words.split_whitespace().collect::<Vec<_>>());
    let files = fs::read_dir(home.path()).unwrap();
    let mut files: Vec<_> =
        files.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    files.sort();
    (ended, files)
}

#[test]
fn a_run_without_a_report_leaves_no_result_of_an_earlier_run() {
    let (ended, files) = failed();
    assert_eq!(ended.code(), Some(4), "{ended:#?}");
    assert_eq!(files, ["kubeconfig", "other.xml", "podproof.key", "podproof.key.pub"]);
    for name in RESULTS {
        assert!(
            ended.err.contains(&format!("{name}, the result of an earlier run")),
            "{name}: {}",
            ended.err
        );
    }
}

/// The command line is wrong before anything is looked at, and nobody knows if its files are the meant ones.
#[test]
fn a_refused_command_line_leaves_every_file() {
    let ground = Ground::new();
    let report = ground.path().join("podproof.prom");
    fs::write(&report, EARLIER).unwrap();
    let output = format!("prometheus={}", report.display());
    let words = ["verify", "--local", "--output", &output];
    let ended = run::run(&words, ground.path(), &[("ENVIRONMENT", "prod")]);
    assert_eq!(ended.code(), Some(2), "{ended:#?}");
    assert_eq!(fs::read_to_string(&report).unwrap(), EARLIER);
}
