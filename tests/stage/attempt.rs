//! A test that panics fails with the message of its panic.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

use libtest_mimic::Failed;

/// Runs a function that may panic, and returns the panic as a failure.
pub fn attempt<T>(act: impl FnOnce() -> T) -> Result<T, Failed> {
    catch_unwind(AssertUnwindSafe(act)).map_err(|panic| failed(&*panic))
}

fn failed(panic: &(dyn Any + Send)) -> Failed {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    Failed::from(text.unwrap_or_else(|| "it panicked".to_owned()))
}
