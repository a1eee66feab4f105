//! No name server answers for outside names. The owner of a name server reads the names that it is asked for. So a resolver
//! that forwards any name carries data out, even if everything else is closed. Under a profile that allows the public internet,
//! the requirement is not applicable.
//!
//! A name server that the profile allows is no leak: the user named it. If it resolves outside names, the finding says so
//! and warns at most ([`Judgement::accepted`]). If it answers only names of the cluster, the finding is met.
//!
//! The cluster's DNS and the sandbox's own resolver need a proof each, as in [`class`](super::network_isolation::class): a
//! public name server that the control reached says nothing of a name server in the cluster that answered nobody.

use proto::{Protocol, Reach};

use super::network_isolation::{
    attempted::{self, Attempted},
    control,
    declared::Comparison,
    shown, structure,
};
use crate::case::{
    Case,
    destination::Purpose,
    profile::{Expectation, Kind},
    rounds::Rounds,
};
use crate::judge::network::undecided::{Step, Undecided};
use crate::judge::platforms;
use crate::judge::requirement::{Area, Class, Explanation, Judge, Judgement, Outcome, Requirement, Scope};

pub(in crate::judge) const REQUIREMENT: Requirement = Requirement {
    id: "dns-contained",
    title: "No name server answers for outside names",
    area: Area::Network,
    class: Class::Adaptive,
    scope: Scope::Everywhere,
    mandatory: false,
    weight: 3,
    protects: "Data can leave inside of names: the owner of a domain's name server reads every name that is asked for below it.",
    remedy: "Keep the sandbox from every resolver, or give it a resolver that knows only the names it needs (CoreDNS without \
             `forward`, or a Cilium policy with `rules.dns`).",
    explanation: Explanation {
        looks_at: &["egress", "control"],
        met: "no name server gave the address of an outside name, and one could have",
        unmet: "a name server gave the address of an outside name; if the profile allows the name server, that warns at most",
        inconclusive: "no name server gave such an address, and nothing shows that one would have",
        on_platforms: platforms::NETWORK_ON_PLATFORMS,
    },
    mappings: &[],
    judge: Judge::Network(judge),
};

fn judge(case: &Case, comparison: &Comparison<'_>) -> Judgement {
    if case.surroundings.profile.kind == Kind::NoPrivate {
        return Judgement::not_applicable(
            "the profile allows the public internet, so that names are one way out among many",
        );
    }
    let all = attempted::all(case);
    let asked: Vec<_> = all.iter().filter(|it| it.asks_for_a_name()).collect();
    let cited = |judgement: Judgement| judgement.citing_all(asked.iter().map(|it| it.cited()));
    let (forbidden, allowed): (Vec<&Attempted<'_>>, Vec<&Attempted<'_>>) =
        asked.iter().copied().partition(|it| it.expectation == Expectation::Forbidden);
    if let Some(it) = forbidden.iter().find(|it| it.resolved()) {
        return cited(Judgement::unmet(format!("{}, an outside name", gave(it))));
    }
    if let Err(why) =
        structure::whole(case, &all).and_then(|()| control::represents_its_network(case, comparison.policy()))
    {
        return Judgement::undecided(why);
    }
    let cluster = case.surroundings.in_cluster.as_ref().map(|known| &known.cluster);
    if let Some(Err(unreadable)) = cluster.map(|cluster| &cluster.dns_endpoints) {
        let why = format!("the addresses of the cluster's DNS are not known: {unreadable}");
        return cited(Judgement::undecided(Step::after(unreadable).because(why)));
    }
    let connected: Vec<_> = all.iter().filter(|it| takes_questions(it, &asked)).collect();
    let closed = of_forbidden((case, comparison), &all, &forbidden, &connected);
    if closed.outcome != Outcome::Met || allowed.is_empty() {
        return if asked.is_empty() { closed } else { cited(closed) };
    }
    cited(of_allowed(&allowed, &connected).unwrap_or(closed))
}

fn gave(it: &Attempted<'_>) -> String {
    format!("{} gave the address of {}", it.destination.name(), it.destination.target.name)
}

