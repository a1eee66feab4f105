//! The judge of one class of destinations, for the requirements beneath network-isolation.

use super::{attempted, control, shown, structure};
use crate::{
    case::{Case, destination::Destination, profile::Expectation},
    judge::requirement::Judgement,
};

/// Requires that no destination of a class could be reached; `what` names the class, as a fragment.
pub(in crate::judge) fn judge(case: &Case, what: &str, belongs: fn(&Destination) -> bool) -> Judgement {
    let all = attempted::all(case);
    let of_class: Vec<_> = all.iter().filter(|it| belongs(it.destination)).collect();
    let cited = |judgement: Judgement| judgement.citing_all(of_class.iter().map(|it| it.cited()));
    if let Some(leak) = of_class.iter().find(|it| it.is_leak()) {
        return cited(Judgement::unmet(format!("the sandbox reached {} ({what})", leak.destination.name())));
    }
    if let Err(why) = structure::whole(case, &all).and_then(|()| control::represents_its_network(case)) {
        return Judgement::inconclusive(why);
    }
    if of_class.is_empty() {
        return match structure::shows(case, &all) {
            Ok(citations) => Judgement::met("the sandbox has no way out at all").citing_all(citations),
            Err(_) => Judgement::inconclusive(format!(
                "no address of {what} was tried; name one by `--egress-target HOST:PORT`"
            )),
        };
    }
    if of_class.iter().all(|it| it.expectation != Expectation::Forbidden) {
        return Judgement::not_applicable(format!("the profile allows {what}"));
    }
    if of_class.iter().any(|it| it.control_shows()) {
        return cited(Judgement::met("a target answered outside the sandbox, and none answered inside"));
    }
    match shown(case, &all) {
        Ok((because, citations)) => cited(Judgement::met(because)).citing_all(citations),
        Err(why) => cited(Judgement::inconclusive(why)),
    }
}
