//! An attempt with everything else that is known about it: its purpose, the profile's expectation, the control's result.

use proto::{Attempt, Protocol, Reach};

use crate::case::{
    Case, Citation, Control, destination::Destination, policy::Transport, profile::Expectation,
};

/// One attempt of the probe.
#[derive(Clone, Copy, Debug)]
pub(in crate::judge) struct Attempted<'a> {
    pub(in crate::judge) destination: &'a Destination,
    pub(in crate::judge) attempt: &'a Attempt,
    pub(in crate::judge) expectation: Expectation,
    /// True if the run's own listener received the datagram, which needs no answer.
    arrived: bool,
    /// The control's result; `None` if the control did not try the target.
    control: Option<Reach>,
}

/// Returns every attempt that was asked for and made.
pub(in crate::judge) fn all(case: &Case) -> Vec<Attempted<'_>> {
    let Some(egress) = case.evidence().egress.seen() else { return Vec::new() };
    let control = match &case.surroundings.control {
        Control::Tried(tried) => tried.as_slice(),
        Control::NotAsked | Control::Failed(_) => &[],
    };
    let made = egress.attempts.iter().filter_map(|attempt| {
        let asked = |destination: &&Destination| destination.target.id == attempt.target;
        let destination = case.surroundings.destinations.iter().find(asked)?;
        let tried = control.iter().find(|tried| tried.target == attempt.target);
        Some(Attempted {
            destination,
            attempt,
            expectation: case.surroundings.profile.expectation(destination, &egress.name_servers),
            arrived: case.surroundings.arrived.contains(&attempt.target),
            control: tried.map(|tried| tried.reach),
        })
    });
    made.collect()
}

// === impl Attempted ===

impl Attempted<'_> {
    /// True if anything reached the destination.
    pub(in crate::judge) fn got_through(&self) -> bool {
        self.arrived || self.attempt.made_contact()
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

    /// True if the destination was reached in the first seconds, and not later.
    pub(in crate::judge) fn only_at_first(&self) -> bool {
        self.attempt.reach.is_contact() && self.attempt.again.is_some_and(|again| !again.is_contact())
    }

    /// True if the control reached the destination. Only its token identifies the run's own listener.
    pub(super) fn control_reached(&self) -> bool {
        match self.control {
            Some(Reach::Reached) => true,
            Some(Reach::Another) | None => false,
            Some(reach) => reach.is_contact() && self.destination.target.token.is_none(),
        }
    }

    /// True if the control shows that the target answers, and the profile forbids the target: the sandbox's silence
    /// then means that the target is closed to it.
    pub(in crate::judge) fn control_shows(&self) -> bool {
        self.expectation == Expectation::Forbidden && self.control_reached()
    }

    /// True if a name server answered the control's query.
    pub(in crate::judge) fn control_resolved(&self) -> bool {
        self.control == Some(Reach::Reached)
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

    /// Returns the attempt as a citation.
    pub(in crate::judge) fn cited(&self) -> Citation {
        let name = self.destination.name();
        Citation {
            source: "egress",
            text: format!("{name}: {}; {}{}", self.ended(), self.destination.purpose.words(), self.took()),
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
            Some(_) if self.destination.target.protocol != Protocol::OneWay => {
                "; it does not answer outside the sandbox either"
            }
            Some(_) | None => "",
        };
        format!("{}{arrived}{errno}{later}{again}{control}", reach.id())
    }
}
