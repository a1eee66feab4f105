//! The errno fingerprint: the answers of a mixed set of system calls. A seccomp profile can imitate single answers. No profile
//! can imitate the whole set, because two answers are successes with a value that no filter can give.

use proto::{Answer, Call, CallAnswers};

use super::{EVERYWHERE, Reading, Signal, Strength};
use crate::case::Case;

pub(super) const SIGNAL: Signal = Signal {
    id: "call-answers",
    strength: Strength::Fingerprint,
    mechanism: "answers of a mixed set of system calls",
    platforms: "all",
    architectures: EVERYWHERE,
    seen_in: "2022-12 to 2026-09",
    source: "pkg/sentry/syscalls/linux/linux64.go, sys_time.go, sys_mmap.go, sys_prctl.go",
    read,
};

const EPERM: Answer = Answer::Errno(1);
const ENODEV: Answer = Answer::Errno(19);
const EINVAL: Answer = Answer::Errno(22);
const ENOSYS: Answer = Answer::Errno(38);
const EOPNOTSUPP: Answer = Answer::Errno(95);

/// The most answers that may differ: a sandbox can have a seccomp profile of its own inside (`--oci-seccomp`).
const MOST_DIFFERENT: usize = 4;

/// The fewest answers of a mixed set: the calls that every architecture has.
const FEWEST: usize = 12;

/// Calls whose answers must all fit: no common seccomp profile touches them, and no filter can give two of the values.
const UNTOUCHED: &[Call] = &[Call::ClockGetresCoarse, Call::MincoreUntouched, Call::SetfsuidQuery];

/// Returns gVisor's answer in every release and on every platform; `None` if releases differ. `copy_file_range` and `openat2`
/// were missing until 2024 and answer as on Linux in 2026-09; `io_uring_setup` depends on a flag.
const fn expected(call: Call) -> Option<Answer> {
    Some(match call {
        Call::CopyFileRange | Call::Openat2 | Call::IoUringSetup => return None,
        Call::MqGetsetattr | Call::RemapFilePages | Call::SetfsuidQuery | Call::Vmsplice => ENOSYS,
        Call::ArchPrctlGetGs
        | Call::ClockGettimeTai
        | Call::PrctlGetTimerslack
        | Call::SeccompGetActionAvail => EINVAL,
        Call::ClockGetresCoarse | Call::MincoreUntouched => Answer::Value(1),
        Call::ModifyLdtRead | Call::SchedRrGetInterval => EPERM,
        Call::NameToHandleAt => EOPNOTSUPP,
        Call::PerfEventOpen => ENODEV,
    })
}

fn read(case: &Case) -> Reading {
    Reading::of(&case.evidence().call_answers, reading)
}

fn reading(answers: &CallAnswers) -> Reading {
    let telling: Vec<_> =
        answers.answers.iter().filter_map(|answer| Some((answer, expected(answer.call)?))).collect();
    let differing: Vec<_> = telling
        .iter()
        .filter(|(answer, expected)| answer.answer != *expected)
        .map(|(answer, _)| format!("{} {}", answer.call.id(), answer.answer))
        .collect();
    let untouched = UNTOUCHED.iter().filter_map(|&call| Some(answers.of(call)? == expected(call)?));
    let (fitting, others): (Vec<_>, Vec<_>) = untouched.partition(|&fits| fits);
    let text =
        format!("{} of {} calls answer as gVisor's do", telling.len() - differing.len(), telling.len());
    if fitting.len() == UNTOUCHED.len() && telling.len() >= FEWEST && differing.len() <= MOST_DIFFERENT {
        Reading::Gvisor(text)
    } else if others.len() == UNTOUCHED.len() {
        Reading::Linux(text)
    } else {
        Reading::Unknown(format!("{text}; these do not: {}", differing.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use proto::CallAnswer;

    use super::*;

    fn answers(answer: impl Fn(Call) -> Answer) -> CallAnswers {
        let answer = |&call: &Call| CallAnswer { call, answer: answer(call) };
        CallAnswers { answers: Call::ALL.iter().map(answer).collect() }
    }

    /// Returns the answer of the releases of 2022 and 2024.
    fn gvisor(call: Call) -> Answer {
        expected(call).unwrap_or(ENOSYS)
    }

    #[test]
    fn calls_that_differ_between_releases_do_not_count() {
        let of_2026 = answers(|call| match call {
            Call::CopyFileRange => Answer::Errno(9),
            Call::Openat2 => EINVAL,
            call => gvisor(call),
        });
        assert!(matches!(reading(&of_2026), Reading::Gvisor(_)));
    }

    #[test]
    fn a_profile_that_imitates_every_errno_cannot_imitate_the_values() {
        assert!(matches!(reading(&answers(gvisor)), Reading::Gvisor(_)));
        let imitated = answers(|call| match call {
            Call::ClockGetresCoarse => Answer::Value(4_000_000),
            Call::MincoreUntouched => Answer::Value(0),
            call => gvisor(call),
        });
        assert!(matches!(reading(&imitated), Reading::Unknown(_)));
    }

    #[test]
    fn a_profile_inside_the_sandbox_may_change_a_few() {
        let profile = |changed: &'static [Call]| {
            answers(move |call| if changed.contains(&call) { EPERM } else { gvisor(call) })
        };
        let few = &[Call::PerfEventOpen, Call::NameToHandleAt, Call::Vmsplice, Call::SeccompGetActionAvail];
        assert!(matches!(reading(&profile(few)), Reading::Gvisor(_)));
        assert!(matches!(reading(&profile(&[Call::SetfsuidQuery])), Reading::Unknown(_)));
        let more = &[
            Call::PerfEventOpen,
            Call::NameToHandleAt,
            Call::Vmsplice,
            Call::ClockGettimeTai,
            Call::MqGetsetattr,
        ];
        assert!(matches!(reading(&profile(more)), Reading::Unknown(_)));
    }

    #[test]
    fn a_few_answers_are_no_fingerprint() {
        let none = CallAnswers { answers: Vec::new() };
        assert!(matches!(reading(&none), Reading::Unknown(_)));
        let few = CallAnswers { answers: answers(gvisor).answers.into_iter().take(6).collect() };
        assert!(matches!(reading(&few), Reading::Unknown(_)));
    }
}
