//! Attendance of a launched probe until its stream and its process have ended.

use std::{process::ExitStatus, time::Duration};

use proto::Observation;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep_until},
};

use super::{launch::Launched, survey};
use crate::{
    case::{host_process::HostProcess, limits::Limits, stopped::Stopped},
    run::{
        collect::{Collection, Event},
        interrupt::Interrupt,
        progress::Progress,
    },
};

/// Time for the runtime to end after the evidence is closed, or after the probe has closed the stream.
const ENDING: Duration = Duration::from_secs(5);
/// Time for a refused probe to end by itself, so that its exit status can be reported.
const REFUSED: Duration = Duration::from_secs(1);

/// A launched probe, its stream, and the facts of its end so far.
pub(super) struct Attendance<'a> {
    launched: &'a mut Launched,
    collection: &'a mut Collection,
    progress: &'a Progress,
    stream_ended: bool,
    patience: Option<Instant>,
    /// The look at the sandbox's process on the machine; `None` before the probe's first word.
    look: Option<JoinHandle<Option<HostProcess>>>,
    ending: Ending,
}

/// The end of a probe, and observations of the machine while the probe ran.
pub(super) struct Ending {
    /// The reason for an early end; `None` for a probe that ended by itself.
    pub(super) stopped: Option<Stopped>,
    /// The exit status of the runtime, or of the probe without one; `None` if the process had to be ended.
    pub(super) status: Option<ExitStatus>,
    /// The limits of the sandbox's control group.
    pub(super) cgroup: Observation<Limits>,
    /// The sandbox's process on the machine; `None` if it was not seen.
    pub(super) host_process: Option<HostProcess>,
    /// True if the probe was among the machine's processes.
    pub(super) runs_the_probe: Observation<bool>,
}

impl<'a> Attendance<'a> {
    pub(super) fn new(
        launched: &'a mut Launched,
        collection: &'a mut Collection,
        progress: &'a Progress,
    ) -> Self {
        let ending = Ending {
            stopped: None,
            status: None,
            host_process: None,
            cgroup: Observation::failed("the sandbox did not come up"),
            runs_the_probe: Observation::failed("the sandbox did not come up"),
        };
        Self { launched, collection, progress, stream_ended: false, patience: None, look: None, ending }
    }

    /// Waits for the end of stream and process, at most until the deadline, an interrupt, or the end of a probe's last chance.
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
                seen = look(&mut self.look), if self.look.is_some() => {
                    self.ending.host_process = seen;
                    self.look = None;
                    self.collection.let_go();
                }
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
        if let Some(look) = self.look.take() {
            look.abort();
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
                self.look = self.launched.begin_look();
                if self.look.is_none() {
                    self.collection.let_go();
                }
                self.ending.runs_the_probe = survey::processes_run(&self.launched.probe());
            }
            Event::Observed { observer, received, expected } => {
                self.progress.tick(&format!("{received} of {expected}: {}", observer.id()));
                // A program that introduced itself in the probe's place must have started the probe by now.
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

/// Waits for the look at the sandbox's process; the sandbox is held meanwhile.
async fn look(begun: &mut Option<JoinHandle<Option<HostProcess>>>) -> Option<HostProcess> {
    match begun {
        Some(look) => look.await.ok().flatten(),
        None => None,
    }
}

fn cgroup(launched: &Launched) -> Observation<Limits> {
    match launched.bundle() {
        Some(bundle) => survey::cgroup_limits(bundle.cgroup.as_deref()),
        None => Observation::Absent,
    }
}
