//! Start and removal of a probe on this machine, in a sandbox or as a plain process.

use std::{io, path::PathBuf, process::ExitStatus, time::Duration};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tokio::{
    io::Join,
    process::{Child, ChildStdin, ChildStdout, Command},
    task::JoinHandle,
    time::timeout,
};

use super::runtime::Runtime;
pub use super::runtime::installed_runsc;
use super::{
    bundle::{self, Bundle},
    container::{Container, ContainerError, Entry},
    leftovers,
    scratch::Scratch,
    survey,
    tail::Tail,
};
use crate::{
    case::{HostPath, Subject, host_process::HostProcess, leftover::Leftover, visitor::Visitor},
    plan::local::{LIMITS, LocalPlan},
    support::names::NOBODY,
};

/// Time for one step of cleaning up, before the next one is tried.
const GRACE: Duration = Duration::from_secs(5);

/// The probe's standard output and input.
pub type Stream = Join<ChildStdout, ChildStdin>;

/// An error of launching a probe on this machine.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// A run's folder that could not be made.
    #[error("failed to prepare {}", path.display())]
    Scratch {
        /// The folder's path.
        path: PathBuf,
        /// The reason of the failure.
        source: io::Error,
    },
    /// A user's bundle that cannot be used.
    #[error("failed to use the bundle")]
    Bundle(#[from] bundle::Error),
    /// A running container that cannot be examined.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// A program that could not be started.
    #[error("failed to start {program}")]
    Start {
        /// The program's path.
        program: String,
        /// The reason of the failure.
        source: io::Error,
    },
}

/// A launched probe, and everything that must be cleaned up after it.
#[derive(Debug)]
pub struct Launched {
    child: Child,
    tail: Tail,
    scratch: Scratch,
    inside: Inside,
}

/// The place in which the probe runs.
#[derive(Debug)]
enum Inside {
    /// The machine itself, without a sandbox.
    Nothing,
    /// A sandbox of the run's own.
    Sandbox(Runtime, Bundle),
    /// A container that already ran, and stays.
    Container(Entry),
}

/// Launches the probe of a plan; in a running container if there is one.
pub(super) fn start(
    plan: &LocalPlan,
    probe: &[u8],
    container: Option<Container>,
) -> Result<(Stream, Launched), LaunchError> {
    let scratch = Scratch::new(&plan.run, probe)?;
    let (mut command, inside) = match (container, &plan.subject) {
        (Some(container), _) => {
            let (entry, command) = Entry::prepare(container, probe, scratch.path(), plan.nonce)?;
            (command, Inside::Container(entry))
        }
        (None, Subject::Sandbox { runtime, bundle }) => {
            let bundle = match bundle {
                Some(folder) => bundle::adapted(folder, &scratch.probe())?,
                None => bundle::own(&plan.run, LIMITS),
            };
            scratch.write_config(&bundle.config)?;
            let runtime = Runtime::new(runtime, &scratch.state(), &plan.run);
            (runtime.run(&scratch.bundle()), Inside::Sandbox(runtime, bundle))
        }
        (None, Subject::Container { .. } | Subject::Unsandboxed | Subject::Pods { .. }) => {
            (unsandboxed(&scratch), Inside::Nothing)
        }
    };
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    // In a process group of its own, the child gets no interrupt from the terminal: the controller ends it, in its order.
    let mut child = command
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|source| LaunchError::Start { program: program.clone(), source })?;
    let (Some(input), Some(output), Some(errors)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(LaunchError::Start {
            program,
            source: io::Error::other("its standard streams are no pipes"),
        });
    };
    let launched = Launched { child, tail: Tail::of(errors), scratch, inside };
    Ok((tokio::io::join(output, input), launched))
}

fn unsandboxed(scratch: &Scratch) -> Command {
    let mut command = Command::new(scratch.probe());
    as_nobody(command.arg("report"));
    command
}

/// Takes privileges, environment and folder of the controller from a command.
pub(super) fn as_nobody(command: &mut Command) {
    command.env_clear().current_dir("/");
    if nix::unistd::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
}

