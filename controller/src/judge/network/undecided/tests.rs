//! Each inconclusive finding of the network, in a world that causes it. The user follows the finding's step, and the finding
//! must change: no advice leads back to itself.

use std::{collections::BTreeSet, sync::Arc};

use proto::{Attempt, Observation, Protocol, Reach, Route, Routes, Target};
use serde_json::json;

use super::*;
use crate::{
    case::{
        Case, Control,
        cluster::{Cluster, Device, DeviceRequest},
        destination::{Destination, Purpose},
        policy::{Opaque, Policies, Unread},
        profile::{Kind, Profile},
    },
    fixture,
    judge::{
        network::{
            api_server_blocked, closed_from_the_start, dns_contained, metadata_blocked, neighbours_blocked,
            network_isolation, network_policies_apply, policies_enforced,
        },
        requirement::{Outcome, Requirement, Scope},
    },
};

const REQUIREMENTS: [&Requirement; 8] = [
    &api_server_blocked::REQUIREMENT,
    &closed_from_the_start::REQUIREMENT,
    &dns_contained::REQUIREMENT,
    &metadata_blocked::REQUIREMENT,
    &neighbours_blocked::REQUIREMENT,
    &network_isolation::REQUIREMENT,
    &network_policies_apply::REQUIREMENT,
    &policies_enforced::REQUIREMENT,
];

