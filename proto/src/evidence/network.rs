//! The reach of the probe's network.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::wire_enum;
use crate::{
    Refused, generated,
    limits::{distinct, list, text},
};

/// One network interface.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Interface {
    /// The interface's name, such as "lo".
    pub name: String,
    /// True if the interface is a loopback interface.
    pub loopback: bool,
    /// True if the interface is up.
    pub up: bool,
    /// The interface's addresses, sorted.
    pub addresses: Vec<IpAddr>,
}

/// All interfaces, sorted by name.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Interfaces {
    /// The interfaces. An empty list is no error: a network namespace can lack even the loopback interface.
    pub interfaces: Vec<Interface>,
}

/// One entry of a routing table.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The destination network in CIDR notation.
    pub destination: String,
    /// The interface through which packets leave.
    pub interface: String,
}

/// All routes except those through the loopback interface.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Routes {
    /// The routes in the kernel's order, IPv4 first.
    pub routes: Vec<Route>,
}

wire_enum! {
    /// The end of an attempt.
    Reach, "reach", {
        /// The connection was made, or a datagram came back.
        Reached, "reached";
        /// The target host answered that no program listens.
        Refused, "refused";
        /// The connection was accepted and then reset.
        Reset, "reset";
        /// Nothing answered in time.
        TimedOut, "timed out";
        /// A router on the network path has no route.
        NetworkUnreachable, "network unreachable";
        /// The host could not be reached.
        HostUnreachable, "host unreachable";
        /// The sandbox's own kernel forbids the attempt.
        NotPermitted, "not permitted";
        /// The kernel lacks the address family, or the family has no address.
        NoAddressFamily, "no such address family";
        /// Any other errno: the attempt was not made, or its end means nothing.
        Failed, "failed";
        /// The sandbox's own kernel has no route.
        NoRoute, "no route";
        /// The target host answered that no program takes datagrams.
        PortUnreachable, "port unreachable";
        /// A host on the network path answered that the traffic is prohibited.
        Prohibited, "prohibited";
        /// A name server answered that the name does not exist or has no address.
        NoName, "no such name";
        /// A name server answered that it refuses to resolve the name.
        NameRefused, "name refused";
        /// No name server is configured.
        NoResolver, "no resolver";
        /// The Unix socket does not exist.
        NoSocket, "no such socket";
        /// The datagrams went out and need no answer.
        Sent, "sent";
        /// A program answered that is not the run's own listener.
        Another, "somebody else answered";
        /// A name server answered that it failed to resolve the name, now or with this query.
        ServerFailure, "server failure";
    }
}

/// One attempt to reach a target.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    /// The id of the assignment's target.
    pub target: u32,
    /// The end of the attempt of the first round.
    pub reach: Reach,
    /// The errno value behind `reach`; 0 if none is.
    pub errno: u32,
    /// The duration of the attempt of the first round in microseconds.
    pub took_us: u64,
    /// The end of the attempt of the second round; `None` if the probe made one round.
    pub again: Option<Reach>,
}

/// All attempts, in the order of the assignment's targets.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Egress {
    /// The attempts, one for each target.
    pub attempts: Vec<Attempt>,
    /// The name servers of the sandbox's own configuration; empty if no target asks for them.
    pub name_servers: Vec<IpAddr>,
    /// The age of the container's main process at the start of the attempts, in milliseconds by the sandbox's own kernel;
    /// `None` if the probe could not tell.
    #[serde(default)]
    pub container_age_ms: Option<u64>,
    /// The names that were looked up before the attempts.
    #[serde(default)]
    pub lookups: Vec<Lookup>,
}

/// The addresses of one name, as the sandbox's own name servers gave them.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Lookup {
    /// The name of the assignment's targets.
    pub name: String,
    /// The addresses that a name may lead to; empty if the name was not resolved.
    pub addresses: Vec<IpAddr>,
}

// === impl Reach ===

impl Reach {
    /// Returns true if somebody beyond the sandbox received the traffic and an answer arrived. A connection that is reset
    /// had been made: before it is made, both kernels report "refused" (Linux, `tcp_reset` in `net/ipv4/tcp_input.c`; gVisor,
    /// `pkg/tcpip/transport/tcp/connect.go`).
    pub const fn is_contact(self) -> bool {
        matches!(
            self,
            Self::Reached
                | Self::Reset
                | Self::NoName
                | Self::NameRefused
                | Self::ServerFailure
                | Self::Another
        )
    }
}

// === impl Attempt ===

impl Attempt {
    /// Returns true if the attempt of either round made contact.
    pub fn made_contact(&self) -> bool {
        self.reach.is_contact() || self.again.is_some_and(Reach::is_contact)
    }
}

// === impl Interfaces ===

impl From<Interface> for generated::Interface {
    fn from(Interface { name, loopback, up, addresses }: Interface) -> Self {
        Self { name, loopback, up, addresses: addresses.iter().map(IpAddr::to_string).collect() }
    }
}

