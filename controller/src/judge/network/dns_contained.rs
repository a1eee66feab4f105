//! No name server answers for names of the outside. Whoever runs a name server hears what it is asked for, so that a
//! resolver which forwards any name carries data out, whatever else is closed, and also where the profile allows it.

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
    title: "No name server answers for names of the outside",
    area: Area::Network,
    class: Class::Adaptive,
    scope: Scope::Everywhere,
    mandatory: false,
    weight: 3,
    protects: "Data leaves inside of names: whoever runs the name server of a domain hears what is asked for below it.",
    remedy: "Keep the sandbox from every resolver, or give it one that knows only the names it needs (CoreDNS without \
             `forward`, a policy of Cilium's with `rules.dns`).",
    explanation: Explanation {
        looks_at: &["egress", "control"],
        met: "no name server gave the address of a name of the outside, and one could have",
        unmet: "a name server gave the address of a name of the outside",
        inconclusive: "no name server gave one, and nothing shows that one would have",
        on_platforms: platforms::NETWORK_ON_PLATFORMS,
    },
    mappings: &[],
    judge: Judge::Case(judge),
};

fn judge(case: &Case) -> Judgement {
    if case.surroundings.profile.kind == Kind::NoPrivate {
        return Judgement::not_applicable(
            "the profile allows the public internet, where names are one way of many",
        );
    }
    let all = attempted::all(case);
    let asked: Vec<_> = all.iter().filter(|it| it.asks_for_a_name()).collect();
    let cited = |judgement: Judgement| judgement.citing_all(asked.iter().map(|it| it.cited()));
    if let Some(it) = asked.iter().find(|it| it.resolved()) {
        let (name, of) = (it.destination.name(), &it.destination.target.name);
        return cited(Judgement::unmet(format!("{name} gave the address of {of}, a name of the outside")));
    }
    if let Err(why) = structure::whole(case, &all).and_then(|()| control::represents_its_network(case)) {
        return Judgement::inconclusive(why);
    }
    if let Some(it) = all.iter().find(|it| takes_questions(it)) {
        let name = it.destination.name();
        return cited(Judgement::inconclusive(format!(
            "{name} takes connections, and over TCP no name was asked for"
        )));
    }
    if asked.is_empty() {
        return match structure::shows(case, &all) {
            Ok(citations) => Judgement::met("there is no way out at all").citing_all(citations),
            Err(_) => {
                Judgement::inconclusive("no name server was asked; `--egress-target HOST:53/dns` names one")
            }
        };
    }
    if asked.iter().any(|it| it.control_resolved()) {
        return cited(Judgement::met("the control was given the address of a name, and the sandbox was not"));
    }
    match shown(case, &all) {
        Ok((because, citations)) => cited(Judgement::met(because)).citing_all(citations),
        Err(why) => cited(Judgement::inconclusive(why)),
    }
}

/// Whether a name server could be asked by TCP (RFC 7766), which the probe does not do.
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
    fn a_name_of_the_outside_that_was_given_is_unmet() {
        assert_eq!(judge(&asking(Reach::Reached, Reach::Reached)).outcome, Outcome::Unmet);
    }

    #[test]
    fn a_server_that_answers_and_does_not_say_contains_what_the_control_was_told() {
        for reach in [Reach::NoName, Reach::NameRefused, Reach::TimedOut] {
            assert_eq!(judge(&asking(reach, Reach::Reached)).outcome, Outcome::Met, "{reach:?}");
        }
    }

    #[test]
    fn a_server_that_takes_connections_may_tell_over_them() {
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
    fn a_server_that_tells_nobody_leaves_it_open_once_it_answers() {
        let mut case = asking(Reach::NoName, Reach::NoName);
        case.surroundings.control = crate::case::Control::NotAsked;
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
    }

    #[test]
    fn where_the_internet_is_allowed_names_are_no_matter() {
        let mut case = asking(Reach::Reached, Reach::Reached);
        case.surroundings.profile.kind = Kind::NoPrivate;
        assert!(matches!(judge(&case).outcome, Outcome::NotApplicable(_)));
    }
}
