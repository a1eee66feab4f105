//! Resource limits of a sandbox.

/// Limits of memory, processor time and processes; `None` means unlimited.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Limits {
    /// The memory in bytes.
    pub memory: Option<u64>,
    /// The processor time in thousandths of a processor.
    pub cpu_millis: Option<u64>,
    /// The number of processes and threads.
    pub pids: Option<u64>,
}

/// Why a sandbox may have other limits than the declared ones, although its limits are applied.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Doubt {
    /// The pod's resources were changed after its start. gVisor shows the limits of the start (`runsc/sandbox/sandbox.go`).
    Resized,
    /// The container shares its pod's sandbox, whose limits are those of all containers and the overhead of the RuntimeClass.
    OfItsPod,
}

impl Doubt {
    /// Returns the reason as a sentence's end.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Resized => "the pod was resized after its start, and gVisor shows the limits of the start",
            Self::OfItsPod => {
                "the container shares its pod's sandbox, whose limits are those of the whole pod; `verify --namespace` judges them"
            }
        }
    }
}
