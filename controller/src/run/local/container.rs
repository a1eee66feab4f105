//! A container that a runtime of this machine already runs: found by the runtime's own state, entered by the runtime's `exec`, and
//! left as it is.

mod entry;
mod find;

use std::{io, path::PathBuf};

pub(super) use entry::Entry;
pub(crate) use find::Wanted;
pub(super) use find::find;

use super::{
    bundle::{self, Bundle},
    runtime::Runtime,
};
use crate::plan::local::Network;

/// A running container, and the way in.
#[derive(Debug)]
pub(super) struct Container {
    pub(super) runtime: Runtime,
    pub(super) bundle: Bundle,
    pub(super) network: Network,
    pub(super) way: Way,
}

/// How a runtime's `exec` takes a program from outside the container.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Way {
    /// `exec --exec-fd` executes a file of the machine (gVisor, `runsc/cmd/exec.go`).
    ExecFd,
    /// `exec --preserve-fds` passes descriptors on, and the program is started by its path in procfs (runc and crun).
    PreservedFd,
}

/// Why a running container cannot be examined.
#[derive(Debug, thiserror::Error)]
pub enum ContainerError {
    /// No runtime knows the container.
    #[error("no container {id} was found; looked at {}", tried(places))]
    NotFound {
        /// The value of `--container`.
        id: String,
        /// The runtimes with the folders of their state.
        places: Vec<String>,
    },
    /// Several runtimes or folders know a container of this name.
    #[error("several containers have the name {id}: {}", places.join(", "))]
    Several {
        /// The value of `--container`.
        id: String,
        /// The runtimes with the folders of their state.
        places: Vec<String>,
    },
    /// The container was not started, is paused, or has ended.
    #[error("the container {id} is not running; the runtime says: {status}")]
    NotRunning {
        /// The container's id.
        id: String,
        /// The runtime's word for the state.
        status: String,
    },
    /// The runtime's `exec` takes no program from outside the container.
    #[error(
        "{runtime} cannot bring a program into a running container without writing to its files: its `exec` has neither \
         `--exec-fd` nor `--preserve-fds`"
    )]
    NoWay {
        /// The runtime with the folder of its state.
        runtime: String,
    },
    /// A bundle that cannot be read.
    #[error("failed to read the container's bundle")]
    Bundle(#[from] bundle::Error),
    /// A file of the run that could not be made.
    #[error("failed to prepare {}", path.display())]
    Prepare {
        /// The file's path.
        path: PathBuf,
        /// The reason of the failure.
        source: io::Error,
    },
}

fn tried(places: &[String]) -> String {
    if places.is_empty() { "no folder, because no known one exists".to_owned() } else { places.join(", ") }
}
