//! How far the probe's network reaches.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::wire_enum;
use crate::{
    Refused, generated,
    limits::{distinct, list, text},
};

/// One network interface.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Interface {
    /// Such as "lo".
    pub name: String,
    /// Whether it leads nowhere but back.
    pub loopback: bool,
    /// Whether it is up.
    pub up: bool,
    /// Its addresses, sorted.
    pub addresses: Vec<IpAddr>,
}

/// All interfaces, sorted by name.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Interfaces {
    /// None is no error: a network namespace can be without loopback.
    pub interfaces: Vec<Interface>,
}

/// One route.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Route {
    /// The destination in CIDR notation.
    pub destination: String,
    /// The interface by which it leaves.
    pub interface: String,
}

/// All routes but those by the loopback interface.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Routes {
    /// In the kernel's order, IPv4 first.
    pub routes: Vec<Route>,
}

wire_enum! {
    /// How an attempt ended.
    Reach, "reach", {
        /// The connection was made, or a datagram came back.
        Reached, "reached";
        /// Somebody answered that nobody listens.
        Refused, "refused";
        /// Somebody ended it.
        Reset, "reset";
        /// Nothing answered in time.
        TimedOut, "timed out";
        /// There is no route to the network.
        NetworkUnreachable, "network unreachable";
        /// The host could not be reached.
        HostUnreachable, "host unreachable";
        /// The attempt was forbidden.
        NotPermitted, "not permitted";
        /// The address family is not there, or has no address.
        NoAddressFamily, "no such address family";
        /// Another errno.
        Failed, "failed";
    }
}

/// One attempt.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Attempt {
    /// The id of the assignment's target.
    pub target: u32,
    /// How it ended.
    pub reach: Reach,
    /// The errno value behind it; 0 where there is none.
    pub errno: u32,
    /// How long it took, in microseconds.
    pub took_us: u64,
}

/// All attempts, in the order of the assignment's targets.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Egress {
    /// One for each target.
    pub attempts: Vec<Attempt>,
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
        let addresses = list("addresses", addresses, |address| {
            address.parse().map_err(|_| Refused::OutOfRange { field: "addresses" })
        })?;
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

impl From<Egress> for generated::Egress {
    fn from(Egress { attempts }: Egress) -> Self {
        let attempts = attempts
            .into_iter()
            .map(|Attempt { target, reach, errno, took_us }| generated::Attempt {
                target,
                reach: reach.into(),
                errno,
                took_us,
            })
            .collect();
        Self { attempts }
    }
}

impl TryFrom<generated::Egress> for Egress {
    type Error = Refused;

    fn try_from(generated::Egress { attempts }: generated::Egress) -> Result<Self, Refused> {
        let attempts = list("attempts", attempts, |generated::Attempt { target, reach, errno, took_us }| {
            Ok(Attempt { target, reach: reach.try_into()?, errno, took_us })
        })?;
        distinct("attempts", &attempts.iter().map(|attempt| attempt.target).collect::<Vec<_>>())?;
        Ok(Self { attempts })
    }
}
