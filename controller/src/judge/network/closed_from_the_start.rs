//! The network is closed from the first moment. Some CNI plugins apply policies a while after a pod has started, and a
//! program needs no longer to send something.

use super::network_isolation::{
    self,
    attempted::{self, Attempted},
    control::represents_its_network,
};
use crate::case::{Case, profile::Expectation};
use crate::judge::platforms;
use crate::judge::requirement::{Area, Class, Explanation, Judge, Judgement, Requirement, Scope};

pub(in crate::judge) const REQUIREMENT: Requirement = Requirement {
    id: "closed-from-the-start",
    title: "The sandbox's network is as closed in the first seconds as later",
    area: Area::Network,
    class: Class::Adaptive,
    scope: Scope::Everywhere,
    mandatory: false,
    weight: 3,
    protects: "A program that starts before the policies apply has network access that a later check misses.",
    remedy: "Use a CNI plugin that enforces policies before the pod's first process runs (Cilium, or the AWS plugin with \
             `NETWORK_POLICY_ENFORCING_MODE=strict`).",
    explanation: Explanation {
        looks_at: &["egress", "control"],
        met: "the sandbox reached nothing at any time, and something shows that it could have",
        unmet: "the sandbox reached a destination at first, and not at the second attempt",
        inconclusive: "nothing shows that the sandbox could have reached anything",
        on_platforms: platforms::NETWORK_ON_PLATFORMS,
    },
    mappings: &[],
    judge: Judge::Case(judge),
};

/// The latest time at which the first attempt still belongs to the first seconds, in milliseconds.
const LATEST_MS: u64 = 2000;

fn judge(case: &Case) -> Judgement {
    let all = attempted::all(case);
    let early = all.iter().find(|it| it.expectation == Expectation::Forbidden && it.only_at_first());
    if let Some(it) = early {
        let because = format!("the sandbox reached {} at first, and not later", it.destination.name());
        return Judgement::unmet(because).citing_all([it.cited()]);
    }
    if all.iter().any(Attempted::is_leak) {
        return Judgement::not_applicable("every destination that the sandbox reached stays open");
    }
    let asked = case.surroundings.in_cluster.as_ref().and_then(|known| known.pod.as_ref()?.asked_after_ms);
    if let Some(millis) = asked.filter(|&millis| millis > LATEST_MS) {
        return Judgement::inconclusive(format!(
            "the probe was asked {millis} ms after its container was seen to run, and nothing shows the network until then"
        ));
    }
    match represents_its_network(case).and_then(|()| network_isolation::shown(case, &all)) {
        Ok(_) => {
            let asked = asked.map(|millis| format!(", {millis} ms after its container was seen to run"));
            Judgement::met("the sandbox reached nothing, at first or later")
                .citing("egress", format!("{} attempts at once{}", all.len(), asked.unwrap_or_default()))
        }
        Err(_) => Judgement::inconclusive("nothing shows that anything could have been reached at first"),
    }
}

#[cfg(test)]
mod tests {
    use proto::Reach;

    use super::*;
    use crate::{case::Control, fixture, judge::requirement::Outcome};

    #[test]
    fn a_destination_reached_only_at_first_is_unmet() {
        let mut case = fixture::pod();
        assert_eq!(judge(&case).outcome, Outcome::Met);
        let attempt = &mut fixture::attempts(&mut case)[0];
        (attempt.reach, attempt.again) = (Reach::Reached, Some(Reach::TimedOut));
        assert_eq!(judge(&case).outcome, Outcome::Unmet);
    }

    #[test]
    fn a_destination_that_stays_open_is_not_applicable() {
        let mut case = fixture::pod();
        let attempt = &mut fixture::attempts(&mut case)[0];
        (attempt.reach, attempt.again) = (Reach::Reached, Some(Reach::Reached));
        assert!(matches!(judge(&case).outcome, Outcome::NotApplicable(_)));
    }

    #[test]
    fn a_probe_that_is_asked_late_is_inconclusive() {
        for (asked_after_ms, expected) in [(None, "met"), (Some(2000), "met"), (Some(2001), "open")] {
            let mut case = fixture::pod();
            fixture::in_cluster(&mut case).pod.as_mut().unwrap().asked_after_ms = asked_after_ms;
            assert_eq!(fixture::told(&judge(&case)), expected, "{asked_after_ms:?}");
        }
    }

    #[test]
    fn silence_without_a_control_is_inconclusive() {
        let mut case = fixture::pod();
        case.surroundings.control = Control::NotAsked;
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
    }
}
