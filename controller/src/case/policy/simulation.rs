//! Random clusters with policies of several kinds, by the model and by a packet filter that joins the filters of the kinds.
//! The filter follows how implementations join them, and shares no code with the model.
//!
//! Each implementation knows its own kinds, and all, some or none of the admins' kinds. Cilium puts the admins' policies before
//! and after its own and NetworkPolicies together (`pkg/policy/types`, `Tier`). Calico gives each kind a tier with an order
//! (projectcalico, `api/pkg/apis/projectcalico/v3/tier.go`).

use std::collections::BTreeMap;

use proptest::{
    collection::vec,
    prelude::{Just, Strategy, prop_oneof},
    sample::select,
};
use serde_json::Value;

use super::{
    Direction, Endpoint, Flow, Peer, Policies, Transport, Verdict,
    admin::simulation::{self as admin, Effect},
    calico::simulation as calico,
    cilium::simulation::{self as cilium, End, filter},
    network_policy::simulation::{self as own, Other},
};

pub(crate) use own::{Pod, pod, runner};

const OLD: [&str; 2] = ["AdminNetworkPolicy", "BaselineAdminNetworkPolicy"];
const NEW: [&str; 1] = ["ClusterNetworkPolicy"];
const BOTH: [&str; 3] = [OLD[0], OLD[1], NEW[0]];

/// A packet from or to a pod of a random cluster.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet {
    direction: Direction,
    subject: Pod,
    other: Other,
    pub(crate) port: u16,
    pub(crate) transport: Transport,
}

/// Returns packets with every end, direction and port that the policies tell apart.
pub(crate) fn packet() -> impl Strategy<Value = Packet> {
    let other = prop_oneof![pod().prop_map(Other::Pod), (8..16_u8).prop_map(Other::Outside)];
    let direction = select(vec![Direction::Ingress, Direction::Egress]);
    let transport = select(vec![Transport::Tcp, Transport::Udp]);
    (direction, pod(), other, 77..84_u16, transport).prop_map(
        |(direction, subject, other, port, transport)| Packet { direction, subject, other, port, transport },
    )
}

fn network_policy() -> impl Strategy<Value = Value> {
    own::policy().prop_map(|mut policy| {
        policy["apiVersion"] = "networking.k8s.io/v1".into();
        policy["kind"] = "NetworkPolicy".into();
        policy
    })
}

/// Returns the objects of clusters with NetworkPolicies, admin policies, and those of Cilium, of Calico, of both or of neither.
pub(crate) fn cluster() -> impl Strategy<Value = Vec<Value>> {
    let of_admins = prop_oneof![admin::policy(OLD[0]), admin::policy(OLD[1]), admin::policy(NEW[0])];
    let of_admins = prop_oneof![1 => Just(Vec::new()), 2 => vec(of_admins, 0..3)];
    let implementations = (
        select(vec![
            (false, false),
            (true, false),
            (true, false),
            (false, true),
            (false, true),
            (true, true),
        ]),
        vec(cilium::policy(), 1..3),
        vec(calico::policy(), 1..3),
        calico::parts(),
    );
    (vec(network_policy(), 0..3), of_admins, implementations).prop_map(
        |(mut objects, of_admins, ((has_cilium, has_calico), of_cilium, of_calico, parts))| {
            objects.extend(of_admins);
            objects.extend(of_cilium.into_iter().filter(|_| has_cilium));
            objects.extend(of_calico.into_iter().filter(|_| has_calico));
            for (index, object) in objects.iter_mut().enumerate() {
                object["metadata"]["name"] = format!("p{index}").into();
            }
            objects.extend(parts.into_iter().filter(|_| has_calico));
            objects
        },
    )
}

fn of_group(objects: &[Value], group: &str) -> Vec<Value> {
    let is_of = |object: &&Value| object["apiVersion"].as_str().unwrap().starts_with(group);
    objects.iter().filter(is_of).cloned().collect()
}

