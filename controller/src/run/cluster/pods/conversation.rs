//! The conversation with one probe, which is repeated if the stream breaks.

use std::{num::NonZeroU8, pin::Pin, time::Duration};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::api::AttachedProcess;
use proto::Assignment;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::{Exec, Watch, create::Refusal};
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
) -> Result<(Gathered, Option<Staying>), E> {
    repeated(TWO, exec, watch, deadline, draw, |_| ()).await
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
    let (stream, process) = match timeout_at(deadline, exec.start(assignments)).await {
        Ok(Ok(started)) => started,
        Ok(Err(refusal)) => return (Gathered::Refused(refusal), None),
        Err(_) => return (Gathered::Refused(Refusal::TimeOver), None),
    };
    let begin = if assignments == ONE { collect::begin } else { collect::begin_and_hold };
    let mut talk = Talk::over(begin(stream, assignment), process);
    let is_whole = talk.listen(exec.pod(), watch, deadline, hear).await;
    if assignments > ONE && is_whole {
        let collected = Box::new(talk.collection.so_far());
        return (Gathered::Heard { collected, timed_out: false }, Some(Staying(talk)));
    }
    (talk.end().await, None)
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
        talk.collection.proceed(assignment);
        talk.listen(exec.pod(), watch, deadline, &mut |_| ()).await;
        talk.end().await
    }
}

// === impl Talk ===

impl Talk {
    fn over(collection: Collection, mut process: AttachedProcess) -> Self {
        let status = process.take_status();
        let status = Box::pin(async {
            match status {
                Some(status) => status.await,
                None => None,
            }
        });
        Self { process, collection, status, told: None, timed_out: false, ended: None, ends: false }
    }

    /// Listens until the evidence is whole or nothing more will come. Returns true for whole evidence.
    async fn listen(
        &mut self,
        pod: &str,
        watch: &Watch,
        deadline: Instant,
        hear: &mut impl FnMut(&Event),
    ) -> bool {
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
            };
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
        let Self { process, mut collection, status, told, timed_out, ended, ends } = self;
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
    use super::*;

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
