//! The probe's introduction, and the assignment that the controller gives it.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
    str::FromStr,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    Observer, Refused,
    evidence::wire_enum,
    generated,
    limits::{distinct, list, present, text},
};

/// A random number that binds evidence to the run that asked for it.
#[derive(Clone, Copy, Deserialize, Eq, PartialEq, Serialize)]
pub struct Nonce(pub [u8; 16]);

/// A probe's description of itself.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Introduction {
    /// The version of the probe's package.
    pub probe_version: String,
    /// The version of the schema that the probe speaks.
    pub schema_version: u32,
    /// The architecture that the probe was built for.
    pub architecture: String,
    /// All observers that the probe has.
    pub observers: Vec<Observer>,
}

/// The controller's orders for one run.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// The nonce that every delivery repeats.
    pub nonce: Nonce,
    /// The observers to run, in this order.
    pub observers: Vec<Observer>,
    /// The targets to attempt, all at once in each round.
    pub targets: Vec<Target>,
    /// The time limits of the run.
    pub budget: Budget,
}

wire_enum! {
    /// The way in which a target is attempted.
    Protocol, "protocol", {
        /// A connection, over which nothing is sent.
        Tcp, "tcp";
        /// A datagram, sent again while nothing comes back.
        Udp, "udp";
        /// A DNS query in a datagram, sent again while nothing comes back.
        Dns, "dns";
        /// Datagrams that the listener records and does not answer.
        OneWay, "one-way";
        /// An ICMP echo request.
        Echo, "icmp";
        /// A DNS query to the sandbox's own name servers.
        Resolver, "resolver";
        /// A connection to a Unix socket.
        Socket, "unix";
        /// A question to the run's own listener: have the datagrams that were sent one way arrived?
        Heard, "heard";
    }
}

/// One target to attempt.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The target's number, unique within an assignment.
    pub id: u32,
    /// The target's address; unspecified if the protocol has no address.
    pub address: IpAddr,
    /// The target's port; 0 if, and only if, the protocol has no port.
    pub port: u16,
    /// The way in which the target is attempted.
    pub protocol: Protocol,
    /// The token that identifies one of the run's own listeners; `None` for every other target.
    pub token: Option<Nonce>,
    /// The name that a DNS query asks for, the name that is looked up before an attempt by TCP or UDP, or the name of the Unix
    /// socket; otherwise empty.
    pub name: String,
}

/// The time limits of a run.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// The time for one observer.
    pub observer: Duration,
    /// The time for all attempts of one round together.
    pub egress: Duration,
    /// The start of the second round, counted from the start of the first; `None` for one round.
    pub again: Option<Duration>,
}

// === impl Nonce ===

impl fmt::Display for Nonce {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for Nonce {
    type Err = Refused;

    fn from_str(digits: &str) -> Result<Self, Refused> {
        let refused = || Refused::OutOfRange { field: "nonce" };
        let plain = digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let number = plain.then(|| u128::from_str_radix(digits, 16).ok()).flatten();
        number.map(|number| Self(number.to_be_bytes())).ok_or_else(refused)
    }
}

impl TryFrom<Vec<u8>> for Nonce {
    type Error = Refused;

    fn try_from(bytes: Vec<u8>) -> Result<Self, Refused> {
        bytes.try_into().map(Self).map_err(|_| Refused::OutOfRange { field: "nonce" })
    }
}

impl From<Nonce> for Vec<u8> {
    fn from(nonce: Nonce) -> Self {
        nonce.0.to_vec()
    }
}

// === impl Introduction ===

impl From<Introduction> for generated::Introduction {
    fn from(introduction: Introduction) -> Self {
        let Introduction { probe_version, schema_version, architecture, observers } = introduction;
        Self { probe_version, schema_version, architecture, observers: numbers(observers) }
    }
}

impl TryFrom<generated::Introduction> for Introduction {
    type Error = Refused;

