//! Destinations that a probe in a cluster attempts, and its control pod too.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
};

use proto::{Nonce, Protocol, Target, listener::Port};

use crate::{
    case::{
        cluster::{Cluster, Group},
        destination::{Destination, Purpose},
        profile::DNS_PORT,
    },
    plan::{Wanted, defaults, token_for_address, wanted::distinct},
    support::names::LISTENER_PORT,
};

/// The most servers behind one Service: a probe has 1024 file descriptors (setrlimit(2)).
const MOST: usize = 64;
const API_SERVER_PORT: u16 = 443;
const KUBELET_PORT: u16 = 10_250;
/// The port of a node's SSH server (RFC 4253).
const SSH_PORT: u16 = 22;

/// The run's own listener, as one probe attempts it.
#[derive(Clone, Copy, Debug)]
pub struct ListenerAt<'a> {
    /// The listener's addresses; empty without a listener.
    pub addresses: &'a [IpAddr],
    /// The ports besides the listener's own.
    pub ports: &'a [Port],
    /// The token in the listener's answers.
    pub token: Nonce,
    /// The token by which the listener recognises this probe's one-way datagrams.
    pub one_way: Nonce,
}

impl ListenerAt<'_> {
    /// Returns the listener's own port by TCP and by UDP, with and without an answer, and the ports that policies name.
    fn destinations(&self) -> impl Iterator<Item = Destination> {
        let &Self { addresses, ports, token, one_way } = self;
        let own = [Protocol::Tcp, Protocol::Udp, Protocol::OneWay]
            .map(|protocol| (Purpose::Listener, LISTENER_PORT, protocol));
        let further = ports.iter().map(|port| {
            let protocol = match port {
                Port::Tcp(_) => Protocol::Tcp,
                Port::Udp(_) => Protocol::Udp,
            };
            (Purpose::ListenerOnPolicyPort, port.number().get(), protocol)
        });
        own.into_iter().chain(further).flat_map(move |(purpose, port, protocol)| {
            addresses.iter().enumerate().map(move |(index, &address)| {
                let token =
                    if protocol == Protocol::OneWay { token_for_address(one_way, index) } else { token };
                let target = Target { token: Some(token), ..Target::at(0, address, port, protocol) };
                Destination { target, purpose, named: false }
            })
        })
    }
}

