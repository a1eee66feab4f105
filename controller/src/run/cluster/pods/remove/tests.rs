use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::run::cluster::{
    answering::{client, list, status},
    pods::{PodState, seen::Seen},
};

const RUN: &str = "podproof-0a1b2c3d";

/// Answers as an API server that deletes at once and has nothing left.
fn deleting(request: &str) -> (u16, Value) {
    if request.starts_with("DELETE ") {
        (200, json!({ "kind": "Status", "status": "Success" }))
    } else {
        list(&[], None)
    }
}

fn deletions(requests: Vec<String>) -> Vec<String> {
    requests.into_iter().filter(|request| request.starts_with("DELETE ")).collect()
}

#[tokio::test(start_paused = true)]
async fn a_run_deletes_its_owner_first_and_a_few_pods_at_once() {
    let (client, log) = client(deleting);
    let watch = Watch::begin(&client, "shop", RUN);
    let created = (0..300).map(|index| names::probe_pod(RUN, index)).collect();
    let left = run(&client, "shop", RUN, created, &watch).await;
    assert!(left.is_empty(), "{left:?}");
    let deletions = deletions(log.requests());
    assert!(deletions[0].contains("/configmaps/"), "{deletions:?}");
    assert_eq!(deletions.len(), 301);
    assert!(log.most_in_flight() <= AT_ONCE + 1, "{}", log.most_in_flight());
}

/// Returns the deletions of this many pods, beside a stranger's pod or not.
async fn collected(pods: usize, strangers: bool) -> (bool, Vec<String>) {
    let (client, log) = client(deleting);
    let created: BTreeSet<_> = (0..pods).map(|index| names::probe_pod(RUN, index)).collect();
    let mut seen = Seen::at("71", strangers);
    let pod = serde_json::from_value(json!({ "metadata": {} })).unwrap();
    for name in &created {
        seen.show(name.clone(), PodState::of(&pod));
    }
    let watch = Watch::of(seen);
    let collected = collect(&client, "shop", RUN, (&created, &watch), deadline(pods)).await;
    (collected, deletions(log.requests()))
}

#[tokio::test]
async fn many_pods_are_deleted_by_one_request() {
    let (collected, deletions) = collected(300, false).await;
    assert!(collected);
    assert!(matches!(&deletions[..], [it] if it.contains("/pods?labelSelector=")), "{deletions:?}");
}

#[tokio::test]
async fn few_pods_and_those_beside_a_strangers_are_not() {
    assert_eq!(collected(FEW, false).await, (false, Vec::new()));
    assert_eq!(collected(300, true).await, (false, Vec::new()));
}

fn found() -> Vec<Found> {
    let of = |kind, name: String| Found { kind, name, run: RUN.into(), uid: Some("1".into()) };
    let pods = (0..100).map(|index| of("pod", names::probe_pod(RUN, index)));
    pods.chain([of("configmap", RUN.into())]).collect()
}

#[tokio::test]
async fn cleanup_deletes_owners_first_and_a_few_pods_at_once() {
    let (client, log) = client(deleting);
    assert_eq!(remove_found(&client, "shop", &found()).await, []);
    let deletions = deletions(log.requests());
    assert!(deletions[0].contains("/configmaps/"), "{deletions:?}");
    assert_eq!(deletions.len(), 101);
    assert!(log.most_in_flight() <= AT_ONCE, "{}", log.most_in_flight());
}

#[tokio::test]
async fn cleanup_names_each_object_that_it_may_not_delete() {
    let (client, _) =
        client(
            |request| {
                if request.starts_with("DELETE ") { status(403, "Forbidden") } else { list(&[], None) }
            },
        );
    assert_eq!(remove_found(&client, "shop", &found()).await.len(), 101);
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_a_silent_watch_never_showed_is_named_if_it_stays() {
    let name = names::probe_pod(RUN, 0);
    for stays in [true, false] {
        let pod = json!({ "metadata": { "name": name } });
        let (client, _) = client(move |request| {
            let listed = if stays { vec![pod.clone()] } else { Vec::new() };
            if request.starts_with("DELETE ") { deleting(request) } else { list(&listed, None) }
        });
        let mut seen = Seen::default();
        seen.list(BTreeMap::new());
        let watch = Watch::of(seen);
        let left = run(&client, "shop", RUN, [name.clone()].into(), &watch).await;
        assert_eq!(left.iter().any(|left| left.what.contains(&name)), stays, "{left:?}");
    }
}

#[test]
fn the_time_for_a_removal_grows_with_the_pods() {
    let now = Instant::now();
    assert!(deadline(0) < now + GRACE + Duration::from_secs(1));
    assert!(deadline(3000) >= now + GRACE + Duration::from_mins(1));
}
