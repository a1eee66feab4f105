//! An attempt with everything else that is known about it: its purpose, the profile's expectation, the control's result.

use proto::{Attempt, Lookup, Protocol, Reach};

use super::interception::{self, Interception};
use crate::judge::network::undecided::{Step, Undecided};

use crate::case::{
    Case, Citation, Control, destination::Destination, policy::Transport, profile::Expectation,
    rounds::Rounds,
};

/// The attempts of the probe on one target, in all rounds.
#[derive(Clone, Copy, Debug)]
pub(in crate::judge) struct Attempted<'a> {
    pub(in crate::judge) destination: &'a Destination,
    pub(in crate::judge) attempt: &'a Attempt,
    pub(in crate::judge) expectation: Expectation,
    /// True if the run's own listener received the datagram, which needs no answer.
    arrived: bool,
    rounds: Rounds,
    /// The control's attempts; `None` if the control did not try the target.
    control: Option<&'a Attempt>,
    /// True if somebody on the way takes such connections, so that a handshake shows nothing of the target.
    intercepted: bool,
    /// The same for the control's connection.
    control_intercepted: bool,
    /// The lookup of the target's name in the sandbox; `None` if the name was not looked up there.
    lookup: Option<&'a Lookup>,
}

/// The most addresses of a lookup that a text names.
const NAMED: usize = 4;

/// Returns every attempt that was asked for and made.
pub(in crate::judge) fn all(case: &Case) -> Vec<Attempted<'_>> {
    let Some(egress) = case.evidence().egress.seen() else { return Vec::new() };
    let control = match &case.surroundings.control {
        Control::Tried(tried) => tried.as_slice(),
        Control::NotAsked | Control::Failed(_) => &[],
    };
    let destinations = &case.surroundings.destinations;
    let interceptions = interception::all(destinations, &egress.attempts);
    let of_control = interception::all(destinations, control);
    let made = egress.attempts.iter().filter_map(|attempt| {
        let asked = |destination: &&Destination| destination.target.id == attempt.target;
        let destination = destinations.iter().find(asked)?;
        let tried = control.iter().find(|tried| tried.target == attempt.target);
        let takes = |interception: &Interception| interception.takes(destination);
        Some(Attempted {
            destination,
            attempt,
            expectation: case.surroundings.profile.expectation(destination, &egress.name_servers),
            arrived: case.surroundings.arrived.contains(&attempt.target),
            rounds: case.surroundings.rounds,
            control: tried,
            intercepted: interceptions.iter().any(takes),
            control_intercepted: of_control.iter().any(takes),
            lookup: destination
                .target
                .looked_up()
                .and_then(|name| egress.lookups.iter().find(|lookup| lookup.name == name)),
        })
    });
    made.collect()
}

