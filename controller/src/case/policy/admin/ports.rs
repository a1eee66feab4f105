//! Ports of admin policies: `AdminNetworkPolicyPort` of `v1alpha1` and `ClusterNetworkPolicyProtocol` of `v1alpha2`.

use serde_json::Value;

use super::Kind;
use crate::case::policy::{
    endpoint::Transport,
    object,
    rule::{PortRange, PortRule},
};

const TRANSPORTS: [Transport; 3] = [Transport::Tcp, Transport::Udp, Transport::Sctp];

/// Reads the ports of a rule; `None` if the rule has no list of ports. The API refuses an empty list.
pub(super) fn read(value: &Value, kind: Kind) -> Option<Vec<PortRule>> {
    if value.is_null() {
        return None;
    }
    let Some(list) = value.as_array().filter(|list| !list.is_empty()) else {
        return Some(vec![PortRule::Unread("the list of ports is empty".to_owned())]);
    };
    let ports = list.iter().map(|value| match kind {
        Kind::Admin | Kind::Baseline => port(value),
        Kind::Cluster => protocol(value),
    });
    Some(ports.flat_map(|ports| ports.unwrap_or_else(|why| vec![PortRule::Unread(why)])).collect())
}

fn port(value: &Value) -> Result<Vec<PortRule>, String> {
    object::only(value, &["portNumber", "namedPort", "portRange"])?;
    match (&value["portNumber"], &value["namedPort"], &value["portRange"]) {
        (number, Value::Null, Value::Null) if !number.is_null() => {
            object::only(number, &["protocol", "port"])?;
            let port = object::port(&number["port"])?;
            Ok(vec![PortRule::Ports(transport(number)?, PortRange::Numbers(port, port))])
        }
        (Value::Null, Value::String(name), Value::Null) => Ok(named(name)),
        (Value::Null, Value::Null, range) if !range.is_null() => {
            object::only(range, &["protocol", "start", "end"])?;
            Ok(vec![PortRule::Ports(transport(range)?, numbers(range)?)])
        }
        _ => Err("a port needs a number, a name or a range".to_owned()),
    }
}

fn protocol(value: &Value) -> Result<Vec<PortRule>, String> {
    object::only(value, &["tcp", "udp", "sctp", "destinationNamedPort"])?;
    let fields: Vec<_> = value.as_object().into_iter().flatten().collect();
    let [(field, value)] = fields.as_slice() else {
        return Err("a protocol must have a single field".to_owned());
    };
    if let Some(name) = value.as_str() {
        return Ok(named(name));
    }
    let transport =
        Transport::parse(&field.to_uppercase()).ok_or_else(|| format!("{field} is no protocol"))?;
    object::only(value, &["destinationPort"])?;
    let port = &value["destinationPort"];
    object::only(port, &["number", "range"])?;
    let range = match (&port["number"], &port["range"]) {
        _ if port.is_null() => PortRange::Every,
        (number, Value::Null) => {
            let number = object::port(number)?;
            PortRange::Numbers(number, number)
        }
        (Value::Null, range) => {
            object::only(range, &["start", "end"])?;
            numbers(range)?
        }
        _ => return Err("a port needs a number or a range".to_owned()),
    };
    Ok(vec![PortRule::Ports(transport, range)])
}

/// A port's name matches whatever the protocol of the port is.
fn named(name: &str) -> Vec<PortRule> {
    TRANSPORTS.map(|transport| PortRule::Ports(transport, PortRange::Named(name.to_owned()))).to_vec()
}

fn numbers(range: &Value) -> Result<PortRange, String> {
    PortRange::between(object::port(&range["start"])?, object::port(&range["end"])?)
}

/// The protocol defaults to TCP.
fn transport(value: &Value) -> Result<Transport, String> {
    let name = value["protocol"].as_str().unwrap_or("TCP");
    Transport::parse(name).ok_or_else(|| format!("the protocol {name} is not known"))
}
