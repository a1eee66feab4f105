//! The control namespace, as far as its policies may keep a probe from the listener.

use super::{Labels, Read};
use crate::{
    case::policy::{Direction, Endpoint, Flow, Gap, Peer, Policies, Transport, Verdict},
    support::names::{CONTROL_ROLE, LISTENER_ROLE, ROLE_LABEL, RUN_LABEL},
};

pub use crate::support::names::LISTENER_PORT;

/// The namespace of the control pods, with the policies that bind them.
#[derive(Clone, Debug)]
pub struct ControlNamespace {
    /// The namespace's name.
    pub name: String,
    /// The namespace's labels, by which policies of the whole cluster select it.
    pub labels: Read<Labels>,
    /// The policies that may bind the listener.
    pub policies: Policies,
    /// The policies at the end of the run; `None` if they are the same as at the start.
    pub later: Option<Policies>,
}

/// Why a probe may not reach the listener.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Hindrance {
    /// These policies shut the listener off.
    Shut(Vec<String>),
    /// These parts of policies cannot be evaluated, and may shut it off.
    MayBeShut(Vec<Gap>),
}

impl ControlNamespace {
    /// Returns why a probe may not reach the listener; `None` if the policies let the probe in, or if they cannot tell the
    /// probe from the control pod. In the second case the control pod measures for both, because silence of the probe counts
    /// only where the control pod reached the listener in every round. A measurement alone would not suffice: a policy that
    /// tells namespaces apart admits the control pod, and makes a probe with open egress look closed.
    pub fn hindrance(&self, probe: &Endpoint) -> Option<Hindrance> {
        let mut verdicts = [Transport::Tcp, Transport::Udp].into_iter().map(|it| self.verdict(probe, it));
        verdicts.find_map(|verdict| match verdict {
            Verdict::Open | Verdict::Allowed(_) => None,
            Verdict::Denied(by) | Verdict::DeniedIfKnown(by) => Some(Hindrance::Shut(by)),
            Verdict::NotEvaluated(_) if self.measures_for(probe) => None,
            Verdict::NotEvaluated(gaps) => Some(Hindrance::MayBeShut(gaps)),
        })
    }

    /// Returns true if the policies treat a probe and the control pod alike on their way to the listener.
    fn measures_for(&self, probe: &Endpoint) -> bool {
        let (listener, control) = (self.pod(LISTENER_ROLE), self.control_pod());
        let mut states = std::iter::once(&self.policies).chain(&self.later);
        states.all(|policies| policies.treats_alike(&listener, Direction::Ingress, [probe, &control]))
    }

    /// Returns the verdict of the policies on traffic from a probe to the listener: the stricter one of the start and the end
    /// of the run.
    fn verdict(&self, probe: &Endpoint, transport: Transport) -> Verdict {
        let flow =
            Flow { direction: Direction::Ingress, peer: Peer::Pod(probe), port: LISTENER_PORT, transport };
        self.strictest(&self.pod(LISTENER_ROLE), &flow)
    }

    /// Returns the policies that may keep the control pod's traffic from a TCP port of the probe; `None` if they let it leave.
    pub fn keeps_in(&self, probe: &Endpoint, port: u16) -> Option<String> {
        let (direction, transport) = (Direction::Egress, Transport::Tcp);
        let flow = Flow { direction, peer: Peer::Pod(probe), port, transport };
        match self.strictest(&self.control_pod(), &flow) {
            Verdict::Open | Verdict::Allowed(_) => None,
            Verdict::Denied(by) | Verdict::DeniedIfKnown(by) => Some(by.join(", ")),
            Verdict::NotEvaluated(gaps) => {
                Some(gaps.into_iter().map(|gap| gap.place).collect::<Vec<_>>().join(", "))
            }
        }
    }

    /// Returns the control pod, as policies select it.
    pub fn control_pod(&self) -> Endpoint {
        self.pod(CONTROL_ROLE)
    }

    fn pod(&self, role: &str) -> Endpoint {
        let labels = [(RUN_LABEL, ""), (ROLE_LABEL, role)];
        Endpoint {
            namespace: self.name.clone(),
            namespace_labels: self.labels.as_ref().ok().cloned(),
            labels: labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            ..Endpoint::default()
        }
    }

    fn strictest(&self, pod: &Endpoint, flow: &Flow<'_>) -> Verdict {
        let states = std::iter::once(&self.policies).chain(&self.later);
        let verdicts = states.map(|policies| policies.verdict(pod, flow));
        verdicts.max_by_key(Verdict::strictness).unwrap_or(Verdict::Open)
    }
}
