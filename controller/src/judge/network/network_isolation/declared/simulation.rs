//! Random clusters, judged: none is met in which a packet passes that the profile forbids.

use std::sync::Arc;

use proptest::{
    collection::vec,
    prelude::{Just, Strategy, prop_oneof},
    sample::select,
};

use super::super::REQUIREMENT;
use crate::{
    case::{
        cluster::{ControlPods, Labels},
        policy::{Policies, simulation},
        profile::{Allowed, Kind, Profile},
    },
    fixture,
    judge::requirement::Outcome,
};

fn profile() -> impl Strategy<Value = Profile> {
    let port = prop_oneof![2 => Just(None), 1 => (77..84_u16).prop_map(Some)];
    let allowed = (0..16_u8, select(vec![28, 28, 29, 30, 32]), port).prop_map(|(byte, prefix, port)| {
        Allowed { prefix, ..fixture::allowed([10, 0, 0, byte].into(), port) }
    });
    prop_oneof![
        1 => Just(Profile::default()),
        1 => Just(Profile { kind: Kind::NoPrivate, allowed: Vec::new() }),
        4 => vec(allowed, 1..4).prop_map(|allowed| Profile { kind: Kind::AllowList, allowed }),
    ]
}

fn labels(pairs: Vec<(&str, &str)>) -> Labels {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

#[test]
fn no_random_cluster_is_met_in_which_a_packet_passes_that_the_profile_forbids() {
    let mut runner = simulation::runner();
    let cases = runner.config().cases;
    let counted = std::cell::RefCell::new((0_u32, 0_u32));
    let pods = (simulation::pod(), simulation::pod());
    let worlds = (simulation::cluster(), pods, profile(), vec(simulation::packet(), 24));
    runner
        .run(&worlds, |(objects, (subject, listener), profile, packets)| {
            let mut case = fixture::pod();
            let endpoint = subject.endpoint();
            let known = fixture::in_cluster(&mut case);
            known.group.labels = endpoint.labels.into_inner();
            known.group.pod_views.clear();
            let cluster = Arc::make_mut(&mut known.cluster);
            cluster.namespace = endpoint.namespace.clone();
            cluster.bonds.labels = Ok(labels(vec![("n", &endpoint.namespace)]));
            cluster.policies = Policies::of(objects.clone(), Vec::new());
            let of_listener = listener.endpoint();
            let control = cluster.control.as_mut().unwrap();
            control.labels = Ok(labels(vec![("n", &of_listener.namespace)]));
            control.name = of_listener.namespace;
            let mut pods = ControlPods::planned(&Labels::new());
            pods.listener.labels = of_listener.labels.into_inner();
            pods.listener.addresses = of_listener.addresses;
            pods.listener.service_account = of_listener.service_account;
            known.control_pods = Some(pods);
            case.surroundings.profile = profile.clone();
            if fixture::judged(&REQUIREMENT, &case).outcome != Outcome::Met {
                return Ok(());
            }
            counted.borrow_mut().0 += 1;
            for packet in packets {
                let packet = packet.leaving(subject);
                let permitted = profile.permits(packet.address().into(), packet.port, packet.transport);
                if !permitted {
                    counted.borrow_mut().1 += 1;
                    assert!(
                        !packet.may_pass_beside_silence(&objects, listener),
                        "{packet:?} passes beside {profile:?}"
                    );
                }
            }
            Ok(())
        })
        .unwrap();
    let (met, forbidden) = counted.into_inner();
    assert!(met > cases / 50 && forbidden > cases / 50, "{met} met, {forbidden} packets forbidden");
}
