//! The requests of a run. Their number is bounded, so that a run on a large namespace stays cheap for the API server.

use std::collections::BTreeMap;

use serde_json::Value;
use stage::{Cluster, cluster::Shop};

use crate::Test;

pub(super) const TESTS: &[Test] = &[("a run asks the API server for nothing twice without need", thrifty)];

/// The requests that each probe costs, its control pod's included, besides the pods that all probes of a node share.
const FOR_A_PROBE: usize = 5;
/// The requests of a run with one probe, besides warnings, which are read only where a pod is late.
const FOR_A_RUN: usize = 63;

/// Requests by verb and path.
struct Requests(BTreeMap<(String, String), usize>);

impl Requests {
    /// Returns the requests after the first ones; a stream has several events of one id.
    fn after(cluster: &Cluster, first: usize) -> Self {
        let mut requests = BTreeMap::new();
        let mut ids = std::collections::BTreeSet::new();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        for event in cluster.requests("podproof").into_iter().skip(first) {
            let is_warning = event["objectRef"]["resource"] == "events";
            if ids.insert(text(&event["auditID"])) && !is_warning {
                let path = text(&event["requestURI"]);
                *requests.entry((text(&event["verb"]), path)).or_default() += 1;
            }
        }
        Self(requests)
    }

    /// Returns the number of requests with one of these verbs, for paths with these words.
    fn count(&self, verbs: &[&str], words: &[&str]) -> usize {
        let counts =
            |verb: &str, path: &str| verbs.contains(&verb) && words.iter().all(|words| path.contains(words));
        self.0.iter().filter(|((verb, path), _)| counts(verb, path)).map(|(_, count)| count).sum()
    }
}

fn thrifty(cluster: &Cluster) {
    let (shop, control) = (cluster.namespace("thrift"), cluster.namespace("control"));
    Shop::default().open(&shop);
    let first = cluster.requests("podproof").len();
    let ended = cluster.verify(&shop, &control, &["--environment", "production", "--settle", "0"]);
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    let requests = Requests::after(cluster, first);
    let told = || format!("{:#?}", requests.0);
    // The kinds of all groups come with the groups.
    assert_eq!(requests.count(&["get"], &["/apis"]), 1, "{}", told());
    // Before the run, and once more after it.
    assert_eq!(requests.count(&["list"], &["ciliumclusterwidenetworkpolicies"]), 2, "{}", told());
    let of_probe = requests.count(&["create", "get", "delete"], &[shop.name(), "/pods"]);
    let of_control = requests.count(&["get"], &[control.name(), "/exec"]);
    assert!(of_probe + of_control <= FOR_A_PROBE, "{}", told());
    let all: usize = requests.0.values().sum();
    assert!(all <= FOR_A_RUN, "{all}: {}", told());
}
