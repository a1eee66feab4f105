//! An attempt beside everything else that is known of it: why it was made, what the profile expects, what the control saw.

use proto::{Attempt, Protocol, Reach};

use crate::case::{Case, Citation, Control, destination::Destination, profile::Expectation};

/// One attempt of the probe's.
#[derive(Clone, Copy, Debug)]
pub(in crate::judge) struct Attempted<'a> {
    pub(in crate::judge) destination: &'a Destination,
    pub(in crate::judge) attempt: &'a Attempt,
    pub(in crate::judge) expectation: Expectation,
    /// What the run's own listener tells of datagrams that need no answer.
    arrived: bool,
    /// How it ended for the control, where that tried it.
    control: Option<Reach>,
}

/// Every attempt that was asked for and made.
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
    /// Whether anything got there.
    pub(in crate::judge) fn got_through(&self) -> bool {
        self.arrived || self.attempt.made_contact()
    }

    /// Whether something got where nothing may.
    pub(in crate::judge) fn is_leak(&self) -> bool {
        self.expectation == Expectation::Forbidden && self.got_through()
    }

    /// Whether it was reached in the first seconds, and no longer after them.
    pub(in crate::judge) fn only_at_first(&self) -> bool {
        self.attempt.reach.is_contact() && self.attempt.again.is_some_and(|again| !again.is_contact())
    }

    /// Whether the control reached it; only its token shows the run's own listener.
    pub(super) fn control_reached(&self) -> bool {
        match self.control {
            Some(Reach::Reached) => true,
            Some(Reach::Another) | None => false,
            Some(reach) => reach.is_contact() && self.destination.target.token.is_none(),
        }
    }

    /// Returns true if the control shows that the target answers, and the profile forbids the target: the sandbox's silence
    /// then means that the target is closed to it.
    pub(in crate::judge) fn control_shows(&self) -> bool {
        self.expectation == Expectation::Forbidden && self.control_reached()
    }

    /// Whether the control was told what it asked a name server for.
    pub(in crate::judge) fn control_resolved(&self) -> bool {
        self.control == Some(Reach::Reached)
    }

    /// Whether a name server was asked for a name of the outside, and gave it.
    pub(in crate::judge) fn resolved(&self) -> bool {
        let answered = self.attempt.reach == Reach::Reached || self.attempt.again == Some(Reach::Reached);
        self.asks_for_a_name() && answered
    }

    /// Whether it asks a name server for a name of the outside.
    pub(in crate::judge) fn asks_for_a_name(&self) -> bool {
        let target = &self.destination.target;
        matches!(target.protocol, Protocol::Dns | Protocol::Resolver) && !target.name.is_empty()
    }

    /// What was seen, for people.
    pub(in crate::judge) fn cited(&self) -> Citation {
        let name = self.destination.name();
        Citation {
            source: "egress",
            text: format!("{name}: {}; {}{}", self.ended(), self.destination.purpose.words(), self.took()),
        }
    }

    /// How long it took, where that is longer than a kernel takes to answer by itself.
    fn took(&self) -> String {
        match self.attempt.took_us / 1000 {
            0 => String::new(),
            millis => format!("; {millis} ms"),
        }
    }

    /// How it ended, as a fragment.
    pub(super) fn ended(&self) -> String {
        let Attempt { reach, errno, again, .. } = *self.attempt;
        let arrived = if self.arrived { ", and it arrived" } else { "" };
        let errno = if errno == 0 { String::new() } else { format!(" (errno {errno})") };
        let again = again.filter(|&again| again != reach).map_or("", Reach::id);
        let later = if again.is_empty() { "" } else { ", later " };
        let control = match self.control {
            Some(_) if self.control_reached() => "; the control reached it",
            Some(_) if self.destination.target.protocol != Protocol::OneWay => {
                "; the control did not reach it either"
            }
            Some(_) | None => "",
        };
        format!("{}{arrived}{errno}{later}{again}{control}", reach.id())
    }
}
