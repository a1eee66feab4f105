use std::sync::Arc;

use proto::{Attempt, Protocol, Reach, Target};
use serde_json::{Value, json};

use super::*;
use crate::{
    case::{Control, environment::Environment, ingress::Ingress, rounds::Rounds},
    fixture,
    judge::requirement::Outcome,
};

const SILENT: (Reach, Option<Reach>) = (Reach::TimedOut, Some(Reach::TimedOut));
const REACHED: (Reach, Option<Reach>) = (Reach::Reached, Some(Reach::Reached));

/// Returns a pod under default-deny with these ends of the probe's own attempt and of the control pod's.
fn tried(own: (Reach, Option<Reach>), control: (Reach, Option<Reach>)) -> Case {
    let mut case = fixture::pod();
    let target = Target::at(9, "10.244.0.7".parse().unwrap(), 8080, Protocol::Tcp);
    case.surroundings.ingress = Some(Ingress { targets: vec![target], left_out: vec![9090] });
    let attempt = |(reach, again)| Attempt { target: 9, reach, errno: 0, took_us: 9, again };
    fixture::attempts(&mut case).push(attempt(own));
    fixture::tried(&mut case).push(attempt(control));
    case
}

fn closed() -> Case {
    tried(REACHED, SILENT)
}

fn judged(case: &Case) -> Judgement {
    judge(case, &Policy::of(Environment::Production))
}

/// Binds the pods by default-deny, and by a policy with this rule for ingress.
fn let_in(case: &mut Case, rule: &Value) {
    let spec = json!({ "podSelector": {}, "policyTypes": ["Ingress"], "ingress": [rule] });
    fixture::bind(case, &[fixture::default_deny(), fixture::network_policy("front", &spec)]);
}

/// Binds the control namespace by a policy with this spec.
fn bind_control(case: &mut Case, spec: &Value) {
    let mut policy = fixture::network_policy("gate", spec);
    policy["metadata"]["namespace"] = json!("podproof");
    let cluster = Arc::make_mut(&mut fixture::in_cluster(case).cluster);
    cluster.control.as_mut().unwrap().policies = fixture::policies(&[policy]);
}

#[test]
fn an_interface_that_the_control_pod_did_not_try_is_inconclusive() {
    let mut case = closed();
    fixture::also_by(&mut case, "net1", "192.0.2.5");
    assert!(why(&judged(&case)).contains("nothing shows that net1 is closed"), "{:?}", judged(&case));
    fixture::interfaces(&mut case).last_mut().unwrap().addresses = vec!["169.254.172.5".parse().unwrap()];
    assert_eq!(judged(&case).outcome, Outcome::Met, "the node translates its address");
}

fn why(judgement: &Judgement) -> &str {
    let Outcome::Inconclusive(why) = &judgement.outcome else { panic!("{judgement:?}") };
    why
}

#[test]
fn silence_beside_a_listening_probe_is_met() {
    let judgement = judged(&closed());
    assert_eq!(judgement.outcome, Outcome::Met, "{}", judgement.because);
    let texts: Vec<_> = judgement.citations.iter().map(|it| it.text.as_str()).collect();
    assert!(texts.contains(&"declared ports that were not tried: 9090"), "{texts:?}");
}

#[test]
fn a_refusal_by_the_network_is_met() {
    assert_eq!(judged(&tried(REACHED, (Reach::Refused, Some(Reach::Prohibited)))).outcome, Outcome::Met);
}

#[test]
fn a_sandbox_that_was_reached_in_either_round_is_unmet() {
    for control in [
        REACHED,
        (Reach::Failed, Some(Reach::Reached)),
        (Reach::TimedOut, Some(Reach::Reached)),
        (Reach::Reached, None),
    ] {
        let judgement = judged(&tried(REACHED, control));
        assert_eq!(judgement.outcome, Outcome::Unmet, "{control:?}");
        let because = judgement.because;
        assert!(because.contains("10.244.0.7:8080; NetworkPolicy default-deny denies it"), "{because}");
    }
}

#[test]
fn a_sandbox_that_was_reached_only_at_first_says_that_the_network_closed_late() {
    let (late, does_not) =
        ("enforced that a while after the pod's start", "the network does not enforce that");
    for (again, is_late) in [
        (Some(Reach::TimedOut), true),
        (Some(Reach::Prohibited), true),
        (Some(Reach::Reached), false),
        (Some(Reach::Failed), false),
        (None, false),
    ] {
        let because = judged(&tried(REACHED, (Reach::Reached, again))).because;
        assert_eq!(because.contains("10.244.0.7:8080 at first, and not later; "), is_late, "{because}");
        assert!(because.contains(if is_late { late } else { does_not }), "{because}");
    }
}

