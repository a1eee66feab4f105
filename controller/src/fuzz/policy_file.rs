//! The policy file.

use crate::{
    case::environment::Environment,
    judge::policy::{Policy, file},
    support::printable,
};

/// A policy file is read, or refused with a place that is in the file.
pub(super) fn policy_file(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let lines = text.split('\n').count();
    match file::read("podproof.toml", text.to_owned()) {
        Ok(read) => {
            let mut policy = Policy::of(Environment::Production);
            read.amend(&mut policy, jiff::civil::Date::constant(2026, 11, 28));
            for (key, value, line) in read.of_requirements(&policy) {
                assert!((1..=lines).contains(&line), "{key} = {value} in line {line} of {lines}");
            }
            assert!(policy.weights.values().all(|weight| (1..=100).contains(weight)), "{policy:?}");
            let waived = policy.waivers.iter().find(|waiver| waiver.is_of_a_mandatory_requirement());
            assert!(waived.is_none_or(|waiver| waiver.line <= lines), "{waived:?}");
        }
        Err(mistake) => {
            assert!((1..=lines).contains(&mistake.line) && mistake.column >= 1, "{mistake:?} of {lines}");
            super::assert_harmless(&printable::error(&mistake.to_string()));
        }
    }
}
