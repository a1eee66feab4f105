//! Destinations that a probe is asked to attempt, with their purposes.

use std::net::SocketAddr;

use proto::{Protocol, Target};
/// A destination that the probe was asked to attempt.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Destination {
    /// The target, as the assignment contains it.
    pub target: Target,
    /// The reason for the choice.
    pub purpose: Purpose,
    /// True if the user named it, so that the controller may try it on this machine, too.
    pub named: bool,
}

/// Why a destination was chosen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Purpose {
    /// A listener of the controller on the machine's loopback address: a sandbox that reaches it shares the machine's
    /// network.
    LoopbackListener,
    /// An address that is reserved for documentation (RFC 5737, RFC 3849); without a route, it is unreachable at once.
    Documentation,
    /// The run's own listener, which the control pod or the controller reaches.
    Listener,
    /// The run's own listener, on a port that a policy lets leave.
    ListenerOnPolicyPort,
    /// A host of the public internet.
    PublicInternet,
    /// A name server of the public internet.
    PublicDns,
    /// A name server of the node, or of the cloud's network.
    LocalDns,
    /// The name servers that the sandbox or its workload is configured with.
    OwnResolver,
    /// A cloud's metadata service.
    Metadata,
    /// The cluster's DNS.
    ClusterDns,
    /// The cluster's API server.
    ApiServer,
    /// The cluster's API server, at an address that the controller asks.
    ApiServerOutside,
    /// The kubelet of the probe's node.
    Kubelet,
    /// The probe's node itself.
    Node,
    /// Another pod of the namespace.
    Neighbour,
    /// A socket of the machine that is mounted into the sandbox.
    HostSocket,
    /// A target that the user named.
    Requested,
    /// A destination that may be reached, named by the user.
    Allowed,
    /// A destination that must be reached, named by the user.
    Required,
}

// === impl Destination ===

impl Destination {
    /// Returns the destination as people write it; the protocol is omitted for TCP.
    pub fn name(&self) -> String {
        let address = SocketAddr::new(self.target.address, self.target.port);
        match self.target.protocol {
            Protocol::Tcp => address.to_string(),
            protocol @ (Protocol::Udp | Protocol::Dns | Protocol::OneWay | Protocol::Heard) => {
                format!("{address}/{}", protocol.id())
            }
            Protocol::Echo => format!("{}/icmp", self.target.address),
            Protocol::Resolver => "the sandbox's own resolver".to_owned(),
            Protocol::Socket => format!("the socket {}", self.target.name),
        }
    }
}

// === impl Purpose ===

impl Purpose {
    /// Returns the purpose as a fragment of a sentence.
    pub const fn words(self) -> &'static str {
        match self {
            Self::LoopbackListener => "a listener on the machine's loopback",
            Self::Documentation => "an address for documentation",
            Self::Listener => "the run's own listener",
            Self::ListenerOnPolicyPort => "the run's own listener, on a port that a policy lets leave",
            Self::PublicInternet => "a host of the public internet",
            Self::PublicDns => "a public name server",
            Self::LocalDns => "a name server of the node or the cloud",
            Self::OwnResolver => "the name servers of its resolv.conf",
            Self::Metadata => "a metadata service",
            Self::ClusterDns => "the cluster's DNS",
            Self::ApiServer => "the API server",
            Self::ApiServerOutside => "the API server, as the controller reaches it",
            Self::Kubelet => "the node's kubelet",
            Self::Node => "the node itself",
            Self::Neighbour => "another pod of the namespace",
            Self::HostSocket => "mounted from the machine",
            Self::Requested => "named by --egress-target",
            Self::Allowed => "named by --allow",
            Self::Required => "named by --require-egress",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_named_by_address_and_protocol() {
        for (protocol, name) in [
            (Protocol::Tcp, "[2001:db8::1]:53"),
            (Protocol::Udp, "[2001:db8::1]:53/udp"),
            (Protocol::Dns, "[2001:db8::1]:53/dns"),
            (Protocol::OneWay, "[2001:db8::1]:53/one-way"),
            (Protocol::Echo, "2001:db8::1/icmp"),
        ] {
            let target = Target::at(1, "2001:db8::1".parse().unwrap(), 53, protocol);
            let destination = Destination { target, purpose: Purpose::Documentation, named: false };
            assert_eq!(destination.name(), name);
        }
    }
}