// === impl Launched ===

impl Inside {
    /// Has the runtime stop the probe. Returns false without a runtime.
    async fn stop(&self) -> bool {
        match self {
            Self::Nothing => return false,
            Self::Sandbox(runtime, _) => runtime.kill(GRACE).await,
            Self::Container(entry) => entry.end(GRACE).await,
        }
        true
    }
}

impl Launched {
    /// Returns the path of the sandbox's program.
    pub fn probe(&self) -> PathBuf {
        match &self.inside {
            Inside::Container(entry) => entry.program(),
            Inside::Nothing | Inside::Sandbox(..) => self.scratch.probe(),
        }
    }

    /// Returns a path for the copy of the probe that runs beside the sandbox. A search of the machine's processes for the
    /// sandbox's probe must not find that copy.
    pub(crate) fn beside(&self) -> PathBuf {
        self.scratch.path().join("beside")
    }

    /// Returns the sandbox's bundle; `None` without a sandbox.
    pub fn bundle(&self) -> Option<&Bundle> {
        match &self.inside {
            Inside::Nothing => None,
            Inside::Sandbox(_, bundle) => Some(bundle),
            Inside::Container(entry) => Some(&entry.container.bundle),
        }
    }

    /// Returns the probe's user in a container that already ran; `None` for any other probe.
    pub(super) fn visitor(&self) -> Option<Visitor> {
        match &self.inside {
            Inside::Container(entry) => Some(entry.visitor()),
            Inside::Nothing | Inside::Sandbox(..) => None,
        }
    }

    /// Returns the machine's paths that are mounted in the sandbox.
    pub fn host_paths(&self) -> &[HostPath] {
        self.bundle().map(|bundle| bundle.host_paths.as_slice()).unwrap_or_default()
    }

    /// Begins to look at the sandbox's process on the machine.
    pub(super) fn begin_look(&self) -> Option<JoinHandle<Option<HostProcess>>> {
        let runtime = match &self.inside {
            Inside::Nothing => return None,
            Inside::Sandbox(runtime, _) => runtime.clone(),
            Inside::Container(entry) => entry.container.runtime.clone(),
        };
        Some(tokio::spawn(async move {
            let state = runtime.told(GRACE).await?;
            (state.pid > 0).then(|| survey::host_process(state.pid)).flatten()
        }))
    }

    /// Waits for the end of the runtime, or of the probe without a runtime.
    pub async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Returns the last lines of the program's standard error.
    pub fn last_lines(&self) -> Vec<String> {
        self.tail.lines()
    }

    /// Ends every process, removes every object, and returns those that could not be removed.
    pub async fn clean_up(mut self) -> Vec<Leftover> {
        if matches!(self.child.try_wait(), Ok(None)) && self.inside.stop().await {
            _ = timeout(GRACE, self.child.wait()).await;
        }
        end(&mut self.child).await;
        let Inside::Sandbox(runtime, bundle) = &self.inside else {
            return self.scratch.remove().into_iter().collect();
        };
        let deleted = !self.scratch.has_state() || runtime.delete(GRACE).await || !self.scratch.has_state();
        // The control group of the controller's own bundle holds nothing else; the user's may.
        let own = bundle.cgroup.as_deref().filter(|path| path.ends_with(runtime.id()));
        let group = match own {
            Some(path) => leftovers::cgroup(path, GRACE).await,
            None => Vec::new(),
        };
        if !deleted {
            // The runtime's state is needed to remove the container by hand.
            self.scratch.keep();
            return group.into_iter().chain([runtime.leftover()]).collect();
        }
        let mounts = leftovers::mounts_below(self.scratch.path());
        group.into_iter().chain(mounts).chain(self.scratch.remove()).collect()
    }
}

/// Ends a process and its process group; the process may have ended already.
async fn end(child: &mut Child) {
    if matches!(child.try_wait(), Ok(None)) {
        if let Some(group) = child.id().and_then(|id| i32::try_from(id).ok()) {
            _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
        _ = child.start_kill();
        _ = timeout(GRACE, child.wait()).await;
    }
}
