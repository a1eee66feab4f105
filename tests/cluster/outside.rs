//! The world outside of the cluster: hosts in it can be imitated, and there is nothing behind it.

use std::net::IpAddr;

use stage::{
    Cluster,
    cluster::{ONE, TWO, pod},
    network::{Answer, CREDENTIALS, Service},
};

use crate::Test;

pub(super) const TESTS: &[Test] =
    &[("pods on both nodes reach an imitated metadata service, and no host that nobody imitates", imitated)];

/// Where the machines of clouds ask for credentials.
pub(super) const METADATA: &str = "169.254.169.254";
/// Whom the nodes' pods are told to ask for names.
pub(super) const RESOLVER: &str = "10.99.0.1";
/// Reserved for documentation by RFC 5737.
const NOBODY: &str = "192.0.2.1";

/// A metadata service, and a resolver that knows every name. They answer until they are dropped.
pub(super) fn imitate(cluster: &Cluster) -> [Service; 2] {
    cluster.outside().sh(&format!("ip address replace {METADATA}/32 dev wire"));
    let host = cluster.outside().host();
    let resolver = (RESOLVER.parse::<IpAddr>().unwrap(), 53).into();
    [Service::http(&host, 80, CREDENTIALS), Service::udp(&host, resolver, Answer::Resolved)]
}

fn imitated(cluster: &Cluster) {
    let namespace = cluster.namespace("outside");
    namespace.run(&[pod(ONE, "gvisor", ONE, None), pod(TWO, "runc", TWO, None)]);
    let _imitated = imitate(cluster);
    let reach = |pod: &str, host: &str| namespace.exec(pod, &["nc", "-w", "2", host, "80"]).out;
    for node in [ONE, TWO] {
        cluster.until("the metadata service", || reach(node, METADATA).ends_with(CREDENTIALS));
        assert_eq!(reach(node, NOBODY), "");
    }
}
