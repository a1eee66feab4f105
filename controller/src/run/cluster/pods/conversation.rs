//! The conversation with one probe, which is repeated if the stream breaks.

use std::{num::NonZeroU8, pin::Pin, time::Duration};

use futures_util::FutureExt;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::api::AttachedProcess;
use proto::{Assignment, Attempt, MEASURING, Observation};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::{Exec, Watch, again::PATIENCE, create::Refusal};
use crate::{
    case::{Collected, breach::Breach},
    run::collect::{self, Collection, Event},
};

/// The most attempts with a stream that breaks, each with a new nonce.
const ATTEMPTS: usize = 3;
/// The most attempts without an answer, with growing pauses. They last as long as an API server needs to restart, and
/// no longer: a kubelet that has stopped does not answer again.
const UNANSWERED: usize = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);
/// The time that a process may take to end after its evidence is closed or refused.
const ENDING: Duration = Duration::from_secs(2);

/// The time for a message of a probe beyond the time that its observers and attempts have: for a busy sandbox, and for the way.
const SLACK: Duration = Duration::from_secs(10);

/// The number of assignments of a probe that is asked once, and of a probe that is asked again by the same stream.
const ONE: NonZeroU8 = NonZeroU8::MIN;
const TWO: NonZeroU8 = ONE.saturating_add(1);

/// The result of a conversation.
#[derive(Debug)]
pub(crate) enum Gathered {
    /// The probe was asked: its answers, and whether the deadline ended the conversation.
    Heard { collected: Box<Collected>, timed_out: bool },
    /// No probe could be started.
    Refused(Refusal),
}

// === impl Gathered ===

impl Gathered {
    /// Returns the probe's attempts; none if they were not seen.
    pub(crate) fn attempts(&self) -> &[Attempt] {
        let Self::Heard { collected, .. } = self else { return &[] };
        collected.evidence.egress.seen().map_or(&[], |egress| &egress.attempts)
    }

    pub(crate) fn attempts_mut(&mut self) -> &mut [Attempt] {
        match self {
            Self::Heard { collected, .. } => match &mut collected.evidence.egress {
                Observation::Seen(egress) => &mut egress.attempts,
                _ => &mut [],
            },
            Self::Refused(_) => &mut [],
        }
    }
}

/// A probe that has delivered its evidence, and that waits for a second assignment.
pub(crate) struct Staying(Talk);

/// A conversation under way.
struct Talk {
    process: AttachedProcess,
    collection: Collection,
    status: Pin<Box<dyn Future<Output = Option<Status>> + Send>>,
    /// The last status, once it is told, and the time by which the last output arrives.
    told: Option<(Option<Status>, Instant)>,
    timed_out: bool,
    /// The longest time between two messages of the probe. A connection whose other end is gone is silent for ever.
    silence: Duration,
    /// The end of the probe's pod.
    ended: Option<Breach>,
    /// True if the probe ends by itself.
    ends: bool,
}

/// Asks a probe in a running pod. A stream that breaks is repeated from the start, and a complete stream replaces a
/// broken one. `draw` creates an assignment with a nonce of its own, and `hear` is told every event.
pub(crate) async fn gather<E>(
    exec: &Exec,
    watch: &Watch,
    deadline: Instant,
    draw: impl FnMut() -> Result<Assignment, E>,
    hear: impl FnMut(&Event),
) -> Result<Gathered, E> {
    let (gathered, _) = repeated(ONE, exec, watch, deadline, draw, hear).await?;
    Ok(gathered)
}

/// Asks a probe as [`gather`] does, and has it wait for a second assignment: a second question needs no request then.
pub(crate) async fn gather_and_stay<E>(
    exec: &Exec,
    watch: &Watch,
    deadline: Instant,
    draw: impl FnMut() -> Result<Assignment, E>,
    hear: impl FnMut(&Event),
) -> Result<(Gathered, Option<Staying>), E> {
    repeated(TWO, exec, watch, deadline, draw, hear).await
}

