//! Looks up the names of targets and allowed destinations: in the controller, since a sandbox need not have a resolver.

use std::{io, net::IpAddr};

use proto::Protocol;

use crate::{
    case::{
        destination::Purpose,
        profile::{Allowed, Kind, Profile},
    },
    plan::{
        Named, Wanted,
        endpoint::{Endpoint, Host},
    },
};

/// The values of `--egress-target`, `--no-default-targets`, `--profile`, `--allow` and `--require-egress`.
#[derive(Clone, Debug)]
pub(crate) struct LookupRequest {
    pub(crate) targets: Vec<Endpoint>,
    pub(crate) defaults: bool,
    pub(crate) kind: Kind,
    pub(crate) allowed: Vec<Endpoint>,
    pub(crate) required: Vec<Endpoint>,
}

/// The largest number of named targets: each takes one of the probe's 1024 file descriptors (setrlimit(2)).
const MOST: usize = 512;

/// The port of name servers (RFC 1035, section 4.2).
const DNS_PORT: u16 = 53;

/// Why targets cannot be attempted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookupError {
    #[error("failed to look up {name}")]
    LookUp { name: String, source: io::Error },
    #[error("{0} targets were named; at most {MOST} are possible")]
    TooMany(usize),
}

/// Looks up every name; the remarks say which addresses each name has.
pub(crate) async fn looked_up(request: &LookupRequest) -> Result<(Wanted, Vec<String>), LookupError> {
    let mut remarks = Vec::new();
    let mut named = Vec::new();
    let mut allowed = Vec::new();
    for endpoint in &request.targets {
        let addresses = addresses(endpoint, &mut remarks).await?;
        named.extend(
            addresses.into_iter().filter_map(|(address, _)| attempt(endpoint, address, Purpose::Requested)),
        );
    }
    let listed = request.allowed.iter().map(|endpoint| (endpoint, Purpose::Allowed));
    let listed = listed.chain(request.required.iter().map(|endpoint| (endpoint, Purpose::Required)));
    for (endpoint, purpose) in listed.clone() {
        for (address, prefix) in addresses(endpoint, &mut remarks).await? {
            let name = match &endpoint.host {
                Host::Name(name) => Some(name.clone()),
                _ => None,
            };
            let Endpoint { port, protocol, .. } = *endpoint;
            allowed.push(Allowed { address, prefix, port, protocol, name, behind: false });
            named.extend(attempt(endpoint, address, purpose));
        }
    }
    if named.len() > MOST {
        return Err(LookupError::TooMany(named.len()));
    }
    if request.kind != Kind::DenyAll {
        let listed: Vec<_> = listed.map(|(endpoint, _)| endpoint.to_string()).collect();
        let listed = if listed.is_empty() { String::new() } else { format!(", and {}", listed.join(", ")) };
        remarks.insert(0, format!("judged by the profile {}{listed}", request.kind.id()));
    }
    let profile = Profile { kind: request.kind, allowed };
    Ok((Wanted { defaults: request.defaults, named, profile }, remarks))
}

/// Returns the attempt; `None` if the endpoint names no port.
fn attempt(endpoint: &Endpoint, address: IpAddr, purpose: Purpose) -> Option<Named> {
    let port = endpoint.port?;
    let protocol = match endpoint.protocol {
        // A name server is silent to a datagram that asks no question.
        Some(Protocol::Udp) if port == DNS_PORT => Protocol::Dns,
        None if port == DNS_PORT && purpose != Purpose::Requested => Protocol::Dns,
        protocol => protocol.unwrap_or(Protocol::Tcp),
    };
    Some(Named { address, port, protocol, purpose })
}

