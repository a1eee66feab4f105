//! The gate of deploy/ that runs as a Job, by the commands of its README. A program imitates kubectl.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use serde_json::Value;
use stage::{Ended, Ground, run};

/// A Job `gate-1`, whose end the variable JOB names. Without an end, each wait is in vain. Each call is noted.
const KUBECTL: &str = r#"#!/bin/sh
echo "$*" >>calls
case "$JOB $*" in
    "none create "*) echo "error: the API server does not answer" >&2; exit 1 ;;
    *" create --filename deploy/gate-job.yaml --output name") echo job.batch/gate-1 ;;
    "$JOB --namespace podproof wait --for=condition=$JOB --timeout="*" job.batch/gate-1") ;;
    *" --namespace podproof logs job.batch/gate-1") echo "the report of the Job" ;;
    *) exit 1 ;;
esac
"#;

fn file(name: &str) -> String {
    fs::read_to_string(format!("{}/../deploy/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// Runs the commands of the README for a Job with this end, in a shell with these options. Returns their end, and kubectl's calls.
fn gated(job: &str, options: &str) -> (Ended, Vec<String>) {
    let readme = file("README.md");
    let (commands, _) = readme.split_once("```sh\n").unwrap().1.split_once("```").unwrap();
    let ground = Ground::new();
    let kubectl = ground.path().join("kubectl");
    fs::write(&kubectl, KUBECTL).unwrap();
    fs::set_permissions(&kubectl, fs::Permissions::from_mode(0o755)).unwrap();
    let mut shell = Command::new("sh");
    shell.args([options, commands]).current_dir(ground.path());
    let mut shell = run::clean(shell);
    shell.env("PATH", format!("{}:/usr/bin:/bin", ground.path().display())).env("JOB", job);
    let ended = run::ended(shell.spawn().unwrap());
    let calls = fs::read_to_string(ground.path().join("calls")).unwrap();
    (ended, calls.lines().map(str::to_owned).collect())
}

#[test]
fn the_commands_succeed_if_the_job_completes() {
    for options in ["-c", "-ec"] {
        let (ended, calls) = gated("Complete", options);
        assert_eq!(ended.code(), Some(0), "{options}: {ended:#?} {calls:#?}");
        assert!(ended.out.contains("the report of the Job"), "{ended:#?}");
    }
}

#[test]
fn the_commands_fail_as_soon_as_the_job_fails() {
    for options in ["-c", "-ec"] {
        let (ended, calls) = gated("Failed", options);
        assert!(!ended.status.success(), "{options}: {ended:#?}");
        assert!(ended.out.contains("the report of the Job"), "{ended:#?}");
        // One wait for each end, and the last one for the exit code.
        assert_eq!(calls.iter().filter(|call| call.contains(" wait ")).count(), 3, "{calls:#?}");
    }
}

#[test]
fn the_commands_fail_without_an_end_of_the_job() {
    for job in ["none", "Suspended"] {
        for options in ["-c", "-ec"] {
            let (ended, _) = gated(job, options);
            assert!(!ended.status.success(), "{job} {options}: {ended:#?}");
        }
    }
}

/// A Job with a name of its own stays completed after its run, and a later `kubectl apply` changes nothing about that.
#[test]
fn each_run_is_a_new_job() {
    let job: Value = serde_saphyr::from_str(&file("gate-job.yaml")).unwrap();
    assert_eq!(job["kind"], "Job");
    let metadata = &job["metadata"];
    assert!(metadata["generateName"].is_string() && metadata.get("name").is_none(), "{metadata}");
    assert!(job["spec"]["ttlSecondsAfterFinished"].is_u64(), "{}", job["spec"]);
}
