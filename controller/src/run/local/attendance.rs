//! One run, from the launch to the end of its stream and of its process.

use std::{process::ExitStatus, time::Duration};

use proto::Observation;
use tokio::time::{Instant, sleep_until};

use super::{launch::Launched, survey};
use crate::{
    case::limits::Limits,
    judge::exit::Stopped,
    run::{
        collect::{Collection, Event},
        interrupt::Interrupt,
        progress::Progress,
    },
};

/// How long the runtime may take to end once the evidence is closed, or once its probe has closed the stream.
const ENDING: Duration = Duration::from_secs(5);
/// How long a probe that was refused may take to end by itself, so that its exit status can be told.
const REFUSED: Duration = Duration::from_secs(1);

/// What is under way, and what is known of its end.
pub(super) struct Run<'a> {
    launched: &'a mut Launched,
    collection: &'a mut Collection,
    progress: &'a Progress,
    stream_ended: bool,
    patience: Option<Instant>,
    ending: Ending,
}

/// How a run ended.
pub(super) struct Ending {
    /// What kept it from its regular end.
    pub(super) stopped: Option<Stopped>,
    /// Of the runtime, or of the probe without one; `None` where it had to be ended.
    pub(super) status: Option<ExitStatus>,
    /// The sandbox's control group, while it ran.
    pub(super) cgroup: Observation<Limits>,
    /// Whether the probe was among the machine's processes, while it ran.
    pub(super) runs_the_probe: Observation<bool>,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        launched: &'a mut Launched,
        collection: &'a mut Collection,
        progress: &'a Progress,
    ) -> Self {
        let ending = Ending {
            stopped: None,
            status: None,
            cgroup: Observation::failed("the sandbox did not come up"),
            runs_the_probe: Observation::failed("the sandbox did not come up"),
        };
        Self { launched, collection, progress, stream_ended: false, patience: None, ending }
    }

    /// Waits for stream and process to end, but not beyond the deadline, an interrupt, or a probe's last chance.
    pub(super) async fn finish(mut self, deadline: Instant, interrupt: &mut Interrupt) -> Ending {
        while !(self.stream_ended && self.ending.status.is_some()) {
            let until = self.patience.map_or(deadline, |patience| patience.min(deadline));
            tokio::select! {
                biased;
                () = interrupt.arrival() => {
                    self.ending.stopped = Some(Stopped::Interrupted);
                    break;
                }
                event = self.collection.event(), if !self.stream_ended => self.hear(&event),
                status = self.launched.ended(), if self.ending.status.is_none() => {
                    let Ok(status) = status else { break };
                    self.ending.status = Some(status);
                    self.expect_the_end_within(ENDING);
                }
                () = sleep_until(until) => {
                    self.ending.stopped = (until == deadline).then_some(Stopped::TimedOut);
                    break;
                }
            }
        }
        self.ending
    }

    fn hear(&mut self, event: &Event) {
        match event {
            Event::Introduced(introduction) => {
                self.progress.change(&format!(
                    "probe {} looks at {} things",
                    introduction.probe_version,
                    introduction.observers.len()
                ));
                self.ending.cgroup = cgroup(self.launched);
                self.ending.runs_the_probe = survey::processes_run(&self.launched.probe());
            }
            Event::Observed { observer, received, expected } => {
                self.progress.tick(&format!("{received} of {expected}: {}", observer.id()));
                // Whoever introduced itself in the probe's place must have started it by now.
                if received + 1 == *expected && self.ending.runs_the_probe.seen() == Some(&false) {
                    self.ending.runs_the_probe = survey::processes_run(&self.launched.probe());
                }
            }
            Event::Closed => {
                self.progress.change("the evidence is whole");
                self.expect_the_end_within(ENDING);
            }
            Event::Refused => self.expect_the_end_within(REFUSED),
            Event::Ended => {
                self.stream_ended = true;
                self.expect_the_end_within(ENDING);
            }
        }
    }

    fn expect_the_end_within(&mut self, time: Duration) {
        let end = Instant::now() + time;
        self.patience = Some(self.patience.map_or(end, |patience| patience.min(end)));
    }
}

fn cgroup(launched: &Launched) -> Observation<Limits> {
    match launched.bundle() {
        Some(bundle) => survey::cgroup_limits(bundle.cgroup.as_deref()),
        None => Observation::Absent,
    }
}
