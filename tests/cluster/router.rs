//! A second network that enforces policies, and networks that are late: on node two, beside its plain bridge.

use std::{thread, time::Duration};

use serde_json::{Value, json};
use stage::{
    Cluster, Ended,
    cluster::{POOL, Shop, TWO, pod, policy},
    run,
};

use crate::{
    Test, outside,
    rows::{reasons, routed},
    scene::{Scene, until_asked},
};

pub(super) const TESTS: &[Test] = &[
    ("kube-router enforces a policy on node two, and no rule outlives it", enforced),
    ("a network whose agent has ended leaves new pods open, and is not ready", ended),
    ("a network whose agent is behind closes a pod late, and is not ready", behind),
    ("a network that opens seconds after a pod's start is never met by its silence at first", late),
];

const PORT: &str = "8080";
/// Time for which the agent is behind, or the node keeps a new pod from the network.
const LATE: Duration = Duration::from_secs(3);
/// Drops every packet of a pod for three seconds, beginning with its first.
const OPENS_LATE: &str = "nft -f - <<'END'
table inet late {
    set begun { type ipv4_addr; flags dynamic; }
    set young { type ipv4_addr; flags dynamic, timeout; timeout 3s; }
    chain arrival {
        type filter hook prerouting priority -300;
        ip saddr 10.244.1.0/24 ip saddr != @begun add @young { ip saddr } add @begun { ip saddr }
        ip saddr @young drop
    }
}
END";

/// Makes a namespace in which nothing is wrong, with its pods on node two.
fn scene(cluster: &Cluster) -> Scene<'_> {
    cluster.probe_image();
    let [namespace, control] = ["routed", "control"].map(|word| cluster.namespace(word));
    let mut shop = Shop::default();
    shop.pod()["nodeSelector"] = json!({ POOL: "plain" });
    shop.open(&namespace);
    Scene { cluster, shop: namespace, control }
}

fn outcome(ended: &Ended, id: &str) -> Value {
    ended.finding(id)["outcome"].clone()
}

fn enforced(cluster: &Cluster) {
    let namespace = cluster.namespace("routed");
    let listen = format!("while :; do echo heard | nc -l -p {PORT}; done");
    namespace.run(&[pod("server", "runc", TWO, Some(&listen)), pod("client", "gvisor", TWO, None)]);
    let server = namespace.address("server");
    let hears = || namespace.exec("client", &["nc", "-w", "2", &server, PORT]).out == "heard\n";
    cluster.until("a server", hears);
    let router = cluster.router();
    namespace.apply(&policy("deny-all", &json!({ "podSelector": {}, "policyTypes": ["Ingress", "Egress"] })));
    cluster.until("an enforced policy", || !hears());
    drop(router);
    cluster.until("the end of every rule", hears);
}

/// The rules of pods that the agent knew stay. A pod that is made now has none.
fn ended(cluster: &Cluster) {
    let router = cluster.router();
    let scene = scene(cluster);
    let _imitated = outside::imitate(cluster);
    router.agent().kill();
    let open = run::ended(scene.start(&[]));
    assert_eq!(open.code(), Some(1), "{}", reasons(&open));
    assert_eq!(outcome(&open, "policies-enforced"), "unmet", "{}", reasons(&open));
    router.start_again();
    let _router = router.strict();
    let closed = routed::clean(|| run::ended(scene.start(&["--settle", routed::SETTLE])));
    assert_eq!(closed.code(), Some(0), "{}", reasons(&closed));
}

fn behind(cluster: &Cluster) {
    let router = cluster.router();
    let scene = scene(cluster);
    let _imitated = outside::imitate(cluster);
    router.agent().freeze();
    let mut run = scene.start_aloud(&[]);
    until_asked(&mut run);
    thread::sleep(LATE);
    router.agent().thaw();
    let ended = run::ended(run);
    assert_eq!(ended.code(), Some(1), "{}", reasons(&ended));
    assert_eq!(outcome(&ended, "network-isolation"), "unmet", "{}", reasons(&ended));
}

fn late(cluster: &Cluster) {
    /// Lifts the rules, whatever happens.
    struct Rules<'a>(&'a Cluster);

    impl Drop for Rules<'_> {
        fn drop(&mut self) {
            self.0.node(TWO).place().sh("nft delete table inet late");
        }
    }

    let scene = scene(cluster);
    let _imitated = outside::imitate(cluster);
    cluster.node(TWO).place().sh(OPENS_LATE);
    let _rules = Rules(cluster);
    let ended = run::ended(scene.start(&["--settle", "12s"]));
    assert_ne!(ended.code(), Some(0), "{}", reasons(&ended));
    for id in ["network-isolation", "policies-enforced", "closed-from-the-start"] {
        assert_ne!(outcome(&ended, id), "met", "{}", reasons(&ended));
    }
}
