use proto::Target;

use super::*;

fn destination(address: &str, port: u16, protocol: Protocol, purpose: Purpose) -> Destination {
    let target = Target::at(1, address.parse().unwrap(), port, protocol);
    Destination { target, purpose, named: false }
}

fn profile(kind: Kind, address: &str, prefix: u8, port: Option<u16>) -> Profile {
    let address = address.parse().unwrap();
    Profile {
        kind,
        allowed: vec![Allowed { address, prefix, port, protocol: None, name: None, behind: false }],
    }
}

#[test]
fn deny_all_allows_nothing() {
    for (address, purpose) in [("1.1.1.1", Purpose::PublicInternet), ("10.96.0.10", Purpose::ClusterDns)] {
        let destination = destination(address, 53, Protocol::Dns, purpose);
        assert_eq!(Profile::default().expectation(&destination, &[]), Expectation::Forbidden);
    }
}

#[test]
fn no_private_allows_only_the_internet() {
    let profile = Profile { kind: Kind::NoPrivate, allowed: Vec::new() };
    for (address, purpose, expected) in [
        ("1.1.1.1", Purpose::PublicInternet, Expectation::Allowed),
        ("203.0.113.9", Purpose::Requested, Expectation::Allowed),
        ("10.0.0.9", Purpose::Requested, Expectation::Forbidden),
        ("::ffff:10.0.0.9", Purpose::Requested, Expectation::Forbidden),
        ("fd00::9", Purpose::Requested, Expectation::Forbidden),
        ("100.100.100.200", Purpose::Requested, Expectation::Forbidden),
        ("64:ff9b::a9fe:a9fe", Purpose::Requested, Expectation::Forbidden),
        ("64:ff9b::101:101", Purpose::Requested, Expectation::Allowed),
        ("64:ff9b:1::101:101", Purpose::Requested, Expectation::Forbidden),
        ("2002:a00:9::1", Purpose::Requested, Expectation::Forbidden),
        ("2002:101:101::1", Purpose::Requested, Expectation::Allowed),
        ("2001:0:101:101::1", Purpose::Requested, Expectation::Forbidden),
        ("::a9fe:a9fe", Purpose::Requested, Expectation::Forbidden),
        ("fec0::9", Purpose::Requested, Expectation::Forbidden),
        ("2606:4700:4700::1111", Purpose::PublicInternet, Expectation::Allowed),
        ("168.63.129.16", Purpose::Metadata, Expectation::Forbidden),
        ("34.1.2.3", Purpose::ApiServer, Expectation::Forbidden),
    ] {
        let destination = destination(address, 443, Protocol::Tcp, purpose);
        assert_eq!(profile.expectation(&destination, &[]), expected, "{address}");
    }
}

#[test]
fn addresses_at_which_networks_have_hosts_are_never_permitted_unasked() {
    let hosts = ["198.18.0.1", "198.19.255.255", "240.0.0.1", "255.255.255.254", "::2", "fec0::9", "fd00::9"];
    let no_hosts = ["0.0.0.1", "127.0.0.1", "224.0.0.1", "239.255.255.255", "::1", "ff02::1"];
    for kind in [Kind::DenyAll, Kind::AllowList, Kind::NoPrivate] {
        let profile = Profile { kind, allowed: Vec::new() };
        for (addresses, expected) in [(&hosts[..], false), (&no_hosts[..], true)] {
            for address in addresses {
                let permits = profile.permits(address.parse().unwrap(), 443, Transport::Tcp);
                assert_eq!(permits, expected, "{kind:?} {address}");
            }
        }
    }
}

#[test]
fn a_listed_destination_may_be_reached() {
    let profile = profile(Kind::AllowList, "10.1.0.0", 16, Some(443));
    for (address, port, purpose, expected) in [
        ("10.1.2.3", 443, Purpose::Requested, Expectation::Allowed),
        ("10.1.2.3", 443, Purpose::Allowed, Expectation::Allowed),
        ("10.1.2.3", 443, Purpose::Required, Expectation::Required),
        ("10.1.2.3", 80, Purpose::Requested, Expectation::Forbidden),
        ("10.2.2.3", 443, Purpose::Requested, Expectation::Forbidden),
        ("10.1.2.3", 443, Purpose::LoopbackListener, Expectation::Forbidden),
    ] {
        let destination = destination(address, port, Protocol::Tcp, purpose);
        assert_eq!(profile.expectation(&destination, &[]), expected, "{address} {purpose:?}");
    }
}

#[test]
fn an_allowed_service_allows_the_addresses_behind_its_port() {
    let forward = |port, protocol, to: &str| Forward {
        address: "10.96.0.77".parse().unwrap(),
        port,
        protocol,
        to: vec![to.parse().unwrap()],
    };
    let forwards = [
        forward(443, Protocol::Tcp, "10.244.0.9:8443"),
        forward(53, Protocol::Udp, "10.244.0.9:5353"),
        forward(80, Protocol::Tcp, "10.244.0.9:8080"),
    ];
    for (port, protocol, behind, by, expected) in [
        (Some(443), None, 8443, Protocol::Tcp, Expectation::Allowed),
        (Some(443), None, 8443, Protocol::Udp, Expectation::Forbidden),
        (Some(443), None, 8080, Protocol::Tcp, Expectation::Forbidden),
        (Some(53), Some(Protocol::Dns), 5353, Protocol::Dns, Expectation::Allowed),
        (Some(53), Some(Protocol::Tcp), 5353, Protocol::Dns, Expectation::Forbidden),
        (None, None, 8080, Protocol::Tcp, Expectation::Allowed),
        (None, None, 22, Protocol::Tcp, Expectation::Forbidden),
    ] {
        let mut profile = profile(Kind::AllowList, "10.96.0.77", 32, port);
        profile.allowed[0].protocol = protocol;
        profile.allow_behind(&forwards);
        let neighbour = destination("10.244.0.9", behind, by, Purpose::Neighbour);
        assert_eq!(profile.expectation(&neighbour, &[]), expected, "{port:?} {behind}");
    }
}

#[test]
fn the_resolver_is_allowed_if_all_its_servers_are() {
    let profile = profile(Kind::AllowList, "10.96.0.10", 32, None);
    let resolver = destination("0.0.0.0", 0, Protocol::Resolver, Purpose::OwnResolver);
    let servers = ["10.96.0.10".parse().unwrap(), "10.96.0.11".parse().unwrap()];
    for (servers, expected) in [
        (&servers[..1], Expectation::Allowed),
        (&servers[..], Expectation::Forbidden),
        (&[], Expectation::Forbidden),
    ] {
        assert_eq!(profile.expectation(&resolver, servers), expected, "{servers:?}");
    }
}

#[test]
fn udp_includes_all_protocols_over_udp() {
    let mut profile = profile(Kind::AllowList, "10.1.2.3", 32, None);
    profile.allowed[0].protocol = Some(Protocol::Udp);
    for (protocol, expected) in [
        (Protocol::Udp, Expectation::Allowed),
        (Protocol::Dns, Expectation::Allowed),
        (Protocol::OneWay, Expectation::Allowed),
        (Protocol::Tcp, Expectation::Forbidden),
    ] {
        let destination = destination("10.1.2.3", 53, protocol, Purpose::Requested);
        assert_eq!(profile.expectation(&destination, &[]), expected, "{protocol:?}");
    }
}
