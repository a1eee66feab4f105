//! Annotations by which a pod has another network than a probe. Most annotations of network plugins only tell a pod's state,
//! and stand on every pod; they count if they list a second network.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::case::cluster::Labels;

/// The domains of the annotations of network plugins. A key of a domain counts unless [`STATES`] or [`HARMLESS`] lists it:
/// a later release may request a network by a key that this list lacks.
const DOMAINS: &[&str] = &[
    "cni.cilium.io/",
    "cni.projectcalico.org/",
    "danm.k8s.io/",
    "k8s.ovn.org/",
    "k8s.v1.cni.cncf.io/",
    // An interface of the node for a pod (containerd/nri, `plugins/network-device-injector`), by the keys of three releases.
    "netdevice.noderesource.dev",
    "netdevices.nri.containerd.io",
    "netdevices.nri.io",
    "network.v1alpha1.isovalent.com/",
    "networking.gke.io/",
    "ovn.kubernetes.io/",
    "policy.cilium.io/",
    "v1.multus-cni.io/",
];

/// Keys that request another network or name an interface of the pod's own, in domains with other meanings.
const REQUESTS: &[&str] = &[
    // Alibaba's Terway, `types/k8s.go`.
    "k8s.aliyun.com/pod-networks",
    "k8s.aliyun.com/pod-networks-request",
    // Amazon's VPC CNI, README, "multi-NIC".
    "k8s.amazonaws.com/nicConfig",
    // A SecurityGroupPolicy gives its pods an interface with security groups of their own (Amazon's VPC resource controller,
    // `pkg/config/type.go`). The policy may select pods by their service account, which a probe does not have.
    "vpc.amazonaws.com/pod-eni",
];

/// Keys that tell the networks of a pod, which count if they list more than the cluster's network.
const STATES: &[(&str, Networks)] = &[
    // Network Plumbing Working Group, "Kubernetes Network Custom Resource Definition De-facto Standard", 3.4 and 8.
    ("k8s.v1.cni.cncf.io/network-status", interfaces),
    ("k8s.v1.cni.cncf.io/networks-status", interfaces),
    // OVN-Kubernetes, `go-controller/pkg/util/pod_annotation.go`.
    ("k8s.ovn.org/pod-networks", pod_networks),
];

/// Keys whose value is another one for each pod.
pub(super) const OF_ONE_POD: &[&str] = &["vpc.amazonaws.com/pod-eni"];

/// Returns the names of the networks that a value lists beside the cluster's; `None` if the value cannot be parsed.
type Networks = fn(&Value) -> Option<Vec<String>>;

/// Keys that tell the state of every pod, or change nothing about the pod's networks.
const HARMLESS: &[&str] = &[
    // Cilium, `pkg/annotation/k8s.go`: a hardware address, ports without connection tracking, and a proxy that only watches.
    "cni.cilium.io/mac-address",
    "policy.cilium.io/no-track-port",
    "policy.cilium.io/proxy-visibility",
    // Calico, `libcalico-go/lib/backend/k8s/conversion/constants.go`.
    "cni.projectcalico.org/containerID",
    "cni.projectcalico.org/podIP",
    "cni.projectcalico.org/podIPs",
    "cni.projectcalico.org/hwAddr",
    // OVN-Kubernetes, `go-controller/pkg/util/pod_annotation.go`.
    "k8s.ovn.org/open-default-ports",
    // Kube-OVN, `pkg/util/const.go`: written on every pod of its default network.
    "ovn.kubernetes.io/allocated",
    "ovn.kubernetes.io/cidr",
    "ovn.kubernetes.io/gateway",
    "ovn.kubernetes.io/ip_address",
    "ovn.kubernetes.io/ip_pool",
    "ovn.kubernetes.io/logical_router",
    "ovn.kubernetes.io/logical_switch",
    "ovn.kubernetes.io/mac_address",
    "ovn.kubernetes.io/network_type",
    "ovn.kubernetes.io/pod_nic_type",
    "ovn.kubernetes.io/provider_network",
    "ovn.kubernetes.io/routed",
    "ovn.kubernetes.io/vlan_id",
    // Kube-OVN: rates and priorities of the same interface.
    "ovn.kubernetes.io/egress_rate",
    "ovn.kubernetes.io/ingress_rate",
    "ovn.kubernetes.io/latency",
    "ovn.kubernetes.io/limit",
    "ovn.kubernetes.io/loss",
    "ovn.kubernetes.io/jitter",
    "ovn.kubernetes.io/priority",
];

/// Returns the annotations that give a pod another network. The value of a state is the list of the other networks, without
/// the pod's own addresses, so that pods of the same networks stay alike.
pub(crate) fn annotations(all: &BTreeMap<String, String>) -> Labels {
    all.iter().filter_map(|(key, value)| Some((key.clone(), told(key, value)?))).collect()
}

