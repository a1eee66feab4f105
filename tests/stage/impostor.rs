//! `impostor KIND [RUNTIME…] --root STATE run --bundle DIR ID`: an OCI runtime that goes wrong in one way.
//!
//! Some kinds speak for a probe themselves: `nonce`, `half`, `miscounted`, `blind`, `giant`, `flood`, `killed`,
//! `stalled`, `silent`, `schema`. Two kinds run a real runtime and spoil it: `cut` kills the runtime after some
//! bytes; `mute` lets nothing of the probe's output arrive, and makes the file `$TMPDIR/up` at the first byte of it.
//! `dead` does not start. `measure PROBE report` spoils nothing: it runs the probe and keeps its peak memory in
//! `$TMPDIR/peak`.

use std::{
    env, fs,
    io::{self, Read, Write},
    process::{Command, ExitCode, Stdio},
    thread,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use proto::{
    Assignment, Delivery, Introduction, Nonce, Observation, Observed, Observer, SCHEMA_VERSION,
    delivery::Content, generated, generated::collector_client::CollectorClient,
};
use tokio_stream::StreamExt;
use tonic::transport::{Channel, Endpoint};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Bytes of a real probe that pass before `cut` ends it: its introduction and the first observations.
const CUT: usize = 1500;

fn main() -> Result<ExitCode> {
    let words: Vec<_> = env::args().skip(1).collect();
    let (kind, rest) = words.split_first().ok_or("which kind?")?;
    if matches!(kind.as_str(), "cut" | "mute" | "measure") {
        return spoil(kind, rest);
    }
    if !rest.iter().any(|word| word == "run") {
        return Ok(ExitCode::SUCCESS);
    }
    match kind.as_str() {
        "dead" => {
            for number in 0..1000 {
                writeln!(io::stderr(), "line {number}")?;
            }
            writeln!(io::stderr(), "the last line: no such \u{1b}[31mplatform")?;
            return Ok(ExitCode::from(1));
        }
        "silent" => until_told_to_end(),
        kind => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let spoken = runtime.block_on(speak(kind));
            // Nothing waits for the thread that reads standard input.
            runtime.shutdown_background();
            spoken?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Waits until standard input ends, as it does with the controller.
fn until_told_to_end() {
    _ = io::copy(&mut io::stdin(), &mut io::sink());
}

/// Runs the real runtime, or for `measure` the probe itself. Passes on every action other than a run.
fn spoil(kind: &str, words: &[String]) -> Result<ExitCode> {
    let (program, arguments) = words.split_first().ok_or("which runtime?")?;
    let measured = kind == "measure";
    // In an empty network namespace, because the probe tries to reach addresses that a sandbox has no way to.
    let mut command = Command::new(if measured { "unshare" } else { program });
    if measured {
        command.arg("--net").arg(program).args(arguments.first());
    } else {
        command.args(arguments);
    }
    if !arguments.iter().any(|word| word == "run") {
        let passed_on = measured || command.status()?.success();
        return Ok(if passed_on { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let (mut input, mut output) =
        (child.stdin.take().ok_or("no standard input")?, child.stdout.take().ok_or("no standard output")?);
    thread::spawn(move || io::copy(&mut io::stdin(), &mut input));
    let mut passed = 0;
    let mut peak = 0;
    let mut chunk = [0; 256];
    while let read @ 1.. = output.read(&mut chunk)? {
        if kind == "mute" {
            fs::write(env::temp_dir().join("up"), "")?;
            continue;
        }
        if kind == "measure" {
            peak = peak.max(memory(child.id()));
            fs::write(env::temp_dir().join("peak"), peak.to_string())?;
        }
        passed += read;
        io::stdout().write_all(chunk.get(..read).unwrap_or_default())?;
        io::stdout().flush()?;
        if kind == "cut" && passed > CUT {
            child.kill()?;
            child.wait()?;
            return Ok(ExitCode::from(137));
        }
    }
    child.wait()?;
    Ok(ExitCode::SUCCESS)
}

/// Returns the peak memory of a process and its children, in KB (proc(5), `VmHWM`).
fn memory(process: u32) -> u64 {
    let read = |file: String| fs::read_to_string(file).unwrap_or_default();
    let children = read(format!("/proc/{process}/task/{process}/children"));
    let family = children.split_whitespace().filter_map(|child| child.parse().ok()).chain([process]);
    let peak = |process: u32| {
        let status = read(format!("/proc/{process}/status"));
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().trim_end_matches(" kB").parse::<u64>().ok()
    };
    family.filter_map(peak).sum()
}

async fn speak(kind: &str) -> Result<()> {
    let mut collector = CollectorClient::new(channel().await?);
    let schema_version = if kind == "schema" { SCHEMA_VERSION + 1 } else { SCHEMA_VERSION };
    let introduction = Introduction {
        probe_version: "0.0.0".into(),
        schema_version,
        architecture: env::consts::ARCH.into(),
        observers: Observer::ALL.to_vec(),
    };
    let message = generated::Introduction::from(introduction);
    let assignment = Assignment::try_from(collector.introduce(message).await?.into_inner())?;
    match kind {
        "flood" => {
            let megabyte = vec![0; 1 << 20];
            for _ in 0..1024 {
                io::stdout().write_all(&megabyte)?;
            }
            return Ok(());
        }
        "stalled" => {
            until_told_to_end();
            return Ok(());
        }
        _ => (),
    }
    let deliveries = tokio_stream::iter(deliveries(kind, &assignment));
    if kind == "killed" {
        let last_act = tokio_stream::once(()).filter_map(|()| {
            // The transport has everything before this; the controller may or may not read it before the end.
            _ = kill(Pid::this(), Signal::SIGKILL);
            None
        });
        collector.deliver(deliveries.chain(last_act)).await?;
    } else {
        collector.deliver(deliveries).await?;
    }
    Ok(())
}

fn deliveries(kind: &str, assignment: &Assignment) -> Vec<generated::Delivery> {
    let nonce = if kind == "nonce" { Nonce([7; 16]) } else { assignment.nonce };
    let all = assignment.observers.len();
    let told = match kind {
        "nonce" | "blind" => all,
        _ => all / 2,
    };
    let outcome = || match kind {
        // Longer than any message may be.
        "giant" => Observation::failed("x".repeat(64 << 20)),
        _ => Observation::Absent,
    };
    let observed = assignment.observers.iter().take(told).map(|&observer| {
        let content = Content::Observed(Observed { observer, outcome: outcome() });
        Delivery { nonce, content }.into()
    });
    let closing = matches!(kind, "nonce" | "miscounted" | "blind").then(|| {
        let observations = u32::try_from(all).unwrap_or(u32::MAX);
        Delivery { nonce, content: Content::Closing { observations } }.into()
    });
    observed.chain(closing).collect()
}

async fn channel() -> Result<Channel> {
    let endpoint = Endpoint::from_static("http://controller");
    let connector = tower::service_fn(|_| async {
        let stdio = tokio::io::join(tokio::io::stdin(), tokio::io::stdout());
        Ok::<_, io::Error>(hyper_util::rt::TokioIo::new(stdio))
    });
    Ok(endpoint.connect_with_connector(connector).await?)
}
