//! Egress that no policy closes, beside policies that deny a part of it. If such a policy denies the way to the run's own
//! listener, the listener's silence shows nothing of the rest.

use super::{Counted, Excess, Excesses, Limit, Tried};
use crate::case::policy::{
    Policies,
    endpoint::{Direction, Endpoint, Flow, Peer, Transport},
    matching::Match,
    rule::{Action, Policy, Rule},
    verdict::Gap,
};

/// A policy that denies the way to silent pods.
struct Silencing<'a> {
    policy: &'a Policy,
    /// False if it is not known if the policy denies the way.
    is_certain: bool,
}

impl Policies {
    /// Returns the egress of an endpoint that passes because no policy closes it, as far as it exceeds a limit; none if no policy
    /// may deny the way to these pods, which are silent on a port by TCP and UDP. Their silence then shows that something closes
    /// the endpoint's egress.
    pub fn left_open(&self, subject: &Endpoint, limit: &dyn Limit, silent: (&[Endpoint], u16)) -> Excesses {
        let mut excesses = Excesses::default();
        for own in self.implementations() {
            let known = self.known_to(own);
            if !known.closing(subject, Direction::Egress).0.is_empty() {
                continue;
            }
            let opaque = self.opaque_on(subject).filter(|opaque| opaque.may_silence_pods);
            excesses.gaps.extend(opaque.map(|opaque| opaque.gap.clone()));
            let silencing = known.silencing(subject, silent);
            if !silencing.is_empty() {
                known.rest(subject, limit, &silencing, &mut excesses);
            }
        }
        excesses
    }

    /// Returns the policies with a rule that denies traffic to some of these pods.
    fn silencing(&self, subject: &Endpoint, (pods, port): (&[Endpoint], u16)) -> Vec<Silencing<'_>> {
        let flows = pods.iter().flat_map(|pod| {
            let peer = Peer::Pod(pod);
            [Transport::Tcp, Transport::Udp].map(|transport| Flow {
                direction: Direction::Egress,
                peer,
                port,
                transport,
            })
        });
        let flows: Vec<_> = flows.collect();
        let denies = |policy: &Policy| {
            let rules = policy.section(Direction::Egress).into_iter().flat_map(|section| &section.rules);
            let denying = rules.filter(|rule| rule.action == Action::Deny);
            let matches = denying.flat_map(|rule| flows.iter().map(move |flow| rule.matches(subject, flow)));
            policy.subject.selects(subject).and(|| Match::any(matches))
        };
        let silencing = self.read.iter().filter_map(|policy| match denies(policy) {
            Match::No => None,
            denies => Some(Silencing { policy, is_certain: denies == Match::Yes }),
        });
        silencing.collect()
    }

    /// Compares all egress that no policy closes with the limit.
    fn rest(
        &self,
        subject: &Endpoint,
        limit: &dyn Limit,
        silencing: &[Silencing<'_>],
        excesses: &mut Excesses,
    ) {
        let mut titles: Vec<_> = silencing.iter().map(|it| it.policy.title.as_str()).collect();
        titles.dedup();
        let by =
            format!("{} (which denies a part of the egress and leaves the rest open)", titles.join(" and "));
        // Silence by a policy of a kind that a network need not know shows that the network knows the kind.
        let shown = |of: &Policy| silencing.iter().all(|it| it.policy.family == of.family);
        let mut of_admins = self.read.iter().filter(|policy| policy.family.is_of_admins());
        let counted = Counted::Open { knows_admins: of_admins.all(shown) };
        let (starts, edges) = self.parts(limit);
        let tried = Tried { policies: self, subject, limit, starts: &starts, edges: &edges, by, counted };
        let everything = Rule { place: String::new(), action: Action::Allow, peers: None, ports: None };
        let mut rest = Excesses::default();
        tried.rule(&everything, &mut rest);
        excesses.gaps.extend(rest.gaps);
        if silencing.iter().any(|it| it.is_certain) {
            excesses.found.extend(rest.found);
        } else {
            let gap = |Excess { by: place, traffic }| Gap {
                place,
                why: format!(
                    "it is not known if it denies the way to the run's own listener, and {traffic} passes"
                ),
            };
            excesses.gaps.extend(rest.found.into_iter().map(gap));
        }
    }
}