fn told(key: &str, value: &str) -> Option<String> {
    if let Some((_, networks)) = STATES.iter().find(|(state, _)| *state == key) {
        let listed = serde_json::from_str(value).ok().and_then(|value| networks(&value));
        return match listed {
            Some(networks) if networks.is_empty() => None,
            Some(networks) => Some(networks.join(", ")),
            None => Some("a value that cannot be read".to_owned()),
        };
    }
    let requests = REQUESTS.contains(&key) || DOMAINS.iter().any(|domain| key.starts_with(domain));
    (requests && !HARMLESS.contains(&key)).then(|| value.to_owned())
}

/// Returns the names of the interfaces after the first one that belongs to the cluster's network.
fn interfaces(value: &Value) -> Option<Vec<String>> {
    let all = value.as_array()?;
    let is_default = |interface: &Value| interface["default"] == Value::Bool(true);
    // Before the standard's version 1.2, the cluster's network is the first one, without a mark.
    let default = all.iter().position(is_default).unwrap_or(0);
    let others = all.iter().enumerate().filter(|&(index, _)| index != default);
    Some(others.map(|(_, interface)| interface["name"].as_str().unwrap_or("unnamed").to_owned()).collect())
}

/// Returns the names of the networks beside the one named `default`.
fn pod_networks(value: &Value) -> Option<Vec<String>> {
    let names = value.as_object()?.keys().filter(|name| *name != "default");
    Some(names.cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(key: &str, value: &str) -> Option<String> {
        annotations(&BTreeMap::from([(key.to_owned(), value.to_owned())])).remove(key)
    }

    #[test]
    fn the_state_that_a_plugin_writes_on_every_pod_gives_no_network() {
        let ovn = r#"{"default":{"ip_addresses":["10.244.0.5/24"],"mac_address":"0a:58:0a:f4:00:05","role":"primary"}}"#;
        let multus = r#"[{"name":"cbr0","interface":"eth0","ips":["10.244.0.5"],"default":true,"dns":{}}]"#;
        for (key, value) in [
            ("cni.projectcalico.org/podIP", "10.244.0.5/32"),
            ("cni.projectcalico.org/podIPs", "10.244.0.5/32"),
            ("cni.projectcalico.org/containerID", "0707"),
            ("k8s.ovn.org/pod-networks", ovn),
            ("k8s.v1.cni.cncf.io/network-status", multus),
            ("k8s.v1.cni.cncf.io/networks-status", multus),
            ("k8s.v1.cni.cncf.io/network-status", "[]"),
            ("kubernetes.io/egress-bandwidth", "1M"),
            ("ovn.kubernetes.io/logical_switch", "ovn-default"),
            ("vpc.amazonaws.com/pod-ips", "10.0.0.5"),
            ("policy.cilium.io/proxy-visibility", "<Egress/53/UDP/DNS>"),
        ] {
            assert_eq!(of(key, value), None, "{key}={value}");
        }
    }

    #[test]
    fn a_request_for_a_network_counts_with_its_value() {
        for (key, value) in [
            ("k8s.v1.cni.cncf.io/networks", "lan"),
            ("v1.multus-cni.io/default-network", "kube-system/open"),
            ("networking.gke.io/interfaces", "[]"),
            ("vpc.amazonaws.com/pod-eni", "[]"),
            ("cni.projectcalico.org/ipv4pools", "[\"outside\"]"),
            ("k8s.ovn.org/routing-network", "lan"),
            ("k8s.ovn.org/a-key-of-tomorrow", "lan"),
        ] {
            assert_eq!(of(key, value).as_deref(), Some(value), "{key}");
        }
    }

    #[test]
    fn a_state_that_lists_a_second_network_counts_without_addresses() {
        let multus = r#"[{"name":"cbr0","default":true,"ips":["10.244.0.5"]},{"name":"shop/lan","ips":["192.0.2.5"]}]"#;
        let unmarked = r#"[{"name":"cbr0"},{"name":"shop/lan"}]"#;
        let ovn = r#"{"default":{},"shop/lan":{"ip_addresses":["192.0.2.5/24"]}}"#;
        for (key, value) in [
            ("k8s.v1.cni.cncf.io/network-status", multus),
            ("k8s.v1.cni.cncf.io/networks-status", unmarked),
            ("k8s.ovn.org/pod-networks", ovn),
        ] {
            assert_eq!(of(key, value).as_deref(), Some("shop/lan"), "{value}");
        }
        assert_eq!(
            of("k8s.v1.cni.cncf.io/network-status", "{").as_deref(),
            Some("a value that cannot be read")
        );
    }
}
