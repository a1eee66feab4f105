//! Looks up the names of targets and allowed destinations: in the controller, since a sandbox need not have a resolver.

use std::{io, net::IpAddr};

use proto::Protocol;

use crate::{
    case::{
        destination::Purpose,
        profile::{Allowed, DNS_PORT, Kind, Profile},
    },
    plan::{
        Named, Wanted,
        endpoint::{Endpoint, Host},
        needs::{Entry, Needs},
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
    pub(crate) workloads: Vec<OfEntry>,
}

/// The profile of the workloads that an entry of the policy file selects, with its lists.
#[derive(Clone, Debug)]
pub(crate) struct OfEntry {
    pub(crate) entry: Entry,
    pub(crate) kind: Kind,
    pub(crate) allowed: Vec<Endpoint>,
    pub(crate) required: Vec<Endpoint>,
}

/// The largest number of named targets: each takes one of the probe's 1024 file descriptors (setrlimit(2)).
const MOST: usize = 512;

/// Why targets cannot be attempted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookupError {
    #[error("failed to look up {name}")]
    LookUp { name: String, source: io::Error },
    #[error("{0} targets were named; at most {MOST} are possible")]
    TooMany(usize),
}

/// Looks up every name. The remarks say which addresses each name has, and by which profile each workload is judged.
pub(crate) async fn looked_up(request: &LookupRequest) -> Result<(Needs, Vec<String>), LookupError> {
    let LookupRequest { targets, defaults, kind, allowed, required, workloads } = request;
    let mut remarks = Vec::new();
    let mut requested = Vec::new();
    for endpoint in targets {
        let addresses = addresses(endpoint, &mut remarks).await?;
        requested.extend(
            addresses.into_iter().filter_map(|(address, _)| attempt(endpoint, address, Purpose::Requested)),
        );
    }
    let run = Wanted { defaults: *defaults, named: requested, ..Wanted::default() };
    let otherwise = with_lists(run.clone(), *kind, (allowed, required), &mut remarks).await?;
    let mut of_workloads = Vec::new();
    let mut profiles = Vec::new();
    if *kind != Kind::DenyAll {
        profiles.push(judged_by(*kind, allowed, required));
    }
    for OfEntry { entry, kind, allowed, required } in workloads {
        let wanted = with_lists(run.clone(), *kind, (allowed, required), &mut remarks).await?;
        profiles.push(format!("{}: {}", entry.title(), judged_by(*kind, allowed, required)));
        of_workloads.push((entry.clone(), wanted));
    }
    remarks.splice(0..0, profiles);
    Ok((Needs { otherwise, of_workloads }, remarks))
}

/// Adds a profile with its lists to the wishes of a run.
async fn with_lists(
    run: Wanted,
    kind: Kind,
    (allowed, required): (&[Endpoint], &[Endpoint]),
    remarks: &mut Vec<String>,
) -> Result<Wanted, LookupError> {
    let Wanted { defaults, mut named, .. } = run;
    let mut profile = Profile { kind, allowed: Vec::new() };
    let listed = allowed.iter().map(|endpoint| (endpoint, Purpose::Allowed));
    let listed = listed.chain(required.iter().map(|endpoint| (endpoint, Purpose::Required)));
    for (endpoint, purpose) in listed {
        for (address, prefix) in addresses(endpoint, remarks).await? {
            let name = match &endpoint.host {
                Host::Name(name) => Some(name.clone()),
                _ => None,
            };
            let Endpoint { port, protocol, .. } = *endpoint;
            profile.allowed.push(Allowed { address, prefix, port, protocol, name, behind: false });
            named.extend(attempt(endpoint, address, purpose));
        }
    }
    if named.len() > MOST {
        return Err(LookupError::TooMany(named.len()));
    }
    Ok(Wanted { defaults, named, profile, ..Wanted::default() })
}

fn judged_by(kind: Kind, allowed: &[Endpoint], required: &[Endpoint]) -> String {
    let listed: Vec<_> = allowed.iter().chain(required).map(ToString::to_string).collect();
    let listed = if listed.is_empty() { String::new() } else { format!(", and {}", listed.join(", ")) };
    format!("judged by the profile {}{listed}", kind.id())
}

