//! What a control shows: the same targets, tried at the same time from beside the sandbox. The run's own listener must have
//! been reached, by TCP and by UDP, over each address family that the sandbox has; only then does the sandbox's silence say
//! something.
//!
//! In a cluster the control is a pod without the workload's bonds on the same node. On this machine it is the controller: its
//! listener shows only the way to the machine itself, which a filter for what comes in can close while all that goes through
//! is open. So there something beyond the machine must have been reached, too, of what the user named.

use std::net::IpAddr;

use proto::Protocol;

use super::attempted::Attempted;
use crate::case::{
    Case, Citation, Control, InCluster,
    cluster::Direction,
    destination::Purpose,
    profile::{Expectation, Kind},
};

/// An address family, by its name and whether it is IPv4.
type Family = (&'static str, bool);

/// What would decide a case that is open.
pub(super) fn would_decide(case: &Case) -> String {
    match (&case.surroundings.control, &case.surroundings.in_cluster) {
        (Control::NotAsked, None) => {
            "a sandbox with no interface but loopback decides it (`--runtime 'runsc --network=none'`)"
                .to_owned()
        }
        (Control::NotAsked, Some(_)) => {
            "a control decides it: `--control-namespace NAME`, a namespace that no policy binds".to_owned()
        }
        (Control::Failed(why), _) => format!("there was no control: {why}"),
        (Control::Tried(_), _) => "the control did not reach what would show it".to_owned(),
    }
}

/// What shows that nothing was reached although it could have been; else why nothing shows it.
pub(super) fn shows(
    case: &Case,
    attempted: &[Attempted<'_>],
    otherwise: &str,
) -> Result<Vec<Citation>, String> {
    let Control::Tried(_) = &case.surroundings.control else { return Err(otherwise.to_owned()) };
    if let Some(known) = &case.surroundings.in_cluster {
        unhindered(known)?;
        if case.surroundings.profile.kind == Kind::DenyAll {
            closed(known)?;
        }
    }
    represents_its_network(case)?;
    if let Some(it) = attempted.iter().find(|it| it.destination.purpose == Purpose::Listener && it.is_leak())
    {
        return Err(format!("the sandbox reached the run's own listener {}", it.destination.name()));
    }
    let mut shown = Vec::new();
    for family in families(case)? {
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            shown.push(witnessed(attempted, family, protocol)?);
        }
        if case.surroundings.in_cluster.is_none() {
            shown.push(beyond_the_machine(attempted, family)?);
        }
    }
    Ok(shown)
}

fn witnessed(
    attempted: &[Attempted<'_>],
    (family, is_v4): Family,
    protocol: Protocol,
) -> Result<Citation, String> {
    let mut witnesses = attempted.iter().filter(|it| {
        it.destination.purpose == Purpose::Listener
            && it.destination.target.protocol == protocol
            && it.destination.target.address.is_ipv4() == is_v4
            && it.expectation == Expectation::Forbidden
    });
    let first = witnesses.clone().next().ok_or_else(|| {
        format!(
            "the sandbox has an {family} address, and there is no {} listener on {family} that it must not reach",
            protocol.id()
        )
    })?;
    let reached = witnesses.find(|it| it.control_shows());
    let name = reached.unwrap_or(first).destination.name();
    match reached {
        Some(_) => Ok(Citation {
            source: "control",
            text: format!("{name}: the control reached it, the sandbox did not"),
        }),
        None => Err(format!("the control did not reach its own listener {name}")),
    }
}

fn beyond_the_machine(attempted: &[Attempted<'_>], (family, is_v4): Family) -> Result<Citation, String> {
    let reached = attempted.iter().find(|it| {
        it.destination.named && it.destination.target.address.is_ipv4() == is_v4 && it.control_shows()
    });
    let reached = reached.ok_or_else(|| {
        format!(
            "nothing was reached, and this machine's listener shows only the way to this machine; over {family} decides it \
             `--egress-target HOST:PORT`, with a host beyond this machine that this machine reaches"
        )
    })?;
    let name = reached.destination.name();
    Ok(Citation { source: "control", text: format!("{name}: this machine reaches it, the sandbox did not") })
}

/// A policy of the control's own namespace could keep the sandbox from the witness, with its egress wide open.
fn unhindered(known: &InCluster) -> Result<(), String> {
    match &known.cluster.control {
        Some(Ok(policies)) if policies.is_empty() => Ok(()),
        Some(Ok(policies)) => Err(format!(
            "the control's listener may be shut off by its own namespace ({}); name a --control-namespace that no policy binds",
            policies.join(", ")
        )),
        Some(Err(unreadable)) => {
            Err(format!("whether a policy shuts the control's listener off is not known: {unreadable}"))
        }
        None => Err("there was no control namespace".to_owned()),
    }
}

/// A policy that lets something pass lets pass what no target tries, too.
fn closed(known: &InCluster) -> Result<(), String> {
    let policies = match &known.cluster.policies {
        Ok(_) => known.cluster.policies_on(&known.group.labels),
        Err(unreadable) => {
            return Err(format!("whether a policy lets something pass is not known: {unreadable}"));
        }
    };
    let opening = policies.iter().find(|policy| policy.egress == Direction::Allowed);
    let opening = opening.map(|policy| format!("NetworkPolicy {}", policy.name));
    let others = match &known.cluster.other_policies {
        Ok(others) => others.iter().find(|other| other.opens_egress).map(|other| other.title.clone()),
        Err(unreadable) => {
            return Err(format!("whether a policy lets something pass is not known: {unreadable}"));
        }
    };
    match opening.or(others) {
        Some(policy) => Err(format!(
            "nothing was reached, but {policy} lets some egress pass, perhaps to what was not tried; `--egress-target` tries it"
        )),
        None => Ok(()),
    }
}

/// The probe has the cluster's network and no other, and the same bonds as long as it looked; a pod that it stands for may
/// have another.
pub(in crate::judge) fn represents_its_network(case: &Case) -> Result<(), String> {
    let Some(known) = &case.surroundings.in_cluster else { return Ok(()) };
    known.cluster.unsettled().map_or(Ok(()), Err)?;
    if let Some(pod_view) = known.group.in_the_nodes_network() {
        return Err(format!(
            "{} is in the node's own network, and the probe is not",
            pod_view.origin.title()
        ));
    }
    let other = known
        .group
        .pod_views
        .iter()
        .find_map(|pod_view| Some((pod_view, pod_view.network_annotations.keys().next()?)));
    match other {
        Some((pod_view, annotation)) => Err(format!(
            "{} has a network of its own by the annotation {annotation}, and the probe has not",
            pod_view.origin.title()
        )),
        None => Ok(()),
    }
}

/// The address families by which the sandbox could reach beyond its own link.
fn families(case: &Case) -> Result<Vec<Family>, String> {
    let interfaces = &case.evidence().interfaces;
    let seen =
        interfaces.seen().ok_or_else(|| format!("the interfaces were not seen: {}", interfaces.fared()))?;
    let addresses =
        seen.interfaces.iter().filter(|interface| !interface.loopback).flat_map(|it| &it.addresses);
    let routable: Vec<_> = addresses.filter(|address| !is_link_local(address)).collect();
    let families: Vec<_> = [("IPv4", true), ("IPv6", false)]
        .into_iter()
        .filter(|&(_, is_v4)| routable.iter().any(|address| address.is_ipv4() == is_v4))
        .collect();
    if families.is_empty() { Err("the sandbox shows no address of its own".to_owned()) } else { Ok(families) }
}

fn is_link_local(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proto::Reach;

    use super::*;
    use crate::{
        fixture,
        judge::{network::network_isolation::judge, requirement::Outcome},
    };

    #[test]
    fn silence_beside_a_control_that_was_answered_is_met() {
        let judgement = judge(&fixture::pod());
        assert_eq!(judgement.outcome, Outcome::Met, "{}", judgement.because);
        assert!(judgement.citations.iter().any(|citation| citation.source == "control"));
    }

    #[test]
    fn one_witness_that_the_control_did_not_reach_leaves_it_open() {
        for position in 0..2 {
            let mut case = fixture::pod();
            for reach in [Reach::TimedOut, Reach::Another] {
                fixture::tried(&mut case)[position].reach = reach;
                assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)), "{position} {reach:?}");
            }
        }
    }

    #[test]
    fn a_policy_of_the_controls_own_namespace_leaves_it_open() {
        for control in [
            Some(Ok(vec!["NetworkPolicy closed".to_owned()])),
            Some(Err(fixture::forbidden("list networkpolicies"))),
            None,
        ] {
            let mut case = fixture::pod();
            Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster).control = control;
            assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
        }
    }

    #[test]
    fn a_policy_that_lets_something_pass_leaves_it_open_where_nothing_was_reached() {
        let mut case = fixture::pod();
        let cluster = Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster);
        cluster.policies.as_mut().unwrap()[0].egress = Direction::Allowed;
        let Outcome::Inconclusive(why) = judge(&case).outcome else { panic!("decided") };
        assert!(why.contains("default-deny"), "{why}");
        let mut case = fixture::pod();
        let cluster = Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster);
        cluster.other_policies = Err(fixture::forbidden("list ciliumnetworkpolicies.cilium.io"));
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
    }

    #[test]
    fn policies_that_changed_meanwhile_leave_it_open() {
        let mut case = fixture::pod();
        let cluster = Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster);
        cluster.changed = vec!["NetworkPolicy default-deny was changed".into()];
        let Outcome::Inconclusive(why) = judge(&case).outcome else { panic!("decided") };
        assert!(why.contains("changed during the run"), "{why}");
    }

    #[test]
    fn a_network_that_the_probe_does_not_have_leaves_it_open() {
        let mut case = fixture::pod();
        let annotations = &mut fixture::pod_view(&mut case).network_annotations;
        annotations.insert("k8s.v1.cni.cncf.io/networks".into(), "lan".into());
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
    }

    #[test]
    fn a_pod_in_the_nodes_network_is_unmet_whatever_the_probe_reached() {
        let mut case = fixture::pod();
        fixture::pod_view(&mut case).host_namespaces.push("network".into());
        assert_eq!(judge(&case).outcome, Outcome::Unmet);
    }

    #[test]
    fn an_address_family_without_a_witness_leaves_it_open() {
        let mut case = fixture::pod();
        let address = "2001:db8::7".parse().unwrap();
        fixture::interfaces(&mut case).last_mut().unwrap().addresses.push(address);
        let Outcome::Inconclusive(why) = judge(&case).outcome else { panic!("decided") };
        assert!(why.contains("IPv6"), "{why}");
    }

    #[test]
    fn whatever_was_reached_is_unmet_beside_any_control() {
        for position in 0..3 {
            let mut case = fixture::pod();
            fixture::attempts(&mut case)[position].reach = Reach::Reached;
            assert_eq!(judge(&case).outcome, Outcome::Unmet);
        }
    }

    #[test]
    fn without_a_control_the_command_that_decides_it_is_named() {
        let mut case = fixture::pod();
        case.surroundings.control = Control::NotAsked;
        let Outcome::Inconclusive(why) = judge(&case).outcome else { panic!("decided") };
        assert!(why.contains("--control-namespace"), "{why}");
    }

    /// The same sandbox on this machine, beside a controller.
    fn local() -> Case {
        let mut case = fixture::pod();
        case.surroundings.in_cluster = None;
        case.surroundings.destinations[2].purpose = Purpose::Requested;
        case.surroundings.destinations[2].named = true;
        case
    }

    #[test]
    fn on_this_machine_the_listener_and_something_beyond_it_decide_together() {
        let judgement = judge(&local());
        assert_eq!(judgement.outcome, Outcome::Met, "{}", judgement.because);
        let mut case = local();
        case.surroundings.destinations[2].named = false;
        let Outcome::Inconclusive(why) = judge(&case).outcome else { panic!("decided") };
        assert!(why.contains("--egress-target"), "{why}");
        for position in 0..3 {
            let mut case = local();
            fixture::tried(&mut case)[position].reach = Reach::TimedOut;
            assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)), "{position}");
        }
    }

    #[test]
    fn a_profile_that_allows_something_expects_policies_that_do() {
        let mut case = fixture::pod();
        let cluster = Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster);
        cluster.policies.as_mut().unwrap()[0].egress = Direction::Allowed;
        case.surroundings.profile.kind = Kind::NoPrivate;
        assert_eq!(judge(&case).outcome, Outcome::Met);
    }
}
