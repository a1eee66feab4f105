//! The question to a probe and to the control pod beside it. The probe's silence counts only where the control pod got through at the
//! same time.

use std::{cell::Cell, time::Duration};

use proto::{Attempt, Target};
use tokio::{sync::Notify, time::Instant};

use super::{Probing, Seat};
use crate::{
    case::{Control, cluster::Group},
    plan,
    run::{
        RunError,
        cluster::{
            asking::{assignment, budget},
            controls::{Listener, Tried},
            pods::{self, Gathered},
        },
        collect::Event,
    },
};

/// The longest time between the question to the probe and the question to the control pod, at which their attempts still count as
/// simultaneous.
const BESIDE: Duration = Duration::from_secs(3);

/// The answers to one question.
pub(super) struct Asked {
    pub(super) gathered: Gathered,
    pub(super) tried: Tried,
    times: Times,
}

/// The times of the last introductions, just before the attempts that count; `None` without an introduction.
#[derive(Clone, Copy, Debug, Default)]
struct Times {
    probe: Option<Instant>,
    control: Option<Instant>,
}

impl Probing<'_> {
    /// Asks a probe and its control pod. The inward targets are those at the sandbox itself. Streams break and are opened anew: if one of
    /// the two was asked long after the other, both are asked once more.
    pub(super) async fn asked(
        &self,
        group: &Group,
        seat: &Seat<'_>,
        control: &Listener,
        (targets, inward): (&[Target], &[Target]),
    ) -> Result<Asked, RunError> {
        let mut asked = self.asked_once(group, seat, control, targets).await?;
        if asked.times.apart().is_some() && asked.is_whole() {
            let mut again = self.asked_once(group, seat, control, targets).await?;
            if again.is_whole() {
                again.remember(&asked, inward);
                asked = again;
            }
        }
        if let Some(time) = asked.times.apart() {
            let why = format!(
                "it was asked {} s apart from the probe, and only attempts at the same time count; run again",
                time.as_secs()
            );
            asked.tried = Tried::not(Control::Failed(why));
        }
        Ok(asked)
    }

    /// Asks both. The control pod is asked as soon as the probe has introduced itself: a sandbox may need seconds to start a process.
    async fn asked_once(
        &self,
        group: &Group,
        seat: &Seat<'_>,
        control: &Listener,
        targets: &[Target],
    ) -> Result<Asked, RunError> {
        let (introduced, times) = (Notify::new(), Cell::new(Times::default()));
        let probe = async {
            let draw = || {
                let observers = plan::observers(self.measures_cpu);
                assignment(targets.to_vec(), observers, budget(self.rounds))
            };
            let hear = |event: &Event| {
                if matches!(event, Event::Introduced(_)) {
                    times.set(Times { probe: Some(Instant::now()), ..times.get() });
                    introduced.notify_one();
                }
                self.hear(group, event);
            };
            let gathered = pods::gather(&seat.exec, seat.watch, self.deadline, draw, hear).await;
            introduced.notify_one();
            gathered
        };
        let control = async {
            introduced.notified().await;
            let hear = |event: &Event| {
                if matches!(event, Event::Introduced(_)) {
                    times.set(Times { control: Some(Instant::now()), ..times.get() });
                }
            };
            self.controls.tries(control, targets, hear).await
        };
        let (gathered, tried) = tokio::join!(probe, control);
        Ok(Asked { gathered: gathered?, tried: tried?, times: times.get() })
    }
}

// === impl Asked ===

impl Asked {
    /// Returns the moment when the probe was asked; `None` if it was not.
    pub(super) const fn at(&self) -> Option<Instant> {
        self.times.probe
    }

    /// Keeps the contacts of an earlier question: of the probe, and of the control pod with the sandbox. A way that was open once is open,
    /// and the control pod's other contacts tell nothing of this question's time.
    fn remember(&mut self, earlier: &Self, inward: &[Target]) {
        keep_contacts(self.gathered.attempts_mut(), earlier.gathered.attempts(), |_| true);
        let is_inward = |attempt: &Attempt| inward.iter().any(|target| target.id == attempt.target);
        keep_contacts(self.tried.attempts_mut(), earlier.tried.attempts(), is_inward);
    }

    /// Returns true if the probe delivered its whole evidence.
    fn is_whole(&self) -> bool {
        matches!(&self.gathered, Gathered::Heard { collected, timed_out: false } if collected.breaches.is_empty())
    }
}

/// Puts each contact that counts in the place of the later attempt at the same target.
fn keep_contacts(later: &mut [Attempt], earlier: &[Attempt], counts: impl Fn(&Attempt) -> bool) {
    for attempt in later.iter_mut().filter(|attempt| !attempt.made_contact()) {
        let is_kept = |it: &&Attempt| it.target == attempt.target && it.made_contact() && counts(it);
        if let Some(contact) = earlier.iter().find(is_kept) {
            *attempt = *contact;
        }
    }
}

// === impl Times ===

impl Times {
    /// Returns the time between the two questions, if it is too long.
    fn apart(self) -> Option<Duration> {
        let (probe, control) = (self.probe?, self.control?);
        let time = probe.max(control).duration_since(probe.min(control));
        (time > BESIDE).then_some(time)
    }
}

#[cfg(test)]
mod tests {
    use proto::Reach;

    use super::*;

    #[test]
    fn a_way_that_was_open_once_is_open() {
        let attempt = |target, reach| Attempt { target, reach, errno: 0, took_us: 1, again: None };
        let [contact, silence] = [Reach::Reached, Reach::TimedOut];
        let earlier =
            [(1, contact), (2, contact), (3, silence), (4, contact)].map(|(id, it)| attempt(id, it));
        let mut later =
            [(1, silence), (2, silence), (3, silence), (5, silence)].map(|(id, it)| attempt(id, it));
        keep_contacts(&mut later, &earlier, |attempt| attempt.target != 2);
        assert_eq!(
            later,
            [(1, contact), (2, silence), (3, silence), (5, silence)].map(|(id, it)| attempt(id, it))
        );
    }

    #[test]
    fn a_question_that_came_much_later_or_earlier_is_apart() {
        let probe = Instant::now() + Duration::from_mins(1);
        let apart = |control| Times { probe: Some(probe), control }.apart();
        let far = BESIDE + Duration::from_millis(1);
        assert_eq!([apart(Some(probe + far)), apart(Some(probe - far))], [Some(far); 2]);
        assert_eq!([apart(Some(probe + BESIDE)), apart(Some(probe - BESIDE))], [None; 2]);
        assert_eq!(apart(None), None);
    }
}
