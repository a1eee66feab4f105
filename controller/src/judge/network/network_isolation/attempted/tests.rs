use super::{super::tests::judge, *};
use crate::{
    case::{
        destination::Purpose,
        profile::{Kind, Profile},
    },
    fixture,
    judge::{network::policies_enforced, requirement::Outcome},
};

#[test]
fn a_destination_that_opens_later_is_unmet_and_says_so() {
    let mut case = fixture::pod();
    assert_eq!(judge(&case).outcome, Outcome::Met);
    fixture::attempts(&mut case)[2].again = Some(Reach::Reached);
    let judgement = judge(&case);
    assert_eq!(judgement.outcome, Outcome::Unmet);
    let because = judgement.because;
    assert!(because.contains("10.0.0.1:443 only at the second attempt, 5 s later"), "{because}");
}

#[test]
fn a_destination_that_was_open_at_once_is_named_before_one_that_opens_later() {
    let mut case = fixture::pod();
    fixture::attempts(&mut case)[0].again = Some(Reach::Reached);
    fixture::attempts(&mut case)[2].reach = Reach::Reached;
    let because = judge(&case).because;
    assert!(because.starts_with("the sandbox reached the cluster's API server"), "{because}");
}

#[test]
fn silence_in_one_round_of_two_is_inconclusive() {
    let mut case = fixture::pod();
    fixture::attempts(&mut case)[2].again = None;
    let Outcome::Inconclusive(why) = judge(&case).outcome else { panic!("decided") };
    assert!(why.starts_with("the second round of attempts was not made"), "{why}");
    case.surroundings.rounds = Rounds::One;
    assert_eq!(judge(&case).outcome, Outcome::Met);
}

#[test]
fn a_control_that_reached_the_listener_in_one_round_of_two_is_inconclusive() {
    for silent in [None, Some(Reach::TimedOut)] {
        let mut case = fixture::pod();
        for attempt in fixture::tried(&mut case) {
            attempt.again = silent;
        }
        assert_eq!(fixture::told(&judge(&case)), "open", "{silent:?}");
        case.surroundings.rounds = Rounds::One;
        assert_eq!(judge(&case).outcome, Outcome::Met);
    }
}

#[test]
fn an_attempt_that_failed_is_no_silence() {
    for (reach, again) in [(Reach::Failed, Some(Reach::TimedOut)), (Reach::TimedOut, Some(Reach::Failed))] {
        let mut case = fixture::pod();
        let attempt = &mut fixture::attempts(&mut case)[2];
        (attempt.reach, attempt.again) = (reach, again);
        let Outcome::Inconclusive(why) = judge(&case).outcome else { panic!("decided") };
        assert!(why.starts_with("the attempt on 10.0.0.1:443 could not be made"), "{why}");
    }
}

/// Returns a pod that must reach a name and did not, with this lookup in the sandbox.
fn missing_a_name(addresses: &[&str], control: Reach) -> Case {
    let mut case = fixture::pod();
    let required = &mut case.surroundings.destinations[2];
    required.purpose = Purpose::Required;
    required.target.name = "api.example".into();
    let allowed = fixture::allowed(required.target.address, Some(443));
    case.surroundings.profile = Profile { kind: Kind::AllowList, allowed: vec![allowed] };
    let addresses = addresses.iter().map(|it| it.parse().unwrap()).collect();
    fixture::egress(&mut case).lookups = vec![Lookup { name: "api.example".into(), addresses }];
    let tried = &mut fixture::tried(&mut case)[2];
    (tried.reach, tried.again) = (control, Some(control));
    case
}

#[test]
fn a_required_name_that_the_sandbox_cannot_look_up_is_unmet_with_a_remedy() {
    let judgement = judge(&missing_a_name(&[], Reach::Reached));
    assert_eq!(judgement.outcome, Outcome::Unmet);
    let because = judgement.because;
    assert!(
        because.contains("own name servers gave no address for api.example: let the pods ask"),
        "{because}"
    );
}

#[test]
fn a_required_name_that_nobody_reaches_is_inconclusive() {
    let Outcome::Inconclusive(why) = judge(&missing_a_name(&[], Reach::TimedOut)).outcome else {
        panic!("decided")
    };
    assert!(why.contains("gave no address for api.example"), "{why}");
}

#[test]
fn the_addresses_of_a_lookup_are_cited() {
    let judgement = judge(&missing_a_name(&["192.0.2.7"], Reach::Reached));
    assert_eq!(judgement.outcome, Outcome::Unmet);
    let mut texts = judgement.citations.iter().map(|citation| &citation.text);
    assert!(texts.any(|text| text.ends_with("; the sandbox looked up api.example: 192.0.2.7")));
}

#[test]
fn a_required_name_that_was_reached_at_another_address_is_met() {
    let mut case = missing_a_name(&["192.0.2.7"], Reach::Reached);
    let attempt = &mut fixture::attempts(&mut case)[2];
    (attempt.reach, attempt.again) = (Reach::Reached, Some(Reach::Reached));
    let judgement = judge(&case);
    assert_eq!(judgement.outcome, Outcome::Met, "{}", judgement.because);
    let enforced = fixture::judged(&policies_enforced::REQUIREMENT, &case);
    assert_ne!(enforced.outcome, Outcome::Unmet, "{}", enforced.because);
}

#[test]
fn a_required_destination_whose_attempt_failed_is_inconclusive() {
    let mut case = fixture::pod();
    let required = &mut case.surroundings.destinations[2];
    required.purpose = Purpose::Allowed;
    let allowed = fixture::allowed(required.target.address, Some(443));
    case.surroundings.profile = Profile { kind: Kind::AllowList, allowed: vec![allowed] };
    fixture::attempts(&mut case)[2].reach = Reach::Failed;
    assert_eq!(fixture::told(&judge(&case)), "open");
}
