//! The declaration of ingress: the traffic that policies let in.

use super::tried::Entry;
use crate::{
    case::{
        InCluster,
        policy::{Action, Direction, Flow, Gap, Pass, Peer, Transport, Verdict},
    },
    judge::network::network_isolation::declared,
};

/// The effect of the policies on traffic to a group.
pub(super) enum Declared {
    /// The policies let traffic in, as a reason.
    Open(String),
    /// It is not known if they do, for this reason.
    Unknown(String),
    /// These policies close ingress, and no rule lets anything in.
    Closed(Vec<String>),
}

impl Declared {
    pub(super) fn of(known: &InCluster) -> Self {
        let (policies, endpoint) = (&known.cluster.policies, known.endpoint());
        let (closing, doubts) = policies.closing_by_all(&endpoint, Direction::Ingress);
        let mut side = policies.summary(&endpoint).ingress;
        let closes = |gap: &Gap| {
            let mut opaque = policies.opaque.iter();
            opaque.any(|opaque| opaque.gap == *gap && !opaque.opens(Direction::Ingress))
        };
        side.gaps.retain(|gap| !closes(gap));
        if let Some(pass) = side.passes.iter().find(|pass| pass.action == Action::Allow) {
            return Self::Open(format!("{} lets {}", pass.by, traffic(pass)));
        }
        let gaps: Vec<_> =
            if closing.is_empty() { side.gaps.into_iter().chain(doubts).collect() } else { side.gaps };
        if !gaps.is_empty() {
            let gaps = declared::in_words(gaps.iter());
            return Self::Unknown(format!("it is not known if a policy lets others in: {gaps}"));
        }
        if closing.is_empty() {
            return Self::Open("no policy closes the pods' ingress".to_owned());
        }
        Self::Closed(closing)
    }
}

fn traffic(Pass { peers, ports, .. }: &Pass) -> String {
    let peers = if peers.is_empty() { "every peer".to_owned() } else { peers.join(", ") };
    let ports = if ports.is_empty() { "every port".to_owned() } else { ports.join(", ") };
    format!("{peers} reach the pods on {ports}")
}

/// Returns the part of the declaration that explains why the control pod reached the sandbox, as a sentence's rest.
pub(super) fn explains(known: &InCluster, reached: &Entry<'_>) -> String {
    let Some(control) = &known.cluster.control else { return "the run had no control namespace".to_owned() };
    let peer = control.control_pod(&known.control_pods());
    let flow = Flow {
        direction: Direction::Ingress,
        peer: Peer::Pod(&peer),
        port: reached.port(),
        transport: Transport::Tcp,
    };
    match known.cluster.policies.verdict(&known.endpoint(), &flow) {
        Verdict::Allowed(by) => format!("{by}, lets it in"),
        Verdict::Open => "no policy binds the pods' ingress".to_owned(),
        Verdict::NotEvaluated(gaps) => {
            format!("not every policy could be evaluated ({})", declared::in_words(gaps.iter()))
        }
        Verdict::Denied(by) | Verdict::DeniedIfKnown(by) => {
            let enforced = if reached.only_at_first() {
                "the network enforced that a while after the pod's start"
            } else {
                "the network does not enforce that"
            };
            format!("{} denies it, and {enforced}", by.join(", "))
        }
    }
}
