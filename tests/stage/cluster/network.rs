//! The cluster's network: a bridge in a place of its own, the outside, and a cable from it to each node. Nothing
//! leads out of the network. Addresses in the outside can imitate hosts of the world.

use std::process::Command;

use super::Place;

/// The node that enforces policies and carries the control plane.
pub const ONE: &str = "one";
/// The node that enforces nothing.
pub const TWO: &str = "two";
/// The world, as far as the cluster can tell.
pub const OUTSIDE: &str = "outside";

pub(super) const GATEWAY: &str = "10.99.0.1";
pub(super) const ALL_PODS: &str = "10.244.0.0/16";
pub(super) const SERVICES: &str = "10.96.0.0/16";

/// Returns a node's address; the control plane listens on node one's.
pub(super) fn address(node: &str) -> &'static str {
    if node == ONE { "10.99.0.2" } else { "10.99.0.3" }
}

/// Returns the address range of a node's pods.
pub(super) fn pods(node: &str) -> &'static str {
    if node == ONE { "10.244.0.0/24" } else { "10.244.1.0/24" }
}

/// Builds the bridge, and connects each node to it and to the other node's pods.
pub(super) fn build(outside: Place, nodes: &[(&str, Place)]) {
    outside.sh(&format!(
        "ip link set lo up; ip link add wire type bridge; ip link set wire up; ip address add {GATEWAY}/24 dev wire"
    ));
    for (name, node) in nodes {
        connect(outside, name, *node);
        node.sh(&format!(
            "ip link set lo up; ip address add {}/24 dev eth0; ip link set eth0 up; ip route add default via {GATEWAY}; \
             echo 1 >/proc/sys/net/ipv4/ip_forward",
            address(name)
        ));
    }
    for (name, _) in nodes {
        let route = format!("ip route add {} via {}", pods(name), address(name));
        outside.sh(&route);
        nodes.iter().filter(|(other, _)| other != name).for_each(|(_, node)| node.sh(&route));
    }
}

/// Lays the cable to a node. The machine's number of the node's process names the far end, so this needs the
/// machine's /proc.
fn connect(outside: Place, name: &str, node: Place) {
    let far = node.process().to_string();
    let cable = ["link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", &far];
    for words in [&cable[..], &["link", "set", name, "master", "wire", "up"]] {
        let mut command: Command = outside.beside("ip");
        let output = command.args(words).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
