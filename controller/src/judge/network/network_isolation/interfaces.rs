//! The interfaces by which a sandbox reaches beyond itself, and the address families that they carry. Attempts show nothing of an
//! interface by which none of them left: NetworkPolicies bind the cluster's network alone.

use std::{cmp::Reverse, net::IpAddr};

use proto::{Interface, Protocol};

use super::attempted::Attempted;
use crate::case::{Case, destination::Purpose, policy::Block};
use crate::judge::network::undecided::{Step, Undecided};

/// The IPv4 addresses of one link alone (RFC 3927).
const LINK_LOCAL: &str = "169.254.0.0/16";

/// An address family over which the sandbox could reach beyond its own link.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) is_v4: bool,
    /// The interface whose link-local address the node translates, if the sandbox has no other address of the family. Pods of an
    /// EKS cluster with IPv6 have such an interface, and no NetworkPolicy applies to it
    /// (<https://docs.aws.amazon.com/eks/latest/userguide/cni-network-policy.html>).
    pub(super) translated: Option<String>,
}

// === impl Family ===

impl Family {
    /// Returns true for an address of this family.
    pub(super) const fn has(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.is_v4
    }
}

/// Returns the address families over which the sandbox could reach beyond its own link.
pub(super) fn families(case: &Case) -> Result<Vec<Family>, Undecided> {
    let interfaces = &case.evidence().interfaces;
    if interfaces.seen().is_none() {
        let why = format!("the interfaces could not be read: {}", interfaces.fared());
        return Err(Step::RunAgain.because(why));
    }
    let own = addresses(case);
    let has = |is_v4| own.iter().any(|address| address.is_ipv4() == is_v4);
    let mut families = Vec::new();
    if has(true) {
        families.push(Family { name: "IPv4", is_v4: true, translated: None });
    } else if leaves_by_ipv4(case)? {
        families.push(Family {
            name: "IPv4",
            is_v4: true,
            translated: sole(case, IpAddr::is_ipv4).map(str::to_owned),
        });
    }
    if has(false) {
        families.push(Family { name: "IPv6", is_v4: false, translated: None });
    }
    if families.is_empty() {
        return Err(Step::RunAgain.because("the sandbox shows no address of its own"));
    }
    Ok(families)
}

/// Returns the addresses of the sandbox's interfaces, without those of its link alone.
pub(super) fn addresses(case: &Case) -> Vec<IpAddr> {
    let interfaces = case.evidence().interfaces.seen().into_iter().flat_map(|seen| &seen.interfaces);
    let addresses = interfaces.filter(|interface| !interface.loopback).flat_map(|it| &it.addresses);
    addresses.filter(|address| !is_link_local(address)).copied().collect()
}

/// Returns the names of the interfaces by which packets can leave: those that are up and have an address. A tunnel of the
/// kernel's own, such as `tunl0`, is in every namespace, down and without an address.
pub(in crate::judge) fn names(case: &Case) -> Vec<&str> {
    leaving(case).map(|interface| interface.name.as_str()).collect()
}

/// Checks that the attempts left by each interface of the sandbox.
pub(super) fn each_was_tried(
    case: &Case,
    families: &[Family],
    attempted: &[Attempted<'_>],
) -> Result<(), Undecided> {
    let in_cluster = case.surroundings.in_cluster.is_some();
    let shows = |it: &&Attempted<'_>| match it.destination.purpose {
        // The policies are compared with the profile, and the listener shows that the cluster's network enforces them.
        Purpose::Listener => in_cluster && it.destination.target.protocol != Protocol::OneWay,
        _ => !in_cluster && it.destination.named && it.control_shows(),
    };
    let tried = attempted.iter().filter(shows).filter_map(|it| way(case, it.destination.target.address));
    let tried: Vec<_> = tried.collect();
    // The family of such an interface needs a proof of its own.
    let is_sole = |name: &str| families.iter().any(|family| family.translated.as_deref() == Some(name));
    single(case, |interface| {
        tried.contains(&interface.name.as_str()) || (is_translated(interface) && is_sole(&interface.name))
    })
}

