//! The answers of a set of system calls. gVisor's kernel lacks calls and options that every Linux has had for years
//! (gVisor, pkg/sentry/syscalls/linux/linux64.go).

use proto::{Call, CallAnswer, CallAnswers, Observation};

use crate::sys;

pub(crate) fn observe() -> Observation<CallAnswers> {
    let answer = |&call: &Call| sys::answer(call).map(|answer| CallAnswer { call, answer });
    Observation::Seen(CallAnswers { answers: Call::ALL.iter().filter_map(answer).collect() })
}

#[cfg(test)]
mod tests {
    use proto::Answer;

    use super::*;

    #[test]
    fn linux_answers_calls_that_no_seccomp_profile_blocks() {
        let Observation::Seen(answers) = observe() else { panic!("no answers") };
        assert!(matches!(answers.of(Call::SetfsuidQuery), Some(Answer::Value(_))), "{answers:?}");
        assert_eq!(answers.of(Call::MincoreUntouched), Some(Answer::Value(0)));
    }
}