impl TryFrom<generated::Interface> for Interface {
    type Error = Refused;

    fn try_from(message: generated::Interface) -> Result<Self, Refused> {
        let generated::Interface { name, loopback, up, addresses } = message;
        let addresses = list("addresses", addresses, address("addresses"))?;
        Ok(Self { name: text("name", name)?, loopback, up, addresses })
    }
}

impl From<Interfaces> for generated::Interfaces {
    fn from(Interfaces { interfaces }: Interfaces) -> Self {
        Self { interfaces: interfaces.into_iter().map(Into::into).collect() }
    }
}

impl TryFrom<generated::Interfaces> for Interfaces {
    type Error = Refused;

    fn try_from(generated::Interfaces { interfaces }: generated::Interfaces) -> Result<Self, Refused> {
        Ok(Self { interfaces: list("interfaces", interfaces, Interface::try_from)? })
    }
}

// === impl Routes ===

impl From<Routes> for generated::Routes {
    fn from(Routes { routes }: Routes) -> Self {
        let routes = routes
            .into_iter()
            .map(|Route { destination, interface }| generated::Route { destination, interface })
            .collect();
        Self { routes }
    }
}

impl TryFrom<generated::Routes> for Routes {
    type Error = Refused;

    fn try_from(generated::Routes { routes }: generated::Routes) -> Result<Self, Refused> {
        let routes = list("routes", routes, |generated::Route { destination, interface }| {
            Ok(Route {
                destination: text("destination", destination)?,
                interface: text("interface", interface)?,
            })
        })?;
        Ok(Self { routes })
    }
}

// === impl Egress ===

impl From<Attempt> for generated::Attempt {
    fn from(Attempt { target, reach, errno, took_us, again }: Attempt) -> Self {
        Self { target, reach: reach.into(), errno, took_us, again: again.map(Into::into).unwrap_or_default() }
    }
}

impl TryFrom<generated::Attempt> for Attempt {
    type Error = Refused;

    fn try_from(message: generated::Attempt) -> Result<Self, Refused> {
        let generated::Attempt { target, reach, errno, took_us, again } = message;
        let was_made_again = again != i32::from(generated::Reach::Unspecified);
        let again = was_made_again.then(|| again.try_into()).transpose()?;
        Ok(Self { target, reach: reach.try_into()?, errno, took_us, again })
    }
}

impl From<Egress> for generated::Egress {
    fn from(Egress { attempts, name_servers, container_age_ms, lookups }: Egress) -> Self {
        Self {
            lookups: lookups.into_iter().map(Into::into).collect(),
            attempts: attempts.into_iter().map(Into::into).collect(),
            name_servers: name_servers.iter().map(IpAddr::to_string).collect(),
            container_age_ms,
        }
    }
}

impl TryFrom<generated::Egress> for Egress {
    type Error = Refused;

    fn try_from(message: generated::Egress) -> Result<Self, Refused> {
        let generated::Egress { attempts, name_servers, container_age_ms, lookups } = message;
        let attempts = list("attempts", attempts, Attempt::try_from)?;
        distinct("attempts", &attempts.iter().map(|attempt| attempt.target).collect::<Vec<_>>())?;
        let name_servers = list("name_servers", name_servers, address("name_servers"))?;
        let lookups = list("lookups", lookups, Lookup::try_from)?;
        distinct("lookups", &lookups.iter().map(|lookup| lookup.name.as_str()).collect::<Vec<_>>())?;
        Ok(Self { attempts, name_servers, container_age_ms, lookups })
    }
}

impl From<Lookup> for generated::Lookup {
    fn from(Lookup { name, addresses }: Lookup) -> Self {
        Self { name, addresses: addresses.iter().map(IpAddr::to_string).collect() }
    }
}

impl TryFrom<generated::Lookup> for Lookup {
    type Error = Refused;

    fn try_from(message: generated::Lookup) -> Result<Self, Refused> {
        let generated::Lookup { name, addresses } = message;
        Ok(Self { name: text("name", name)?, addresses: list("addresses", addresses, address("addresses"))? })
    }
}

fn address(field: &'static str) -> impl Fn(String) -> Result<IpAddr, Refused> {
    move |address| address.parse().map_err(|_| Refused::OutOfRange { field })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_survives_the_wire_with_and_without_a_second_round() {
        for again in [None, Some(Reach::TimedOut)] {
            let attempt = Attempt { target: 3, reach: Reach::Reached, errno: 0, took_us: 7, again };
            assert_eq!(Attempt::try_from(generated::Attempt::from(attempt)), Ok(attempt));
        }
    }

    #[test]
    fn contact_in_either_round_is_contact() {
        let attempt = |reach, again| Attempt { target: 3, reach, errno: 0, took_us: 7, again };
        assert!(attempt(Reach::Reached, Some(Reach::TimedOut)).made_contact());
        assert!(attempt(Reach::TimedOut, Some(Reach::NoName)).made_contact());
        assert!(!attempt(Reach::Refused, None).made_contact());
    }
}