/// Returns the destinations: the run's own listener, the cluster's own Services and the servers behind them, the API server as
/// the controller reaches it, the workload's own name servers, the node, other pods of the namespace, hosts outside, and the user's targets. An address of the probe's own
/// pod leads nowhere else, except in a pod that shares its node's network.
pub fn destinations(
    cluster: &Cluster,
    group: &Group,
    (node, own_addresses): (Option<&str>, &[IpAddr]),
    listener: &ListenerAt<'_>,
    wanted: &Wanted,
) -> Vec<Destination> {
    let addresses = cluster.addresses.clone().unwrap_or_default();
    let own: BTreeSet<_> = group.pod_views.iter().flat_map(|pod_view| &pod_view.name_servers).collect();
    let own: Vec<_> = own.into_iter().copied().collect();
    let node =
        node.and_then(|name| cluster.node(name)).map(|node| node.addresses.clone()).unwrap_or_default();
    let rows = [
        (&addresses.dns, DNS_PORT, Protocol::Dns, Purpose::ClusterDns),
        (&addresses.dns, DNS_PORT, Protocol::Tcp, Purpose::ClusterDns),
        (&own, DNS_PORT, Protocol::Dns, Purpose::OwnResolver),
        (&own, DNS_PORT, Protocol::Tcp, Purpose::OwnResolver),
        (&addresses.api_server, API_SERVER_PORT, Protocol::Tcp, Purpose::ApiServer),
        (&node, KUBELET_PORT, Protocol::Tcp, Purpose::Kubelet),
        (&node, SSH_PORT, Protocol::Tcp, Purpose::Node),
        (&node, 0, Protocol::Echo, Purpose::Node),
    ];
    let of_cluster = rows.into_iter().flat_map(|(addresses, port, protocol, purpose)| {
        addresses.iter().map(move |&address| {
            let target = defaults::asking(Target::at(0, address, port, protocol));
            Destination { target, purpose, named: false }
        })
    });
    let behind = [
        (&cluster.dns_endpoints, Protocol::Dns, Purpose::ClusterDns),
        (&cluster.dns_endpoints, Protocol::Tcp, Purpose::ClusterDns),
        (&cluster.api_endpoints, Protocol::Tcp, Purpose::ApiServer),
    ];
    let behind = behind.into_iter().flat_map(|(endpoints, protocol, purpose)| {
        let at = move |endpoint: &SocketAddr| Destination {
            target: defaults::asking(Target::at(0, endpoint.ip(), endpoint.port(), protocol)),
            purpose,
            named: false,
        };
        endpoints.iter().flatten().take(MOST).map(at)
    });
    let outside = wanted.api_server.iter().map(|server| Destination {
        target: Target::at(0, server.ip(), server.port(), Protocol::Tcp),
        purpose: Purpose::ApiServerOutside,
        named: false,
    });
    let neighbours = cluster.neighbours.iter().map(|neighbour| Destination {
        target: Target::at(0, neighbour.ip(), neighbour.port(), Protocol::Tcp),
        purpose: Purpose::Neighbour,
        named: false,
    });
    let shares_the_nodes = group.pod_views.iter().any(|pod_view| pod_view.in_the_nodes_network());
    let is_elsewhere = |it: &Destination| shares_the_nodes || !own_addresses.contains(&it.target.address);
    let defaults = defaults::destinations().filter(|_| wanted.defaults);
    distinct(
        listener
            .destinations()
            .chain(of_cluster.chain(behind).chain(outside).chain(neighbours).filter(is_elsewhere))
            .chain(defaults)
            .chain(wanted.named(cluster.policies.speak_of_names())),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{case::cluster::PodView, fixture, plan::Named};

    fn of_purpose(cluster: &Cluster, group: &Group, purpose: Purpose) -> Vec<String> {
        let (addresses, ports) = (["192.0.2.1".parse().unwrap()], ["53/udp".parse().unwrap()]);
        let (token, one_way) = (Nonce([1; 16]), Nonce([2; 16]));
        let listener = ListenerAt { addresses: &addresses, ports: &ports, token, one_way };
        let own = ["10.244.0.7".parse().unwrap()];
        let all = destinations(cluster, group, (Some("one"), &own), &listener, &Wanted::default());
        all.iter().filter(|it| it.purpose == purpose).map(Destination::name).collect()
    }

    fn cluster() -> Cluster {
        let mut case = fixture::pod();
        let mut cluster = (*fixture::in_cluster(&mut case).cluster).clone();
        let addresses = cluster.addresses.as_mut().unwrap();
        addresses.dns.push("10.96.0.10".parse().unwrap());
        addresses.api_server.push("10.96.0.1".parse().unwrap());
        cluster.dns_endpoints = Ok(vec!["10.244.0.2:5353".parse().unwrap()]);
        cluster.api_endpoints =
            Ok(vec!["192.0.2.1:6443".parse().unwrap(), "[2001:db8::1]:6443".parse().unwrap()]);
        cluster
    }

    #[test]
    fn every_server_behind_a_service_is_tried_beside_the_service() {
        let of = |purpose| of_purpose(&cluster(), &Group::default(), purpose);
        assert_eq!(of(Purpose::ApiServer), ["10.96.0.1:443", "192.0.2.1:6443", "[2001:db8::1]:6443"]);
        let dns = ["10.96.0.10:53/dns", "10.96.0.10:53", "10.244.0.2:5353/dns", "10.244.0.2:5353"];
        assert_eq!(of(Purpose::ClusterDns), dns);
    }

    #[test]
    fn the_kubeconfigs_server_is_tried() {
        let api_server = ["203.0.113.7:443", "192.0.2.1:6443"].map(|it| it.parse().unwrap()).to_vec();
        let wanted = Wanted { api_server, defaults: false, ..Wanted::default() };
        let (token, one_way) = (Nonce([1; 16]), Nonce([2; 16]));
        let listener = ListenerAt { addresses: &[], ports: &[], token, one_way };
        let all = destinations(&cluster(), &Group::default(), (None, &[]), &listener, &wanted);
        let of = |purpose| -> Vec<_> {
            all.iter().filter(|it| it.purpose == purpose).map(Destination::name).collect()
        };
        assert_eq!(of(Purpose::ApiServerOutside), ["203.0.113.7:443"]);
        assert!(of(Purpose::ApiServer).contains(&"192.0.2.1:6443".to_owned()), "an endpoint stays one");
    }

    #[test]
    fn the_probes_own_pod_is_no_neighbour_unless_it_shares_the_nodes_network() {
        let mut cluster = cluster();
        cluster.neighbours = vec!["10.244.0.7:8080".parse().unwrap(), "10.244.0.8:8080".parse().unwrap()];
        cluster.dns_endpoints = Ok(vec!["10.244.0.7:53".parse().unwrap()]);
        let group = Group::default();
        assert_eq!(of_purpose(&cluster, &group, Purpose::Neighbour), ["10.244.0.8:8080"]);
        assert_eq!(of_purpose(&cluster, &group, Purpose::ClusterDns), ["10.96.0.10:53/dns", "10.96.0.10:53"]);
        let pod_view = PodView { host_namespaces: vec!["network".into()], ..PodView::default() };
        let group = Group { pod_views: vec![pod_view.into()], ..group };
        assert_eq!(of_purpose(&cluster, &group, Purpose::Neighbour), ["10.244.0.7:8080", "10.244.0.8:8080"]);
    }

    #[test]
    fn the_listener_is_tried_on_its_own_port_and_on_those_of_policies() {
        let of = |purpose| of_purpose(&cluster(), &Group::default(), purpose);
        let own = ["192.0.2.1:8790", "192.0.2.1:8790/udp", "192.0.2.1:8790/one-way"];
        assert_eq!(of(Purpose::Listener), own);
        assert_eq!(of(Purpose::ListenerOnPolicyPort), ["192.0.2.1:53/udp"]);
    }

    fn named(cluster: &Cluster) -> Vec<(String, String)> {
        let name = Some("api.example".to_owned());
        let of = |purpose, protocol, name| Named {
            address: "192.0.2.7".parse().unwrap(),
            port: 443,
            protocol,
            purpose,
            name,
        };
        let named = vec![
            of(Purpose::Required, Protocol::Tcp, name.clone()),
            of(Purpose::Allowed, Protocol::Udp, name),
            of(Purpose::Requested, Protocol::Tcp, None),
        ];
        let wanted = Wanted { named, defaults: false, ..Wanted::default() };
        let (token, one_way) = (Nonce([1; 16]), Nonce([2; 16]));
        let listener = ListenerAt { addresses: &[], ports: &[], token, one_way };
        let all = destinations(cluster, &Group::default(), (None, &[]), &listener, &wanted).into_iter();
        let named = all.filter(|it| it.named);
        named.map(|it| (it.name(), it.target.looked_up().unwrap_or_default().to_owned())).collect()
    }

    #[test]
    fn a_name_is_looked_up_in_the_sandbox_if_a_policy_speaks_of_names() {
        let name = |protocol: &str, name: &str| (format!("192.0.2.7:443{protocol}"), name.to_owned());
        let mut cluster = cluster();
        assert_eq!(named(&cluster), [name("", ""), name("/udp", "")]);
        let spec =
            json!({ "endpointSelector": {}, "egress": [{ "toFQDNs": [{ "matchName": "api.example" }] }] });
        cluster.policies = fixture::policies(&[json!({
            "apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy",
            "metadata": { "name": "by-name", "namespace": "shop" }, "spec": spec,
        })]);
        assert_eq!(named(&cluster), [name("", "api.example"), name("/udp", "api.example"), name("", "")]);
    }

    #[test]
    fn the_name_servers_of_the_workload_are_tried_once() {
        let mut case = fixture::pod();
        let group = &mut fixture::in_cluster(&mut case).group;
        for pod_view in &mut group.pod_views {
            pod_view.name_servers = vec!["192.0.2.53".parse().unwrap()];
        }
        let own = ["192.0.2.53:53/dns", "192.0.2.53:53", "the sandbox's own resolver"];
        assert_eq!(of_purpose(&cluster(), group, Purpose::OwnResolver), own);
    }
}
