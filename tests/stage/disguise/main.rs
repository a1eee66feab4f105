//! `disguise KIND RUNTIME… --root STATE run --bundle DIR ID`: runs a container in a real runtime and makes its kernel
//! claim to be gVisor's. `kernel-log` and `supervisor` answer by seccomp user notification: the former syslog(2), the
//! latter also uname(2) and the errno fingerprint. `tracer` rewrites results, memory and signal frames by ptrace(2);
//! `tracer-of-a-copy` does so to a copy of the probe.
#![forbid(unsafe_code)]
#![expect(clippy::indexing_slicing, reason = "a configuration is indexed by name")]

mod forged;
mod supervisor;
mod tracer;

use std::{env, process::ExitCode};

use stage::Invocation;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<ExitCode> {
    let words: Vec<_> = env::args().skip(1).collect();
    let invocation = Invocation::of(&words).ok_or("disguise KIND RUNTIME… --root STATE …")?;
    if invocation.action() != "run" {
        return Ok(invocation.pass_on()?);
    }
    match invocation.kind.as_str() {
        "kernel-log" => supervisor::run(&invocation, &["syslog"]),
        "supervisor" => supervisor::run(&invocation, &supervisor::everything()),
        "tracer" => tracer::run(&invocation),
        "tracer-of-a-copy" => {
            tracer::copy(&invocation)?;
            tracer::run(&invocation)
        }
        kind => Err(format!("there is no {kind}").into()),
    }
}