/// Checks that the probe tried every target as often as the run asked for. Silence in one round of two means nothing.
pub(super) fn in_each_round(attempted: &[Attempted<'_>]) -> Result<(), Undecided> {
    match attempted.iter().find(|it| !it.was_made_in_each_round()) {
        Some(it) => Err(Step::RunAgain.because(format!(
            "the second round of attempts was not made, so that nothing shows if {} was reachable later",
            it.destination.name()
        ))),
        None => Ok(()),
    }
}

/// Checks that nobody on the way took a connection to a forbidden destination.
pub(super) fn at_their_targets(attempted: &[Attempted<'_>]) -> Result<(), Undecided> {
    match attempted.iter().find(|it| it.may_be_leak()) {
        Some(it) => Err(Step::Unintercept.because(format!(
            "somebody on the way took the connection to the run's own listener, such as a proxy or a mesh, so that the \
             connection to {} does not show if it was reached",
            it.destination.name()
        ))),
        None => Ok(()),
    }
}

// === impl Attempted ===

impl Attempted<'_> {
    /// True if anything reached the destination.
    pub(in crate::judge) fn got_through(&self) -> bool {
        self.was_answered() && !self.intercepted
    }

    /// True if somebody answered, at the destination or on the way.
    pub(in crate::judge) fn was_answered(&self) -> bool {
        self.arrived || self.attempt.made_contact()
    }

    /// True if somebody on the way took a connection to a forbidden destination, which may have been reached or not.
    pub(in crate::judge) fn may_be_leak(&self) -> bool {
        self.expectation == Expectation::Forbidden && self.was_answered() && self.intercepted
    }

    /// Returns the attempt's transport; `None` for an attempt without ports.
    pub(in crate::judge) const fn transport(&self) -> Option<Transport> {
        match self.destination.target.protocol {
            Protocol::Tcp => Some(Transport::Tcp),
            Protocol::Udp | Protocol::Dns | Protocol::OneWay | Protocol::Heard => Some(Transport::Udp),
            Protocol::Echo | Protocol::Resolver | Protocol::Socket => None,
        }
    }

    /// True if anything reached a forbidden destination.
    pub(in crate::judge) fn is_leak(&self) -> bool {
        self.expectation == Expectation::Forbidden && self.got_through()
    }

    /// True if the destination was reached in the first round, and not in the second.
    pub(in crate::judge) fn only_at_first(&self) -> bool {
        self.at_first() && !self.intercepted && self.attempt.again.is_some_and(|again| !again.is_contact())
    }

    /// True if the destination was reached in the first round. A datagram that needs no answer does not tell its round.
    pub(in crate::judge) const fn at_first(&self) -> bool {
        self.attempt.reach.is_contact()
    }

    /// True if the destination was reached in the second round alone.
    pub(in crate::judge) fn only_later(&self) -> bool {
        !self.at_first() && self.attempt.again.is_some_and(Reach::is_contact)
    }

    /// True if an attempt failed for a reason of the sandbox's own: it was not made, and its silence means nothing.
    pub(in crate::judge) fn failed(&self) -> bool {
        self.attempt.reach == Reach::Failed || self.attempt.again == Some(Reach::Failed)
    }

    const fn was_made_in_each_round(&self) -> bool {
        matches!(self.rounds, Rounds::One) || self.attempt.again.is_some()
    }

    /// True if the control reached the destination in each round.
    pub(in crate::judge) fn control_reached(&self) -> bool {
        self.control_succeeded(|reach| self.shows_an_answer(reach))
    }

    /// True if the control reached the destination in one round at least.
    pub(super) fn control_reached_once(&self) -> bool {
        let ends = self.control.map(|tried| [Some(tried.reach), tried.again]);
        ends.into_iter().flatten().flatten().any(|reach| self.shows_an_answer(reach))
    }

    fn control_succeeded(&self, succeeds: impl Fn(Reach) -> bool) -> bool {
        self.control.is_some_and(|tried| match self.rounds {
            Rounds::None => false,
            Rounds::One => succeeds(tried.reach),
            Rounds::Two(_) => succeeds(tried.reach) && tried.again.is_some_and(succeeds),
        })
    }

    /// True if such an end of the control's attempt shows that the target answers. Only its token identifies the run's own
    /// listener.
    const fn shows_an_answer(&self, reach: Reach) -> bool {
        match reach {
            _ if self.control_intercepted => false,
            Reach::Reached => true,
            Reach::Another => false,
            reach => reach.is_contact() && self.destination.target.token.is_none(),
        }
    }

    /// True if the control shows in each round that the target answers, and the profile forbids the target: the sandbox's
    /// silence in each round then means that the target is closed to it.
    pub(in crate::judge) fn control_shows(&self) -> bool {
        self.expectation == Expectation::Forbidden && self.was_made_in_each_round() && self.control_reached()
    }

    /// True if a name server answered the control's query in each round, and the sandbox asked as often.
    pub(in crate::judge) fn control_resolved(&self) -> bool {
        self.was_made_in_each_round() && self.control_succeeded(|reach| reach == Reach::Reached)
    }

    /// True if a name server told the control in each round that it has no address for the name.
    pub(in crate::judge) fn control_was_refused(&self) -> bool {
        self.control_succeeded(|reach| matches!(reach, Reach::NoName | Reach::NameRefused))
    }

    /// True if a name server gave the address of an outside name.
    pub(in crate::judge) fn resolved(&self) -> bool {
        let answered = self.attempt.reach == Reach::Reached || self.attempt.again == Some(Reach::Reached);
        self.asks_for_a_name() && answered
    }

    /// True if the attempt asks a name server for an outside name.
    pub(in crate::judge) fn asks_for_a_name(&self) -> bool {
        let target = &self.destination.target;
        matches!(target.protocol, Protocol::Dns | Protocol::Resolver) && !target.name.is_empty()
    }

    /// Returns true if the name servers of the sandbox led the attempt to other addresses than the destination's.
    pub(in crate::judge) fn was_led_elsewhere(&self) -> bool {
        let target = &self.destination.target;
        self.lookup
            .is_some_and(|lookup| !lookup.addresses.is_empty() && !lookup.addresses.contains(&target.address))
    }

    /// Returns what the lookup of the target's name came to in the sandbox, as a sentence's rest; empty without a lookup.
    pub(super) fn looked_up(&self) -> String {
        let Some(Lookup { name, addresses }) = self.lookup else { return String::new() };
        let more = addresses.len().saturating_sub(NAMED);
        let addresses: Vec<_> = addresses.iter().take(NAMED).map(ToString::to_string).collect();
        match (addresses.as_slice(), more) {
            ([], _) => format!("; the sandbox's own name servers gave no address for {name}"),
            (addresses, 0) => format!("; the sandbox looked up {name}: {}", addresses.join(", ")),
            (addresses, more) => {
                format!("; the sandbox looked up {name}: {}, and {more} more", addresses.join(", "))
            }
        }
    }

    /// Returns the remedy for a name that the sandbox could not look up, as a sentence's rest; empty for any other target.
    pub(super) fn resolving(&self) -> &'static str {
        match self.lookup {
            Some(lookup) if lookup.addresses.is_empty() => {
                ": let the pods ask them, and let the policy for names inspect the answers (Cilium: a rule for `dns` on port 53)"
            }
            _ => "",
        }
    }

    /// Returns the attempt as a citation.
    pub(in crate::judge) fn cited(&self) -> Citation {
        let name = self.destination.name();
        Citation {
            source: "egress",
            text: format!(
                "{name}: {}; {}{}{}",
                self.ended(),
                self.destination.purpose.words(),
                self.took(),
                self.looked_up()
            ),
        }
    }

    /// Returns the duration as a fragment; empty if it is below the millisecond in which a kernel answers by itself.
    fn took(&self) -> String {
        match self.attempt.took_us / 1000 {
            0 => String::new(),
            millis => format!("; {millis} ms"),
        }
    }

    /// Returns the result as a fragment.
    pub(super) fn ended(&self) -> String {
        let Attempt { reach, errno, again, .. } = *self.attempt;
        let arrived = if self.arrived { ", and the datagram arrived" } else { "" };
        let errno = if errno == 0 { String::new() } else { format!(" (errno {errno})") };
        let again = again.filter(|&again| again != reach).map_or("", Reach::id);
        let later = if again.is_empty() { "" } else { ", later " };
        let control = match self.control {
            Some(_) if self.control_reached() => "; it answers outside the sandbox",
            // A datagram that needs no answer does not tell its round.
            Some(_) if self.destination.target.protocol == Protocol::OneWay => "",
            Some(_) if self.control_reached_once() => "; it answered outside the sandbox in one round of two",
            Some(_) => "; it does not answer outside the sandbox either",
            None => "",
        };
        format!("{}{arrived}{errno}{later}{again}{control}", reach.id())
    }
}

#[cfg(test)]
mod tests;