    fn try_from(message: generated::Introduction) -> Result<Self, Refused> {
        let generated::Introduction { probe_version, schema_version, architecture, observers } = message;
        let observers = list("observers", observers, Observer::try_from)?;
        distinct("observers", &observers)?;
        Ok(Self {
            probe_version: text("probe_version", probe_version)?,
            schema_version,
            architecture: text("architecture", architecture)?,
            observers,
        })
    }
}

// === impl Assignment ===

impl From<Assignment> for generated::Assignment {
    fn from(Assignment { nonce, observers, targets, budget }: Assignment) -> Self {
        Self {
            nonce: nonce.into(),
            observers: numbers(observers),
            targets: targets.into_iter().map(Into::into).collect(),
            budget: Some(budget.into()),
        }
    }
}

impl TryFrom<generated::Assignment> for Assignment {
    type Error = Refused;

    fn try_from(message: generated::Assignment) -> Result<Self, Refused> {
        let generated::Assignment { nonce, observers, targets, budget } = message;
        let observers = list("observers", observers, Observer::try_from)?;
        distinct("observers", &observers)?;
        let targets = list("targets", targets, Target::try_from)?;
        distinct("targets", &targets.iter().map(|target| target.id).collect::<Vec<_>>())?;
        let budget = present("budget", budget)?.try_into()?;
        Ok(Self { nonce: nonce.try_into()?, observers, targets, budget })
    }
}

fn numbers(observers: Vec<Observer>) -> Vec<i32> {
    observers.into_iter().map(|observer| generated::Observer::from(observer).into()).collect()
}

// === impl Protocol ===

impl Protocol {
    /// Returns true if a target of this protocol has an address.
    pub const fn has_address(self) -> bool {
        !matches!(self, Self::Resolver | Self::Socket)
    }

    /// Returns true if a target of this protocol has a port.
    pub const fn has_port(self) -> bool {
        self.has_address() && !matches!(self, Self::Echo)
    }
}

// === impl Target ===

impl Target {
    /// Returns the target at an address, without a token or a name.
    pub const fn at(id: u32, address: IpAddr, port: u16, protocol: Protocol) -> Self {
        Self { id, address, port, protocol, token: None, name: String::new() }
    }

    /// Returns the name that the sandbox's own name servers are asked for before the attempt; `None` if there is none.
    pub fn looked_up(&self) -> Option<&str> {
        let by_address = matches!(self.protocol, Protocol::Tcp | Protocol::Udp) && self.token.is_none();
        (by_address && !self.name.is_empty()).then_some(self.name.as_str())
    }
}

impl From<Target> for generated::Target {
    fn from(Target { id, address, port, protocol, token, name }: Target) -> Self {
        Self {
            id,
            address: if protocol.has_address() { address.to_string() } else { String::new() },
            port: port.into(),
            protocol: protocol.into(),
            token: token.map(Into::into).unwrap_or_default(),
            name,
        }
    }
}

impl TryFrom<generated::Target> for Target {
    type Error = Refused;

    fn try_from(message: generated::Target) -> Result<Self, Refused> {
        let generated::Target { id, address, port, protocol, token, name } = message;
        let protocol = Protocol::try_from(protocol)?;
        let address = match (protocol.has_address(), address.as_str()) {
            (true, address) => address.parse().map_err(|_| Refused::OutOfRange { field: "address" })?,
            (false, "") => Ipv4Addr::UNSPECIFIED.into(),
            (false, _) => return Err(Refused::OutOfRange { field: "address" }),
        };
        let port = match u16::try_from(port) {
            Ok(port) if (port != 0) == protocol.has_port() => port,
            Ok(_) | Err(_) => return Err(Refused::OutOfRange { field: "port" }),
        };
        let token = (!token.is_empty()).then(|| Nonce::try_from(token)).transpose()?;
        Ok(Self { id, address, port, protocol, token, name: text("name", name)? })
    }
}

// === impl Budget ===

impl Budget {
    /// Returns the time for all rounds together. The second round begins no earlier than the end of the first.
    pub fn rounds(&self) -> Duration {
        match self.again {
            Some(again) => again.max(self.egress) + self.egress,
            None => self.egress,
        }
    }
}

impl From<Budget> for generated::Budget {
    fn from(Budget { observer, egress, again }: Budget) -> Self {
        let milliseconds = |limit: Duration| u32::try_from(limit.as_millis()).unwrap_or(u32::MAX);
        Self {
            observer_ms: milliseconds(observer),
            egress_ms: milliseconds(egress),
            // A second round at once is still a second round.
            again_ms: again.map_or(0, |again| milliseconds(again).max(1)),
        }
    }
}

impl TryFrom<generated::Budget> for Budget {
    type Error = Refused;

