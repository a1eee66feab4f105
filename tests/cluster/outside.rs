//! The world outside of the cluster: tests can imitate hosts in it, and there is nothing behind it.

use std::net::IpAddr;

use stage::{
    Cluster,
    cluster::{ONE, TWO, pod},
    network::{Answer, CREDENTIALS, Service},
};

use crate::Test;

pub(super) const TESTS: &[Test] =
    &[("pods on both nodes reach an imitated metadata service, and no host that nobody imitates", imitated)];

/// Address at which machines of clouds ask for credentials.
pub(super) const METADATA: &str = "169.254.169.254";
/// Name server that the nodes' pods are told to use.
pub(super) const RESOLVER: &str = "10.99.0.1";
/// An address that RFC 5737 reserves for documentation.
const NOBODY: &str = "192.0.2.1";

/// Imitates a metadata service, and a resolver that knows every name. Both answer until they are dropped.
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
