use proto::{Interface, Observation, Protocol, Reach, Route};

use super::*;
use crate::{
    case::profile::{Allowed, Kind, Profile},
    fixture,
    judge::requirement::Outcome,
};

pub(super) fn judge(case: &Case) -> Judgement {
    super::judge(case, &Comparison::of(case))
}

#[test]
fn a_sandbox_without_a_way_out_is_met() {
    let judgement = judge(&fixture::gvisor());
    assert_eq!(judgement.outcome, Outcome::Met);
    assert!(judgement.citations.len() >= 3);
}

#[test]
fn any_contact_is_unmet() {
    for (position, reach) in
        [(0, Reach::Reached), (1, Reach::Reached), (0, Reach::Reset), (1, Reach::Reset), (1, Reach::Another)]
    {
        let mut case = fixture::gvisor();
        fixture::attempts(&mut case)[position].reach = reach;
        case.collected.evidence.interfaces = Observation::TimedOut;
        assert_eq!(judge(&case).outcome, Outcome::Unmet);
    }
}

#[test]
fn only_a_machine_socket_that_takes_connections_is_unmet() {
    for (reach, expected) in [
        (Reach::Reached, "unmet"),
        (Reach::Refused, "met"),
        (Reach::NoSocket, "met"),
        (Reach::NotPermitted, "met"),
    ] {
        let mut case = fixture::with_socket(fixture::gvisor(), reach);
        assert_eq!(fixture::told(&judge(&case)), expected, "{reach:?}");
        case.surroundings.profile = Profile { kind: Kind::NoPrivate, allowed: Vec::new() };
        assert_eq!(fixture::told(&judge(&case)), expected, "{reach:?}");
    }
}

#[test]
fn a_run_without_attempts_is_inconclusive_by_its_own_reason() {
    for mut case in [fixture::gvisor(), fixture::pod()] {
        assert_eq!(fixture::told(&judge(&case)), "met");
        fixture::without_attempts(&mut case);
        let Outcome::Inconclusive(why) = judge(&case).outcome else { panic!("decided") };
        assert!(why.starts_with("`--no-network` left the attempts out; "), "{why}");
        assert!(why.ends_with("; run it without `--no-network`"), "{why}");
    }
}

#[test]
fn a_sandbox_without_any_interface_needs_no_attempt() {
    let mut case = fixture::gvisor();
    fixture::without_attempts(&mut case);
    fixture::interfaces(&mut case).clear();
    assert_eq!(fixture::told(&judge(&case)), "met");
    let route = Route { destination: "default".into(), interface: "tun0".into() };
    case.collected.evidence.routes = Observation::Seen(proto::Routes { routes: vec![route] });
    assert_eq!(fixture::told(&judge(&case)), "open");
}

#[test]
fn a_sandbox_in_another_network_namespace_needs_no_attempt_on_the_loopback() {
    let mut case = fixture::gvisor();
    fixture::without_attempts(&mut case);
    case.surroundings.host_process = Some(Box::new(fixture::host_process()));
    assert_eq!(fixture::told(&judge(&case)), "met");
    case.surroundings.host_process.as_mut().unwrap().shared.push("net".into());
    assert_eq!(fixture::told(&judge(&case)), "open");
}

#[test]
fn a_pod_without_a_network_needs_no_attempt() {
    let mut case = fixture::pod();
    fixture::without_attempts(&mut case);
    fixture::interfaces(&mut case).retain(|interface| interface.loopback);
    assert_eq!(fixture::told(&judge(&case)), "met");
    case.surroundings.untried_sockets = Some(vec!["/data/socket".into()]);
    assert_eq!(fixture::told(&judge(&case)), "open");
}

#[test]
fn an_allow_list_is_compared_without_attempts() {
    let mut case = fixture::pod();
    fixture::without_attempts(&mut case);
    fixture::interfaces(&mut case).retain(|interface| interface.loopback);
    let allowed = vec![fixture::allowed([10, 0, 0, 1].into(), Some(443))];
    case.surroundings.profile = Profile { kind: Kind::AllowList, allowed };
    let Outcome::Inconclusive(why) = judge(&case).outcome else { panic!("decided") };
    assert!(why.contains("reaches what it must reach"), "{why}");
    fixture::bind(
        &mut case,
        &[fixture::network_policy("open", &serde_json::json!({ "podSelector": {}, "egress": [{}] }))],
    );
    assert_eq!(fixture::told(&judge(&case)), "unmet");
}

