//! `controller verify --namespace` without faults.

use std::{collections::BTreeSet, time::Duration};

use tokio::time::sleep;

use crate::{
    cluster::{CONTROL, EXCHANGED, IMAGE, NAMESPACE, OPEN_AT_FIRST, PLACES, SLOW, UNPLACED},
    enumeration::requests,
    fault::Fault,
    simulation::{Ended, Simulation},
    store::text,
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
    simulation.cluster.annotate(CONTROL, EXCHANGED, &format!("sha256:{}", "e".repeat(64)));
    let (ended, _) = simulation.run(&with_control(), &[]);
    assert_eq!(ended.code, Some(3), "{} {}", ended.errors, ended.output);
    assert!(ended.output.contains("which is not this controller's probe"), "{}", ended.output);
}

/// Such a pod shows the network of another node than the probe's.
#[test]
fn a_control_pod_on_another_node_than_the_probe_counts_for_nothing() {
    let simulation = Simulation::new(1);
    simulation.cluster.annotate(CONTROL, UNPLACED, "yes");
    let (ended, _) = simulation.run(&with_control(), &[]);
    assert_eq!(ended.code, Some(3), "{} {}", ended.errors, ended.output);
    assert!(
        ended.output.contains("runs on one, not on two; exempt the control namespace"),
        "{}",
        ended.output
    );
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

/// Returns the report's remarks without the number of requests. A remark names resources that a refused pod got in the second place.
fn remarks(ended: &Ended) -> Vec<String> {
    let report = ended.report().unwrap();
    let notes = report["notes"].as_array().unwrap().iter().map(ToString::to_string);
    notes.filter(|note| !note.contains(" requests")).collect()
}

#[test]
fn a_conflict_at_the_creation_is_no_refusal() {
    let usual = remarks(&Simulation::new(1).run(&with_control(), &[]).0);
    let asked = requests(&with_control());
    let creations =
        (0..asked.len()).filter(|&it| asked[it].starts_with("POST") && asked[it].contains("/pods?"));
    for creation in creations {
        let (ended, _) = Simulation::new(1).run(&with_control(), &[(creation, Fault::Status(409))]);
        assert_eq!(ended.code, Some(0), "{} {}", ended.errors, ended.output);
        assert_eq!(remarks(&ended), usual, "{}", asked[creation]);
    }
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
    execs(&requests(&with_control()), |pod| pod.contains("-control-"))[0]
}

/// Returns the number of the first exec into a probe's pod.
fn exec_into_a_probe() -> usize {
    execs(&requests(&with_control()), |pod| !pod.contains("-control-"))[0]
}

/// Returns the numbers of the execs into some pods.
fn execs(asked: &[String], is_meant: impl Fn(&str) -> bool) -> Vec<usize> {
    let meant =
        |(_, request): &(usize, &String)| request.split_once("/exec?").is_some_and(|(pod, _)| is_meant(pod));
    asked.iter().enumerate().filter(meant).map(|(number, _)| number).collect()
}

/// Returns the requirements that are inconclusive and block.
fn inconclusive(ended: &Ended) -> BTreeSet<String> {
    let report = ended.report().unwrap();
    let sandboxes = report["sandboxes"].as_array().unwrap();
    let findings = sandboxes.iter().flat_map(|sandbox| sandbox["findings"].as_array().unwrap());
    let left =
        findings.filter(|finding| finding["outcome"] == "inconclusive" && finding["enforcement"] == "blocks");
    left.map(|finding| text(finding, "/id")).collect()
}

/// The probe's first seconds have passed when both are asked once more.
fn lacks_at_most_the_first_seconds(ended: &Ended) {
    let lacking = inconclusive(ended);
    assert!(lacking.iter().all(|it| it == "closed-from-the-start"), "{lacking:?} {}", ended.errors);
    assert_eq!(ended.code, Some(if lacking.is_empty() { 0 } else { 3 }), "{} {}", ended.errors, ended.output);
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
fn a_control_pods_stream_that_breaks_anywhere_costs_at_most_the_first_seconds() {
    let exec = exec_into_a_control_pod();
    for after in 0..40 {
        let (ended, _) = Simulation::new(1).run(&with_control(), &[(exec, Fault::CutStream(after))]);
        lacks_at_most_the_first_seconds(&ended);
    }
}

#[test]
fn a_control_pod_is_asked_when_its_probe_is() {
    let usual = requests(&with_control()).iter().filter(|it| it.contains("/exec?")).count();
    let (ended, history) = Simulation::new(1).run(&with_control(), &[(exec_into_a_probe(), Fault::Late)]);
    assert_eq!(ended.code, Some(0), "{} {}", ended.errors, ended.output);
    assert_eq!(history.requests().iter().filter(|it| it.contains("/exec?")).count(), usual);
}

#[test]
fn a_sandbox_that_starts_a_process_slowly_lacks_at_most_the_first_seconds() {
    let simulation = Simulation::new(1);
    simulation.cluster.annotate(NAMESPACE, SLOW, "9");
    lacks_at_most_the_first_seconds(&simulation.run(&with_control(), &[]).0);
}

/// Its attempts would show the network of another time.
#[test]
fn a_control_pod_that_is_asked_late_is_asked_once_more_beside_its_probe() {
    let (ended, history) =
        Simulation::new(1).run(&with_control(), &[(exec_into_a_control_pod(), Fault::Late)]);
    lacks_at_most_the_first_seconds(&ended);
    let asked = history.requests();
    let counts =
        [true, false].map(|of_control| execs(&asked, |pod| pod.contains("-control-") == of_control).len());
    assert_eq!(counts, [PLACES + 1; 2], "{asked:#?}");
}

#[test]
fn a_control_pod_that_is_always_asked_late_counts_for_nothing() {
    let simulation = Simulation::new(1);
    simulation.cluster.annotate(CONTROL, SLOW, "4");
    let (ended, _) = simulation.run(&with_control(), &[]);
    assert_eq!(ended.code, Some(3), "{} {}", ended.errors, ended.output);
    assert!(ended.output.contains("it was asked 4 s apart from the probe"), "{}", ended.output);
    assert!(inconclusive(&ended).contains("network-isolation"), "{}", ended.output);
}

/// The second question finds the network closed, and the answer to the first one stays.
#[test]
fn a_leak_of_the_first_question_is_not_forgotten() {
    let simulation = Simulation::new(1);
    simulation.cluster.annotate(CONTROL, SLOW, "4");
    simulation.cluster.annotate(NAMESPACE, OPEN_AT_FIRST, "yes");
    let (ended, history) = simulation.run(&with_control(), &[]);
    assert!(execs(&history.requests(), |pod| !pod.contains("-control-")).len() > PLACES, "{history:?}");
    assert_eq!(ended.code, Some(1), "{} {}", ended.errors, ended.output);
}

/// A connection whose other end is gone says nothing more, and is never closed.
#[test]
fn a_stream_that_stalls_is_begun_again() {
    for exec in [exec_into_a_probe(), exec_into_a_control_pod()] {
        for after in [0, 6] {
            let (ended, _) = Simulation::new(1).run(&with_control(), &[(exec, Fault::Stall(after))]);
            assert!(ended.took < Duration::from_secs(55), "{:?}", ended.took);
            lacks_at_most_the_first_seconds(&ended);
        }
    }
}

#[test]
fn an_exec_without_an_answer_is_made_again() {
    let (ended, _) = Simulation::new(1).run(&with_control(), &[(exec_into_a_probe(), Fault::Hang)]);
    lacks_at_most_the_first_seconds(&ended);
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
