//! The sandbox can reach only what the profile allows. Silence proves that in two cases alone: the sandbox has no way out at
//! all, or an answer was possible. A control shows that an answer was possible: on this machine the controller, in a cluster
//! the control pod, which no policy of the workload binds.

pub(in crate::judge) mod attempted;
pub(super) mod class;
pub(super) mod control;
pub(super) mod declared;
mod interception;
pub(in crate::judge) mod interfaces;
mod node;
pub(super) mod structure;

use proto::Protocol;

use crate::case::{Case, Citation, Control, destination::Purpose, profile::Expectation, rounds::Rounds};
use crate::judge::network::undecided::{Step, Undecided};
use crate::judge::platforms;
use crate::judge::requirement::{Area, Class, Explanation, Judge, Judgement, Requirement, Scope};
use attempted::Attempted;
use declared::Comparison;

pub(in crate::judge) const REQUIREMENT: Requirement = Requirement {
    id: "network-isolation",
    title: "The sandbox can reach nothing over the network",
    area: Area::Network,
    class: Class::Adaptive,
    scope: Scope::Everywhere,
    mandatory: true,
    weight: 25,
    protects: "Code with a way out can carry data away, fetch more code, and ask the metadata service for credentials.",
    remedy: "Give the sandbox no network (`runsc --network=none`, or an empty network namespace); on Kubernetes apply a \
             default-deny NetworkPolicy, and use a CNI plugin that implements it. If the workload needs something, \
             allow it by `--profile allow-list --allow HOST[:PORT]`.",
    explanation: Explanation {
        looks_at: &["interfaces", "routes", "egress", "control"],
        met: "the sandbox has no way out at all, or it reached nothing that the profile forbids, and targets answered outside the sandbox",
        unmet: "the sandbox reached a forbidden destination, or missed one that it must reach; if it reached an allowed port of a node that no policy closes, that warns at most",
        inconclusive: "the sandbox reached nothing, and nothing shows that an answer was possible",
        on_platforms: platforms::NETWORK_ON_PLATFORMS,
    },
    mappings: &["KAR-0020"],
    judge: Judge::Network(judge),
};

pub(super) fn judge(case: &Case, comparison: &Comparison<'_>) -> Judgement {
    let attempted = attempted::all(case);
    let cited = |judgement: Judgement| judgement.citing_all(attempted.iter().map(Attempted::cited));
    let group = case.surroundings.in_cluster.as_ref().map(|known| &known.group);
    if let Some(pod_view) = group.and_then(|group| group.in_the_nodes_network()) {
        return cited(Judgement::unmet(format!(
            "{} runs in the node's own network",
            pod_view.origin.title()
        )));
    }
    let leaks: Vec<_> = attempted.iter().filter(|it| it.is_leak()).collect();
    if let Some(first) = leaks.iter().find(|it| it.at_first()).or(leaks.first()) {
        let later = leaks.iter().find(|it| it.only_later()).filter(|_| !first.at_first());
        return cited(Judgement::unmet(match later {
            Some(later) => opened_later(case, later),
            None => leaked(case, first),
        }));
    }
    if let Some(excess) = forbidden_by_the_profile(case, comparison) {
        return cited(Judgement::unmet(excess));
    }
    if let Err(why) = attempted::at_their_targets(&attempted) {
        return cited(Judgement::undecided(why));
    }
    let missed =
        |it: &&Attempted<'_>| it.expectation == Expectation::Required && !it.was_answered() && !it.failed();
    let missed: Vec<_> = attempted.iter().filter(missed).collect();
    if let Some(it) = missed.iter().find(|it| it.control_reached()) {
        let name = it.destination.name();
        return cited(Judgement::unmet(format!(
            "the sandbox must reach {name}, and did not; the target answers outside the sandbox{}{}",
            it.looked_up(),
            it.resolving()
        )));
    }
    if let Some(it) = missed.iter().find(|it| it.control_reached_once()) {
        let name = it.destination.name();
        return cited(Judgement::undecided(Step::RunAgain.because(format!(
            "the sandbox must reach {name}, and did not; the target answered outside the sandbox in one round of two{}",
            it.looked_up()
        ))));
    }
    if let Some(it) = missed.first() {
        let name = it.destination.name();
        return cited(Judgement::undecided(Step::Answer.because(format!(
            "the sandbox must reach {name}, and did not; nothing shows that the target answers anybody{}{}",
            it.looked_up(),
            it.resolving()
        ))));
    }
    let untried = case.surroundings.untried_sockets.as_ref();
    if let Some(place) = untried.and_then(|places| places.first()) {
        return cited(Judgement::undecided(
            Step::MountLess
                .because(format!("a socket of the machine may lie at or below {place}, and was not tried")),
        ));
    }
    if untried.is_none() && !case.surroundings.host_paths.is_empty() {
        let why = "the saved evidence does not tell if sockets of the machine were tried";
        return cited(Judgement::undecided(Step::RunAgain.because(why)));
    }
    if !case.surroundings.profile.allowed.is_empty()
        && let Err(left_out) =
            control::attempts_were_made(case, "nothing shows that the sandbox reaches what it must reach")
    {
        return cited(Judgement::undecided(left_out));
    }
    match shown(case, comparison, &attempted) {
        Ok((because, citations)) => {
            let open = node::open(case, &attempted).map(|open| Judgement::unmet(open).accepted());
            cited(open.unwrap_or_else(|| Judgement::met(because))).citing_all(citations)
        }
        Err(why) => cited(Judgement::undecided(why)),
    }
}