/// Judges the name servers that the profile forbids.
fn of_forbidden(
    (case, comparison): (&Case, &Comparison<'_>),
    all: &[Attempted<'_>],
    forbidden: &[&Attempted<'_>],
    connected: &[&Attempted<'_>],
) -> Judgement {
    if let Some(it) = connected.iter().find(|it| it.expectation == Expectation::Forbidden) {
        return Judgement::undecided(unasked(it));
    }
    if let Some(it) = forbidden.iter().find(|it| could_not_tell(it)) {
        return Judgement::undecided(failed(it));
    }
    if all.iter().all(|it| !it.asks_for_a_name()) {
        return match structure::shows(case, all) {
            Ok(citations) => Judgement::met("the sandbox has no way out at all").citing_all(citations),
            Err(left_out) if case.surroundings.rounds == Rounds::None => Judgement::undecided(left_out),
            Err(_) => Judgement::undecided(Step::NameServer.because("the probe asked no name server")),
        };
    }
    let unshown = forbidden.iter().find(|it| is_in_every_cluster(it) && !is_shown(it));
    let resolved = forbidden.iter().any(|it| it.control_resolved());
    match (shown(case, comparison, all), unshown) {
        (_, None) if resolved => {
            Judgement::met("outside the sandbox a name server gave an address, and inside none did")
        }
        (_, None) if forbidden.is_empty() => {
            Judgement::met("the name servers that the profile allows gave no address of an outside name")
        }
        (Ok((because, citations)), _) => Judgement::met(because).citing_all(citations),
        (Err(Undecided { step, .. }), Some(it)) if resolved => Judgement::undecided(step.because(format!(
            "nothing shows that {} would have answered: it did not answer outside the sandbox either",
            it.destination.name()
        ))),
        (Err(why), _) => Judgement::undecided(why),
    }
}

/// Returns the remark on the name servers that the profile allows; `None` if each was seen to answer no outside name.
fn of_allowed(allowed: &[&Attempted<'_>], connected: &[&Attempted<'_>]) -> Option<Judgement> {
    if let Some(it) = allowed.iter().find(|it| it.resolved()) {
        let because = format!(
            "{}; the profile allows this name server, and queries for arbitrary names carry data out",
            gave(it)
        );
        return Some(Judgement::unmet(because).accepted());
    }
    let open = connected.iter().find(|it| it.expectation != Expectation::Forbidden).map(|it| unasked(it));
    let failed = || allowed.iter().find(|it| could_not_tell(it)).map(|it| failed(it));
    let silent = || {
        let named = |it: &&&Attempted<'_>| {
            !matches!(it.destination.purpose, Purpose::PublicDns | Purpose::LocalDns) && !is_shown(it)
        };
        allowed.iter().find(named).map(|it| {
            let name = it.destination.name();
            Step::Answer
                .because(format!("{name} answered nobody, so that nothing shows which names it resolves"))
        })
    };
    open.or_else(failed).or_else(silent).map(|why| Judgement::undecided(why).accepted())
}

fn unasked(it: &Attempted<'_>) -> Undecided {
    let name = it.destination.name();
    Step::CloseTcp.because(format!("{name} takes TCP connections, and the probe asked for no name over TCP"))
}

fn failed(it: &Attempted<'_>) -> Undecided {
    Step::RunAgain.because(format!(
        "{} failed to resolve {}, and may resolve it when its own name servers answer",
        it.destination.name(),
        it.destination.target.name
    ))
}

/// True for a name server that every cluster has.
fn is_in_every_cluster(it: &Attempted<'_>) -> bool {
    matches!(it.destination.purpose, Purpose::ClusterDns | Purpose::OwnResolver)
}

/// True if the sandbox's silence, or an answer without an address, shows that the name server resolves nothing for it.
fn is_shown(it: &Attempted<'_>) -> bool {
    let no_way = matches!(it.attempt.reach, Reach::NoRoute | Reach::NoAddressFamily | Reach::NoResolver);
    no_way || it.got_through() || it.control_reached()
}

/// True if a server answered that it failed, or with another message, and the control was not given the address either.
fn could_not_tell(it: &Attempted<'_>) -> bool {
    let ends = [Some(it.attempt.reach), it.attempt.again];
    ends.iter().flatten().any(|reach| matches!(reach, Reach::ServerFailure | Reach::Another))
        && !it.control_resolved()
}

/// True if a name server could be asked over TCP (RFC 7766), which the probe does not do. The name server itself gives no
/// address if it gave the control none, by whichever way.
fn takes_questions(it: &Attempted<'_>, asked: &[&Attempted<'_>]) -> bool {
    let target = &it.destination.target;
    let of_dns = matches!(
        it.destination.purpose,
        Purpose::ClusterDns | Purpose::OwnResolver | Purpose::LocalDns | Purpose::PublicDns
    );
    let gives_nobody_an_address = asked.iter().any(|it| {
        it.destination.target.address == target.address && it.control_was_refused() && it.got_through()
    });
    target.protocol == Protocol::Tcp
        && (target.port == 53 || of_dns)
        && it.was_answered()
        && !gives_nobody_an_address
}

#[cfg(test)]
mod tests {
    use proto::Reach;

    use super::*;
    use crate::{case::profile::Profile, fixture};

    fn judge(case: &Case) -> Judgement {
        super::judge(case, &Comparison::of(case))
    }

    fn asking(reach: Reach, control: Reach) -> Case {
        let mut case = fixture::pod();
        let destination = &mut case.surroundings.destinations[2];
        destination.purpose = Purpose::ClusterDns;
        destination.target.protocol = Protocol::Dns;
        "example.com".clone_into(&mut destination.target.name);
        fixture::attempts(&mut case)[2].reach = reach;
        fixture::tried(&mut case)[2].reach = control;
        case
    }

    #[test]
    fn an_answer_for_an_outside_name_is_unmet() {
        assert_eq!(judge(&asking(Reach::Reached, Reach::Reached)).outcome, Outcome::Unmet);
    }

    #[test]
    fn no_address_is_met_if_the_control_was_given_one() {
        for reach in [Reach::NoName, Reach::NameRefused, Reach::TimedOut] {
            assert_eq!(judge(&asking(reach, Reach::Reached)).outcome, Outcome::Met, "{reach:?}");
        }
    }

    #[test]
    fn a_name_server_that_takes_tcp_connections_is_inconclusive() {
        for (port, reach, expected) in
            [(53, Reach::Reached, "open"), (53, Reach::TimedOut, "met"), (443, Reach::Reached, "met")]
        {
            let mut case = asking(Reach::TimedOut, Reach::Reached);
            let destination = &mut case.surroundings.destinations[1];
            (destination.target.port, destination.target.protocol) = (port, Protocol::Tcp);
            fixture::attempts(&mut case)[1].reach = reach;
            assert_eq!(fixture::told(&judge(&case)), expected, "{port}");
        }
    }

    /// Allows the name server, as `--allow ADDRESS:53` does.
    fn allowing(mut case: Case) -> Case {
        let address = case.surroundings.destinations[2].target.address;
        let allowed = vec![fixture::allowed(address, None)];
        case.surroundings.profile = Profile { kind: Kind::AllowList, allowed };
        case
    }

    #[test]
    fn an_allowed_name_server_warns_at_most() {
        for (reach, control, expected, accepted) in [
            (Reach::Reached, Reach::Reached, "unmet", true),
            (Reach::NoName, Reach::NoName, "met", false),
            (Reach::TimedOut, Reach::TimedOut, "open", true),
            (Reach::NameRefused, Reach::Reached, "met", false),
            (Reach::ServerFailure, Reach::ServerFailure, "open", true),
            (Reach::ServerFailure, Reach::Reached, "met", false),
        ] {
            let judgement = judge(&allowing(asking(reach, control)));
            assert_eq!((fixture::told(&judgement), judgement.accepted), (expected, accepted), "{reach:?}");
        }
    }

    #[test]
    fn an_allowed_name_server_does_not_excuse_another_one() {
        let mut case = allowing(asking(Reach::Reached, Reach::Reached));
        fixture::also(&mut case, Purpose::ClusterDns, "10.96.0.11", (Reach::TimedOut, Reach::TimedOut));
        let last = case.surroundings.destinations.last_mut().unwrap();
        (last.target.protocol, last.target.name) = (Protocol::Dns, "example.com".into());
        fixture::tried(&mut case)[0].reach = Reach::TimedOut;
        let judgement = judge(&case);
        assert_eq!((fixture::told(&judgement), judgement.accepted), ("open", false));
    }

    #[test]
    fn a_name_server_that_fails_is_inconclusive() {
        let judgement = judge(&asking(Reach::ServerFailure, Reach::ServerFailure));
        assert_eq!((fixture::told(&judgement), judgement.accepted), ("open", false));
    }

    #[test]
    fn a_public_name_server_says_nothing_of_a_silent_one_in_the_cluster() {
        let mut case = asking(Reach::TimedOut, Reach::TimedOut);
        fixture::also(&mut case, Purpose::PublicDns, "1.1.1.1", (Reach::TimedOut, Reach::Reached));
        let last = case.surroundings.destinations.last_mut().unwrap();
        (last.target.protocol, last.target.name) = (Protocol::Dns, "example.com".into());
        assert_eq!(judge(&case).outcome, Outcome::Met);
        fixture::tried(&mut case)[0].reach = Reach::TimedOut;
        let Outcome::Inconclusive(why) = judge(&case).outcome else { panic!("decided") };
        assert!(why.contains("10.0.0.1:443/dns"), "{why}");
    }

    #[test]
    fn unreadable_addresses_of_the_clusters_dns_are_inconclusive() {
        let mut case = asking(Reach::TimedOut, Reach::Reached);
        let cluster = std::sync::Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster);
        cluster.dns_endpoints = Err(fixture::forbidden("list endpointslices in kube-system"));
        let Outcome::Inconclusive(why) = judge(&case).outcome else { panic!("decided") };
        assert!(why.contains("list endpointslices in kube-system"), "{why}");
        fixture::attempts(&mut case)[2].reach = Reach::Reached;
        assert_eq!(judge(&case).outcome, Outcome::Unmet);
    }

    #[test]
    fn no_address_is_inconclusive_without_a_control() {
        let mut case = asking(Reach::NoName, Reach::NoName);
        case.surroundings.control = crate::case::Control::NotAsked;
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
    }

    #[test]
    fn an_allowed_internet_is_not_applicable() {
        let mut case = asking(Reach::Reached, Reach::Reached);
        case.surroundings.profile.kind = Kind::NoPrivate;
        assert!(matches!(judge(&case).outcome, Outcome::NotApplicable(_)));
    }
}
