//! The ports of a rule (`pkg/policy/api/l4.go`, `PortProtocol.sanitize`). Rules of applications, such as HTTP and DNS, narrow
//! what passes on a port; they are not evaluated, and the port counts as passing.

use serde_json::Value;

use crate::case::policy::{
    endpoint::Transport,
    object,
    rule::{PortRange, PortRule},
};

/// Protocols without ports, which carry data all the same.
const WITHOUT_PORTS: [&str; 7] = ["AH", "ESP", "GRE", "IGMP", "IPIP", "IPV6", "VRRP"];
const FIELDS: [&str; 6] = ["ports", "terminatingTLS", "originatingTLS", "serverNames", "listener", "rules"];
/// The longest name of a port (`pkg/iana/svcname.go`).
const LONGEST: usize = 15;

/// Reads the ports of a rule; `None` if it names none. An item without ports passes nothing (`rule.mergeL4Filter`).
pub(super) fn of(rule: &Value) -> Result<Option<Vec<PortRule>>, String> {
    let listed = |field: &str| Ok::<_, String>(object::list(&rule[field])?.filter(|list| !list.is_empty()));
    match (listed("toPorts")?, listed("icmps")?) {
        (None, None) => Ok(None),
        (None, Some(items)) => icmp(items).map(Some),
        (Some(_), Some(_)) => Err("Cilium refuses a rule with both `toPorts` and `icmps`".to_owned()),
        (Some(items), None) => {
            let mut ports = Vec::new();
            for item in items {
                object::only(item, &FIELDS)?;
                for value in object::list(&item["ports"])?.into_iter().flatten() {
                    ports.extend(port(value)?);
                }
            }
            Ok(Some(ports))
        }
    }
}

/// Reads the messages of ICMP that a rule matches, as one protocol for each address family (docs.cilium.io, "Limit ICMP/ICMPv6
/// types"; `pkg/policy/api/icmp.go`). An item without fields matches none.
fn icmp(items: &[Value]) -> Result<Vec<PortRule>, String> {
    let mut protocols = Vec::new();
    for item in items {
        object::only(item, &["fields"])?;
        for field in object::list(&item["fields"])?.into_iter().flatten() {
            object::only(field, &["family", "type"])?;
            let name = match field["family"].as_str().unwrap_or("IPv4") {
                "IPv4" => "ICMP",
                "IPv6" => "ICMPv6",
                other => return Err(format!("the address family {other} is not known")),
            };
            let protocol = PortRule::Portless(name.to_owned());
            if !protocols.contains(&protocol) {
                protocols.push(protocol);
            }
        }
    }
    Ok(protocols)
}

fn port(value: &Value) -> Result<Vec<PortRule>, String> {
    object::only(value, &["port", "endPort", "protocol"])?;
    let protocol = value["protocol"].as_str().unwrap_or_default().to_ascii_uppercase();
    let transports = match protocol.as_str() {
        "" | "ANY" => vec![Transport::Tcp, Transport::Udp, Transport::Sctp],
        name if WITHOUT_PORTS.contains(&name) => return Ok(vec![PortRule::Portless(name.to_owned())]),
        name => vec![Transport::parse(name).ok_or_else(|| format!("the protocol {name} is not known"))?],
    };
    let range = range(&object::text(&value["port"])?, &value["endPort"])?;
    Ok(transports.into_iter().map(|transport| PortRule::Ports(transport, range.clone())).collect())
}

fn range(port: &str, last: &Value) -> Result<PortRange, String> {
    let refused = || format!("the port {port} is not known");
    let last = Some(last).filter(|last| !last.is_null() && *last != 0).map(object::port).transpose()?;
    if is_name(port) {
        return if last.is_none() { Ok(PortRange::Named(port.to_ascii_lowercase())) } else { Err(refused()) };
    }
    // Cilium reads a number with a leading zero as an octal one.
    let number: u16 = Some(port)
        .filter(|port| {
            port.bytes().all(|byte| byte.is_ascii_digit()) && (*port == "0" || !port.starts_with('0'))
        })
        .and_then(|port| port.parse().ok())
        .ok_or_else(refused)?;
    match (number, last) {
        (0, None) => Ok(PortRange::Every),
        (0, Some(_)) => Err(refused()),
        (first, None) => Ok(PortRange::Numbers(first, first)),
        (first, Some(last)) => PortRange::between(first, last),
    }
}

/// Returns true for a name of a service, such as `http` (RFC 6335, section 5.1).
fn is_name(text: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    text.len() <= LONGEST
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
        && text.split('-').all(is_part)
}