#[test]
fn of_two_ports_the_one_that_stayed_open_is_named() {
    let mut case = tried(REACHED, (Reach::Reached, Some(Reach::TimedOut)));
    let target = Target::at(10, "10.244.0.7".parse().unwrap(), 9090, Protocol::Tcp);
    case.surroundings.ingress.as_mut().unwrap().targets.push(target);
    let open =
        Attempt { target: 10, reach: Reach::Reached, errno: 0, took_us: 9, again: Some(Reach::Reached) };
    fixture::tried(&mut case).push(open);
    let because = judged(&case).because;
    assert!(because.contains("at 10.244.0.7:9090; NetworkPolicy default-deny denies it"), "{because}");
}

#[test]
fn a_sandbox_that_was_reached_names_the_rule_that_lets_it_in() {
    let mut case = tried(REACHED, REACHED);
    let_in(&mut case, &json!({ "ports": [{ "port": 8080 }] }));
    let because = judged(&case).because;
    assert!(because.contains("NetworkPolicy front, ingress[0], lets it in"), "{because}");
    assert!(because.ends_with("`ingress = [\"deployment/web\"]`"), "{because}");
}

#[test]
fn a_rule_that_lets_others_in_is_unmet_although_the_control_pod_was_silent() {
    let mut case = closed();
    let_in(&mut case, &json!({ "from": [{ "podSelector": {} }], "ports": [{ "port": 80 }] }));
    let judgement = judged(&case);
    assert_eq!(judgement.outcome, Outcome::Unmet);
    let because = judgement.because;
    assert!(
        because.contains("ingress[0] lets all pods in namespace shop reach the pods on 80/TCP"),
        "{because}"
    );
}

#[test]
fn without_a_policy_that_closes_ingress_the_requirement_is_unmet() {
    let mut case = closed();
    let egress = json!({ "podSelector": {}, "policyTypes": ["Egress"] });
    fixture::bind(&mut case, &[fixture::network_policy("egress", &egress)]);
    let judgement = judged(&case);
    assert_eq!(judgement.outcome, Outcome::Unmet);
    assert!(judgement.because.starts_with("no policy closes the pods' ingress"), "{}", judgement.because);
}

#[test]
fn a_workload_that_the_policy_file_names_is_not_applicable() {
    let mut policy = Policy::of(Environment::Production);
    policy.ingress = vec![("deployment".into(), "other".into())];
    assert_eq!(judge(&tried(REACHED, REACHED), &policy).outcome, Outcome::Unmet);
    policy.ingress.push(("deployment".into(), "web".into()));
    assert!(matches!(judge(&tried(REACHED, REACHED), &policy).outcome, Outcome::NotApplicable(_)));
}

#[test]
fn a_group_of_which_one_workload_is_named_is_judged() {
    let mut policy = Policy::of(Environment::Production);
    policy.ingress = vec![("deployment".into(), "web".into())];
    let mut case = tried(REACHED, REACHED);
    fixture::pod_view(&mut case).origin.name = "api".into();
    let judgement = judge(&case, &policy);
    assert_eq!(judgement.outcome, Outcome::Unmet);
    assert!(judgement.because.ends_with("`ingress = [\"deployment/api\"]`"), "{}", judgement.because);
}

#[test]
fn evidence_that_does_not_tell_of_attempts_is_inconclusive() {
    let mut case = closed();
    case.surroundings.ingress = None;
    assert!(why(&judged(&case)).contains("does not tell of attempts"));
    let_in(&mut case, &json!({ "from": [{ "podSelector": {} }] }));
    assert_eq!(judged(&case).outcome, Outcome::Unmet);
}

#[test]
fn a_probe_that_did_not_listen_is_inconclusive() {
    for own in [
        (Reach::Refused, Some(Reach::Refused)),
        (Reach::Reached, None),
        (Reach::Another, Some(Reach::Reached)),
    ] {
        let judgement = judged(&tried(own, SILENT));
        assert!(why(&judgement).contains("did not reach its own listener"), "{own:?}");
    }
}

#[test]
fn one_round_suffices_where_one_was_asked_for() {
    let mut case = tried((Reach::Reached, None), (Reach::TimedOut, None));
    case.surroundings.rounds = Rounds::One;
    assert_eq!(judged(&case).outcome, Outcome::Met);
}