#[test]
fn untried_sockets_are_inconclusive() {
    let mut case = fixture::gvisor();
    case.surroundings.untried_sockets = Some(vec!["/data".into()]);
    assert_eq!(fixture::told(&judge(&case)), "open");
    fixture::attempts(&mut case)[1].reach = Reach::Reached;
    assert_eq!(fixture::told(&judge(&case)), "unmet");
}

#[test]
fn silence_without_a_control_is_inconclusive() {
    for reach in [
        Reach::TimedOut,
        Reach::Refused,
        Reach::NotPermitted,
        Reach::Failed,
        Reach::NetworkUnreachable,
        Reach::Prohibited,
    ] {
        let mut case = fixture::gvisor();
        fixture::attempts(&mut case)[1].reach = reach;
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)), "{reach:?}");
    }
    for reach in [Reach::TimedOut, Reach::NotPermitted, Reach::Failed] {
        let mut case = fixture::gvisor();
        fixture::attempts(&mut case)[0].reach = reach;
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)), "{reach:?}");
    }
}

#[test]
fn an_interface_or_a_route_is_inconclusive() {
    let mut case = fixture::gvisor();
    fixture::interfaces(&mut case).push(Interface {
        name: "eth0".into(),
        loopback: false,
        up: true,
        addresses: Vec::new(),
    });
    let Outcome::Inconclusive(why) = judge(&case).outcome else { panic!("decided") };
    assert!(why.contains("eth0") && why.contains("--network=none"), "{why}");
    let mut case = fixture::gvisor();
    let Observation::Seen(routes) = &mut case.collected.evidence.routes else { panic!("no routes") };
    routes.routes.push(Route { destination: "0.0.0.0/0".into(), interface: "eth0".into() });
    assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
}

#[test]
fn missing_observations_and_attempts_are_inconclusive() {
    let mut cases = vec![fixture::silent()];
    for blind in 0..3 {
        let mut case = fixture::gvisor();
        let evidence = &mut case.collected.evidence;
        match blind {
            0 => evidence.interfaces = Observation::Crashed { signal: 31 },
            1 => evidence.routes = Observation::Denied { errno: 13 },
            _ => evidence.egress = Observation::TimedOut,
        }
        cases.push(case);
    }
    for attempt in 0..2 {
        let mut case = fixture::gvisor();
        fixture::attempts(&mut case).remove(attempt);
        cases.push(case.clone());
        case.surroundings.destinations.remove(attempt);
        cases.push(case);
    }
    for case in cases {
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)), "{case:?}");
    }
}

/// Makes the second destination one that must be reached.
fn requiring(case: &mut Case) {
    allowing(case);
    case.surroundings.destinations[1].purpose = Purpose::Required;
}

/// Makes the second destination one that the user allowed.
fn allowing(case: &mut Case) {
    let destination = &mut case.surroundings.destinations[1];
    destination.purpose = Purpose::Allowed;
    let allowed = fixture::allowed(destination.target.address, Some(443));
    case.surroundings.profile = Profile { kind: Kind::AllowList, allowed: vec![allowed] };
}

#[test]
fn a_missed_required_destination_is_unmet_if_the_control_reached_it() {
    let mut case = fixture::gvisor();
    requiring(&mut case);
    assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
    let tried = |again| {
        let silent = fixture::attempts(&mut fixture::gvisor())[1];
        Control::Tried(vec![proto::Attempt { reach: Reach::Reached, again, ..silent }])
    };
    case.surroundings.control = tried(Some(Reach::TimedOut));
    assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
    case.surroundings.control = tried(Some(Reach::Reached));
    assert_eq!(judge(&case).outcome, Outcome::Unmet);
}

#[test]
fn a_missed_required_destination_leaves_other_requirements_met() {
    let mut case = fixture::pod();
    let required = &mut case.surroundings.destinations[2];
    required.purpose = Purpose::Required;
    let allowed = fixture::allowed(required.target.address, Some(443));
    case.surroundings.profile = Profile { kind: Kind::AllowList, allowed: vec![allowed] };
    assert_eq!(judge(&case).outcome, Outcome::Unmet);
    for requirement in ["policies-enforced", "closed-from-the-start"] {
        let requirement = crate::judge::catalogue::ALL.iter().find(|it| it.id == requirement).unwrap();
        assert_eq!(fixture::judged(requirement, &case).outcome, Outcome::Met, "{}", requirement.id);
    }
}

#[test]
fn an_allowed_destination_need_not_be_reached() {
    let mut case = fixture::pod();
    let destination = &mut case.surroundings.destinations[2];
    destination.purpose = Purpose::Allowed;
    let allowed = fixture::allowed(destination.target.address, Some(443));
    case.surroundings.profile = Profile { kind: Kind::AllowList, allowed: vec![allowed] };
    assert_eq!(judge(&case).outcome, Outcome::Met);
    case.surroundings.destinations[2].purpose = Purpose::Required;
    assert_eq!(judge(&case).outcome, Outcome::Unmet);
}

