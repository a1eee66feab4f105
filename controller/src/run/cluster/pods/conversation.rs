//! The conversation with one probe, which is repeated if the stream breaks.

use std::{pin::pin, time::Duration};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use proto::Assignment;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::{Exec, Watch, create::Refusal};
use crate::{
    case::{Collected, breach::Breach},
    run::collect::{self, Event},
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

/// The result of a conversation.
#[derive(Debug)]
pub(crate) enum Gathered {
    /// The probe was asked: its answers, and whether the deadline ended the conversation.
    Heard { collected: Box<Collected>, timed_out: bool },
    /// No probe could be started.
    Refused(Refusal),
}

/// Asks a probe in a running pod. A stream that breaks is repeated from the start, and a complete stream replaces a
/// broken one. `draw` creates an assignment with a nonce of its own, and `hear` is told every event.
pub(crate) async fn gather<E>(
    exec: &Exec,
    watch: &Watch,
    deadline: Instant,
    mut draw: impl FnMut() -> Result<Assignment, E>,
    mut hear: impl FnMut(&Event),
) -> Result<Gathered, E> {
    let (mut broke, mut unanswered) = (0, 0);
    let mut pause = FIRST_PAUSE;
    loop {
        let gathered = once(exec, watch, deadline, draw()?, &mut hear).await;
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
            return Ok(gathered);
        }
        if matches!(gathered, Gathered::Refused(_)) {
            sleep(pause.min(deadline - Instant::now())).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

async fn once(
    exec: &Exec,
    watch: &Watch,
    deadline: Instant,
    assignment: Assignment,
    hear: &mut impl FnMut(&Event),
) -> Gathered {
    let (stream, mut process) = match timeout_at(deadline, exec.start()).await {
        Ok(Ok(started)) => started,
        Ok(Err(refusal)) => return Gathered::Refused(refusal),
        Err(_) => return Gathered::Refused(Refusal::TimeOver),
    };
    let status = process.take_status();
    let status = async {
        match status {
            Some(status) => status.await,
            None => None,
        }
    };
    let mut status = pin!(status);
    // The last status, once it is told, and the time by which the last output arrives.
    let mut told = None;
    let mut collection = collect::begin(stream, assignment);
    let mut timed_out = false;
    let mut ended = None;
    loop {
        let event = tokio::select! {
            biased;
            event = collection.event() => event,
            why = watch.ended(exec.pod()) => {
                ended = Some(Breach::Ended(why));
                break;
            }
            last = &mut status, if told.is_none() => {
                // The client library keeps the output open after a connection breaks, and ends the status without one.
                told = Some((last, Instant::now() + ENDING));
                continue;
            }
            () = until(told.as_ref().map(|(_, end)| *end)) => break,
            () = tokio::time::sleep_until(deadline) => {
                timed_out = true;
                break;
            }
        };
        hear(&event);
        match event {
            Event::Introduced(_) | Event::Observed { .. } => (),
            Event::Closed | Event::Refused => {
                _ = timeout(ENDING, last(&mut collection)).await;
                break;
            }
            Event::Ended => break,
        }
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

async fn last(collection: &mut collect::Collection) {
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