/// Returns an endpoint's addresses, each with the length of its prefix in bits.
async fn addresses(endpoint: &Endpoint, remarks: &mut Vec<String>) -> Result<Vec<(IpAddr, u8)>, LookupError> {
    let whole = |address: IpAddr| (address, if address.is_ipv4() { 32 } else { 128 });
    let name = match &endpoint.host {
        Host::Address(address) => return Ok(vec![whole(*address)]),
        Host::Network(address, prefix) => return Ok(vec![(*address, *prefix)]),
        Host::Name(name) => name,
    };
    let failed = |source| LookupError::LookUp { name: name.clone(), source };
    let found = tokio::net::lookup_host((name.as_str(), endpoint.port.unwrap_or(0))).await.map_err(failed)?;
    let mut addresses: Vec<_> = found.map(|found| found.ip()).collect();
    addresses.sort_unstable();
    addresses.dedup();
    if addresses.is_empty() {
        return Err(failed(io::Error::other("the name has no address")));
    }
    let listed: Vec<_> = addresses.iter().map(IpAddr::to_string).collect();
    let remark = format!("{name} was looked up here: {}", listed.join(", "));
    if !remarks.contains(&remark) {
        remarks.push(remark);
    }
    Ok(addresses.into_iter().map(whole).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::endpoint;

    fn request(targets: &[&str], kind: Kind, allowed: &[&str]) -> LookupRequest {
        LookupRequest {
            targets: targets.iter().map(|text| endpoint::target(text).unwrap()).collect(),
            defaults: true,
            kind,
            allowed: allowed.iter().map(|text| endpoint::allowed(text).unwrap()).collect(),
            required: Vec::new(),
        }
    }

    #[tokio::test]
    async fn an_allowed_destination_with_a_port_is_attempted() {
        let request =
            request(&["192.0.2.7:443"], Kind::AllowList, &["10.0.0.0/8", "192.0.2.8", "192.0.2.9:53/udp"]);
        let (wanted, remarks) = looked_up(&request).await.unwrap();
        let named: Vec<_> =
            wanted.named.iter().map(|named| (named.port, named.protocol, named.purpose)).collect();
        assert_eq!(named, [(443, Protocol::Tcp, Purpose::Requested), (53, Protocol::Dns, Purpose::Allowed)]);
        let prefixes: Vec<_> = wanted.profile.allowed.iter().map(|allowed| allowed.prefix).collect();
        assert_eq!(prefixes, [8, 32, 32]);
        assert_eq!(
            remarks,
            ["judged by the profile allow-list, and 10.0.0.0/8, 192.0.2.8, 192.0.2.9:53/udp"]
        );
    }

    #[tokio::test]
    async fn a_required_destination_is_allowed_besides() {
        let required = vec![endpoint::target("192.0.2.9:443").unwrap()];
        let request = LookupRequest { required, ..request(&[], Kind::AllowList, &["192.0.2.8:443"]) };
        let (wanted, remarks) = looked_up(&request).await.unwrap();
        let purposes: Vec<_> = wanted.named.iter().map(|named| named.purpose).collect();
        assert_eq!((purposes, wanted.profile.allowed.len()), (vec![Purpose::Allowed, Purpose::Required], 2));
        assert_eq!(remarks, ["judged by the profile allow-list, and 192.0.2.8:443, 192.0.2.9:443"]);
    }

    #[tokio::test]
    async fn port_53_is_asked_a_question_except_by_tcp() {
        for (allowed, protocol) in [
            ("192.0.2.9:53", Protocol::Dns),
            ("192.0.2.9:53/udp", Protocol::Dns),
            ("192.0.2.9:53/dns", Protocol::Dns),
            ("192.0.2.9:53/tcp", Protocol::Tcp),
            ("192.0.2.9:5353/udp", Protocol::Udp),
        ] {
            let (wanted, _) = looked_up(&request(&[], Kind::AllowList, &[allowed])).await.unwrap();
            assert_eq!(wanted.named[0].protocol, protocol, "{allowed}");
        }
        let (wanted, _) = looked_up(&request(&["192.0.2.9:53"], Kind::DenyAll, &[])).await.unwrap();
        assert_eq!(wanted.named[0].protocol, Protocol::Tcp);
    }

    #[tokio::test]
    async fn a_remark_names_the_addresses_of_a_name() {
        let request = request(&["localhost:443"], Kind::DenyAll, &[]);
        let (wanted, remarks) = looked_up(&request).await.unwrap();
        assert!(!wanted.named.is_empty() && wanted.named.iter().all(|named| named.address.is_loopback()));
        assert!(remarks[0].starts_with("localhost was looked up here: "), "{remarks:?}");
    }
}