/// Returns the reason for a leak: the destination, and the policy that lets it pass or fails to close it.
fn leaked(case: &Case, leak: &Attempted<'_>) -> String {
    because(case, leak, reached(leak.destination.purpose).to_owned())
}

/// Adds to a reason the policy that lets a destination pass or fails to close it.
fn because(case: &Case, leak: &Attempted<'_>, because: String) -> String {
    match (&case.surroundings.in_cluster, leak.transport()) {
        (Some(_), _) if matches!(leak.destination.purpose, Purpose::Node | Purpose::Kubelet) => {
            let target = &leak.destination.target;
            let of_network = if target.protocol == Protocol::Echo {
                "/icmp".to_owned()
            } else {
                format!(":{}", target.port)
            };
            format!(
                "{because}; most CNI plugins let a pod reach its own node whatever a NetworkPolicy says: use a policy of the \
                 host (Cilium's host firewall, Calico's HostEndpoint), a firewall on the node, or `--allow {}` (for every node \
                 of a network `--allow ADDRESS/BITS{of_network}`)",
                leak.destination.name()
            )
        }
        (Some(known), Some(transport)) => {
            let target = &leak.destination.target;
            format!("{because}; {}", declared::explains(known, target.address, target.port, transport))
        }
        _ => because,
    }
}

/// Returns the egress that policies let pass and the profile forbids, as a reason; `None` if there is none.
fn forbidden_by_the_profile(case: &Case, comparison: &Comparison<'_>) -> Option<String> {
    let excess = comparison.excess().as_ref().ok()?.as_ref()?;
    let profile = case.surroundings.profile.kind.id();
    Some(format!("the policies allow more than the profile {profile}: {excess}"))
}

