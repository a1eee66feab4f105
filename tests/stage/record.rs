//! `record FILE RUNTIME… --root STATE run --bundle DIR ID`: a runtime that keeps every byte of its probe's output.
#![forbid(unsafe_code)]

use std::{
    env, fs,
    io::{self, Read, Write},
    process::{ExitCode, Stdio},
};

use stage::Invocation;

fn main() -> io::Result<ExitCode> {
    let words: Vec<_> = env::args().skip(1).collect();
    let usage = || io::Error::other("record FILE RUNTIME… --root STATE …");
    let invocation = Invocation::of(&words).ok_or_else(usage)?;
    if invocation.action() != "run" {
        return invocation.pass_on();
    }
    let rest: Vec<_> = invocation.rest.iter().skip(2).map(String::as_str).collect();
    let mut child = invocation.command(&rest)?.stdout(Stdio::piped()).spawn()?;
    let mut said = child.stdout.take().ok_or_else(usage)?;
    let mut kept = fs::File::create(&invocation.kind)?;
    let mut out = io::stdout().lock();
    let mut bytes = [0; 1 << 12];
    loop {
        let count = said.read(&mut bytes)?;
        let Some(some) = bytes.get(..count).filter(|some| !some.is_empty()) else { break };
        kept.write_all(some)?;
        // A controller that has heard enough stops reading.
        if out.write_all(some).and_then(|()| out.flush()).is_err() {
            break;
        }
    }
    Ok(if child.wait()?.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