async fn repeated<E>(
    assignments: NonZeroU8,
    exec: &Exec,
    watch: &Watch,
    deadline: Instant,
    mut draw: impl FnMut() -> Result<Assignment, E>,
    mut hear: impl FnMut(&Event),
) -> Result<(Gathered, Option<Staying>), E> {
    let (mut broke, mut unanswered) = (0, 0);
    let mut pause = FIRST_PAUSE;
    loop {
        let (gathered, staying) = once(assignments, exec, watch, deadline, draw()?, &mut hear).await;
        let gathered = explained(gathered, exec.pod(), watch).await;
        let again = match &gathered {
            Gathered::Heard { collected, timed_out } if !timed_out && broken(collected) => {
                broke += 1;
                broke < ATTEMPTS
            }
            Gathered::Refused(Refusal::Unanswered(_) | Refusal::NotHeard(_)) => {
                unanswered += 1;
                unanswered < UNANSWERED
            }
            Gathered::Heard { .. } | Gathered::Refused(_) => false,
        };
        let alive =
            !matches!(watch.state(exec.pod()).map(|state| state.stage), Some(super::Stage::Failed(_)) | None);
        if !again || !alive || Instant::now() >= deadline {
            return Ok((gathered, staying));
        }
        if matches!(gathered, Gathered::Refused(_)) {
            sleep(pause.min(deadline - Instant::now())).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

async fn once(
    assignments: NonZeroU8,
    exec: &Exec,
    watch: &Watch,
    deadline: Instant,
    assignment: Assignment,
    hear: &mut impl FnMut(&Event),
) -> (Gathered, Option<Staying>) {
    let patience = Instant::now() + PATIENCE;
    let (stream, process) = match timeout_at(deadline.min(patience), exec.start(assignments)).await {
        Ok(Ok(started)) => started,
        Ok(Err(refusal)) => return (Gathered::Refused(refusal), None),
        Err(_) if deadline <= patience => return (Gathered::Refused(Refusal::TimeOver), None),
        Err(_) => {
            let why = format!("an exec waited for {} s", PATIENCE.as_secs());
            return (Gathered::Refused(Refusal::Unanswered(why)), None);
        }
    };
    let begin = if assignments == ONE { collect::begin } else { collect::begin_and_hold };
    let silence = silence(&assignment);
    let mut talk = Talk::over(begin(stream, assignment), process, silence);
    let is_whole = talk.listen(exec.pod(), watch, deadline, hear).await;
    if assignments > ONE && is_whole {
        let collected = Box::new(talk.collection.so_far());
        return (Gathered::Heard { collected, timed_out: false }, Some(Staying(talk)));
    }
    (talk.end().await, None)
}

/// Gives the end of a pod as the reason for which no process started in it.
async fn explained(gathered: Gathered, pod: &str, watch: &Watch) -> Gathered {
    let end = match &gathered {
        // The watch may be a little later than the answer.
        Gathered::Refused(Refusal::Gone(_)) => timeout(ENDING, watch.ended(pod)).await.ok(),
        Gathered::Refused(Refusal::Unanswered(_) | Refusal::NotHeard(_) | Refusal::Admission(_)) => {
            watch.ended(pod).now_or_never()
        }
        Gathered::Refused(_) | Gathered::Heard { .. } => None,
    };
    end.map_or(gathered, |why| Gathered::Refused(Refusal::Gone(why)))
}

// === impl Staying ===

impl Staying {
    /// Gives the probe its second assignment, and waits for its end.
    pub(crate) async fn ask(
        self,
        exec: &Exec,
        watch: &Watch,
        deadline: Instant,
        assignment: Assignment,
    ) -> Gathered {
        let Self(mut talk) = self;
        talk.ends = false;
        talk.silence = silence(&assignment);
        talk.collection.proceed(assignment);
        talk.listen(exec.pod(), watch, deadline, &mut |_| ()).await;
        talk.end().await
    }
}

// === impl Talk ===

impl Talk {
    fn over(collection: Collection, mut process: AttachedProcess, silence: Duration) -> Self {
        let status = process.take_status();
        let status = Box::pin(async {
            match status {
                Some(status) => status.await,
                None => None,
            }
        });
        Self { process, collection, status, told: None, timed_out: false, silence, ended: None, ends: false }
    }

    /// Listens until the evidence is whole or nothing more will come. Returns true for whole evidence.
    async fn listen(
        &mut self,
        pod: &str,
        watch: &Watch,
        deadline: Instant,
        hear: &mut impl FnMut(&Event),
    ) -> bool {
        let mut quiet = Instant::now() + self.silence;
        loop {
            let event = tokio::select! {
                biased;
                event = self.collection.event() => event,
                why = watch.ended(pod) => {
                    self.ended = Some(Breach::Ended(why));
                    return false;
                }
                last = &mut self.status, if self.told.is_none() => {
                    // The client library keeps the output open after a connection breaks, and ends the status without one.
                    self.told = Some((last, Instant::now() + ENDING));
                    continue;
                }
                () = until(self.told.as_ref().map(|(_, end)| *end)) => return false,
                () = tokio::time::sleep_until(deadline) => {
                    self.timed_out = true;
                    return false;
                }
                () = tokio::time::sleep_until(quiet) => {
                    tracing::debug!("the probe in {pod} said nothing for {:?}", self.silence);
                    return false;
                }
            };
            quiet = Instant::now() + self.silence;
            hear(&event);
            match event {
                Event::Introduced(_) | Event::Observed { .. } => (),
                Event::Closed | Event::Refused => {
                    self.ends = true;
                    return matches!(event, Event::Closed);
                }
                Event::Ended => return false,
            }
        }
    }

    /// Ends the conversation.
    async fn end(self) -> Gathered {
        let Self { process, mut collection, status, told, timed_out, ended, ends, .. } = self;
        if ends {
            _ = timeout(ENDING, last(&mut collection)).await;
        }
        let mut collected = collection.finish();
        let silent = collected.introduction.is_none() && !timed_out && ended.is_none();
        let unstarted = match told {
            _ if !silent => None,
            Some((last, _)) => last.and_then(unstarted),
            None => timeout(ENDING, status).await.ok().flatten().and_then(unstarted),
        };
        process.abort();
        if let Some(why) = unstarted {
            return Gathered::Refused(Refusal::NotHeard(why));
        }
        if !collected.breaches.is_empty() {
            collected.breaches.extend(ended);
        }
        Gathered::Heard { collected: Box::new(collected), timed_out }
    }
}

/// Returns the longest time between two messages of a probe with this assignment. Each observer is told as soon as it has answered, or
/// was given up; the attempts and the measurement of processor time take longer.
fn silence(assignment: &Assignment) -> Duration {
    let budget = assignment.budget;
    budget.observer + budget.rounds() + MEASURING + SLACK
}

/// Returns the reason why a process never ran; `None` if it ran. The API server upgrades a connection before it calls the
/// kubelet, and reports a kubelet that it cannot reach in the stream's last status (apiserver,
/// `pkg/util/proxy/streamtranslator.go`). The status of a process that ran is a success or has the reason `NonZeroExitCode`.
fn unstarted(status: Status) -> Option<String> {
    let ran =
        status.status.as_deref() == Some("Success") || status.reason.as_deref() == Some("NonZeroExitCode");
    (!ran).then(|| status.message.unwrap_or_else(|| "the cluster named no reason".to_owned()))
}

/// Waits until a time; for ever without one.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

async fn last(collection: &mut Collection) {
    while !matches!(collection.event().await, Event::Ended) {}
}

/// Returns true if the stream broke; false if the probe broke the protocol.
fn broken(collected: &Collected) -> bool {
    let breaks = |breach: &Breach| {
        matches!(breach, Breach::Silent | Breach::Unclosed { .. } | Breach::Stream(_) | Breach::Ended(_))
    };
    !collected.breaches.is_empty() && collected.breaches.iter().all(breaks)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::run::cluster::pods::{PodState, Stage, seen::Seen};

    /// Returns the reason for which no process started in a pod with this stage, or in one that is gone.
    async fn told(refusal: Refusal, stage: Option<Stage>) -> Refusal {
        let mut seen = Seen::at("1", false);
        let pod = json!({ "metadata": { "name": "probe" }, "spec": { "containers": [] } });
        let shown = PodState::of(&serde_json::from_value(pod).unwrap());
        let ended = Stage::Failed("somebody deleted it".into());
        seen.show("probe".into(), PodState { stage: stage.clone().unwrap_or(ended), ..shown });
        if stage.is_none() {
            seen.remove("probe".into(), None);
        }
        match explained(Gathered::Refused(refusal), "probe", &Watch::of(seen)).await {
            Gathered::Refused(refusal) => refusal,
            Gathered::Heard { .. } => panic!("it was heard"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_a_pod_is_the_reason_for_which_nothing_starts_in_it() {
        let gone = || Refusal::Gone("pods \"probe\" not found".into());
        let unanswered = || Refusal::Unanswered("container not found".into());
        let why = Refusal::Gone("somebody deleted it".into());
        for refusal in [gone(), unanswered()] {
            assert_eq!(told(refusal, None).await, why);
        }
        assert_eq!(told(unanswered(), Some(Stage::Running)).await, unanswered());
        assert_eq!(told(gone(), Some(Stage::Running)).await, gone(), "a watch that never shows the end");
    }

    #[test]
    fn a_process_that_never_ran_is_told_from_a_process_that_failed() {
        let status = |status: &str, reason: Option<&str>| Status {
            status: Some(status.into()),
            reason: reason.map(str::to_owned),
            message: Some("dial tcp 10.0.0.1:10250: connect: connection refused".into()),
            ..Status::default()
        };
        assert_eq!(unstarted(status("Success", None)), None);
        assert_eq!(unstarted(status("Failure", Some("NonZeroExitCode"))), None);
        let refused = unstarted(status("Failure", Some("InternalError")));
        assert!(refused.is_some_and(|why| why.contains("connection refused")));
    }
}
