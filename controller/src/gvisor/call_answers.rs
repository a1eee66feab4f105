//! The errno fingerprint: how a mixed set of system calls answers. Single answers are imitated by a seccomp profile; the
//! whole set is not, because two of them are successes with a value that no filter can give.

use proto::{Answer, Call, CallAnswers};

use super::{EVERYWHERE, Reading, Signal, Strength};
use crate::case::Case;

pub(super) const SIGNAL: Signal = Signal {
    id: "call-answers",
    strength: Strength::Fingerprint,
    architectures: EVERYWHERE,
    seen_in: "2022-12 to 2026-08",
    source: "pkg/sentry/syscalls/linux/linux64.go, sys_time.go, sys_mmap.go, sys_prctl.go",
    read,
};

const EPERM: Answer = Answer::Errno(1);
const ENODEV: Answer = Answer::Errno(19);
const EINVAL: Answer = Answer::Errno(22);
const ENOSYS: Answer = Answer::Errno(38);
const EOPNOTSUPP: Answer = Answer::Errno(95);

/// How many may differ: a sandbox can have a seccomp profile of its own inside (`--oci-seccomp`).
const MOST_DIFFERENT: usize = 4;

/// No common seccomp profile touches these: all of them must fit.
const UNTOUCHED: &[Call] = &[
    Call::ClockGetresCoarse,
    Call::CopyFileRange,
    Call::MincoreUntouched,
    Call::Openat2,
    Call::SetfsuidQuery,
];

/// What gVisor answers, in every release and on every platform.
const fn expected(call: Call) -> Answer {
    match call {
        Call::CopyFileRange
        | Call::MqGetsetattr
        | Call::Openat2
        | Call::RemapFilePages
        | Call::SetfsuidQuery
        | Call::Vmsplice => ENOSYS,
        Call::ArchPrctlGetGs
        | Call::ClockGettimeTai
        | Call::PrctlGetTimerslack
        | Call::SeccompGetActionAvail => EINVAL,
        Call::ClockGetresCoarse | Call::MincoreUntouched => Answer::Value(1),
        Call::ModifyLdtRead | Call::SchedRrGetInterval => EPERM,
        Call::NameToHandleAt => EOPNOTSUPP,
        Call::PerfEventOpen => ENODEV,
    }
}

fn read(case: &Case) -> Reading {
    let observed = &case.evidence().call_answers;
    observed.seen().map_or_else(|| Reading::Unknown(observed.fared()), reading)
}

fn reading(answers: &CallAnswers) -> Reading {
    let all = answers.answers.len();
    let differing: Vec<_> = answers
        .answers
        .iter()
        .filter(|answer| answer.answer != expected(answer.call))
        .map(|answer| format!("{} {}", answer.call.id(), answer.answer))
        .collect();
    let untouched = UNTOUCHED.iter().filter(|&&call| answers.of(call) == Some(expected(call))).count();
    let text = format!("{} of {all} calls answer as gVisor's do", all - differing.len());
    match untouched {
        fitting if fitting == UNTOUCHED.len() && differing.len() <= MOST_DIFFERENT => Reading::Gvisor(text),
        0 => Reading::Linux(text),
        _ => Reading::Unknown(format!("{text}; not so: {}", differing.join(", "))),
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

    #[test]
    fn a_profile_that_imitates_every_errno_cannot_imitate_the_values() {
        assert!(matches!(reading(&answers(expected)), Reading::Gvisor(_)));
        let imitated = answers(|call| match (call, expected(call)) {
            (Call::ClockGetresCoarse, _) => Answer::Value(4_000_000),
            (Call::MincoreUntouched, _) => Answer::Value(0),
            (_, expected) => expected,
        });
        assert!(matches!(reading(&imitated), Reading::Unknown(_)));
    }

    #[test]
    fn a_profile_inside_the_sandbox_may_change_a_few() {
        let profile = |changed: &'static [Call]| {
            answers(move |call| if changed.contains(&call) { EPERM } else { expected(call) })
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
        assert!(!matches!(reading(&none), Reading::Gvisor(_)));
    }
}
