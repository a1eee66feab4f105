//! Destinations that a sandbox may reach or must reach: the user's `--profile`, `--allow` and `--require-egress`, with
//! addresses and no names.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use clap::ValueEnum;
use proto::Protocol;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    cluster::Forward,
    destination::{Destination, Purpose},
    policy::Transport,
};

/// The port of name servers (RFC 1035, section 4.2).
pub const DNS_PORT: u16 = 53;

/// A profile with its exceptions.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Profile {
    /// The value of `--profile`.
    pub kind: Kind,
    /// The values of `--allow` and `--require-egress`.
    pub allowed: Vec<Allowed>,
}

/// Destinations that may be reached besides those of `--allow`.
// The schema of the policy file states a default of `null` only for types that serialize.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// No destination at all
    #[default]
    DenyAll,
    /// The public internet, and everything that `--allow` names; no private range, metadata service, node, API server or other pod
    NoPrivate,
    /// Only the destinations that `--allow` and `--require-egress` name
    AllowList,
}

/// Addresses that may be reached.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Allowed {
    /// The network's first address, or the host's.
    pub address: IpAddr,
    /// The length of the network's prefix in bits.
    pub prefix: u8,
    /// The allowed port; `None` for every port.
    pub port: Option<u16>,
    /// The allowed protocol; `None` for every protocol. UDP includes all protocols over UDP.
    pub protocol: Option<Protocol>,
    /// The name that the user gave instead of an address; `None` for an address.
    pub name: Option<String>,
    /// True for an address behind a Service that is allowed.
    pub behind: bool,
}

/// The profile's expectation of a destination.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Expectation {
    /// The destination must not be reached.
    Forbidden,
    /// The destination may be reached.
    Allowed,
    /// The destination must be reached.
    Required,
}

// === impl Profile ===

impl Profile {
    /// Allows the addresses behind each Service that is allowed at its own address. Policies bind the traffic that the
    /// cluster has forwarded already, so that a policy cannot allow one without the other.
    pub fn allow_behind(&mut self, forwards: &[Forward]) {
        let mut behind = Vec::new();
        for allowed in &self.allowed {
            for forward in forwards.iter().filter(|forward| allowed.allows(forward)) {
                let protocol = allowed.protocol.or(Some(forward.protocol));
                let at = |to: &SocketAddr| Allowed {
                    address: to.ip(),
                    prefix: if to.is_ipv4() { 32 } else { 128 },
                    port: Some(to.port()),
                    protocol,
                    name: None,
                    behind: true,
                };
                behind.extend(forward.to.iter().map(at));
            }
        }
        behind.retain(|allowed| !self.allowed.contains(allowed));
        self.allowed.extend(behind);
        self.allowed.dedup();
    }

    /// Returns the expectation of a destination in a sandbox with these name servers.
    pub fn expectation(&self, destination: &Destination, name_servers: &[IpAddr]) -> Expectation {
        if destination.purpose == Purpose::LoopbackListener {
            return Expectation::Forbidden;
        }
        let target = &destination.target;
        let listed = |address, port, protocol| {
            self.allowed.iter().any(|allowed| allowed.covers(address, port, protocol))
        };
        let allowed = match target.protocol {
            Protocol::Resolver => {
                let mut servers = name_servers.iter();
                !name_servers.is_empty() && servers.all(|&server| listed(server, DNS_PORT, Protocol::Dns))
            }
            Protocol::Socket => false,
            protocol => listed(target.address, target.port, protocol),
        };
        match (allowed, destination.purpose) {
            (true, Purpose::Required) => Expectation::Required,
            (true, _) => Expectation::Allowed,
            (false, _) if self.kind == Kind::NoPrivate && is_of_the_internet(destination) => {
                Expectation::Allowed
            }
            (false, _) => Expectation::Forbidden,
        }
    }
}

impl Profile {
    /// Returns true if policies may let traffic to an address pass. Addresses at which no host is reached do not count.
    pub fn permits(&self, address: IpAddr, port: u16, transport: Transport) -> bool {
        is_of_no_host(address)
            || self.lists(address, port, transport)
            || (self.kind == Kind::NoPrivate && !is_private(address))
    }

    /// Returns true if `--allow` lists an address with this port.
    pub fn lists(&self, address: IpAddr, port: u16, transport: Transport) -> bool {
        self.allowed.iter().any(|allowed| allowed.carries(address, port, transport))
    }

