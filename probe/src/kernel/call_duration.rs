//! The duration of a system call.

use proto::{CallDuration, Observation};

use crate::sys;

pub(crate) fn observe() -> Observation<CallDuration> {
    Observation::Seen(sys::call_duration())
}
