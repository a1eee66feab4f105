use proto::Observer;

use super::*;
use crate::plan::Named;

fn purposes(request: &LocalPlanRequest) -> Vec<Purpose> {
    let plan = plan(request, Nonce([7; 16])).unwrap();
    plan.destinations.iter().map(|destination| destination.purpose).collect()
}

#[test]
fn without_runsc_there_is_no_sandbox_and_no_target_outside() {
    let request = LocalPlanRequest::default();
    assert_eq!(plan(&request, Nonce([7; 16])).unwrap().subject, Subject::Unsandboxed);
    assert_eq!(purposes(&request), [Purpose::LoopbackListener]);
}

#[test]
fn a_bundle_is_never_judged_without_a_runtime() {
    let request = LocalPlanRequest { bundle: Some("/srv/bundle".into()), ..LocalPlanRequest::default() };
    assert_eq!(plan(&request, Nonce([7; 16])).unwrap_err(), LocalPlanError::BundleWithoutRuntime);
}

#[test]
fn a_named_runtime_is_preferred_to_the_installed_runsc() {
    let installed = LocalPlanRequest {
        installed: Some("/usr/bin/runsc".into()),
        network: Network::Fresh,
        ..LocalPlanRequest::default()
    };
    let named = LocalPlanRequest { runtime: Some(vec!["runc".into()]), ..installed.clone() };
    let runtime = |request: &LocalPlanRequest| match plan(request, Nonce([7; 16])).unwrap().subject {
        Subject::Sandbox { runtime, .. } => runtime,
        _ => panic!("no sandbox"),
    };
    assert_eq!(runtime(&installed), ["/usr/bin/runsc", "--network=none"]);
    assert_eq!(runtime(&named), ["runc"]);
    let of_the_user = LocalPlanRequest { bundle: Some("/srv/bundle".into()), ..installed.clone() };
    assert_eq!(runtime(&of_the_user), ["/usr/bin/runsc"]);
    let told =
        LocalPlanRequest { runtime: Some(vec!["runsc".into(), "-network=host".into()]), ..installed.clone() };
    assert_eq!(runtime(&told), ["runsc", "-network=host"]);
    let ordinary =
        |request: &LocalPlanRequest| runtime(&LocalPlanRequest { rootless: true, ..request.clone() });
    assert_eq!(ordinary(&installed), ["/usr/bin/runsc", "--network=none", "--rootless"]);
    assert_eq!(ordinary(&of_the_user), ["/usr/bin/runsc", "--rootless"]);
    assert_eq!(ordinary(&named), ["runc"]);
    let told = LocalPlanRequest { runtime: Some(vec!["runsc".into(), "--rootless=false".into()]), ..told };
    assert_eq!(ordinary(&told), ["runsc", "--rootless=false", "--network=none"]);
}

#[test]
fn only_a_network_of_the_sandboxs_own_is_asked_for_the_outside() {
    let outside = |network, words: &[&str], defaults| {
        let words = words.iter().map(|&word| word.to_owned()).collect();
        let wanted = Wanted { defaults, ..Wanted::default() };
        purposes(&LocalPlanRequest { runtime: Some(words), network, wanted, ..LocalPlanRequest::default() })
            .len()
            - 1
    };
    let (documentation, all) = (2, 2 + defaults::destinations().count());
    assert_eq!(outside(Network::Fresh, &["runc"], true), all);
    assert_eq!(outside(Network::Joined, &["runsc", "-network", "sandbox"], true), all);
    assert_eq!(outside(Network::Fresh, &["runsc", "--network=none"], false), documentation);
    assert_eq!(outside(Network::Joined, &["runc"], false), 0);
    assert_eq!(outside(Network::Shared, &["runc"], true), 0);
    assert_eq!(outside(Network::Fresh, &["runsc", "--network=host"], true), 0);
    assert_eq!(outside(Network::Fresh, &["runsc", "-network", "host"], true), 0);
}

fn with_a_listener() -> LocalPlan {
    let listener = Listener {
        addresses: vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()],
        tcp: 9001,
        udp: 9002,
        token: Nonce([1; 16]),
        one_way: Nonce([2; 16]),
    };
    let address = Ipv4Addr::LOCALHOST.into();
    let purpose = Purpose::Requested;
    let named = Named { address, port: 9, protocol: Protocol::Tcp, purpose, name: None };
    let wanted = Wanted { named: vec![named], ..Wanted::default() };
    let runtime = Some(vec!["runc".into()]);
    let network = Network::Joined;
    let request = LocalPlanRequest {
        runtime,
        network,
        wanted,
        listener: Some(listener),
        ..LocalPlanRequest::default()
    };
    plan(&request, Nonce([7; 16])).unwrap()
}

#[test]
fn the_controller_tries_only_its_listener_and_the_named_targets() {
    let (targets, budget) = with_a_listener().control(Nonce([3; 16]));
    let ways: Vec<_> = targets.iter().map(|target| (target.port, target.protocol.id())).collect();
    let listener = [(9001, "tcp"), (9002, "udp"), (9002, "one-way"), (0, "icmp")];
    assert_eq!(ways, [&listener[..], &listener, &[(9, "tcp")]].concat());
    let marks = [targets[2].token, targets[6].token].map(|mark| mark.unwrap().0);
    assert_eq!(marks.map(|mark| (mark[0], mark[15])), [(3, 0), (3, 1)]);
    assert_eq!(budget.again, Some(Duration::from_secs(5)));
}

#[test]
fn the_assignment_has_every_observer_and_each_target_once() {
    let plan = with_a_listener();
    let assignment = plan.assignment();
    let measuring = LocalPlan { measures_cpu: true, ..plan.clone() };
    assert_eq!(measuring.assignment().observers, Observer::ALL);
    assert!(!assignment.observers.contains(&Observer::ProcessorShare));
    assert_eq!(assignment.observers.len() + 1, Observer::ALL.len());
    let count = u32::try_from(plan.destinations.len()).unwrap();
    let ids: Vec<_> = assignment.targets.iter().map(|target| target.id).collect();
    assert_eq!(ids, (1..=count).collect::<Vec<_>>());
    assert_eq!(plan.run, "podproof-07070707");
}

#[test]
fn a_plan_without_attempts_has_no_target_and_leaves_sockets_untried() {
    let request = LocalPlanRequest {
        runtime: Some(vec!["runc".into()]),
        network: Network::Fresh,
        rounds: Rounds::None,
        ..LocalPlanRequest::default()
    };
    let plan = plan(&request, Nonce([7; 16])).unwrap();
    let (plan, untried) = plan.with_sockets(vec!["/run/docker.sock".into()]);
    assert_eq!((plan.destinations.len(), plan.assignment().targets.len()), (0, 0));
    assert_eq!(untried, ["/run/docker.sock"]);
}

#[test]
fn a_mounted_socket_is_added_behind_the_other_targets() {
    let plan = with_a_listener();
    let sockets = ["/run/docker.sock", "/run/crio/crio.sock"].map(str::to_owned).to_vec();
    let (more, _) = plan.clone().with_sockets(sockets);
    let (known, new) = more.destinations.split_at(plan.destinations.len());
    assert_eq!(known, plan.destinations);
    let names: Vec<_> = new.iter().map(Destination::name).collect();
    assert_eq!(names, ["the socket /run/docker.sock", "the socket /run/crio/crio.sock"]);
}