/// A world in which something hinders a finding.
type World = (&'static str, fn(&mut Case));

const WORLDS: &[World] = &[
    ("nothing is hindered", |_| ()),
    ("the attempts were left out", fixture::without_attempts),
    ("the attempts were left out of a sandbox of this machine", |case| {
        *case = fixture::gvisor();
        fixture::without_attempts(case);
    }),
    ("no control namespace", |case| case.surroundings.control = Control::NotAsked),
    ("no control namespace, and no other pod", |case| {
        case.surroundings.control = Control::NotAsked;
        case.surroundings.destinations.drain(..2);
        fixture::attempts(case).drain(..2);
    }),
    ("no control pod came up, and no other pod was tried", |case| {
        case.surroundings.control = Control::Failed("the image cannot be pulled".into());
        case.surroundings.destinations.drain(..2);
        fixture::attempts(case).drain(..2);
    }),
    ("the control did not reach its listener", |case| fixture::tried(case)[0].reach = Reach::TimedOut),
    ("the control answered in one round", |case| fixture::tried(case)[1].again = None),
    ("the control's namespace is shut", |case| {
        let closed =
            fixture::network_policy("gate", &json!({ "podSelector": {}, "policyTypes": ["Ingress"] }));
        let mut closed = closed;
        closed["metadata"]["namespace"] = json!("podproof");
        control_policies(case, fixture::policies(&[closed]));
    }),
    ("the control's namespace may be shut", |case| {
        let mut policies = Policies::default();
        policies.opaque.push(Opaque::titled("Policy gate".into(), false));
        control_policies(case, policies);
    }),
    ("the whole cluster may be shut", |case| {
        let wide = Opaque::titled("ClusterPolicy wide".into(), false);
        let mut policies = Policies::default();
        policies.opaque.push(wide.clone());
        control_policies(case, policies);
        cluster(case).policies.opaque.push(wide);
    }),
    ("a policy may open", |case| {
        cluster(case).policies.opaque.push(Opaque::titled("Policy other".into(), true));
    }),
    ("policies of another kind alone", |case| {
        cluster(case).policies = fixture::policies(&[]);
        cluster(case).policies.opaque.push(Opaque::titled("Policy other".into(), true));
    }),
    ("policies were not read", |case| {
        let unread = Opaque::unread(Unread::Others, fixture::forbidden("list policies"));
        cluster(case).policies = fixture::policies(&[]);
        cluster(case).policies.opaque.push(unread);
    }),
    ("a rule for pods behind an allowed address", |case| {
        let peer = json!([{ "podSelector": { "matchLabels": { "app": "db" } } }]);
        let rule = json!([{ "to": peer, "ports": [{ "protocol": "TCP", "port": 5432 }] }]);
        let spec = json!({ "podSelector": {}, "policyTypes": ["Egress"], "egress": rule });
        fixture::bind(case, &[fixture::default_deny(), fixture::network_policy("db", &spec)]);
        let allowed = vec![fixture::allowed("10.96.0.77".parse().unwrap(), Some(5432))];
        case.surroundings.profile = Profile { kind: Kind::AllowList, allowed };
    }),
    ("policies changed", |case| fixture::changed(case, "NetworkPolicy default-deny", "removed")),
    ("the probe is bound otherwise", |case| {
        let known = fixture::in_cluster(case);
        known.pod.as_mut().unwrap().labels = Some([("mark".to_owned(), "probe".to_owned())].into());
        let spec = json!({ "podSelector": { "matchLabels": { "mark": "probe" } }, "egress": [{}] });
        fixture::bind(case, &[fixture::default_deny(), fixture::network_policy("odd", &spec)]);
    }),
    ("a pod with another network", |case| {
        let key = "k8s.v1.cni.cncf.io/networks".to_owned();
        fixture::pod_view(case).network_annotations.insert(key, "other".into());
    }),
    ("a pod that claims a device", |case| {
        let device = Device { by: DeviceRequest::ClaimTemplate, name: "nic".into() };
        fixture::pod_view(case).devices = Some(vec![device]);
    }),
    ("a second network of the probe and its pods", |case| {
        let key = "k8s.v1.cni.cncf.io/network-status".to_owned();
        fixture::pod_view(case).network_annotations.insert(key, "lan".into());
        fixture::also_by(case, "net1", "192.0.2.5");
    }),
    ("a second interface of the probe alone", |case| fixture::also_by(case, "net1", "192.0.2.5")),
    ("an interface whose address the node translates", fixture::translated),
    ("the second round was not made", |case| fixture::attempts(case)[2].again = None),
    ("an attempt failed", |case| fixture::attempts(case)[2].reach = Reach::Failed),
    ("no attempt was observed", |case| case.collected.evidence.egress = Observation::TimedOut),
    ("an attempt is missing", |case| {
        fixture::attempts(case).pop();
    }),
    ("the interfaces are unread", |case| case.collected.evidence.interfaces = Observation::TimedOut),
    ("no address", |case| fixture::interfaces(case).retain(|interface| interface.loopback)),
    ("IPv6 without a listener", |case| {
        let address = "2001:db8::7".parse().unwrap();
        fixture::interfaces(case).last_mut().unwrap().addresses.push(address);
    }),
    ("the listener is allowed", |case| {
        let allowed = vec![fixture::allowed("10.244.0.9".parse().unwrap(), None)];
        case.surroundings.profile = Profile { kind: Kind::AllowList, allowed };
    }),
    ("a proxy takes connections", |case| {
        case.surroundings.destinations[0].target.token = Some(proto::Nonce([7; 16]));
        for position in [0, 2] {
            let reach = if position == 0 { Reach::Another } else { Reach::Reached };
            let attempt = &mut fixture::attempts(case)[position];
            (attempt.reach, attempt.again) = (reach, Some(reach));
        }
    }),
    ("a required destination answers nobody", |case| {
        required(case);
        fixture::tried(case)[2].reach = Reach::TimedOut;
        fixture::tried(case)[2].again = Some(Reach::TimedOut);
    }),
    ("a required destination answered in one round", |case| {
        required(case);
        fixture::tried(case)[2].again = Some(Reach::TimedOut);
    }),
    ("a socket was not tried", |case| case.surroundings.untried_sockets = Some(vec!["/run/x".into()])),
    ("the first attempt came late", |case| fixture::egress(case).container_age_ms = Some(60_000)),
    ("no age is known", |case| {
        fixture::egress(case).container_age_ms = None;
        fixture::in_cluster(case).pod.as_mut().unwrap().asked_after_ms = None;
    }),
    ("a name server takes TCP", |case| {
        name_server(case, Reach::TimedOut);
        fixture::also(case, Purpose::ClusterDns, "10.96.0.10", (Reach::Reached, Reach::Reached));
        case.surroundings.destinations.last_mut().unwrap().target.port = 53;
    }),
    ("a name server fails", |case| name_server(case, Reach::ServerFailure)),
    ("an unreadable node", |case| cluster(case).nodes = Err(fixture::forbidden("list nodes"))),
    ("unreadable name servers", |case| {
        cluster(case).dns_endpoints = Err(fixture::forbidden("list endpointslices"));
    }),
    ("the listener was reached", |case| {
        let attempt = &mut fixture::attempts(case)[1];
        (attempt.reach, attempt.again) = (Reach::Reached, Some(Reach::Reached));
        fixture::tried(case)[2].reach = Reach::TimedOut;
    }),
    ("no address of the API server or the node", |case| {
        case.surroundings.destinations.truncate(2);
        fixture::attempts(case).truncate(2);
    }),
    ("no workload", |case| {
        let group = &mut fixture::in_cluster(case).group;
        group.pod_views.clear();
        group.runtime_class = None;
    }),
    ("a sandbox of this machine with a network", |case| {
        case.surroundings.in_cluster = None;
        case.surroundings.subject = fixture::gvisor().surroundings.subject;
    }),
    ("a sandbox of this machine with a network, without a control", |case| {
        case.surroundings.in_cluster = None;
        case.surroundings.subject = fixture::gvisor().surroundings.subject;
        case.surroundings.control = Control::NotAsked;
    }),
    ("a sandbox of this machine with a route", |case| {
        *case = fixture::gvisor();
        let route = Route { destination: "default".into(), interface: "tun0".into() };
        case.collected.evidence.routes = Observation::Seen(Routes { routes: vec![route] });
    }),
];

fn cluster(case: &mut Case) -> &mut Cluster {
    Arc::make_mut(&mut fixture::in_cluster(case).cluster)
}

fn control_policies(case: &mut Case, policies: Policies) {
    cluster(case).control.as_mut().unwrap().policies = policies;
}

fn required(case: &mut Case) {
    case.surroundings.destinations[2].purpose = Purpose::Required;
    let allowed = vec![fixture::allowed(case.surroundings.destinations[2].target.address, Some(443))];
    case.surroundings.profile = Profile { kind: Kind::AllowList, allowed };
}

/// Adds a name server that ends alike for probe and control.
fn name_server(case: &mut Case, reach: Reach) {
    fixture::also(case, Purpose::ClusterDns, "10.96.0.10", (reach, reach));
    let target = &mut case.surroundings.destinations.last_mut().unwrap().target;
    (target.protocol, target.port, target.name) = (Protocol::Dns, 53, "example.com".into());
}

/// Adds a destination that answers the control and not the sandbox.
fn answering(case: &mut Case, purpose: Purpose, (address, port, protocol): (&str, u16, Protocol)) {
    let last = case.surroundings.destinations.iter().map(|it| it.target.id).max().unwrap_or(0);
    let mut target = Target::at(last + 1, address.parse().unwrap(), port, protocol);
    if protocol == Protocol::Dns {
        "example.com".clone_into(&mut target.name);
    }
    case.surroundings.destinations.push(Destination { target, purpose, named: true });
    silent(case);
}

/// Makes the attempts again: the sandbox meets silence, and the control is answered.
fn silent(case: &mut Case) {
    let all = |case: &Case, reach| -> Vec<_> {
        let ids = case.surroundings.destinations.iter().map(|it| it.target.id);
        ids.map(|target| Attempt { target, reach, errno: 0, took_us: 9, again: Some(reach) }).collect()
    };
    case.collected.evidence.egress = fixture::pod().collected.evidence.egress;
    *fixture::attempts(case) = all(case, Reach::TimedOut);
    case.surroundings.control = Control::Tried(all(case, Reach::Reached));
}

/// Does what a step asks for.
fn follow(step: Step, case: &mut Case) {
    let clean = fixture::pod();
    let clean_cluster = &clean.surroundings.in_cluster.as_ref().unwrap().cluster;
    match step {
        Step::Attempt => {
            let clean = if case.surroundings.in_cluster.is_some() { clean } else { fixture::gvisor() };
            case.surroundings.rounds = clean.surroundings.rounds;
            case.surroundings.destinations.clone_from(&clean.surroundings.destinations);
            case.surroundings.control = clean.surroundings.control;
            case.collected.evidence.egress = clean.collected.evidence.egress;
        }
        Step::RunAgain => {
            let interfaces = &clean.collected.evidence.interfaces;
            case.collected.evidence.interfaces = interfaces.clone();
            silent(case);
            if case.surroundings.in_cluster.is_some() {
                cluster(case).later = None;
            }
        }
        Step::Permit | Step::Rewrite | Step::NameAddresses => {
            let cluster = cluster(case);
            let Cluster { policies, nodes, dns_endpoints, control, .. } = (**clean_cluster).clone();
            (cluster.policies, cluster.nodes) = (policies, nodes);
            (cluster.dns_endpoints, cluster.control) = (dns_endpoints, control);
        }
        Step::NameControl | Step::MendControl | Step::ServeApi => {
            case.surroundings.destinations.clone_from(&clean.surroundings.destinations);
            silent(case);
        }
        Step::OpenControl | Step::Answer | Step::Close | Step::CloseTcp | Step::Unintercept => silent(case),
        Step::AdmitProbe | Step::FreeControl => control_policies(case, Policies::default()),
        Step::SelectAlike => fixture::bind(case, &[fixture::default_deny()]),
        Step::Separate => fixture::pod_view(case).network_annotations.clear(),
        Step::AcceptDevice => fixture::pod_view(case).devices = Some(Vec::new()),
        Step::OneInterface => fixture::interfaces(case).retain(|it| it.name != "net1"),
        Step::NoNetwork => case.collected = fixture::gvisor().collected,
        Step::NameTarget => answering(case, Purpose::Requested, ("203.0.113.9", 443, Protocol::Tcp)),
        Step::TryMetadata => answering(case, Purpose::Metadata, ("169.254.169.254", 80, Protocol::Tcp)),
        Step::NameServer => answering(case, Purpose::Requested, ("203.0.113.53", 53, Protocol::Dns)),
        Step::GiveFamily => {
            for protocol in [Protocol::Tcp, Protocol::Udp] {
                answering(case, Purpose::Listener, ("2001:db8::9", 8790, protocol));
            }
        }
        Step::AllowLess => case.surroundings.profile = Profile::default(),
        Step::MountLess => case.surroundings.untried_sockets = Some(Vec::new()),
        Step::ShowAge => fixture::egress(case).container_age_ms = Some(900),
        Step::NameClass => fixture::in_cluster(case).group.runtime_class = Some("gvisor".into()),
    }
}

#[test]
fn each_step_changes_its_finding() {
    let (mut followed, mut loops) = (BTreeSet::new(), Vec::new());
    for (world, hinder) in WORLDS {
        let mut case = fixture::pod();
        hinder(&mut case);
        let in_scope =
            |it: &&&Requirement| it.scope == Scope::Everywhere || case.surroundings.in_cluster.is_some();
        for requirement in REQUIREMENTS.iter().filter(in_scope) {
            let before = fixture::judged(requirement, &case);
            let Outcome::Inconclusive(why) = &before.outcome else { continue };
            let Some(step) = before.step else { panic!("{world}, {}: no step: {why}", requirement.id) };
            let mut after = case.clone();
            follow(step, &mut after);
            let after = fixture::judged(requirement, &after);
            let changed = (&after.outcome, &after.because) != (&before.outcome, &before.because);
            if !changed {
                loops.push(format!("{world}, {}: {step:?} leads back to: {why}", requirement.id));
            }
            followed.insert(step);
        }
    }
    assert!(loops.is_empty(), "{}", loops.join("\n"));
    let all = [
        Step::Attempt,
        Step::RunAgain,
        Step::Permit,
        Step::NameControl,
        Step::MendControl,
        Step::OpenControl,
        Step::AdmitProbe,
        Step::FreeControl,
        Step::Rewrite,
        Step::NameAddresses,
        Step::Close,
        Step::SelectAlike,
        Step::Separate,
        Step::AcceptDevice,
        Step::OneInterface,
        Step::NoNetwork,
        Step::NameTarget,
        Step::ServeApi,
        Step::TryMetadata,
        Step::NameServer,
        Step::Answer,
        Step::GiveFamily,
        Step::AllowLess,
        Step::MountLess,
        Step::Unintercept,
        Step::CloseTcp,
        Step::ShowAge,
        Step::NameClass,
    ];
    let missing: Vec<_> = all.iter().filter(|step| !followed.contains(step)).collect();
    assert!(missing.is_empty(), "no world leads to {missing:?}");
}
