//! The control namespace, as far as its policies may keep a probe from the listener.

use super::{ControlPods, Labels, OwnPod, Read};
use crate::case::policy::{Direction, Endpoint, Flow, Gap, Peer, Policies, Transport, Verdict};

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
    /// The namespace's labels at the end of the run; `None` if they are the same as at the start.
    pub later_labels: Option<Read<Labels>>,
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
    /// tells namespaces apart admits the control pod, and makes a probe with open egress look closed. `probes` is the probe
    /// in each of its states during the run.
    pub fn hindrance(&self, pods: &ControlPods, probes: &[Endpoint]) -> Option<Hindrance> {
        let mut verdicts =
            [Transport::Tcp, Transport::Udp].into_iter().map(|it| self.verdict(pods, probes, it));
        verdicts.find_map(|verdict| match verdict {
            Verdict::Open | Verdict::Allowed(_) => None,
            Verdict::Denied(by) | Verdict::DeniedIfKnown(by) => Some(Hindrance::Shut(by)),
            Verdict::NotEvaluated(_) if self.measures_for(pods, probes) => None,
            Verdict::NotEvaluated(gaps) => Some(Hindrance::MayBeShut(gaps)),
        })
    }

    /// Returns true if the policies treat a probe and the control pod alike on their way to the listener.
    fn measures_for(&self, pods: &ControlPods, probes: &[Endpoint]) -> bool {
        let controls = self.states_of(&pods.control);
        let pairs =
            || probes.iter().flat_map(|probe| controls.iter().map(move |(control, _)| [probe, control]));
        let mut listeners = self.states_of(&pods.listener).into_iter();
        listeners.all(|(listener, policies)| {
            pairs().all(|pair| policies.treats_alike(&listener, Direction::Ingress, pair))
        })
    }

    /// Returns the verdict of the policies on traffic from a probe to the listener: the strictest one during the run.
    fn verdict(&self, pods: &ControlPods, probes: &[Endpoint], transport: Transport) -> Verdict {
        self.strictest(&pods.listener, probes, (Direction::Ingress, LISTENER_PORT, transport))
    }

    /// Returns the policies that may keep the control pod's traffic from a TCP port of the probe; `None` if they let it leave.
    pub fn keeps_in(&self, pods: &ControlPods, probes: &[Endpoint], port: u16) -> Option<String> {
        match self.strictest(&pods.control, probes, (Direction::Egress, port, Transport::Tcp)) {
            Verdict::Open | Verdict::Allowed(_) => None,
            Verdict::Denied(by) | Verdict::DeniedIfKnown(by) => Some(by.join(", ")),
            Verdict::NotEvaluated(gaps) => {
                Some(gaps.into_iter().map(|gap| gap.place).collect::<Vec<_>>().join(", "))
            }
        }
    }

    /// Returns the control pod at the start of the run, as policies select it.
    pub fn control_pod(&self, pods: &ControlPods) -> Endpoint {
        self.endpoint(&pods.control, &pods.control.labels, &self.labels)
    }

    /// Returns the listener in each of its states during the run, as policies select it.
    pub fn listeners(&self, pods: &ControlPods) -> Vec<Endpoint> {
        let mut states: Vec<_> =
            self.states_of(&pods.listener).into_iter().map(|(listener, _)| listener).collect();
        states.dedup();
        states
    }

    fn strictest(
        &self,
        pod: &OwnPod,
        probes: &[Endpoint],
        (direction, port, transport): (Direction, u16, Transport),
    ) -> Verdict {
        let states = self.states_of(pod);
        let verdicts = states.iter().flat_map(|(pod, policies)| {
            let flow = move |probe| Flow { direction, peer: Peer::Pod(probe), port, transport };
            probes.iter().map(move |probe| policies.verdict(pod, &flow(probe)))
        });
        verdicts.max_by_key(Verdict::strictness).unwrap_or(Verdict::Open)
    }

    /// Returns every state of a pod that the run may have met, with the policies beside it. The order of changes is not known.
    fn states_of(&self, pod: &OwnPod) -> Vec<(Endpoint, &Policies)> {
        let mut states = Vec::new();
        for policies in std::iter::once(&self.policies).chain(&self.later) {
            for of_namespace in std::iter::once(&self.labels).chain(&self.later_labels) {
                let all = std::iter::once(&pod.labels).chain(&pod.later_labels);
                states.extend(all.map(|labels| (self.endpoint(pod, labels, of_namespace), policies)));
            }
        }
        states
    }

    fn endpoint(&self, pod: &OwnPod, labels: &Labels, of_namespace: &Read<Labels>) -> Endpoint {
        Endpoint {
            namespace: self.name.clone(),
            namespace_labels: of_namespace.as_ref().ok().cloned(),
            labels: labels.clone().into(),
            service_account: pod.service_account.clone(),
            addresses: pod.addresses.clone(),
            ..Endpoint::default()
        }
    }
}
