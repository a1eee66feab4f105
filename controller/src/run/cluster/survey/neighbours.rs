//! Pods of the namespace that declare a port, which a probe may try to reach.

use std::{collections::BTreeSet, net::SocketAddr};

use k8s_openapi::api::core::v1::{Container, Pod, PodStatus};

/// The most pods to try: one reachable pod is evidence enough, and each probe bothers a pod only once.
const MOST: usize = 8;

/// Returns a few of the addresses where pods listen.
pub(super) fn few(all: BTreeSet<SocketAddr>) -> Vec<SocketAddr> {
    all.into_iter().take(MOST).collect()
}

/// Returns the first declared TCP port of a running pod, at each of its addresses. Pods in their node's network are left out:
/// they are not part of the pod network.
pub(super) fn listening(pod: &Pod) -> Vec<SocketAddr> {
    let spec = pod.spec.as_ref().filter(|spec| spec.host_network != Some(true));
    let containers = spec.map(|spec| spec.containers.as_slice()).unwrap_or_default();
    let Some(port) = containers.iter().find_map(port) else { return Vec::new() };
    let running = |status: &&PodStatus| status.phase.as_deref() == Some("Running");
    let addresses = pod.status.as_ref().filter(running).and_then(|status| status.pod_ips.as_deref());
    let addresses = addresses.unwrap_or_default().iter().filter_map(|address| address.ip.parse().ok());
    addresses.map(|address| SocketAddr::new(address, port)).collect()
}

fn port(container: &Container) -> Option<u16> {
    let by_tcp =
        container.ports.iter().flatten().filter(|port| port.protocol.as_deref().unwrap_or("TCP") == "TCP");
    by_tcp.filter_map(|port| u16::try_from(port.container_port).ok()).find(|&port| port != 0)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(ports: &Value, addresses: &[&str], phase: &str) -> Pod {
        let addresses: Vec<_> = addresses.iter().map(|address| json!({ "ip": address })).collect();
        serde_json::from_value(json!({
            "spec": { "containers": [{ "name": "sidecar" }, { "name": "app", "ports": ports }] },
            "status": { "phase": phase, "podIPs": addresses },
        }))
        .unwrap()
    }

    fn of(pods: &[Pod]) -> Vec<SocketAddr> {
        few(pods.iter().flat_map(listening).collect())
    }

    #[test]
    fn the_first_tcp_port_of_a_running_pod_is_tried() {
        let ports = json!([
            { "containerPort": 53, "protocol": "UDP" }, { "containerPort": 8080 }, { "containerPort": 9090 },
        ]);
        let found = of(&[pod(&ports, &["10.0.0.7", "fd00::7"], "Running")]);
        assert_eq!(found, ["10.0.0.7:8080".parse().unwrap(), "[fd00::7]:8080".parse().unwrap()]);
        for phase in ["Pending", "Succeeded"] {
            assert_eq!(of(&[pod(&ports, &["10.0.0.7"], phase)]), []);
        }
        assert_eq!(of(&[pod(&json!([]), &["10.0.0.7"], "Running")]), []);
    }

    #[test]
    fn only_a_few_pods_of_the_pod_network_are_tried() {
        let ports = json!([{ "containerPort": 8080 }]);
        let mut of_node = pod(&ports, &["10.0.0.1"], "Running");
        of_node.spec.as_mut().unwrap().host_network = Some(true);
        assert_eq!(of(&[of_node]), []);
        let many: Vec<_> =
            (1..=20).map(|number| pod(&ports, &[format!("10.0.1.{number}").as_str()], "Running")).collect();
        assert_eq!(of(&many).len(), MOST);
    }
}
