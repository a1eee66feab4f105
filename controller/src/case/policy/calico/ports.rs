//! Protocols and ports of a rule (`Rule.protocol`, `Rule.notProtocol`, `EntityRule.ports`, `EntityRule.notPorts`).

use serde_json::Value;

use crate::case::policy::{
    endpoint::Transport,
    object,
    rule::{PortRange, PortRule},
};

const TRANSPORTS: [Transport; 3] = [Transport::Tcp, Transport::Udp, Transport::Sctp];

/// A protocol of a rule.
#[derive(Debug, Eq, PartialEq)]
enum Protocol {
    /// A protocol with ports.
    Of(Transport),
    /// A protocol without ports.
    Portless(String),
}

/// Reads the ports of a rule; `None` for every port of every protocol.
pub(super) fn read(rule: &Value) -> Result<Option<Vec<PortRule>>, String> {
    let destination = &rule["destination"];
    let listed = |field: &str| destination[field].as_array().filter(|list| !list.is_empty());
    let (ports, excluded) = (listed("ports"), listed("notPorts"));
    let is_icmp = !rule["icmp"].is_null() || !rule["notICMP"].is_null();
    let wanted = match (&rule["protocol"], is_icmp) {
        (Value::Null, false) => None,
        (Value::Null, true) => Some(Protocol::Portless("ICMP".to_owned())),
        (value, _) => Some(protocol(value)?),
    };
    let unwanted = match &rule["notProtocol"] {
        Value::Null => None,
        value => Some(protocol(value)?),
    };
    if (wanted.is_none() && unwanted.is_none()) && ports.is_none() && excluded.is_none() {
        return Ok(None);
    }
    let is_wanted = |transport: Transport| {
        wanted.as_ref().is_none_or(|wanted| *wanted == Protocol::Of(transport))
            && unwanted.as_ref() != Some(&Protocol::Of(transport))
    };
    let mut rules = Vec::new();
    for transport in TRANSPORTS.into_iter().filter(|transport| is_wanted(*transport)) {
        let ranges = match ports {
            None => vec![PortRange::Every],
            Some(ports) => ports.iter().map(range).collect::<Result<_, _>>()?,
        };
        let ranges = excluded
            .into_iter()
            .flatten()
            .try_fold(ranges, |ranges, value| without(ranges, &range(value)?))?;
        rules.extend(ranges.into_iter().map(|range| PortRule::Ports(transport, range)));
    }
    match wanted {
        Some(Protocol::Portless(name)) => rules.push(PortRule::Portless(name)),
        None if ports.is_none() && excluded.is_none() => {
            rules.push(PortRule::Portless("other protocols".to_owned()));
        }
        Some(Protocol::Of(_)) | None => (),
    }
    Ok(Some(rules))
}

/// Reads the name or the number of a protocol (`numorstring.Protocol`).
fn protocol(value: &Value) -> Result<Protocol, String> {
    let name = match (value.as_u64(), value.as_str()) {
        (Some(number), _) => number.to_string(),
        (None, Some(name)) => name.to_owned(),
        (None, None) => return Err(format!("{value} is no protocol")),
    };
    let transport = match name.as_str() {
        "6" => Some(Transport::Tcp),
        "17" => Some(Transport::Udp),
        "132" => Some(Transport::Sctp),
        name => Transport::parse(&name.to_uppercase()),
    };
    Ok(match (transport, name.parse::<u8>()) {
        (Some(transport), _) => Protocol::Of(transport),
        (None, Ok(number)) => Protocol::Portless(format!("protocol {number}")),
        (None, Err(_)) if ["ICMP", "ICMPv6", "UDPLite"].contains(&name.as_str()) => Protocol::Portless(name),
        (None, Err(_)) => return Err(format!("the protocol {name} is not known")),
    })
}

/// Reads a number, a range such as `80:90`, or a name (`numorstring.Port`).
fn range(value: &Value) -> Result<PortRange, String> {
    let Some(text) = value.as_str() else {
        return object::port(value).map(|number| PortRange::Numbers(number, number));
    };
    let number = |text: &str| text.parse::<u16>().map_err(|_| format!("{text} is no port"));
    match text.split_once(':') {
        Some((first, last)) => PortRange::between(number(first)?, number(last)?),
        None => Ok(number(text)
            .map_or_else(|_| PortRange::Named(text.to_owned()), |port| PortRange::Numbers(port, port))),
    }
}

/// Returns the ranges without the ports of another one.
fn without(ranges: Vec<PortRange>, excluded: &PortRange) -> Result<Vec<PortRange>, String> {
    let PortRange::Numbers(first, last) = *excluded else {
        return Err("a port that the rule excludes by its name is not compared".to_owned());
    };
    let mut left = Vec::new();
    for range in ranges {
        let (low, high) = match range {
            PortRange::Every => (0, u16::MAX),
            PortRange::Numbers(low, high) => (low, high),
            PortRange::Named(name) => {
                return Err(format!("the port {name} is not compared with excluded ports"));
            }
        };
        let below = first.checked_sub(1).map(|end| (low, high.min(end)));
        let above = last.checked_add(1).map(|start| (low.max(start), high));
        let parts = [below, above].into_iter().flatten().filter(|(low, high)| low <= high);
        left.extend(parts.map(|(low, high)| PortRange::Numbers(low, high)));
    }
    Ok(left)
}
