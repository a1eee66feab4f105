//! Destinations that a probe in a cluster attempts, and its control pod too.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
};

use proto::{Nonce, Protocol, Target};

use crate::{
    case::{
        cluster::{Cluster, Group},
        destination::{Destination, Purpose},
    },
    plan::{Wanted, defaults, token_for_address, wanted::distinct},
    support::names::LISTENER_PORT,
};

/// The most servers behind one Service: a probe has 1024 file descriptors (setrlimit(2)).
const MOST: usize = 64;
const DNS_PORT: u16 = 53;
const API_SERVER_PORT: u16 = 443;
const KUBELET_PORT: u16 = 10_250;
/// The port of a node's SSH server (RFC 4253).
const SSH_PORT: u16 = 22;

/// Returns the destinations: the control pod's listener by TCP and UDP, other pods of the namespace, the cluster's own
/// Services and the servers behind them, the workload's own name servers, hosts outside, and the user's targets. The listener answers with `token`, and recognises this probe's
/// one-way datagrams by `one_way`.
pub fn destinations(
    cluster: &Cluster,
    group: &Group,
    node: Option<&str>,
    listener: &[IpAddr],
    (token, one_way): (Nonce, Nonce),
    wanted: &Wanted,
) -> Vec<Destination> {
    let addresses = cluster.addresses.clone().unwrap_or_default();
    let own: BTreeSet<_> = group.pod_views.iter().flat_map(|pod_view| &pod_view.name_servers).collect();
    let own: Vec<_> = own.into_iter().copied().collect();
    let node =
        node.and_then(|name| cluster.node(name)).map(|node| node.addresses.clone()).unwrap_or_default();
    let rows = [
        (listener, LISTENER_PORT, Protocol::Tcp, Purpose::Listener),
        (listener, LISTENER_PORT, Protocol::Udp, Purpose::Listener),
        (listener, LISTENER_PORT, Protocol::OneWay, Purpose::Listener),
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
        addresses.iter().enumerate().map(move |(index, &address)| {
            let target = defaults::asking(Target::at(0, address, port, protocol));
            let token = match (purpose, protocol) {
                (Purpose::Listener, Protocol::OneWay) => Some(token_for_address(one_way, index)),
                (Purpose::Listener, _) => Some(token),
                _ => None,
            };
            Destination { target: Target { token, ..target }, purpose, named: false }
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
    let neighbours = cluster.neighbours.iter().map(|neighbour| Destination {
        target: Target::at(0, neighbour.ip(), neighbour.port(), Protocol::Tcp),
        purpose: Purpose::Neighbour,
        named: false,
    });
    let outside = defaults::destinations().filter(|_| wanted.defaults);
    distinct(of_cluster.chain(behind).chain(neighbours).chain(outside).chain(wanted.named()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn of_purpose(cluster: &Cluster, group: &Group, purpose: Purpose) -> Vec<String> {
        let tokens = (Nonce([1; 16]), Nonce([2; 16]));
        let all = destinations(cluster, group, Some("one"), &[], tokens, &Wanted::default());
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
