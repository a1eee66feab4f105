//! The attempts on the sandbox: those of the control pod, and those of the probe on its own listener.

use std::net::{IpAddr, SocketAddr};

use proto::{Attempt, Reach, Target};

use crate::case::{
    Case, Citation, Control, InCluster, destination::Purpose, ingress::Ingress, rounds::Rounds,
};
use crate::judge::network::network_isolation::{
    attempted::{self, Attempted},
    control,
};

/// All attempts on a sandbox.
pub(super) struct Tried<'a> {
    case: &'a Case,
    entries: Vec<Entry<'a>>,
    left_out: &'a [u16],
}

/// One address and port of the probe.
pub(super) struct Entry<'a> {
    target: &'a Target,
    /// The probe's own attempt; `None` if it made none.
    own: Option<&'a Attempt>,
    /// The control pod's attempt; `None` if it made none.
    control: Option<&'a Attempt>,
    rounds: Rounds,
}

impl<'a> Tried<'a> {
    pub(super) fn of(case: &'a Case, ingress: &'a Ingress) -> Self {
        let own = case.evidence().egress.seen().map(|egress| egress.attempts.as_slice()).unwrap_or_default();
        let control = match &case.surroundings.control {
            Control::Tried(tried) => tried.as_slice(),
            Control::NotAsked | Control::Failed(_) => &[],
        };
        let entry = |target: &'a Target| Entry {
            target,
            own: own.iter().find(|it| it.target == target.id),
            control: control.iter().find(|it| it.target == target.id),
            rounds: case.surroundings.rounds,
        };
        Self { case, entries: ingress.targets.iter().map(entry).collect(), left_out: &ingress.left_out }
    }

    /// Returns the first port that the control pod reached in any round, and one that it reached later, if there is any. The token
    /// tells the probe's answer from another's.
    pub(super) fn reached(&self) -> Option<&Entry<'a>> {
        let reached = |entry: &&Entry<'_>| entry.control_ends().any(|reach| reach == Reach::Reached);
        let later = self.entries.iter().find(|entry| reached(entry) && !entry.only_at_first());
        later.or_else(|| self.entries.iter().find(reached))
    }

    /// Checks that the control pod could have reached the probe, and did not in any round; `Err` says what does not show it.
    pub(super) fn silent(&self, known: &InCluster) -> Result<(), String> {
        let Control::Tried(_) = self.case.surroundings.control else {
            let why = "no control pod tried to reach the sandbox";
            return Err(control::would_decide(self.case, why).into_parts().0);
        };
        let addresses: Vec<_> = self.entries.iter().map(|entry| entry.target.address).collect();
        self.control_can_send(known, &addresses)?;
        for is_v4 in [true, false] {
            let mut of_family =
                self.entries.iter().filter(|entry| entry.target.address.is_ipv4() == is_v4).peekable();
            let Some(first) = of_family.peek().map(|entry| entry.name()) else { continue };
            if !of_family.any(Entry::listened) {
                return Err(format!("the probe did not reach its own listener in the sandbox at {first}"));
            }
        }
        let listening: Vec<_> = self.entries.iter().filter(|entry| entry.listened()).collect();
        if listening.is_empty() {
            return Err("the probe's own address is not known, so that nobody tried to reach it".to_owned());
        }
        listening.into_iter().try_for_each(Entry::is_silent)
    }

    /// Checks that the control pod's own network does not explain its silence: it reached another pod, and no policy of its
    /// namespace keeps its traffic from the probe.
    fn control_can_send(&self, known: &InCluster, addresses: &[IpAddr]) -> Result<(), String> {
        let all = attempted::all(self.case);
        let mut listener = all.iter().filter(|it| it.destination.purpose == Purpose::Listener);
        if !listener.any(Attempted::control_reached) {
            return Err(
                "the control pod reached no other pod either, so that its silence means nothing".to_owned()
            );
        }
        let namespace = known.cluster.control.as_ref().ok_or("the run had no control namespace")?;
        let (pods, probes) = (known.control_pods(), known.probes(addresses));
        let mut ports = self.entries.iter().map(Entry::port);
        match ports.find_map(|port| namespace.keeps_in(&pods, &probes, port)) {
            None => Ok(()),
            Some(by) => Err(format!(
                "policies of the control namespace may keep its control pod from the sandbox ({by}); give \
                 `--control-namespace` a namespace that no policy binds"
            )),
        }
    }

    /// Returns all attempts as citations.
    pub(super) fn cited(&self) -> impl Iterator<Item = Citation> {
        let left_out = self.left_out.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
        let left_out = (!left_out.is_empty()).then(|| Citation {
            source: "cluster",
            text: format!("declared ports that were not tried: {left_out}"),
        });
        self.entries.iter().map(Entry::cited).chain(left_out)
    }
}

impl Entry<'_> {
    pub(super) fn name(&self) -> String {
        SocketAddr::new(self.target.address, self.target.port).to_string()
    }

    pub(super) const fn port(&self) -> u16 {
        self.target.port
    }

    fn control_ends(&self) -> impl Iterator<Item = Reach> {
        self.control.into_iter().flat_map(ends)
    }

    /// True if the control pod reached the port in the first round and not in the second: the network closed the pod's ingress
    /// a while after its start.
    pub(super) fn only_at_first(&self) -> bool {
        let closed = |again: Reach| !again.is_contact() && again != Reach::Failed;
        self.control.is_some_and(|it| it.reach == Reach::Reached && it.again.is_some_and(closed))
    }

    /// True if the probe reached its own listener in each round.
    fn listened(&self) -> bool {
        self.own.is_some_and(|own| self.made(own) && ends(own).all(|reach| reach == Reach::Reached))
    }

    /// True if an attempt was made as often as the run asked for.
    const fn made(&self, attempt: &Attempt) -> bool {
        matches!(self.rounds, Rounds::One) || attempt.again.is_some()
    }

    fn is_silent(&self) -> Result<(), String> {
        let name = self.name();
        let made = self.control.filter(|control| self.made(control));
        if made.is_none_or(|control| ends(control).any(|reach| reach == Reach::Failed)) {
            return Err(format!("the control pod did not try {name} in each round"));
        }
        if self.control_ends().any(Reach::is_contact) {
            return Err(format!("somebody else than the probe answered the control pod at {name}"));
        }
        Ok(())
    }

    fn cited(&self) -> Citation {
        let words = |attempt: Option<&Attempt>| {
            let ends: Vec<_> = attempt.into_iter().flat_map(ends).map(Reach::id).collect();
            if ends.is_empty() { "not tried".to_owned() } else { ends.join(", later ") }
        };
        let (control, own) = (words(self.control), words(self.own));
        let text = format!("{}: {control} from the control pod; {own} from the sandbox itself", self.name());
        Citation { source: "control", text }
    }
}

fn ends(attempt: &Attempt) -> impl Iterator<Item = Reach> {
    std::iter::once(attempt.reach).chain(attempt.again)
}

/// True if the sandbox has no interface but loopback, so that nobody reaches it over a network.
pub(super) fn has_no_network(case: &Case) -> bool {
    let interfaces = case.evidence().interfaces.seen();
    interfaces.is_some_and(|seen| seen.interfaces.iter().all(|interface| interface.loopback))
}
