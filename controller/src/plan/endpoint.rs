//! Parses the endpoints that a user names: `HOST:PORT[/PROTOCOL]` for `--egress-target`, `HOST[:PORT][/PROTOCOL]` or
//! `ADDRESS/BITS[:PORT][/PROTOCOL]` for `--allow`. A host may be a name, which is looked up later.

use std::{fmt, net::IpAddr};

use proto::Protocol;

/// An endpoint that the user named.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Endpoint {
    pub(crate) host: Host,
    pub(crate) port: Option<u16>,
    pub(crate) protocol: Option<Protocol>,
}

/// A host or a network.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Host {
    Address(IpAddr),
    Network(IpAddr, u8),
    Name(String),
}

/// Parses the value of `--egress-target`.
pub(crate) fn target(text: &str) -> Result<Endpoint, String> {
    let wanted = "give HOST:PORT, with /udp or /dns for another protocol than TCP: 192.0.2.7:443, [2001:db8::7]:53/dns, example.org:443";
    let endpoint = endpoint(text).ok_or(wanted)?;
    match (&endpoint.host, endpoint.port) {
        (Host::Network(..), _) | (_, None) => Err(wanted.to_owned()),
        (_, Some(0)) => Err("port 0 cannot be reached".to_owned()),
        (_, Some(_)) if endpoint.protocol == Some(Protocol::Echo) => Err(wanted.to_owned()),
        (_, Some(_)) => Ok(endpoint),
    }
}

/// Parses the value of `--allow`.
pub(crate) fn allowed(text: &str) -> Result<Endpoint, String> {
    let wanted = "give HOST or HOST:PORT, or a network in place of the host, each optionally with /tcp, /udp, /dns or /icmp: \
                  10.96.0.10:53/udp, example.org:443, 192.0.2.0/24, 10.0.0.0/16:10250/tcp";
    let endpoint = endpoint(text).ok_or(wanted)?;
    match (endpoint.port, endpoint.protocol) {
        (Some(0), _) => Err("port 0 cannot be reached".to_owned()),
        (Some(_), Some(Protocol::Echo)) => Err("ICMP has no ports".to_owned()),
        _ => Ok(endpoint),
    }
}

fn endpoint(text: &str) -> Option<Endpoint> {
    let (place, protocol) = match text.rsplit_once('/') {
        Some((place, "tcp")) => (place, Some(Protocol::Tcp)),
        Some((place, "udp")) => (place, Some(Protocol::Udp)),
        Some((place, "dns")) => (place, Some(Protocol::Dns)),
        Some((place, "icmp")) => (place, Some(Protocol::Echo)),
        _ => (text, None),
    };
    let (host, port) = match place.split_once('/') {
        Some((address, rest)) => network(address, rest)?,
        None => single(place)?,
    };
    Some(Endpoint { host, port, protocol })
}

/// Parses a host that may have a port.
fn single(place: &str) -> Option<(Host, Option<u16>)> {
    let (host, port) = match place.rsplit_once(':') {
        // An IPv6 address contains colons itself, and has brackets if a port follows.
        _ if place.parse::<IpAddr>().is_ok() => (place, None),
        Some((host, port)) => (host, Some(port.parse().ok()?)),
        None => (place, None),
    };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = match (bare, host.parse::<IpAddr>()) {
        (Some(bare), _) => Host::Address(IpAddr::V6(bare.parse().ok()?)),
        (None, Ok(IpAddr::V6(_))) if port.is_some() => return None,
        (None, Ok(address)) => Host::Address(address),
        (None, Err(_)) => Host::Name(is_a_name(host).then(|| host.to_owned())?),
    };
    Some((host, port))
}

/// Parses a network that may have a port: its address, and the rest after the slash.
fn network(address: &str, rest: &str) -> Option<(Host, Option<u16>)> {
    if !rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b':') {
        return None;
    }
    let (bits, port) = match rest.split_once(':') {
        Some((bits, port)) => (bits, Some(port.parse().ok()?)),
        None => (rest, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.parse().ok().filter(|&bits: &u8| bits <= most)?;
    Some((Host::Network(address, bits), port))
}

/// Returns true for a DNS name (RFC 1123, section 2.1) that is no mistyped address.
fn is_a_name(host: &str) -> bool {
    let mut labels = host.trim_end_matches('.').split('.');
    let fits = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    let numeric = host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    host.len() <= 253 && !numeric && labels.all(fits)
}

// === impl Endpoint ===

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Address(IpAddr::V6(address)) if self.port.is_some() => write!(formatter, "[{address}]")?,
            Host::Address(address) => write!(formatter, "{address}")?,
            Host::Network(address, bits) => write!(formatter, "{address}/{bits}")?,
            Host::Name(name) => formatter.write_str(name)?,
        }
        if let Some(port) = self.port {
            write!(formatter, ":{port}")?;
        }
        self.protocol.map_or(Ok(()), |protocol| write!(formatter, "/{}", protocol.id()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_displayed_as_it_was_written() {
        for text in ["192.0.2.7:443", "[2001:db8::7]:53/dns", "example.org:443/udp", "node-1:10250/tcp"] {
            assert_eq!(target(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_allowed_endpoint_is_a_host_or_a_network() {
        for text in [
            "10.0.0.0/8",
            "fd00::/8",
            "192.0.2.7",
            "2001:db8::7",
            "example.org",
            "10.96.0.10:53/udp",
            "example.org/tcp",
            "192.0.2.7/icmp",
            "10.0.0.0/16:10250",
            "10.0.0.0/16:10250/tcp",
            "10.0.0.0/16/icmp",
            "fd00::/8:443/udp",
        ] {
            assert_eq!(allowed(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_malformed_endpoint_is_refused() {
        for wrong in [
            "",
            "192.0.2.7",
            "192.0.2.7:0",
            "192.0.2.7:70000",
            "2001:db8::7:443",
            "192.0.2.7:443/sctp",
            "10.0.0.0/8",
            "10.0.0.0/8:443",
            "192.0.2.7/icmp",
            "192.0.2.7:443/icmp",
            "1.2.3:443",
            "exa mple:443",
            ":443",
            "[192.0.2.7]:443",
        ] {
            assert!(target(wrong).is_err(), "{wrong}");
        }
        for wrong in [
            "",
            "10.0.0.0/33",
            "fd00::/129",
            "example.org/8",
            "10.0.0.1:0",
            "10.0.0.1:x",
            "a..b",
            "10.0.0.0/16:0",
            "10.0.0.0/16:x",
            "10.0.0.0/+8",
            "10.0.0.0:443/16",
            "example.org/8:443",
            "10.0.0.0/16:443/icmp",
            "10.0.0.0/16/443",
        ] {
            assert!(allowed(wrong).is_err(), "{wrong}");
        }
    }
}
