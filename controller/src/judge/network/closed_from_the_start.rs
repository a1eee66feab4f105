//! The network is closed from the first moment. Some CNI plugins apply policies a while after a pod has started, and a
//! program needs no longer to send something.

use std::time::Duration;

use super::network_isolation::{
    self,
    attempted::{self, Attempted},
    control::{attempts_were_made, represents_its_network},
    declared::Comparison,
    structure,
};
use crate::case::{
    Case,
    first_seconds::{FIRST_SECONDS, SINCE_SHOWN},
    profile::Expectation,
};
use crate::judge::network::undecided::{Step, Undecided};
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
        met: "the sandbox reached nothing that the profile forbids at any time, and something shows that it could have",
        unmet: "the sandbox reached a destination at first, and not at the second attempt",
        inconclusive: "nothing shows that the sandbox could have reached anything",
        on_platforms: platforms::NETWORK_ON_PLATFORMS,
    },
    mappings: &[],
    judge: Judge::Network(judge),
};

/// The time of the first attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Start {
    /// The age of the container in milliseconds, by the sandbox's kernel or by the controller's clock: the larger of the two.
    Age(u64),
    /// The time in milliseconds since the cluster showed the container as running, where the probe could not tell the age.
    Seen(u64),
    /// Neither is known.
    Unknown,
}

fn judge(case: &Case, comparison: &Comparison<'_>) -> Judgement {
    let all = attempted::all(case);
    let early = all.iter().find(|it| it.expectation == Expectation::Forbidden && it.only_at_first());
    if let Some(it) = early {
        let because = format!("the sandbox reached {} at first, and not later", it.destination.name());
        return Judgement::unmet(because).citing_all([it.cited()]);
    }
    let leaks: Vec<_> = all.iter().filter(|it| it.is_leak()).collect();
    if !leaks.is_empty() {
        return Judgement::not_applicable(open(&leaks));
    }
    if case.examined_pod().is_some() {
        return Judgement::not_applicable(
            "the pod ran before the check; a run without `--live` shows the first seconds of a new pod",
        );
    }
    if case.examined_container() {
        return Judgement::not_applicable(
            "the container ran before the check; a run with `--bundle` shows the first seconds of a new sandbox",
        );
    }
    if let Err(left_out) = attempts_were_made(case, "nothing shows the network of the first seconds") {
        return Judgement::undecided(left_out);
    }
    let start = Start::of(case);
    if let Some(late) = start.is_late().then(|| start.words()).flatten() {
        return Judgement::undecided(
            Step::RunAgain
                .because(format!("the first attempt came {late}, and nothing shows the network until then")),
        );
    }
    let silent = represents_its_network(case, comparison.policy())
        .and_then(|()| network_isolation::silent(case, comparison, &all));
    if let Err(Undecided { step, .. }) = silent {
        let why = "nothing shows that anything could have been reached at first";
        return Judgement::undecided(step.because(why));
    }
    if start == Start::Unknown && structure::shows(case, &all).is_err() {
        return Judgement::undecided(Step::ShowAge.because(
            "the probe could not tell how long its container had run, and nothing shows the network until the first attempt",
        ));
    }
    let because = if network_isolation::reached_the_allowed(&all) {
        "the sandbox reached only what the profile allows, at first and later"
    } else {
        "the sandbox reached nothing, at first or later"
    };
    let (because, cited) = match start.words() {
        Some(words) => (format!("{because}; the first attempt came {words}"), format!("at once, {words}")),
        None => (because.to_owned(), "at once".to_owned()),
    };
    Judgement::met(because).citing("egress", format!("{} attempts {cited}", all.len()))
}