    /// Returns true if `--allow` lists a name with this port.
    pub fn lists_name(&self, name: &str, port: u16, transport: Transport) -> bool {
        self.allowed.iter().any(|allowed| {
            let same = allowed.name.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(name));
            same && allowed.carries(allowed.address, port, transport)
        })
    }

    /// Returns true if some destination may be reached at this port.
    pub fn permits_port(&self, port: u16, transport: Transport) -> bool {
        self.kind == Kind::NoPrivate
            || self.allowed.iter().any(|allowed| allowed.carries(allowed.address, port, transport))
    }

    /// Returns the blocks whose edges matter to the profile, each as its first address and its length.
    pub fn edges(&self) -> impl Iterator<Item = (IpAddr, u8)> {
        let allowed = self.allowed.iter().map(|allowed| (allowed.address, allowed.prefix));
        let private = PRIVATE.iter().chain(OF_NO_HOST).copied();
        allowed.chain(private.clone()).chain(private.flat_map(leading_to))
    }
}

// === impl Kind ===

impl Kind {
    /// Returns the value for `--profile`.
    pub const fn id(self) -> &'static str {
        match self {
            Self::DenyAll => "deny-all",
            Self::NoPrivate => "no-private",
            Self::AllowList => "allow-list",
        }
    }
}

// === impl Allowed ===

/// The form of a value of `--allow`.
impl fmt::Display for Allowed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = if self.address.is_ipv4() { 32 } else { 128 };
        match (&self.name, self.address) {
            (Some(name), _) => formatter.write_str(name)?,
            (None, address) if self.prefix < whole => write!(formatter, "{address}/{}", self.prefix)?,
            (None, IpAddr::V6(address)) if self.port.is_some() => write!(formatter, "[{address}]")?,
            (None, address) => write!(formatter, "{address}")?,
        }
        if let Some(port) = self.port {
            write!(formatter, ":{port}")?;
        }
        self.protocol.map_or(Ok(()), |protocol| write!(formatter, "/{}", protocol.id()))
    }
}

impl Allowed {
    /// Returns true if the Service's port is allowed. DNS over UDP is a part of UDP.
    fn allows(&self, forward: &Forward) -> bool {
        let covers = |protocol| self.covers(forward.address, forward.port, protocol);
        covers(forward.protocol) || (forward.protocol == Protocol::Udp && covers(Protocol::Dns))
    }

    /// Returns true if the entry covers traffic of a transport. A name server is asked by UDP and by TCP.
    fn carries(&self, address: IpAddr, port: u16, transport: Transport) -> bool {
        let protocol = matches!(
            (self.protocol, transport),
            (None, _)
                | (Some(Protocol::Tcp), Transport::Tcp)
                | (Some(Protocol::Dns), Transport::Tcp | Transport::Udp)
                | (Some(Protocol::Udp), Transport::Udp)
        );
        protocol
            && self.port.is_none_or(|allowed| allowed == port)
            && same_network(self.address, address, self.prefix)
    }

    fn covers(&self, address: IpAddr, port: u16, protocol: Protocol) -> bool {
        let by_udp =
            matches!(protocol, Protocol::Dns | Protocol::OneWay | Protocol::Heard | Protocol::Resolver);
        let carrier = if by_udp { Protocol::Udp } else { protocol };
        self.port.is_none_or(|allowed| allowed == port)
            && self.protocol.is_none_or(|allowed| allowed == carrier || allowed == protocol)
            && same_network(self.address, address, self.prefix)
    }
}

/// Returns true for a destination on the public internet. Some purposes are private whatever their address: Azure's
/// wire server has a public one.
fn is_of_the_internet(destination: &Destination) -> bool {
    let public = match destination.purpose {
        Purpose::LoopbackListener
        | Purpose::Listener
        | Purpose::ListenerOnPolicyPort
        | Purpose::LocalDns
        | Purpose::OwnResolver
        | Purpose::Metadata
        | Purpose::ClusterDns
        | Purpose::ApiServer
        | Purpose::ApiServerOutside
        | Purpose::Kubelet
        | Purpose::Node
        | Purpose::Neighbour
        | Purpose::HostSocket => false,
        Purpose::Documentation
        | Purpose::PublicInternet
        | Purpose::PublicDns
        | Purpose::Requested
        | Purpose::Allowed
        | Purpose::Required => true,
    };
    public && !is_private(destination.target.address)
}