/// Returns the attempt; `None` if the endpoint names no port, or a network.
fn attempt(endpoint: &Endpoint, address: IpAddr, purpose: Purpose) -> Option<Named> {
    let port = endpoint.port.filter(|_| !matches!(endpoint.host, Host::Network(..)))?;
    let protocol = match endpoint.protocol {
        // A name server is silent to a datagram that asks no question.
        Some(Protocol::Udp) if port == DNS_PORT => Protocol::Dns,
        None if port == DNS_PORT && purpose != Purpose::Requested => Protocol::Dns,
        protocol => protocol.unwrap_or(Protocol::Tcp),
    };
    let name = match &endpoint.host {
        Host::Name(name) if purpose != Purpose::Requested => Some(name.clone()),
        _ => None,
    };
    Some(Named { address, port, protocol, purpose, name })
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
    use crate::plan::{endpoint, needs::Selects};

    fn request(targets: &[&str], kind: Kind, allowed: &[&str]) -> LookupRequest {
        LookupRequest {
            targets: targets.iter().map(|text| endpoint::target(text).unwrap()).collect(),
            defaults: true,
            kind,
            allowed: allowed.iter().map(|text| endpoint::allowed(text).unwrap()).collect(),
            required: Vec::new(),
            workloads: Vec::new(),
        }
    }

    #[tokio::test]
    async fn an_allowed_port_of_a_network_is_not_attempted() {
        let request = request(&[], Kind::AllowList, &["10.0.0.0/16:10250/tcp"]);
        let (Needs { otherwise: wanted, .. }, _) = looked_up(&request).await.unwrap();
        assert_eq!(wanted.named, []);
        let allowed: Vec<_> =
            wanted.profile.allowed.iter().map(|it| (it.prefix, it.port, it.protocol)).collect();
        assert_eq!(allowed, [(16, Some(10_250), Some(Protocol::Tcp))]);
    }

    #[tokio::test]
    async fn an_allowed_destination_with_a_port_is_attempted() {
        let request =
            request(&["192.0.2.7:443"], Kind::AllowList, &["10.0.0.0/8", "192.0.2.8", "192.0.2.9:53/udp"]);
        let (Needs { otherwise: wanted, .. }, remarks) = looked_up(&request).await.unwrap();
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
        let (Needs { otherwise: wanted, .. }, remarks) = looked_up(&request).await.unwrap();
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
            let wanted = looked_up(&request(&[], Kind::AllowList, &[allowed])).await.unwrap().0.otherwise;
            assert_eq!(wanted.named[0].protocol, protocol, "{allowed}");
        }
        let wanted = looked_up(&request(&["192.0.2.9:53"], Kind::DenyAll, &[])).await.unwrap().0.otherwise;
        assert_eq!(wanted.named[0].protocol, Protocol::Tcp);
    }

    #[tokio::test]
    async fn a_remark_names_the_addresses_of_a_name() {
        let request = request(&["localhost:443"], Kind::DenyAll, &[]);
        let (Needs { otherwise: wanted, .. }, remarks) = looked_up(&request).await.unwrap();
        assert!(!wanted.named.is_empty() && wanted.named.iter().all(|named| named.address.is_loopback()));
        assert!(remarks[0].starts_with("localhost was looked up here: "), "{remarks:?}");
    }

    #[tokio::test]
    async fn each_entry_has_its_own_list() {
        let selects = Selects::Workload("deployment".into(), "web".into());
        let entry = Entry { selects, namespace: None, place: "podproof.toml, line 3".into() };
        let allowed = vec![endpoint::allowed("192.0.2.8:443").unwrap()];
        let web = OfEntry { entry, kind: Kind::AllowList, allowed, required: Vec::new() };
        let request =
            LookupRequest { workloads: vec![web], ..request(&["192.0.2.7:80"], Kind::DenyAll, &[]) };
        let (needs, remarks) = looked_up(&request).await.unwrap();
        let ports = |wanted: &Wanted| wanted.named.iter().map(|named| named.port).collect::<Vec<_>>();
        assert_eq!((ports(&needs.otherwise), ports(&needs.of_workloads[0].1)), (vec![80], vec![80, 443]));
        assert_eq!(remarks, ["deployment/web: judged by the profile allow-list, and 192.0.2.8:443"]);
    }
}
