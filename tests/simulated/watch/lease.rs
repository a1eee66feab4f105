//! The Lease of `controller watch`: one replica acts, and a request for the Lease that fails is made again.

use std::{cell::Cell, rc::Rc, time::Duration};

use serde_json::{Value, json};
use tokio::time::sleep;

use super::{LONG, MINUTE, WATCH, add_policy, change, left, published, runs, simulation, watched, writes};
use crate::{
    cluster::{CONTROL, Cluster},
    fault::Fault,
    store::{Key, key},
};

fn lease() -> Key {
    key("leases", CONTROL, "podproof-watch-shop")
}

/// Gives the Lease to another replica.
fn take_away(cluster: &Cluster) {
    change(cluster, &lease(), |lease| lease["spec"]["holderIdentity"] = json!("another"));
}

#[test]
fn the_lease_is_free_after_the_end() {
    let (_, _, simulation) = watched(async |_| ());
    let holder = simulation.cluster.get(&lease()).unwrap()["spec"]["holderIdentity"].clone();
    assert_eq!(holder, Value::Null);
}

/// Returns the proof's verdict after a watch in which one request for the Lease never gets an answer.
fn verdict_after_a_hang(number: usize) -> String {
    let simulation = simulation();
    let cluster = simulation.cluster.clone();
    simulation.beside(LONG, async move {
        sleep(MINUTE * 10).await;
        cluster.interrupt();
    });
    simulation.run(WATCH, &[(number, Fault::HangAfter)]);
    published(&simulation, "verdict")
}

#[test]
fn a_request_for_the_lease_without_an_answer_is_made_again() {
    let requests = watched(async |_| ()).1.requests();
    let of_the_lease = |(_, it): &(usize, &String)| it.contains("/leases/podproof-watch-shop");
    let numbers: Vec<_> =
        requests.iter().enumerate().filter(of_the_lease).map(|(number, _)| number).collect();
    // The first one finds out if the Lease can be read at all.
    for number in &numbers[1..3] {
        assert_eq!(verdict_after_a_hang(*number), "ready-with-warnings", "{}", requests[*number]);
    }
}

#[test]
fn a_lease_that_is_lost_stops_the_run_before_it_publishes() {
    let simulation = simulation();
    let cluster = simulation.cluster.clone();
    simulation.beside(LONG, async move {
        while cluster.get(&lease()).is_none() {
            sleep(Duration::from_millis(10)).await;
        }
        // The renewal that finds the other holder falls into the second run.
        sleep(Duration::from_secs(64)).await;
        take_away(&cluster);
        add_policy(&cluster, "open");
        sleep(MINUTE).await;
        cluster.interrupt();
    });
    let (ended, history) = simulation.run(WATCH, &[]);
    assert_eq!((ended.code, left(&simulation.cluster, &history)), (Some(130), Vec::new()), "{ended:?}");
    assert!(ended.errors.contains("the Lease podproof/podproof-watch-shop is lost"), "{}", ended.errors);
    assert_eq!((runs(&history), writes(&history)), (2, 1));
    assert_eq!(published(&simulation, "verdict"), "ready-with-warnings");
}

#[test]
fn a_replica_without_the_lease_waits_until_its_holder_is_silent() {
    let simulation = simulation();
    let spec = json!({ "holderIdentity": "another", "leaseDurationSeconds": 120 });
    simulation.cluster.change(|store| store.add(lease(), json!({ "metadata": {}, "spec": spec })));
    let cluster = simulation.cluster.clone();
    let early = Rc::new(Cell::new(0));
    let counted = Rc::clone(&early);
    simulation.beside(LONG, async move {
        sleep(MINUTE).await;
        change(&cluster, &lease(), |lease| lease["spec"]["renewTime"] = json!("2026-01-01T00:01:00.000000Z"));
        sleep(Duration::from_secs(119)).await;
        counted.set(runs(&cluster.history()));
        sleep(MINUTE).await;
        cluster.interrupt();
    });
    let (_, history) = simulation.run(WATCH, &[]);
    assert_eq!((early.get(), runs(&history)), (0, 1));
}