#[test]
fn an_allowed_destination_is_no_leak() {
    let mut case = fixture::gvisor();
    fixture::attempts(&mut case)[1].reach = Reach::Reached;
    assert_eq!(judge(&case).outcome, Outcome::Unmet);
    allowing(&mut case);
    assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
}

#[test]
fn a_one_way_or_early_contact_is_unmet() {
    let mut case = fixture::gvisor();
    case.surroundings.arrived = vec![2];
    assert_eq!(judge(&case).outcome, Outcome::Unmet);
    let mut case = fixture::gvisor();
    fixture::attempts(&mut case)[1].again = Some(Reach::Reached);
    assert_eq!(judge(&case).outcome, Outcome::Unmet);
}

#[test]
fn an_answer_of_another_listener_is_unmet() {
    let mut case = fixture::gvisor();
    fixture::attempts(&mut case)[1].reach = Reach::Another;
    assert_eq!(judge(&case).outcome, Outcome::Unmet);
}

#[test]
fn a_listener_that_was_reached_on_a_policys_port_is_unmet() {
    let mut case = fixture::pod();
    let ends = (Reach::Reached, Reach::Reached);
    fixture::also(&mut case, Purpose::ListenerOnPolicyPort, "10.244.0.9", ends);
    let judgement = judge(&case);
    assert_eq!(judgement.outcome, Outcome::Unmet);
    assert!(judgement.because.contains("on a port that a policy lets leave"), "{}", judgement.because);
}

#[test]
fn a_listener_on_a_policys_port_that_the_profile_allows_is_no_leak() {
    let mut case = fixture::pod();
    let ends = (Reach::Reached, Reach::Reached);
    fixture::also(&mut case, Purpose::ListenerOnPolicyPort, "10.244.0.9", ends);
    let allowed = fixture::allowed("10.244.0.9".parse().unwrap(), Some(443));
    case.surroundings.profile = Profile { kind: Kind::AllowList, allowed: vec![allowed] };
    assert_eq!(judge(&case).outcome, Outcome::Met);
}

#[test]
fn a_policys_port_on_which_nobody_listens_hinders_nothing() {
    let mut case = fixture::pod();
    let ends = (Reach::TimedOut, Reach::Refused);
    fixture::also(&mut case, Purpose::ListenerOnPolicyPort, "10.244.0.9", ends);
    assert_eq!(judge(&case).outcome, Outcome::Met);
}

/// Returns the outcome for a pod that reached its node by one protocol, with an allowed network in which the node and the
/// run's own listener are.
fn in_the_nodes_network(reached: Protocol, port: Option<u16>, protocol: Option<Protocol>) -> &'static str {
    let mut case = fixture::pod();
    fixture::also(&mut case, Purpose::Node, "192.168.0.7", (Reach::Reached, Reach::Reached));
    let [one, other, .., node] = case.surroundings.destinations.as_mut_slice() else { panic!("too few") };
    for listener in [one, other] {
        listener.target.address = [192, 168, 0, 9].into();
    }
    node.target.protocol = reached;
    node.target.port = if reached == Protocol::Echo { 0 } else { 10_250 };
    let allowed = Allowed { prefix: 16, protocol, ..fixture::allowed([192, 168, 0, 0].into(), port) };
    case.surroundings.profile = Profile { kind: Kind::AllowList, allowed: vec![allowed] };
    let judgement = judge(&case);
    if judgement.accepted { "accepted" } else { fixture::told(&judgement) }
}

#[test]
fn an_allowed_port_of_the_nodes_network_leaves_the_listener_forbidden() {
    let tcp = Some(Protocol::Tcp);
    assert_eq!(in_the_nodes_network(Protocol::Tcp, Some(10_250), tcp), "accepted");
    assert_eq!(in_the_nodes_network(Protocol::Tcp, Some(22), tcp), "unmet");
    assert_eq!(in_the_nodes_network(Protocol::Tcp, None, Some(Protocol::Echo)), "unmet");
    assert_eq!(in_the_nodes_network(Protocol::Echo, None, Some(Protocol::Echo)), "met");
    assert_eq!(in_the_nodes_network(Protocol::Echo, Some(10_250), None), "unmet");
}

#[test]
fn an_allowed_network_that_has_the_listener_is_inconclusive() {
    assert_eq!(in_the_nodes_network(Protocol::Tcp, None, None), "open");
}