    fn try_from(message: generated::Budget) -> Result<Self, Refused> {
        let generated::Budget { observer_ms, egress_ms, again_ms } = message;
        let limit = |field, milliseconds: u32| match milliseconds {
            0 => Err(Refused::OutOfRange { field }),
            milliseconds => Ok(Duration::from_millis(milliseconds.into())),
        };
        Ok(Self {
            observer: limit("observer_ms", observer_ms)?,
            egress: limit("egress_ms", egress_ms)?,
            again: (again_ms != 0).then(|| Duration::from_millis(again_ms.into())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(protocol: Protocol) -> Target {
        let address = if protocol.has_address() { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
        Target::at(3, address.into(), if protocol.has_port() { 53 } else { 0 }, protocol)
    }

    #[test]
    fn a_target_survives_the_wire_by_known_protocols_alone() {
        for &protocol in Protocol::ALL {
            let of_our_own = Target { token: Some(Nonce([7; 16])), name: "@x".into(), ..target(protocol) };
            for target in [target(protocol), of_our_own] {
                assert_eq!(Target::try_from(generated::Target::from(target.clone())), Ok(target));
            }
        }
        for value in [0, 4, 45] {
            let message = generated::Target { protocol: value, ..target(Protocol::Tcp).into() };
            let refused = Refused::UnknownValue { field: "protocol", value };
            assert_eq!(Target::try_from(message), Err(refused));
        }
    }

    #[test]
    fn a_target_whose_port_or_address_does_not_fit_its_protocol_is_refused() {
        for (port, protocol) in
            [(0, Protocol::Udp), (65_536, Protocol::Udp), (7, Protocol::Echo), (7, Protocol::Socket)]
        {
            let message = generated::Target { port, ..target(protocol).into() };
            assert_eq!(Target::try_from(message), Err(Refused::OutOfRange { field: "port" }));
        }
        for (address, protocol) in [("", Protocol::Tcp), ("127.0.0.1", Protocol::Resolver)] {
            let message = generated::Target { address: address.into(), ..target(protocol).into() };
            assert_eq!(Target::try_from(message), Err(Refused::OutOfRange { field: "address" }));
        }
    }

    #[test]
    fn a_budget_survives_the_wire_with_and_without_a_second_round() {
        for again in [None, Some(Duration::from_millis(1)), Some(Duration::from_secs(5))] {
            let second = Duration::from_secs(1);
            let budget = Budget { observer: second, egress: second, again };
            assert_eq!(Budget::try_from(generated::Budget::from(budget)), Ok(budget));
        }
    }

    #[test]
    fn a_second_round_at_once_survives_the_wire_as_a_second_round() {
        let second = Duration::from_secs(1);
        let budget = Budget { observer: second, egress: second, again: Some(Duration::ZERO) };
        let again = Budget::try_from(generated::Budget::from(budget)).unwrap().again;
        assert_eq!(again, Some(Duration::from_millis(1)));
    }

    #[test]
    fn the_rounds_never_overlap() {
        let budget = |again| Budget {
            observer: Duration::from_secs(1),
            egress: Duration::from_secs(3),
            again: Some(Duration::from_secs(again)),
        };
        assert_eq!([1, 5].map(|again| budget(again).rounds().as_secs()), [6, 8]);
    }

    #[test]
    fn a_token_of_another_length_is_refused() {
        let message = generated::Target { token: vec![7; 15], ..target(Protocol::Tcp).into() };
        assert_eq!(Target::try_from(message), Err(Refused::OutOfRange { field: "nonce" }));
    }

    #[test]
    fn a_nonce_is_read_only_as_it_is_written() {
        let nonce = Nonce([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255]);
        assert_eq!(nonce.to_string().parse(), Ok(nonce));
        for wrong in ["", "0102", "+0102030405060708090a0b0c0d0e0ff", "zz02030405060708090a0b0c0d0e0fff"] {
            assert_eq!(wrong.parse::<Nonce>(), Err(Refused::OutOfRange { field: "nonce" }), "{wrong}");
        }
    }
}
