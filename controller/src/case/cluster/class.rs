//! A RuntimeClass.

use super::{Labels, Toleration};
use crate::case::limits::Limits;

/// A RuntimeClass.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Class {
    /// Its name.
    pub name: String,
    /// When it was made, in seconds since 1970.
    pub created: Option<i64>,
    /// The name by which the node's container runtime knows the OCI runtime.
    pub handler: String,
    /// What a pod of it needs besides, in bytes.
    pub overhead_memory: u64,
    /// The same of processor time, in thousandths of a processor.
    pub overhead_cpu_millis: u64,
    /// The nodes on which it can run.
    pub node_selector: Labels,
    /// Tolerations that its pods are given.
    pub tolerations: Vec<Toleration>,
}

impl Class {
    /// Whether the handler's name is one that gVisor's handlers have: "runsc" where containerd or CRI-O was configured by
    /// gVisor's guide, "gvisor" on GKE. A name is a claim; the probe says whether it is true.
    pub fn claims_gvisor(&self) -> bool {
        ["runsc", "gvisor"].iter().any(|name| self.handler.contains(name))
    }

    /// What a pod of it is given whose containers are given this.
    pub fn with_overhead(&self, Limits { memory, cpu_millis, pids }: Limits) -> Limits {
        Limits {
            memory: memory.map(|memory| memory.saturating_add(self.overhead_memory)),
            cpu_millis: cpu_millis.map(|millis| millis.saturating_add(self.overhead_cpu_millis)),
            pids,
        }
    }

    /// What its containers are given together, where a pod of it is given this.
    pub fn without_overhead(&self, Limits { memory, cpu_millis, pids }: Limits) -> Limits {
        Limits {
            memory: memory.map(|memory| memory.saturating_sub(self.overhead_memory)),
            cpu_millis: cpu_millis.map(|millis| millis.saturating_sub(self.overhead_cpu_millis)),
            pids,
        }
    }
}
