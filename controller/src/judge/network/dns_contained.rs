//! No name server answers for outside names. The owner of a name server reads the names that it is asked for. So a resolver
//! that forwards any name carries data out, even if everything else is closed, and even if the profile allows the resolver.
//! Under a profile that allows the public internet, the requirement is not applicable.

use proto::Protocol;

use super::network_isolation::{
    attempted::{self, Attempted},
    control, shown, structure,
};
use crate::case::{Case, profile::Kind};
use crate::judge::platforms;
use crate::judge::requirement::{Area, Class, Explanation, Judge, Judgement, Requirement, Scope};

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
        unmet: "a name server gave the address of an outside name",
        inconclusive: "no name server gave such an address, and nothing shows that one would have",
        on_platforms: platforms::NETWORK_ON_PLATFORMS,
    },
    mappings: &[],
    judge: Judge::Case(judge),
};

fn judge(case: &Case) -> Judgement {
    if case.surroundings.profile.kind == Kind::NoPrivate {
        return Judgement::not_applicable(
            "the profile allows the public internet, so that names are one way out among many",
        );
    }
    let all = attempted::all(case);
    let asked: Vec<_> = all.iter().filter(|it| it.asks_for_a_name()).collect();
    let cited = |judgement: Judgement| judgement.citing_all(asked.iter().map(|it| it.cited()));
    if let Some(it) = asked.iter().find(|it| it.resolved()) {
        let (name, of) = (it.destination.name(), &it.destination.target.name);
        return cited(Judgement::unmet(format!("{name} gave the address of {of}, an outside name")));
    }
    if let Err(why) = structure::whole(case, &all).and_then(|()| control::represents_its_network(case)) {
        return Judgement::inconclusive(why);
    }
    let cluster = case.surroundings.in_cluster.as_ref().map(|known| &known.cluster);
    if let Some(Err(unreadable)) = cluster.map(|cluster| &cluster.dns_endpoints) {
        let why = format!("the addresses of the cluster's DNS are not known: {unreadable}");
        return cited(Judgement::inconclusive(why));
    }
    if let Some(it) = all.iter().find(|it| takes_questions(it)) {
        let name = it.destination.name();
        return cited(Judgement::inconclusive(format!(
            "{name} takes TCP connections, and the probe asked for no name over TCP"
        )));
    }
    if asked.is_empty() {
        return match structure::shows(case, &all) {
            Ok(citations) => Judgement::met("the sandbox has no way out at all").citing_all(citations),
            Err(_) => Judgement::inconclusive(
                "the probe asked no name server; name one by `--egress-target HOST:53/dns`",
            ),
        };
    }
    if asked.iter().any(|it| it.control_resolved()) {
        return cited(Judgement::met(
            "outside the sandbox a name server gave an address, and inside it gave none",
        ));
    }
    match shown(case, &all) {
        Ok((because, citations)) => cited(Judgement::met(because)).citing_all(citations),
        Err(why) => cited(Judgement::inconclusive(why)),
    }
}

/// True if a name server could be asked over TCP (RFC 7766), which the probe does not do.
fn takes_questions(it: &Attempted<'_>) -> bool {
    let target = &it.destination.target;
    target.protocol == Protocol::Tcp && target.port == 53 && it.got_through()
}

#[cfg(test)]
mod tests {
    use proto::Reach;

    use super::*;
    use crate::{case::destination::Purpose, fixture, judge::requirement::Outcome};

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
