//! The ports of the listener besides its own: those that the policies of the judged groups let leave. A policy that lets a
//! port leave to everybody is then seen by an attempt, and not by its declaration alone.

use std::num::NonZeroU16;

use proto::{Reach, listener::Port};

use crate::{
    case::{
        Control,
        cluster::{Cluster, Group},
        destination::{Destination, Purpose},
        policy::Transport,
    },
    support::names::LISTENER_PORT,
};

/// The most further ports of the listener. Every probe attempts each of them, at each address of the listener.
const MOST: usize = 16;

/// The further ports of the listener.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Listening {
    /// The ports on which the listener answers if it can.
    pub ports: Vec<Port>,
    /// The ports for which there is no room.
    pub left_out: Vec<Port>,
}

impl Listening {
    /// Returns the ports for the groups that get a probe.
    pub fn of(cluster: &Cluster, groups: &[Group]) -> Self {
        let mut ports = Vec::new();
        for group in groups.iter().filter(|group| group.refused.is_none()) {
            let endpoint = cluster.endpoint(&group.labels, &group.service_account);
            for (transport, number) in cluster.policies.egress_ports(&endpoint) {
                let port = NonZeroU16::new(number).filter(|&it| it.get() != LISTENER_PORT);
                let port = match transport {
                    Transport::Tcp => port.map(Port::Tcp),
                    Transport::Udp => port.map(Port::Udp),
                    Transport::Sctp => None,
                };
                ports.extend(port.filter(|port| !ports.contains(port)));
            }
        }
        let left_out = ports.split_off(ports.len().min(MOST));
        Self { ports, left_out }
    }

    /// Returns the remark on the ports that are left out; `None` if there is none.
    pub fn remark(&self) -> Option<String> {
        let left_out: Vec<_> = self.left_out.iter().map(ToString::to_string).collect();
        (!left_out.is_empty()).then(|| {
            format!(
                "the policies let more than {MOST} ports leave, and the run's own listener did not listen on {}",
                left_out.join(", ")
            )
        })
    }
}

/// Returns the remark on the ports on which the listener did not answer the control pod; `None` if it answered on each. The
/// kernel may keep ports below 1024 for root, and a policy of the control namespace may close a port.
pub fn unanswered(destinations: &[Destination], control: &Control) -> Option<String> {
    let Control::Tried(tried) = control else { return None };
    let reached = |destination: &&Destination| {
        let mut attempts = tried.iter().filter(|it| it.target == destination.target.id);
        attempts.any(|it| it.reach == Reach::Reached && it.again.is_none_or(|again| again == Reach::Reached))
    };
    let on_policy_port = destinations.iter().filter(|it| it.purpose == Purpose::ListenerOnPolicyPort);
    let silent: Vec<_> = on_policy_port.filter(|it| !reached(it)).map(Destination::name).collect();
    (!silent.is_empty()).then(|| {
        format!(
            "the run's own listener did not answer the control pod at {}: policies let these ports leave, and no attempt \
             shows where to",
            silent.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use proto::{Attempt, Protocol, Target};
    use serde_json::{Value, json};

    use super::*;
    use crate::{case::policy::Policies, fixture};

    fn listening(ports: &[Value]) -> Listening {
        let mut case = fixture::pod();
        let known = fixture::in_cluster(&mut case);
        let mut cluster = (*known.cluster).clone();
        let policy = json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": { "name": "some", "namespace": cluster.namespace },
            "spec": { "podSelector": {}, "policyTypes": ["Egress"], "egress": [{ "ports": ports }] },
        });
        cluster.policies = Policies::of(vec![policy], Vec::new());
        Listening::of(&cluster, &[known.group.clone(), known.group.clone()])
    }

    #[test]
    fn the_ports_of_all_groups_are_listened_on_once() {
        let ports = [json!({ "port": 5432 }), json!({ "protocol": "UDP", "port": 53 })];
        let Listening { ports, left_out } = listening(&ports);
        assert_eq!(ports.iter().map(ToString::to_string).collect::<Vec<_>>(), ["5432/tcp", "53/udp"]);
        assert_eq!(left_out, []);
    }

    #[test]
    fn neither_the_own_port_nor_a_port_of_sctp_is_listened_on() {
        let ports = [json!({ "port": LISTENER_PORT }), json!({ "protocol": "SCTP", "port": 5 })];
        assert_eq!(listening(&ports), Listening::default());
    }

    #[test]
    fn ports_beyond_the_most_are_left_out_with_a_remark() {
        let ports: Vec<_> = (1..20).map(|port| json!({ "port": port })).collect();
        let listening = listening(&ports);
        assert_eq!(listening.ports.len(), MOST);
        let remark = listening.remark().unwrap();
        assert!(remark.ends_with("did not listen on 17/tcp, 18/tcp, 19/tcp"), "{remark}");
    }

    #[test]
    fn a_port_on_which_the_listener_did_not_answer_is_named() {
        let at = |id, port| Destination {
            target: Target::at(id, "192.0.2.1".parse().unwrap(), port, Protocol::Tcp),
            purpose: Purpose::ListenerOnPolicyPort,
            named: false,
        };
        let attempt =
            |target, reach| Attempt { target, reach, errno: 0, took_us: 0, again: Some(Reach::Reached) };
        let tried = vec![attempt(1, Reach::Reached), attempt(2, Reach::Refused)];
        let remark = unanswered(&[at(1, 5432), at(2, 53)], &Control::Tried(tried.clone())).unwrap();
        assert!(remark.contains("at 192.0.2.1:53:"), "{remark}");
        assert_eq!(unanswered(&[at(1, 5432)], &Control::Tried(tried)), None);
        assert_eq!(unanswered(&[at(1, 5432)], &Control::NotAsked), None);
    }
}