impl Packet {
    fn protocol(&self) -> &'static str {
        if self.transport == Transport::Udp { "UDP" } else { "TCP" }
    }

    /// Returns the packet as one that leaves a pod.
    pub(crate) fn leaving(self, subject: Pod) -> Self {
        Self { direction: Direction::Egress, subject, ..self }
    }

    /// Returns the address of the other end.
    pub(crate) fn address(&self) -> [u8; 4] {
        match self.other {
            Other::Pod(pod) => match pod.endpoint().addresses[0] {
                std::net::IpAddr::V4(address) => address.octets(),
                std::net::IpAddr::V6(_) => panic!("pods have IPv4 addresses here"),
            },
            Other::Outside(byte) => [10, 0, 0, byte],
        }
    }

    /// The effect of the admins' policies before the others, or after them.
    fn of_admins(&self, objects: &[Value], known: &[&str], baseline: bool) -> Effect {
        let packet = (self.direction, self.subject, self.other, self.port, self.protocol());
        admin::of_tier(objects, known, baseline, packet)
    }

    fn by_kubernetes(&self, objects: &[Value], known: &[&str]) -> Effect {
        let protocol = self.protocol();
        admin::decides(objects, known, self.direction, self.subject, self.other, self.port, protocol)
    }

    fn by_cilium(&self, objects: &[Value], known: &[&str]) -> Effect {
        let end = match self.other {
            Other::Pod(pod) => End::Pod(pod),
            Other::Outside(byte) => End::Outside(byte),
        };
        let (direction, subject, port) = (self.direction, self.subject, self.port);
        let packet = filter::Packet { direction, subject, end, port, protocol: self.protocol() };
        let (kubernetes, of_cilium) =
            (of_group(objects, "networking.k8s.io"), of_group(objects, "cilium.io"));
        match self.of_admins(objects, known, false) {
            Some("next") => (),
            effect => return effect,
        }
        match filter::decides(&kubernetes, &of_cilium, &packet) {
            Some(true) => Some("pass"),
            Some(false) => Some("drop"),
            None => self
                .of_admins(objects, known, true)
                .map(|effect| if effect == "next" { "pass" } else { effect }),
        }
    }

    fn by_calico(&self, objects: &[Value], known: &[&str]) -> Effect {
        let (direction, subject, other, port) = (self.direction, self.subject, self.other, self.port);
        let world = calico::World { objects, direction, subject, other, port, protocol: self.protocol() };
        let first = objects.iter().find(|it| it["kind"] == "Tier").unwrap()["spec"]["order"] == 1.0;
        let steps =
            if first { ["t", "admin", "default", "baseline"] } else { ["admin", "default", "t", "baseline"] };
        for step in steps {
            let effect = match step {
                "admin" | "baseline" => self.of_admins(objects, known, step == "baseline"),
                tier => Some(world.tier(tier)).filter(|word| *word != "unknown"),
            };
            if effect != Some("next") {
                return effect;
            }
        }
        Some("pass")
    }

    /// Returns what becomes of the packet by each implementation that the cluster may have, and by each choice of the admins'
    /// kinds that it may know. The first choice is that of all kinds.
    fn by_all(&self, objects: &[Value]) -> Vec<Vec<Effect>> {
        type By = fn(&Packet, &[Value], &[&str]) -> Effect;
        let binds = |object: &Value| {
            let specs = object["specs"].as_array().into_iter().flatten().chain([&object["spec"]]);
            specs.into_iter().any(|spec| !spec["endpointSelector"].is_null() && filter::has_rules(spec))
        };
        let has_cilium = of_group(objects, "cilium.io").iter().any(binds);
        let has_calico = objects.iter().any(|object| object["kind"] == "Tier");
        let mut implementations: Vec<By> = Vec::new();
        implementations.extend(has_cilium.then_some(Self::by_cilium as By));
        implementations.extend(has_calico.then_some(Self::by_calico as By));
        if implementations.is_empty() {
            implementations.push(Self::by_kubernetes);
        }
        let choices: [&[&str]; 4] = [&BOTH, &[], &OLD, &NEW];
        implementations
            .into_iter()
            .map(|by| choices.iter().map(|known| by(self, objects, known)).collect())
            .collect()
    }

    /// Returns true if the packet of a pod may pass in some network in which the run's own listener, a pod, may be silent by both
    /// protocols.
    pub(crate) fn may_pass_beside_silence(&self, objects: &[Value], listener: Pod) -> bool {
        let listener = |transport| Self { other: Other::Pod(listener), port: 8790, transport, ..*self };
        let by_all = |packet: Self| packet.by_all(objects).into_iter().flatten();
        let silent = by_all(listener(Transport::Tcp)).zip(by_all(listener(Transport::Udp)));
        let mut networks = by_all(*self).zip(silent);
        networks.any(|(effect, (tcp, udp))| effect != Some("drop") && ![tcp, udp].contains(&Some("pass")))
    }

    /// Returns the word for what is known of the packet's end, whatever implementation the cluster has.
    fn becomes(&self, objects: &[Value]) -> &'static str {
        let word = |effects: Vec<Effect>| match effects[0] {
            Some("pass") => "pass",
            None => "unknown",
            Some(_) if effects.contains(&Some("pass")) => "drop, if known",
            Some(_) if effects.contains(&None) => "unknown",
            Some(_) => "drop",
        };
        let words: Vec<_> = self.by_all(objects).into_iter().map(word).collect();
        ["pass", "unknown", "drop, if known", "drop"].into_iter().find(|word| words.contains(word)).unwrap()
    }

    fn verdict(&self, model: &Policies) -> Verdict {
        let end = match self.other {
            Other::Pod(pod) => pod.endpoint(),
            Other::Outside(_) => Endpoint::default(),
        };
        let peer = match self.other {
            Other::Pod(_) => Peer::Pod(&end),
            Other::Outside(_) => Peer::Address(self.address().into()),
        };
        let flow = Flow { direction: self.direction, peer, port: self.port, transport: self.transport };
        model.verdict(&self.subject.endpoint(), &flow)
    }
}

#[test]
fn random_policies_of_several_kinds_pass_the_packets_of_an_independent_filter() {
    let mut runner = runner();
    let cases = runner.config().cases;
    let counted = std::cell::RefCell::new(BTreeMap::new());
    runner
        .run(&(cluster(), vec(packet(), 8)), |(objects, packets)| {
            let model = Policies::of(objects.clone(), Vec::new());
            for packet in packets {
                let verdict = packet.verdict(&model);
                let word = match &verdict {
                    Verdict::Open | Verdict::Allowed(_) => "pass",
                    Verdict::Denied(_) => "drop",
                    Verdict::DeniedIfKnown(_) => "drop, if known",
                    Verdict::NotEvaluated(_) => "unknown",
                };
                let expected = if model.opaque.is_empty() { packet.becomes(&objects) } else { "unknown" };
                assert_eq!(word, expected, "{packet:?}: {verdict:?}");
                *counted.borrow_mut().entry(word).or_insert(0_u32) += 1;
            }
            Ok(())
        })
        .unwrap();
    let counted = counted.into_inner();
    assert!(counted.len() == 4 && counted.values().all(|&count| count > cases / 1000), "{counted:?}");
}