/// Checks that the control pod tried the sandbox at each interface at which others may reach it.
pub(in crate::judge) fn each_was_tried_from_outside(case: &Case) -> Result<(), Undecided> {
    let targets = || case.surroundings.ingress.iter().flat_map(|ingress| &ingress.targets);
    single(case, |interface| {
        is_translated(interface) || targets().any(|target| interface.addresses.contains(&target.address))
    })
}

/// Checks that each interface was tried, if the sandbox has more than one.
fn single(case: &Case, was_tried: impl Fn(&Interface) -> bool) -> Result<(), Undecided> {
    let names = names(case);
    if names.len() < 2 {
        return Ok(());
    }
    match leaving(case).find(|interface| !was_tried(interface)) {
        Some(interface) => Err(Step::OneInterface.because(format!(
            "the sandbox has several network interfaces ({}), and nothing shows that {} is closed",
            names.join(", "),
            interface.name
        ))),
        None => Ok(()),
    }
}

fn leaving(case: &Case) -> impl Iterator<Item = &Interface> {
    let all = case.evidence().interfaces.seen().into_iter().flat_map(|seen| &seen.interfaces);
    all.filter(|interface| !interface.loopback && interface.up && !interface.addresses.is_empty())
}

/// Returns the only interface with such an address; `None` if there is another number of them.
fn sole(case: &Case, is_such: impl Fn(&IpAddr) -> bool) -> Option<&str> {
    let mut all = leaving(case).filter(|interface| interface.addresses.iter().any(&is_such));
    let first = all.next()?;
    all.next().is_none().then_some(first.name.as_str())
}

fn has_ipv4(interface: &Interface) -> bool {
    interface.addresses.iter().any(IpAddr::is_ipv4)
}

/// True for an interface that has an IPv4 address, and no address beyond its link.
fn is_translated(interface: &Interface) -> bool {
    has_ipv4(interface) && interface.addresses.iter().all(is_link_local)
}

/// Returns true if an IPv4 route leads beyond the sandbox's link, although no IPv4 address of the sandbox is known elsewhere.
fn leaves_by_ipv4(case: &Case) -> Result<bool, Undecided> {
    let routes = &case.evidence().routes;
    if let Some(seen) = routes.seen() {
        let link = Block::parse(LINK_LOCAL);
        let leaves = |block: Block| block.first().is_ipv4() && link.is_none_or(|link| !link.covers(&block));
        return Ok(seen.routes.iter().any(|route| Block::parse(&route.destination).is_none_or(leaves)));
    }
    match leaving(case).find(|interface| has_ipv4(interface)) {
        Some(interface) => Err(Step::RunAgain.because(format!(
            "the sandbox has an IPv4 address at {}, and the routes could not be read: {}",
            interface.name,
            routes.fared()
        ))),
        None => Ok(false),
    }
}

/// Returns the interface by which packets to an address leave: that of the longest prefix, and of equal ones the first. gVisor shows no
/// route of IPv6 (`pkg/sentry/fsimpl/proc/task_net.go`, `ipv6_route`): without a route of the address's family, it is the only interface
/// with an address of that family beyond its link. `None` if neither is known.
fn way(case: &Case, address: IpAddr) -> Option<&str> {
    let routes = case.evidence().routes.seen().into_iter().flat_map(|seen| &seen.routes);
    let blocks =
        routes.filter_map(|route| Some((Block::parse(&route.destination)?, route.interface.as_str())));
    let of_family: Vec<_> =
        blocks.filter(|(block, _)| block.first().is_ipv4() == address.is_ipv4()).collect();
    if of_family.is_empty() {
        let is_like = |own: &IpAddr| own.is_ipv4() == address.is_ipv4() && !is_link_local(own);
        return sole(case, is_like);
    }
    let leading = of_family.into_iter().filter(|(block, _)| block.contains(address));
    leading.min_by_key(|(block, _)| Reverse(block.prefix())).map(|(_, interface)| interface)
}

pub(super) fn is_link_local(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}
