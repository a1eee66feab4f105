//! Clusters with nodes of both architectures: each node runs the probe of its own, or none.

use std::{collections::BTreeSet, rc::Rc};

use serde_json::json;

use crate::{
    cluster::{ARM_DIGEST, DIGEST, NAMESPACE, PLACES},
    history::History,
    simulation::{Ended, Simulation},
    store::key,
    verify::with_control,
};

/// Returns a cluster whose second node is of arm64.
fn mixed() -> Rc<Simulation> {
    let simulation = Simulation::new(1);
    simulation.cluster.change(|store| {
        store.modify(&key("nodes", "", "two"), |node| {
            node["status"]["nodeInfo"]["architecture"] = json!("arm64");
            node["metadata"]["labels"]["kubernetes.io/arch"] = json!("arm64");
        })
    });
    simulation
}

/// Runs with an image of each architecture, by their digests.
fn with_images(images: [&str; 2], further: &[&str]) -> (Ended, History) {
    let [x86, arm] = images;
    let named = [format!("amd64={x86}"), format!("arm64={arm}")];
    let mut words = without_an_image();
    words.extend(named.iter().flat_map(|named| ["--image-digest", named]));
    mixed().run(&[&words[..], further].concat(), &[])
}

/// Returns the words of a run with control pods, without a digest of an image.
fn without_an_image() -> Vec<&'static str> {
    let mut words = with_control();
    let digest = words.iter().position(|word| *word == "--image-digest").unwrap();
    words.drain(digest..digest + 2);
    words
}

#[test]
fn a_mixed_cluster_with_both_probes_is_ready() {
    let (ended, history) = with_images([DIGEST, ARM_DIGEST], &[]);
    assert_eq!(ended.code, Some(0), "{} {}", ended.errors, ended.output);
    let probes = history.made().iter().filter(|(_, key)| key.0 == "pods" && key.1 == NAMESPACE).count();
    assert_eq!(probes, PLACES);
    assert!(ended.output.contains("amd64: 1 of 1, arm64: 1 of 1"), "{}", ended.output);
}

#[test]
fn running_pods_of_both_architectures_are_examined() {
    let (ended, history) = with_images([DIGEST, ARM_DIGEST], &["--live"]);
    assert_eq!(ended.code, Some(0), "{} {}", ended.errors, ended.output);
    let visited: BTreeSet<_> = history.visited().into_iter().map(|(pod, _)| pod).collect();
    assert_eq!(visited, BTreeSet::from(["web-1", "web-2"]));
}

#[test]
fn an_image_counts_for_its_own_architecture_alone() {
    let (ended, _) = with_images([ARM_DIGEST, DIGEST], &[]);
    assert_eq!(ended.code, Some(3), "{} {}", ended.errors, ended.output);
    assert!(ended.output.contains("which is not this controller's probe"), "{}", ended.output);
}

#[test]
fn nodes_without_a_probe_are_inconclusive_and_left_alone() {
    let (ended, history) = mixed().run(&with_control(), &[]);
    assert_eq!(ended.code, Some(3), "{} {}", ended.errors, ended.output);
    let said = "pod/web-2: no image was named for arm64, the architecture of node two: add `--image-digest arm64=SHA256`";
    assert!(ended.output.contains(said), "{}", ended.output);
    assert!(ended.output.contains("amd64: 1 of 1, arm64: 0 of 1"), "{}", ended.output);
    let made = history.made();
    assert_eq!(made.iter().filter(|(_, key)| key.0 == "pods" && key.1 == NAMESPACE).count(), 1, "{made:?}");
    let asked: Vec<_> = history.requests().into_iter().filter(|it| it.contains("/exec?")).collect();
    assert_eq!(asked.len(), 2, "a probe and its control pod: {asked:#?}");
}

#[test]
fn a_running_pod_without_a_probe_of_its_architecture_is_not_visited() {
    let (ended, history) = mixed().run(&[&with_control()[..], &["--live"]].concat(), &[]);
    assert_eq!(ended.code, Some(3), "{} {}", ended.errors, ended.output);
    let visited: BTreeSet<_> = history.visited().into_iter().map(|(pod, _)| pod).collect();
    assert_eq!(visited, BTreeSet::from(["web-1"]));
}