#[test]
fn a_control_pod_that_tried_once_of_two_times_is_inconclusive() {
    for control in [(Reach::TimedOut, None), (Reach::Failed, Some(Reach::TimedOut))] {
        assert!(why(&judged(&tried(REACHED, control))).contains("did not try"), "{control:?}");
    }
}

#[test]
fn an_answer_of_somebody_else_is_inconclusive() {
    let judgement = judged(&tried(REACHED, (Reach::Another, Some(Reach::TimedOut))));
    assert!(why(&judgement).starts_with("somebody else than the probe answered"));
}

#[test]
fn a_run_without_a_control_pod_is_inconclusive() {
    let mut case = closed();
    case.surroundings.control = Control::NotAsked;
    assert!(why(&judged(&case)).contains("`--control-namespace NAME`"));
}

#[test]
fn a_control_pod_that_reaches_nobody_is_inconclusive() {
    let mut case = closed();
    for attempt in fixture::tried(&mut case) {
        (attempt.reach, attempt.again) = SILENT;
    }
    assert!(why(&judged(&case)).contains("its silence means nothing"));
}

/// Returns the closed sandbox, beside a control namespace with this policy.
fn closed_by(spec: &Value) -> Case {
    let mut case = closed();
    bind_control(&mut case, spec);
    case
}

#[test]
fn a_control_namespace_whose_egress_is_closed_to_the_sandbox_is_inconclusive() {
    for (egress, expected) in
        [(json!([]), "open"), (json!([{ "to": [{ "podSelector": {} }] }]), "open"), (json!([{}]), "met")]
    {
        let mut case = closed();
        let spec = json!({ "podSelector": {}, "policyTypes": ["Egress"], "egress": egress });
        bind_control(&mut case, &spec);
        assert_eq!(fixture::told(&judged(&case)), expected, "{spec}");
    }
}

#[test]
fn the_control_pods_policies_are_evaluated_for_the_labels_of_the_probe_pod() {
    let closed = json!({ "matchExpressions": [{ "key": "closed", "operator": "DoesNotExist" }] });
    let to = json!([{ "to": [{ "namespaceSelector": {}, "podSelector": closed }] }]);
    for (added, expected) in [("open", "met"), ("closed", "open")] {
        let mut case = closed_by(&json!({ "podSelector": {}, "policyTypes": ["Egress"], "egress": to }));
        let known = fixture::in_cluster(&mut case);
        let mut labels = known.group.labels.clone();
        labels.insert(added.into(), "yes".into());
        known.pod.as_mut().unwrap().labels = Some(labels);
        assert_eq!(fixture::told(&judged(&case)), expected, "{added}");
    }
}

#[test]
fn a_policy_that_is_not_evaluated_is_inconclusive() {
    let mut case = closed();
    let other = json!({
        "kind": "SecurityPolicy", "apiVersion": "crd.nsx.vmware.com/v1alpha1", "metadata": { "name": "x" },
        "spec": { "rules": [{ "direction": "in", "action": "allow" }] },
    });
    fixture::bind(&mut case, &[fixture::default_deny(), other]);
    assert_eq!(fixture::told(&judged(&case)), "open");
}

#[test]
fn a_sandbox_without_a_network_is_not_applicable() {
    let mut case = tried((Reach::NoRoute, None), SILENT);
    fixture::interfaces(&mut case).retain(|interface| interface.loopback);
    assert!(matches!(judged(&case).outcome, Outcome::NotApplicable(_)));
}

#[test]
fn a_pod_in_the_nodes_network_is_unmet() {
    let mut case = closed();
    fixture::pod_view(&mut case).host_namespaces.push("network".into());
    assert_eq!(judged(&case).outcome, Outcome::Unmet);
}

#[test]
fn a_probe_that_is_bound_otherwise_is_inconclusive() {
    let mut case = closed();
    fixture::changed(&mut case, "NetworkPolicy default-deny", "removed");
    assert_eq!(fixture::told(&judged(&case)), "open");
}

#[test]
fn each_address_family_needs_a_listener() {
    let mut case = closed();
    let target = Target::at(10, "fd00::7".parse().unwrap(), 8080, Protocol::Tcp);
    case.surroundings.ingress.as_mut().unwrap().targets.push(target);
    assert!(why(&judged(&case)).contains("[fd00::7]:8080"));
}