/// Returns the reason why an open network says nothing about its first seconds.
fn open(leaks: &[&Attempted<'_>]) -> &'static str {
    let at_first = leaks.iter().find(|it| it.at_first());
    match at_first {
        Some(leak) if leak.attempt.again.is_none() => {
            "the sandbox reached a destination at first, and did not try it again"
        }
        Some(_) => "every destination that the sandbox reached stays open",
        None if leaks.iter().any(|it| it.only_later()) => "the network was closed at first, and opened later",
        None => "the sandbox's datagrams arrived, and do not tell when",
    }
}

// === impl Start ===

impl Start {
    fn of(case: &Case) -> Self {
        let told = case.evidence().egress.seen().and_then(|egress| egress.container_age_ms);
        let pod = case.surroundings.in_cluster.as_ref().and_then(|known| known.pod.as_ref());
        match (told, pod.and_then(|pod| pod.asked_after_ms)) {
            (Some(told), seen) => Self::Age(told.max(seen.unwrap_or_default())),
            (None, Some(seen)) => Self::Seen(seen),
            (None, None) => Self::Unknown,
        }
    }

    fn is_late(self) -> bool {
        match self {
            Self::Age(millis) => Duration::from_millis(millis) > FIRST_SECONDS,
            Self::Seen(millis) => Duration::from_millis(millis) > SINCE_SHOWN,
            Self::Unknown => false,
        }
    }

    /// Returns the time as a fragment; `None` if it is not known.
    fn words(self) -> Option<String> {
        match self {
            Self::Age(millis) => Some(format!("{millis} ms after the container's start")),
            Self::Seen(millis) => Some(format!("{millis} ms after the container was seen to run")),
            Self::Unknown => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proto::Reach;

    use super::*;
    use crate::{
        case::{Control, rounds::Rounds},
        fixture,
        judge::requirement::Outcome,
    };

    fn judge(case: &Case) -> Judgement {
        super::judge(case, &Comparison::of(case))
    }

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
    fn a_destination_that_opens_later_is_not_applicable() {
        let mut case = fixture::pod();
        fixture::attempts(&mut case)[0].again = Some(Reach::Reached);
        assert!(matches!(judge(&case).outcome, Outcome::NotApplicable(_)));
    }

    /// Returns the pod whose first attempt came so long after its start, by the probe and by the controller.
    fn asked(told: Option<u64>, seen: Option<u64>) -> Case {
        let mut case = fixture::pod();
        fixture::egress(&mut case).container_age_ms = told;
        fixture::in_cluster(&mut case).pod.as_mut().unwrap().asked_after_ms = seen;
        case
    }

    const LATEST_MS: u64 = 5000;
    const LATEST_SEEN_MS: u64 = 2000;

    #[test]
    fn a_late_first_attempt_is_inconclusive_by_the_larger_measure() {
        for (told, seen, expected) in [
            (Some(LATEST_MS), Some(90), "met"),
            (Some(LATEST_MS + 1), Some(90), "open"),
            (Some(900), Some(LATEST_MS + 1), "open"),
            (None, Some(LATEST_SEEN_MS), "met"),
            (None, Some(LATEST_SEEN_MS + 1), "open"),
            (None, None, "open"),
        ] {
            assert_eq!(fixture::told(&judge(&asked(told, seen))), expected, "{told:?} {seen:?}");
        }
    }

    #[test]
    fn the_finding_states_the_time_of_the_first_attempt() {
        let because = judge(&asked(Some(1700), Some(90))).because;
        assert!(because.contains("1700 ms after the container's start"), "{because}");
    }

    #[test]
    fn one_round_excuses_no_unknown_age() {
        for (told, expected) in [(Some(900), "met"), (None, "open")] {
            let mut case = asked(told, None);
            case.surroundings.rounds = Rounds::One;
            assert_eq!(fixture::told(&judge(&case)), expected, "{told:?}");
        }
    }

    #[test]
    fn a_sandbox_without_a_way_out_needs_no_age() {
        let mut case = fixture::gvisor();
        fixture::egress(&mut case).container_age_ms = None;
        assert_eq!(judge(&case).outcome, Outcome::Met);
    }

    #[test]
    fn the_first_seconds_of_a_running_pod_are_past() {
        let mut case = fixture::pod();
        fixture::in_cluster(&mut case).group.in_place = Some("web-1".into());
        assert!(matches!(judge(&case).outcome, Outcome::NotApplicable(_)));
        let attempt = &mut fixture::attempts(&mut case)[0];
        (attempt.reach, attempt.again) = (Reach::Reached, Some(Reach::TimedOut));
        assert_eq!(judge(&case).outcome, Outcome::Unmet);
    }

    #[test]
    fn silence_without_a_control_is_inconclusive() {
        let mut case = fixture::pod();
        case.surroundings.control = Control::NotAsked;
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
    }
}
