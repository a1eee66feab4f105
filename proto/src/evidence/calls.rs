//! The answers of system calls.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::wire_enum;
use crate::{
    Refused, generated,
    limits::{distinct, list, present},
};

/// The largest errno that a system call can return (`MAX_ERRNO`, include/linux/err.h).
const MAX_ERRNO: u32 = 4095;

/// The answer of one system call.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// The call succeeded with this value.
    Value(i64),
    /// The call failed with this errno value.
    Errno(u32),
}

wire_enum! {
    /// A system call that changes nothing, with the arguments that the schema states.
    Call, "call", {
        /// `arch_prctl(ARCH_GET_GS)`, only on x86-64.
        ArchPrctlGetGs, "arch_prctl";
        /// `clock_getres(CLOCK_MONOTONIC_COARSE)`, in nanoseconds.
        ClockGetresCoarse, "clock_getres";
        /// `clock_gettime(CLOCK_TAI)`, with the value 0.
        ClockGettimeTai, "clock_gettime";
        /// `copy_file_range` from descriptor -1 to descriptor -1.
        CopyFileRange, "copy_file_range";
        /// `mincore` on an untouched page, with the byte that it writes for the page.
        MincoreUntouched, "mincore";
        /// `modify_ldt(0)`, which reads; only on x86-64.
        ModifyLdtRead, "modify_ldt";
        /// `mq_getsetattr` on descriptor -1.
        MqGetsetattr, "mq_getsetattr";
        /// `name_to_handle_at` with no path.
        NameToHandleAt, "name_to_handle_at";
        /// `openat2` with a structure of size 0.
        Openat2, "openat2";
        /// `perf_event_open` without attributes.
        PerfEventOpen, "perf_event_open";
        /// `prctl(PR_GET_TIMERSLACK)`, in nanoseconds.
        PrctlGetTimerslack, "prctl";
        /// `remap_file_pages` with a size of 0.
        RemapFilePages, "remap_file_pages";
        /// `sched_rr_get_interval` for the probe's own process.
        SchedRrGetInterval, "sched_rr_get_interval";
        /// `seccomp(SECCOMP_GET_ACTION_AVAIL)` for `SECCOMP_RET_ALLOW`.
        SeccompGetActionAvail, "seccomp";
        /// `setfsuid(-1)`, which only reads the user id.
        SetfsuidQuery, "setfsuid";
        /// `vmsplice` on descriptor -1.
        Vmsplice, "vmsplice";
        /// `io_uring_setup` with no parameters.
        IoUringSetup, "io_uring_setup";
    }
}

/// One call and its answer.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CallAnswer {
    /// The call that was made.
    pub call: Call,
    /// The answer of the call.
    pub answer: Answer,
}

/// The answers of a set of calls, none of which occurs twice.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CallAnswers {
    /// The answers in the order of [`Call`], without the calls that the architecture lacks.
    pub answers: Vec<CallAnswer>,
}

// === impl Answer ===

impl fmt::Display for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => write!(formatter, "{value}"),
            Self::Errno(errno) => write!(formatter, "errno {errno}"),
        }
    }
}

impl From<Answer> for generated::Answer {
    fn from(answer: Answer) -> Self {
        let answer = match answer {
            Answer::Value(value) => generated::answer::Answer::Value(value),
            Answer::Errno(errno) => generated::answer::Answer::Errno(errno),
        };
        Self { answer: Some(answer) }
    }
}

impl TryFrom<generated::Answer> for Answer {
    type Error = Refused;

    fn try_from(generated::Answer { answer }: generated::Answer) -> Result<Self, Refused> {
        match present("answer", answer)? {
            generated::answer::Answer::Value(value) => Ok(Self::Value(value)),
            generated::answer::Answer::Errno(errno @ 1..=MAX_ERRNO) => Ok(Self::Errno(errno)),
            generated::answer::Answer::Errno(_) => Err(Refused::OutOfRange { field: "errno" }),
        }
    }
}

// === impl CallAnswers ===

impl CallAnswers {
    /// Returns the answer of one call; `None` if the call was not made.
    pub fn of(&self, call: Call) -> Option<Answer> {
        self.answers.iter().find(|answer| answer.call == call).map(|answer| answer.answer)
    }
}

impl From<CallAnswers> for generated::CallAnswers {
    fn from(CallAnswers { answers }: CallAnswers) -> Self {
        let answers = answers
            .into_iter()
            .map(|CallAnswer { call, answer }| generated::CallAnswer {
                call: call.into(),
                answer: Some(answer.into()),
            })
            .collect();
        Self { answers }
    }
}

impl TryFrom<generated::CallAnswers> for CallAnswers {
    type Error = Refused;

    fn try_from(generated::CallAnswers { answers }: generated::CallAnswers) -> Result<Self, Refused> {
        let answers = list("answers", answers, |generated::CallAnswer { call, answer }| {
            Ok(CallAnswer { call: call.try_into()?, answer: present("answer", answer)?.try_into()? })
        })?;
        distinct("answers", &answers.iter().map(|answer| answer.call).collect::<Vec<_>>())?;
        Ok(Self { answers })
    }
}
