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

use super::attempted::Attempted;
use crate::case::{
    Case, Citation, Control, InCluster,
    cluster::Direction,
    destination::Purpose,
    profile::{Expectation, Kind},
};

/// An address family: its name, and true for IPv4.
type Family = (&'static str, bool);

/// Returns the change that would decide an inconclusive case.
pub(super) fn would_decide(case: &Case) -> String {
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

/// Refuses a control namespace with policies of its own: they could keep the sandbox from the listener although the
/// sandbox's egress is wide open.
fn unhindered(known: &InCluster) -> Result<(), String> {
    match &known.cluster.control {
        Some(Ok(policies)) if policies.is_empty() => Ok(()),
        Some(Ok(policies)) => Err(format!(
            "policies of the control namespace may shut its listener off ({}); give `--control-namespace` a namespace that no policy binds",
            policies.join(", ")
        )),
        Some(Err(unreadable)) => {
            Err(format!("it is not known if a policy shuts the control pod's listener off: {unreadable}"))
        }
        None => Err("the run had no control namespace".to_owned()),
    }
}

/// Refuses policies that let some egress pass: they may also let pass what no attempt tries.
fn closed(known: &InCluster) -> Result<(), String> {
    let policies = match &known.cluster.policies {
        Ok(_) => known.cluster.policies_on(&known.group.labels),
        Err(unreadable) => {
            return Err(format!("it is not known if a policy lets egress pass: {unreadable}"));
        }
    };
    let opening = policies.iter().find(|policy| policy.egress == Direction::Allowed);
    let opening = opening.map(|policy| format!("NetworkPolicy {}", policy.name));
    let others = match &known.cluster.other_policies {
        Ok(others) => others.iter().find(|other| other.opens_egress).map(|other| other.title.clone()),
        Err(unreadable) => {
            return Err(format!("it is not known if a policy lets egress pass: {unreadable}"));
        }
    };
    match opening.or(others) {
        Some(policy) => Err(format!(
            "the sandbox reached nothing, but {policy} lets some egress pass, perhaps to untried destinations; try them by `--egress-target`"
        )),
        None => Ok(()),
    }
}

/// Checks that the probe's network represents that of its group. The probe has the cluster's network alone, bound alike for
/// the whole run; a pod of the group may have another network.
pub(in crate::judge) fn represents_its_network(case: &Case) -> Result<(), String> {
    let Some(known) = &case.surroundings.in_cluster else { return Ok(()) };
    known.unsettled().map_or(Ok(()), Err)?;
    if let Some(pod_view) = known.group.in_the_nodes_network() {
        return Err(format!(
            "{} runs in the node's own network, and the probe does not",
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
            "{} has a network of its own by the annotation {annotation}, and the probe does not",
            pod_view.origin.title()
        )),
        None => Ok(()),
    }
}

/// Returns the address families over which the sandbox could reach beyond its own link.
fn families(case: &Case) -> Result<Vec<Family>, String> {
    let interfaces = &case.evidence().interfaces;
    let seen = interfaces
        .seen()
        .ok_or_else(|| format!("the interfaces could not be read: {}", interfaces.fared()))?;
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
    fn silence_is_met_if_the_control_was_answered() {
        let judgement = judge(&fixture::pod());
        assert_eq!(judgement.outcome, Outcome::Met, "{}", judgement.because);
        assert!(judgement.citations.iter().any(|citation| citation.source == "control"));
    }

    #[test]
    fn a_listener_that_the_control_did_not_reach_is_inconclusive() {
        for position in 0..2 {
            let mut case = fixture::pod();
            for reach in [Reach::TimedOut, Reach::Another] {
                fixture::tried(&mut case)[position].reach = reach;
                assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)), "{position} {reach:?}");
            }
        }
    }

    #[test]
    fn a_policy_of_the_control_namespace_is_inconclusive() {
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
    fn a_policy_that_lets_egress_pass_is_inconclusive() {
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
    fn policies_that_changed_during_the_run_are_inconclusive() {
        let mut case = fixture::pod();
        let cluster = Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster);
        cluster.changed = vec!["NetworkPolicy default-deny was changed".into()];
        let Outcome::Inconclusive(why) = judge(&case).outcome else { panic!("decided") };
        assert!(why.contains("changed during the run"), "{why}");
    }

    #[test]
    fn a_network_that_the_probe_lacks_is_inconclusive() {
        let mut case = fixture::pod();
        let annotations = &mut fixture::pod_view(&mut case).network_annotations;
        annotations.insert("k8s.v1.cni.cncf.io/networks".into(), "lan".into());
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
    }

    #[test]
    fn a_pod_in_the_nodes_network_is_unmet() {
        let mut case = fixture::pod();
        fixture::pod_view(&mut case).host_namespaces.push("network".into());
        assert_eq!(judge(&case).outcome, Outcome::Unmet);
    }

    #[test]
    fn an_address_family_without_a_listener_is_inconclusive() {
        let mut case = fixture::pod();
        let address = "2001:db8::7".parse().unwrap();
        fixture::interfaces(&mut case).last_mut().unwrap().addresses.push(address);
        let Outcome::Inconclusive(why) = judge(&case).outcome else { panic!("decided") };
        assert!(why.contains("IPv6"), "{why}");
    }

    #[test]
    fn any_contact_is_unmet_beside_any_control() {
        for position in 0..3 {
            let mut case = fixture::pod();
            fixture::attempts(&mut case)[position].reach = Reach::Reached;
            assert_eq!(judge(&case).outcome, Outcome::Unmet);
        }
    }

    #[test]
    fn without_a_control_the_flag_that_decides_is_named() {
        let mut case = fixture::pod();
        case.surroundings.control = Control::NotAsked;
        let Outcome::Inconclusive(why) = judge(&case).outcome else { panic!("decided") };
        assert!(why.contains("--control-namespace"), "{why}");
    }

    /// Returns the same sandbox on this machine, beside the controller.
    fn local() -> Case {
        let mut case = fixture::pod();
        case.surroundings.in_cluster = None;
        case.surroundings.destinations[2].purpose = Purpose::Requested;
        case.surroundings.destinations[2].named = true;
        case
    }

    #[test]
    fn on_this_machine_the_listener_and_a_target_beyond_decide_together() {
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
    fn a_profile_that_allows_egress_expects_policies_that_do() {
        let mut case = fixture::pod();
        let cluster = Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster);
        cluster.policies.as_mut().unwrap()[0].egress = Direction::Allowed;
        case.surroundings.profile.kind = Kind::NoPrivate;
        assert_eq!(judge(&case).outcome, Outcome::Met);
    }
}