/// Addresses that the public internet does not route (RFC 6890).
const PRIVATE: &[(IpAddr, u8)] = &[
    (IpAddr::V4(Ipv4Addr::UNSPECIFIED), 8),
    (IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0)), 8),
    (IpAddr::V4(Ipv4Addr::new(100, 64, 0, 0)), 10),
    (IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8),
    (IpAddr::V4(Ipv4Addr::new(169, 254, 0, 0)), 16),
    (IpAddr::V4(Ipv4Addr::new(172, 16, 0, 0)), 12),
    (IpAddr::V4(Ipv4Addr::new(192, 168, 0, 0)), 16),
    (IpAddr::V4(Ipv4Addr::new(198, 18, 0, 0)), 15),
    (IpAddr::V4(Ipv4Addr::new(224, 0, 0, 0)), 3),
    // IPv4-compatible addresses, which nothing uses any more (RFC 4291), and the unspecified and the loopback address.
    (IpAddr::V6(Ipv6Addr::UNSPECIFIED), 96),
    // NAT64 with a prefix of the operator's own (RFC 8215).
    (IpAddr::V6(Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0)), 48),
    // Teredo, a tunnel through a relay (RFC 4380).
    (IpAddr::V6(Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0)), 32),
    // Site-local addresses, which fc00::/7 replaced (RFC 3879).
    (IpAddr::V6(Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0)), 10),
    (IpAddr::V6(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0)), 7),
    (IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0)), 10),
    (IpAddr::V6(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0)), 8),
];

/// Private addresses at which a sandbox reaches no host: this host, loopback and multicast (RFC 6890). Policies for the public
/// internet seldom name them. Benchmarks and reserved addresses are not among them, because networks use them: 198.18.0.0/15 and
/// 240.0.0.0/4 for subnets of Google Cloud (<https://cloud.google.com/vpc/docs/subnets#valid-ranges>), and 198.19.0.0/16
/// for pods of Amazon EKS (<https://aws.amazon.com/about-aws/whats-new/2018/10/amazon-eks-now-supports-additional-vpc-cidr-blocks/>).
const OF_NO_HOST: &[(IpAddr, u8)] = &[
    (IpAddr::V4(Ipv4Addr::UNSPECIFIED), 8),
    (IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8),
    (IpAddr::V4(Ipv4Addr::new(224, 0, 0, 0)), 4),
    (IpAddr::V6(Ipv6Addr::UNSPECIFIED), 127),
    (IpAddr::V6(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0)), 8),
];

/// Returns true for an address that the public internet does not route, or that leads to such an address.
pub fn is_private(address: IpAddr) -> bool {
    let listed =
        |address: IpAddr| PRIVATE.iter().any(|&(network, prefix)| same_network(network, address, prefix));
    listed(address.to_canonical()) || embedded(address).is_some_and(|embedded| listed(embedded.into()))
}

/// Returns the IPv4 address to which an IPv6 address leads by NAT64 (RFC 6052) or 6to4 (RFC 3056).
fn embedded(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(address) = address else { return None };
    let of = |high: u16, low: u16| Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => Some(of(high, low)),
        _ => None,
    }
}

/// Returns the IPv6 blocks whose addresses lead to those of an IPv4 block, each as its first address and its length.
fn leading_to((address, prefix): (IpAddr, u8)) -> Vec<(IpAddr, u8)> {
    let IpAddr::V4(address) = address else { return Vec::new() };
    let [a, b, c, d] = address.octets().map(u16::from);
    let (high, low) = ((a << 8) | b, (c << 8) | d);
    vec![
        (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low).into(), 96 + prefix),
        (Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 0).into(), 16 + prefix),
    ]
}

fn is_of_no_host(address: IpAddr) -> bool {
    OF_NO_HOST.iter().any(|&(network, prefix)| same_network(network, address, prefix))
}

fn same_network(network: IpAddr, address: IpAddr, prefix: u8) -> bool {
    match (network.to_canonical(), address.to_canonical()) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let differ = network.to_bits() ^ address.to_bits();
            differ.leading_zeros() >= u32::from(prefix)
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let differ = network.to_bits() ^ address.to_bits();
            differ.leading_zeros() >= u32::from(prefix)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
