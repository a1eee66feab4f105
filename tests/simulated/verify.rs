//! `controller verify --namespace` without faults.

use std::{collections::BTreeSet, time::Duration};

use serde_json::json;
use tokio::time::sleep;

use crate::{
    cluster::{CONTROL, EXCHANGED, IMAGE, NAMESPACE, PLACES},
    enumeration::requests,
    fault::Fault,
    simulation::Simulation,
    store::key,
};

/// The words of a run without control pods.
pub(crate) const PLAIN: &[&str] = &[
    "verify",
    "--namespace",
    NAMESPACE,
    "--image",
    "registry.example/probe:1",
    "--image-digest",
    IMAGE,
    "--environment",
    "production",
    "--quiet",
    "--timeout",
    "60s",
    "--output",
    "json",
];

/// Returns the words of a run with control pods.
pub(crate) fn with_control() -> Vec<&'static str> {
    [PLAIN, &["--control-namespace", CONTROL]].concat()
}

#[test]
fn a_hardened_namespace_is_ready_beside_a_control_pod() {
    let (ended, _) = Simulation::new(1).run(&with_control(), &[]);
    assert_eq!(ended.code, Some(0), "{} {}", ended.errors, ended.output);
}

#[test]
fn without_a_control_pod_the_network_is_inconclusive() {
    let (ended, _) = Simulation::new(1).run(PLAIN, &[]);
    assert_eq!(ended.code, Some(3), "{} {}", ended.errors, ended.output);
}

/// Another program could claim that it reached every target.
#[test]
fn a_control_pod_with_another_image_counts_for_nothing() {
    let simulation = Simulation::new(1);
    simulation.cluster.change(|store| {
        store.modify(&key("namespaces", "", CONTROL), |namespace| {
            namespace["metadata"]["annotations"] = json!({ EXCHANGED: format!("sha256:{}", "e".repeat(64)) });
        })
    });
    let (ended, _) = simulation.run(&with_control(), &[]);
    assert_eq!(ended.code, Some(3), "{} {}", ended.errors, ended.output);
    assert!(ended.output.contains("which is not this controller's probe"), "{}", ended.output);
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let [first, second] = [1, 1].map(|seed| Simulation::new(seed).run(&with_control(), &[]).0);
    assert_eq!(first, second);
}

/// The first seconds of the container are lost with the stream, and one requirement is inconclusive for that.
#[test]
fn a_stream_that_breaks_is_begun_again() {
    let asked = requests(&with_control());
    let of_a_probe = format!("/namespaces/{NAMESPACE}/pods/");
    let is_exec = |it: &&String| it.contains("/exec?") && it.contains(&of_a_probe);
    let exec = asked.iter().position(|it| is_exec(&it)).unwrap();
    let (ended, history) = Simulation::new(1).run(&with_control(), &[(exec, Fault::CutStream(20))]);
    assert!(ended.took < Duration::from_secs(40), "{:?}", ended.took);
    let further = history.requests().iter().filter(is_exec).count();
    assert!(further > asked.iter().filter(is_exec).count(), "{:?}", history.requests());
    let made = history.made();
    let is_of_a_probe = |pod: &&str| made.iter().any(|(_, key)| key.1 == NAMESPACE && key.2 == *pod);
    let whole: BTreeSet<_> = history.whole().into_iter().filter(is_of_a_probe).collect();
    assert!(whole.len() >= PLACES, "{whole:?}");
}

#[test]
fn a_conflict_at_the_creation_is_no_refusal() {
    let asked = requests(&with_control());
    let creation = asked.iter().position(|it| it.contains("POST") && it.contains("dryRun")).unwrap();
    let (ended, _) = Simulation::new(1).run(&with_control(), &[(creation, Fault::Status(409))]);
    assert_eq!(ended.code, Some(0), "{} {}", ended.errors, ended.output);
}

#[test]
fn a_report_says_how_many_requests_were_made() {
    let (ended, history) = Simulation::new(1).run(&with_control(), &[]);
    let notes = ended.report().unwrap_or_default()["notes"].to_string();
    assert!(notes.contains(&format!("{} requests", history.requests().len())), "{notes}");
}

/// The API server names a second in its answer 429.
#[test]
fn a_request_that_is_refused_for_now_is_made_again_after_the_named_time() {
    let asked = requests(&with_control());
    let creation = asked.iter().position(|it| it.starts_with("POST") && !it.contains("dryRun")).unwrap();
    let usual = Simulation::new(1).run(&with_control(), &[]).0;
    let faults = [(creation, Fault::Status(429))];
    let (ended, history) = Simulation::new(1).run(&with_control(), &faults);
    assert_eq!((ended.code, &history.requests()[creation]), (Some(0), &asked[creation]));
    assert!(ended.took >= usual.took + Duration::from_millis(900), "{:?}", ended.took);
}

/// Returns the number of the first exec into a control pod.
fn exec_into_a_control_pod() -> usize {
    let asked = requests(&with_control());
    asked.iter().position(|it| it.contains("/exec?") && it.contains("-control-")).unwrap()
}

#[test]
fn each_pod_is_asked_by_one_exec() {
    let asked = requests(&with_control());
    let execs: Vec<_> = asked.iter().filter_map(|it| it.split_once("/exec?")).map(|(pod, _)| pod).collect();
    let pods: BTreeSet<_> = execs.iter().collect();
    assert_eq!(execs.len(), pods.len(), "{execs:#?}");
    assert_eq!(pods.len(), 2 * PLACES, "{execs:#?}");
}

/// The evidence of such a stream is lost, or the answers to the second question are.
#[test]
fn a_control_pods_stream_that_breaks_anywhere_costs_no_verdict() {
    let exec = exec_into_a_control_pod();
    for after in 0..40 {
        let (ended, _) = Simulation::new(1).run(&with_control(), &[(exec, Fault::CutStream(after))]);
        assert_eq!(ended.code, Some(0), "{after}: {} {}", ended.errors, ended.output);
    }
}

#[test]
fn a_run_with_jitter_is_made_later() {
    let took = |jitter: &[&'static str]| {
        let (ended, _) = Simulation::new(1).run(&[&with_control()[..], jitter].concat(), &[]);
        assert_eq!(ended.code, Some(0), "{} {}", ended.errors, ended.output);
        ended.took
    };
    assert!(took(&["--jitter", "5m"]) > took(&[]));
}

#[test]
fn a_signal_before_the_run_ends_the_command_without_a_request() {
    let simulation = Simulation::new(1);
    let cluster = simulation.cluster.clone();
    simulation.beside(Duration::from_hours(24), async move {
        sleep(Duration::from_secs(1)).await;
        cluster.interrupt();
    });
    let (ended, history) = simulation.run(&[&with_control()[..], &["--jitter", "24h"]].concat(), &[]);
    assert_eq!((ended.code, history.requests().len()), (Some(130), 0), "{ended:?}");
}
