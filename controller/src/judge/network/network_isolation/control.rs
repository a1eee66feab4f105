//! Proof by a control, which tries the same targets at the same time from outside the sandbox. The control must reach the
//! run's own listener by TCP and by UDP, over each address family that the sandbox has. Only then does the sandbox's silence
//! show anything.
//!
//! In a cluster the control is the control pod on the same node, which no policy of the workload binds. On this machine the
//! control is the controller. The controller's listener shows only the way to the machine itself, which a filter for incoming
//! packets can close while all forwarded packets pass. So the controller must also reach a target beyond the machine that the
//! user named.

use std::net::IpAddr;

use proto::Protocol;

use super::{
    attempted::Attempted,
    declared::{self, Comparison},
};
use crate::case::{
    Case, Citation, Control, InCluster,
    cluster::{Hindrance, LISTENER_PORT},
    destination::Purpose,
    policy::Endpoint,
    profile::Expectation,
};

/// An address family: its name, and true for IPv4.
type Family = (&'static str, bool);

/// Returns the change that would decide an inconclusive case.
pub(in crate::judge) fn would_decide(case: &Case) -> String {
    match (&case.surroundings.control, &case.surroundings.in_cluster) {
        (Control::NotAsked, None) => {
            "use a sandbox with no interface but loopback (`--runtime 'runsc --network=none'`)".to_owned()
        }
        (Control::NotAsked, Some(_)) => {
            "name a namespace that no policy binds by `--control-namespace NAME`".to_owned()
        }
        (Control::Failed(why), _) => format!("the control did not run: {why}"),
        (Control::Tried(_), _) => {
            "the targets that would show it did not answer outside the sandbox either".to_owned()
        }
    }
}

/// Returns what shows that an answer was possible and none came; `Err` says why nothing shows it.
pub(super) fn shows(
    case: &Case,
    attempted: &[Attempted<'_>],
    otherwise: &str,
) -> Result<Vec<Citation>, String> {
    let Control::Tried(_) = &case.surroundings.control else { return Err(otherwise.to_owned()) };
    if let Some(known) = &case.surroundings.in_cluster {
        unhindered(case, known)?;
    }
    represents_its_network(case)?;
    if let Some(it) = attempted.iter().find(|it| it.destination.purpose == Purpose::Listener && it.is_leak())
    {
        return Err(format!("the sandbox reached the run's own listener {}", it.destination.name()));
    }
    let mut shown = Vec::new();
    for family in families(case)? {
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            shown.push(listener_reached(attempted, family, protocol)?);
        }
        if case.surroundings.in_cluster.is_none() {
            shown.push(beyond_the_machine(attempted, family)?);
        }
    }
    Ok(shown)
}

fn listener_reached(
    attempted: &[Attempted<'_>],
    (family, is_v4): Family,
    protocol: Protocol,
) -> Result<Citation, String> {
    let mut listeners = attempted.iter().filter(|it| {
        it.destination.purpose == Purpose::Listener
            && it.destination.target.protocol == protocol
            && it.destination.target.address.is_ipv4() == is_v4
            && it.expectation == Expectation::Forbidden
    });
    let first = listeners.clone().next().ok_or_else(|| {
        format!(
            "the sandbox has an {family} address, and the run had no {} listener on {family} that the profile forbids",
            protocol.id()
        )
    })?;
    let reached = listeners.find(|it| it.control_shows());
    let name = reached.unwrap_or(first).destination.name();
    match reached {
        Some(_) => Ok(Citation {
            source: "control",
            text: format!("{name} answered outside the sandbox, and not inside"),
        }),
        None => Err(format!("the run's own listener {name} was not reached from outside the sandbox")),
    }
}

fn beyond_the_machine(attempted: &[Attempted<'_>], (family, is_v4): Family) -> Result<Citation, String> {
    let reached = attempted.iter().find(|it| {
        it.destination.named && it.destination.target.address.is_ipv4() == is_v4 && it.control_shows()
    });
    let reached = reached.ok_or_else(|| {
        format!(
            "the sandbox reached nothing, and this machine's listener shows only the way to this machine; name a host beyond \
             this machine that this machine reaches over {family}, by `--egress-target HOST:PORT`"
        )
    })?;
    let name = reached.destination.name();
    Ok(Citation { source: "control", text: format!("{name} answered this machine, and not the sandbox") })
}

/// Refuses policies of the control namespace that keep the probe from the listener: they would do so although the sandbox's
/// egress is wide open.
fn unhindered(case: &Case, known: &InCluster) -> Result<(), String> {
    let control = known.cluster.control.as_ref().ok_or("the run had no control namespace")?;
    let labels = known.pod.as_ref().and_then(|pod| pod.labels.as_ref()).unwrap_or(&known.group.labels);
    let probe = Endpoint { addresses: addresses(case), ..known.cluster.endpoint(labels) };
    match control.hindrance(&probe) {
        None => Ok(()),
        Some(Hindrance::Shut(by)) => Err(format!(
            "a policy of the control namespace shuts its listener off ({}); let pods of the namespace {} reach port {} by \
             TCP and UDP there, or give `--control-namespace` a namespace that no policy binds",
            by.join(", "),
            known.cluster.namespace,
            LISTENER_PORT
        )),
        Some(Hindrance::MayBeShut(gaps)) => Err(format!(
            "policies of the control namespace may shut its listener off ({}); give `--control-namespace` a namespace \
             that no policy binds",
            declared::in_words(gaps.iter())
        )),
    }
}

/// Refuses policies that may let more egress pass than the profile allows: the attempts cannot try every destination.
pub(super) fn closed(case: &Case, comparison: &Comparison<'_>) -> Result<(), String> {
    let profile = case.surroundings.profile.kind.id();
    match comparison.excess() {
        Ok(None) => Ok(()),
        Ok(Some(excess)) => Err(format!("the profile {profile} forbids egress that {excess}")),
        Err(gaps) => Err(format!(
            "the sandbox reached nothing, and it is not known if a policy lets more egress pass than the profile {profile} \
             allows: {gaps}"
        )),
    }
}

/// Checks that the probe's network represents that of its group. The probe has the cluster's network alone, bound alike for
/// the whole run; a pod of the group may have another network.
pub(in crate::judge) fn represents_its_network(case: &Case) -> Result<(), String> {
    let Some(known) = &case.surroundings.in_cluster else { return Ok(()) };
    known.unsettled().map_or(Ok(()), Err)?;
    if let Some(unread) = known.cluster.policies.unread().next() {
        return Err(format!("it is not known if the probe is bound as its pods are: {unread}"));
    }
    known.group.has_another_network().map_or(Ok(()), Err)
}

/// Returns the address families over which the sandbox could reach beyond its own link.
fn families(case: &Case) -> Result<Vec<Family>, String> {
    let interfaces = &case.evidence().interfaces;
    if interfaces.seen().is_none() {
        return Err(format!("the interfaces could not be read: {}", interfaces.fared()));
    }
    let routable = addresses(case);
    let families: Vec<_> = [("IPv4", true), ("IPv6", false)]
        .into_iter()
        .filter(|&(_, is_v4)| routable.iter().any(|address| address.is_ipv4() == is_v4))
        .collect();
    if families.is_empty() { Err("the sandbox shows no address of its own".to_owned()) } else { Ok(families) }
}

/// Returns the addresses of the sandbox's interfaces, without those of its link alone.
fn addresses(case: &Case) -> Vec<IpAddr> {
    let interfaces = case.evidence().interfaces.seen().into_iter().flat_map(|seen| &seen.interfaces);
    let addresses = interfaces.filter(|interface| !interface.loopback).flat_map(|it| &it.addresses);
    addresses.filter(|address| !is_link_local(address)).copied().collect()
}

fn is_link_local(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests;
