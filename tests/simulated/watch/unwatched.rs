//! Requests of a watch that the API server refuses once or never answers: a later change leads to a run all the same.

use serde_json::json;
use tokio::time::sleep;

use super::{LONG, MINUTE, WATCH, add_denial, left, published, runs, simulation, watched};
use crate::{fault::Fault, history::History, simulation::Ended, store::key};

/// Watches for an hour in which a policy is added after ten minutes, while the first request of a kind meets a fault.
fn beside(is_meant: impl Fn(&str) -> bool, fault: Fault) -> (Ended, History) {
    let usual = watched(async |_| ()).1.requests();
    let number = usual.iter().position(|request| is_meant(request)).unwrap();
    let simulation = simulation();
    let cluster = simulation.cluster.clone();
    simulation.beside(LONG, async move {
        sleep(MINUTE * 10).await;
        add_denial(&cluster, "closed");
        sleep(MINUTE * 50).await;
        cluster.interrupt();
    });
    let (ended, history) = simulation.run(WATCH, &[(number, fault)]);
    assert_eq!((ended.code, left(&simulation.cluster, &history)), (Some(130), Vec::new()), "{ended:?}");
    assert_eq!(published(&simulation, "verdict"), "ready-with-warnings", "{ended:?}");
    (ended, history)
}

#[test]
fn a_watch_that_is_refused_once_is_begun_again() {
    for code in [403, 404, 405] {
        let is_meant = |request: &str| request.contains("/shop/networkpolicies?&watch");
        let (ended, history) = beside(is_meant, Fault::Status(code));
        assert_eq!(runs(&history), 2, "{code}: {}", ended.errors);
        assert!(ended.errors.contains("NetworkPolicy shop/closed changed"), "{code}: {}", ended.errors);
    }
}

/// The kinds of a network plugin are watched as soon as they are discovered.
#[test]
fn a_discovery_without_an_answer_is_made_again() {
    let usual = watched(async |_| ()).1.requests();
    let number = usual.iter().position(|request| request == "GET /apis").unwrap();
    let simulation = simulation();
    let names = json!({ "plural": "ciliumnetworkpolicies", "kind": "CiliumNetworkPolicy" });
    let spec = json!({
        "group": "cilium.io", "names": names, "scope": "Namespaced", "versions": [{ "name": "v2" }],
    });
    let definition = key("customresourcedefinitions", "", "ciliumnetworkpolicies.cilium.io");
    simulation.cluster.change(|store| store.add(definition, json!({ "metadata": {}, "spec": spec })));
    let cluster = simulation.cluster.clone();
    simulation.beside(LONG, async move {
        sleep(MINUTE * 60).await;
        cluster.interrupt();
    });
    let (ended, history) = simulation.run(WATCH, &[(number, Fault::Hang)]);
    let is_watch = |request: &String| request.contains("/ciliumnetworkpolicies?&watch=true");
    assert!(history.requests().iter().any(is_watch), "{}", ended.errors);
    assert_eq!(runs(&history), 1, "{}", ended.errors);
}

#[test]
fn a_discovery_without_an_answer_keeps_no_run_back() {
    let (ended, history) = beside(|request| request == "GET /apis", Fault::Hang);
    assert_eq!(runs(&history), 2, "{}", ended.errors);
}
