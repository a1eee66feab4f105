//! Starting a probe on this machine, in a sandbox or as a plain process, and leaving nothing behind.

use std::{io, path::PathBuf, process::ExitStatus, time::Duration};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tokio::{
    io::Join,
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use super::runtime::Runtime;
pub use super::runtime::installed_runsc;
use super::scratch::Scratch;
use super::tail::Tail;
use super::{
    bundle::{self, Bundle},
    leftovers,
};
use crate::{
    case::{HostPath, Subject, leftover::Leftover},
    plan::local::{LIMITS, LocalPlan},
    support::names::NOBODY,
};

/// How long one step of cleaning up may take before the next is tried.
const GRACE: Duration = Duration::from_secs(5);

/// What a probe says and hears.
pub type Stream = Join<ChildStdout, ChildStdin>;

/// Why a probe could not be launched.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The run's own folder could not be made.
    #[error("failed to prepare {}", path.display())]
    Scratch {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The user's bundle cannot be used.
    #[error("failed to use the bundle")]
    Bundle(#[from] bundle::Error),
    /// A program could not be started at all.
    #[error("failed to start {program}")]
    Start {
        /// Which.
        program: String,
        /// Why.
        source: io::Error,
    },
}

/// A probe that was launched, and everything that must be cleaned up after it.
#[derive(Debug)]
pub struct Launched {
    child: Child,
    tail: Tail,
    scratch: Scratch,
    sandbox: Option<(Runtime, Bundle)>,
}

/// Launches a probe as planned.
pub fn start(plan: &LocalPlan, probe: &[u8]) -> Result<(Stream, Launched), Error> {
    let scratch = Scratch::new(&plan.run, probe)?;
    let (mut command, sandbox) = match &plan.subject {
        Subject::Sandbox { runtime, bundle } => {
            let bundle = match bundle {
                Some(folder) => bundle::adapted(folder, &scratch.probe())?,
                None => bundle::own(&plan.run, LIMITS),
            };
            scratch.write_config(&bundle.config)?;
            let runtime = Runtime::new(runtime, &scratch.state(), &plan.run);
            (runtime.run(&scratch.bundle()), Some((runtime, bundle)))
        }
        Subject::Unsandboxed | Subject::Pods { .. } => (unsandboxed(&scratch), None),
    };
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    // A group of its own: an interrupt from the terminal is the controller's to handle, in its order.
    let mut child = command
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|source| Error::Start { program: program.clone(), source })?;
    let (Some(input), Some(output), Some(errors)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(Error::Start { program, source: io::Error::other("it has no pipes") });
    };
    let launched = Launched { child, tail: Tail::of(errors), scratch, sandbox };
    Ok((tokio::io::join(output, input), launched))
}

fn unsandboxed(scratch: &Scratch) -> Command {
    let mut command = Command::new(scratch.probe());
    as_nobody(command.arg("report"));
    command
}

/// The same without privileges, and with nothing of this process's own.
pub(super) fn as_nobody(command: &mut Command) {
    command.env_clear().current_dir("/");
    if nix::unistd::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
}

// === impl Launched ===

impl Launched {
    /// The file that the sandbox was given as its program.
    pub fn probe(&self) -> PathBuf {
        self.scratch.probe()
    }

    /// Where a copy of the probe may lie that runs beside the sandbox: whoever looks for the sandbox's own among the
    /// machine's processes must not take that for it.
    pub(crate) fn beside(&self) -> PathBuf {
        self.scratch.path().join("beside")
    }

    /// What the sandbox was given; `None` where there is none.
    pub fn bundle(&self) -> Option<&Bundle> {
        self.sandbox.as_ref().map(|(_, bundle)| bundle)
    }

    /// Paths of the machine that the sandbox was given.
    pub fn host_paths(&self) -> &[HostPath] {
        self.bundle().map(|bundle| bundle.host_paths.as_slice()).unwrap_or_default()
    }

    /// Returns when the runtime, or the probe without one, has ended.
    pub async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// The last lines that it wrote to its standard error.
    pub fn last_lines(&self) -> Vec<String> {
        self.tail.lines()
    }

    /// Ends what still runs and removes what was made; returns what could not be removed.
    pub async fn clean_up(mut self) -> Vec<Leftover> {
        if let Some((runtime, bundle)) = &self.sandbox {
            if matches!(self.child.try_wait(), Ok(None)) {
                runtime.kill(GRACE).await;
                _ = timeout(GRACE, self.child.wait()).await;
            }
            end(&mut self.child).await;
            let deleted =
                !self.scratch.has_state() || runtime.delete(GRACE).await || !self.scratch.has_state();
            // The group of a bundle of our own is ours alone; the user's may hold other things.
            let ours = bundle.cgroup.as_deref().filter(|path| path.ends_with(runtime.id()));
            let group = match ours {
                Some(path) => leftovers::cgroup(path, GRACE).await,
                None => Vec::new(),
            };
            if !deleted {
                // The runtime's state is needed to remove the container by hand.
                self.scratch.keep();
                return group.into_iter().chain([runtime.leftover()]).collect();
            }
            let mounts = leftovers::mounts_below(self.scratch.path());
            return group.into_iter().chain(mounts).chain(self.scratch.remove()).collect();
        }
        end(&mut self.child).await;
        self.scratch.remove().into_iter().collect()
    }
}

/// Ends a process that may have ended already, and whatever it started in its own process group.
async fn end(child: &mut Child) {
    if matches!(child.try_wait(), Ok(None)) {
        if let Some(group) = child.id().and_then(|id| i32::try_from(id).ok()) {
            _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
        _ = child.start_kill();
        _ = timeout(GRACE, child.wait()).await;
    }
}
