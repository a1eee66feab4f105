//! Who the probe is, and what it is to do.

use std::{fmt, net::IpAddr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    Observer, Refused,
    evidence::wire_enum,
    generated,
    limits::{distinct, list, present, text},
};

/// Binds evidence to the run that asked for it.
#[derive(Clone, Copy, Deserialize, Eq, PartialEq, Serialize)]
pub struct Nonce(pub [u8; 16]);

/// What a probe says of itself.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Introduction {
    /// The version of the probe's package.
    pub probe_version: String,
    /// The schema that it speaks.
    pub schema_version: u32,
    /// The architecture it was built for.
    pub architecture: String,
    /// What it can observe.
    pub observers: Vec<Observer>,
}

/// What a probe is asked to do.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Assignment {
    /// To be repeated with every delivery.
    pub nonce: Nonce,
    /// To be run in this order.
    pub observers: Vec<Observer>,
    /// To be attempted at once.
    pub targets: Vec<Target>,
    /// How long it may take.
    pub budget: Budget,
}

wire_enum! {
    /// How a target is attempted.
    Protocol, "protocol", {
        /// A connection, over which nothing is sent.
        Tcp, "tcp";
        /// A datagram, sent again while nothing comes back.
        Udp, "udp";
        /// The same with a DNS query.
        Dns, "dns";
    }
}

/// One address to attempt.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Target {
    /// Unique within an assignment.
    pub id: u32,
    /// Where to.
    pub address: IpAddr,
    /// Not 0.
    pub port: u16,
    /// By which way.
    pub protocol: Protocol,
}

/// Time limits; neither is zero.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Budget {
    /// For one observer.
    pub observer: Duration,
    /// For all attempts together.
    pub egress: Duration,
}

// === impl Nonce ===

impl fmt::Debug for Nonce {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
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

// === impl Target ===

impl From<Target> for generated::Target {
    fn from(Target { id, address, port, protocol }: Target) -> Self {
        Self { id, address: address.to_string(), port: port.into(), protocol: protocol.into() }
    }
}

impl TryFrom<generated::Target> for Target {
    type Error = Refused;

    fn try_from(message: generated::Target) -> Result<Self, Refused> {
        let generated::Target { id, address, port, protocol } = message;
        let address = address.parse().map_err(|_| Refused::OutOfRange { field: "address" })?;
        let protocol = protocol.try_into()?;
        match u16::try_from(port) {
            Ok(port @ 1..) => Ok(Self { id, address, port, protocol }),
            Ok(0) | Err(_) => Err(Refused::OutOfRange { field: "port" }),
        }
    }
}

// === impl Budget ===

impl From<Budget> for generated::Budget {
    fn from(Budget { observer, egress }: Budget) -> Self {
        let milliseconds = |limit: Duration| u32::try_from(limit.as_millis()).unwrap_or(u32::MAX);
        Self { observer_ms: milliseconds(observer), egress_ms: milliseconds(egress) }
    }
}

impl TryFrom<generated::Budget> for Budget {
    type Error = Refused;

    fn try_from(generated::Budget { observer_ms, egress_ms }: generated::Budget) -> Result<Self, Refused> {
        let limit = |field, milliseconds: u32| match milliseconds {
            0 => Err(Refused::OutOfRange { field }),
            milliseconds => Ok(Duration::from_millis(milliseconds.into())),
        };
        Ok(Self { observer: limit("observer_ms", observer_ms)?, egress: limit("egress_ms", egress_ms)? })
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn target(protocol: Protocol) -> Target {
        Target { id: 3, address: Ipv4Addr::LOCALHOST.into(), port: 53, protocol }
    }

    #[test]
    fn a_target_survives_the_wire_by_each_protocol_and_by_no_other() {
        for &protocol in Protocol::ALL {
            let message = generated::Target::from(target(protocol));
            assert_eq!(Target::try_from(message), Ok(target(protocol)));
        }
        for value in [0, 4] {
            let message = generated::Target { protocol: value, ..target(Protocol::Tcp).into() };
            let refused = Refused::UnknownValue { field: "protocol", value };
            assert_eq!(Target::try_from(message), Err(refused));
        }
    }

    #[test]
    fn a_target_without_a_port_is_refused() {
        for port in [0, 65_536] {
            let message = generated::Target { port, ..target(Protocol::Udp).into() };
            assert_eq!(Target::try_from(message), Err(Refused::OutOfRange { field: "port" }));
        }
    }
}