/// Returns the reason and the citations which show that nothing could be reached that the profile forbids; `Err` says why
/// nothing shows it. The attempts cannot try every destination, so that the policies must let nothing more pass.
pub(super) fn shown(
    case: &Case,
    comparison: &Comparison<'_>,
    attempted: &[Attempted<'_>],
) -> Result<(&'static str, Vec<Citation>), Undecided> {
    let shown = silent(case, comparison, attempted)?;
    let on_policy_port = |it: &&Attempted<'_>| it.destination.purpose == Purpose::ListenerOnPolicyPort;
    if let Some(it) = attempted.iter().filter(on_policy_port).find(|it| it.is_leak()) {
        let name = it.destination.name();
        return Err(Step::Close.because(format!("the sandbox reached the run's own listener {name}")));
    }
    if let Control::Tried(_) = &case.surroundings.control {
        control::closed(case, comparison)?;
    }
    Ok(shown)
}

/// Returns the reason and the citations which show that the attempts were silent although an answer was possible; `Err` says
/// why nothing shows it.
pub(super) fn silent(
    case: &Case,
    comparison: &Comparison<'_>,
    attempted: &[Attempted<'_>],
) -> Result<(&'static str, Vec<Citation>), Undecided> {
    structure::whole(case, attempted)?;
    match structure::shows(case, attempted) {
        Ok(citations) => Ok((
            match case.surroundings.rounds {
                Rounds::None => {
                    "the sandbox has no interface but loopback and no route, so that nothing leaves it"
                }
                Rounds::One | Rounds::Two(_) => {
                    "the sandbox has no interface but loopback and no route, and every target was unreachable"
                }
            },
            citations,
        )),
        Err(why) => {
            if let Control::Tried(_) = case.surroundings.control {
                attempted::in_each_round(attempted)?;
            }
            let citations = control::shows(case, comparison, attempted, why)?;
            let because = match (case.surroundings.in_cluster.is_some(), reached_the_allowed(attempted)) {
                (true, false) => {
                    "the sandbox reached nothing, and the control pod reached the same listener from the same node"
                }
                (true, true) => {
                    "the sandbox reached only what the profile allows, and the control pod reached the forbidden listener from the \
                     same node"
                }
                (false, false) => {
                    "the sandbox reached nothing, and the controller reached the same listener and more from outside the sandbox"
                }
                (false, true) => {
                    "the sandbox reached only what the profile allows, and the controller reached the forbidden listener and more \
                     from outside the sandbox"
                }
            };
            Ok((because, citations))
        }
    }
}

/// True if the sandbox reached a destination that the profile allows.
pub(super) fn reached_the_allowed(attempted: &[Attempted<'_>]) -> bool {
    attempted.iter().any(|it| it.expectation != Expectation::Forbidden && it.was_answered())
}

/// Returns the reason for a destination that was reached in the second round alone.
fn opened_later(case: &Case, leak: &Attempted<'_>) -> String {
    let name = leak.destination.name();
    let later = case.surroundings.rounds.again().map(|settle| format!(", {} later", Rounds::words(settle)));
    let later = later.unwrap_or_default();
    format!(
        "the sandbox reached {name} only at the second attempt{later}: the network opened after the sandbox had started"
    )
}

/// Returns the reason for a destination that was reached.
const fn reached(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::LoopbackListener => {
            "the sandbox shares the machine's network: it reached a listener on the machine's loopback"
        }
        Purpose::Listener => "egress is open: the sandbox reached a listener in another namespace",
        Purpose::ListenerOnPolicyPort => {
            "the sandbox reached a listener in another namespace on a port that a policy lets leave"
        }
        Purpose::PublicInternet => "the sandbox reached the public internet",
        Purpose::PublicDns => "the sandbox reached a name server of the public internet",
        Purpose::LocalDns => {
            "the sandbox reached a name server of the node or the cloud, and queries for arbitrary names carry data out"
        }
        Purpose::OwnResolver => {
            "the sandbox's own resolver answers, and queries for arbitrary names carry data out; if the workload needs \
             the name server, give `--profile allow-list --allow ADDRESS:53`"
        }
        Purpose::Metadata => {
            "the sandbox reached a metadata service, which gives credentials to any program that asks"
        }
        Purpose::ClusterDns => {
            "the sandbox reached the cluster's DNS, and queries for arbitrary names carry data out; if the workload needs \
             DNS, give `--profile allow-list --allow ADDRESS:53`"
        }
        Purpose::ApiServer | Purpose::ApiServerOutside => "the sandbox reached the cluster's API server",
        Purpose::Kubelet => "the sandbox reached the node's kubelet",
        Purpose::Node => "the sandbox reached the node",
        Purpose::Neighbour => "the sandbox reached another pod of the namespace",
        Purpose::HostSocket => {
            "a socket of the machine takes connections, so that the sandbox reaches its program without a network"
        }
        Purpose::Documentation | Purpose::Requested | Purpose::Allowed | Purpose::Required => {
            "the sandbox reached an address outside of the sandbox"
        }
    }
}

#[cfg(test)]
mod tests;
