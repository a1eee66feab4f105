//! A RuntimeClass of the cluster.

use super::{Labels, Toleration};
use crate::case::limits::Limits;

/// A RuntimeClass of the cluster.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Class {
    /// The class's name.
    pub name: String,
    /// The time of its creation, in seconds since 1970; `None` if it is unknown.
    pub created: Option<i64>,
    /// The name by which the node's container runtime knows the OCI runtime.
    pub handler: String,
    /// The additional memory of a pod of the class, in bytes.
    pub overhead_memory: u64,
    /// The additional processor time of a pod of the class, in thousandths of a processor.
    pub overhead_cpu_millis: u64,
    /// Labels of the nodes on which its pods can run.
    pub node_selector: Labels,
    /// Tolerations that the class adds to its pods.
    pub tolerations: Vec<Toleration>,
}

impl Class {
    /// Returns true if the handler has a usual name of gVisor: "runsc" by gVisor's guide for containerd and CRI-O,
    /// "gvisor" on GKE. A name is only a claim; the probe shows whether it is true.
    pub fn claims_gvisor(&self) -> bool {
        ["runsc", "gvisor"].iter().any(|name| self.handler.contains(name))
    }

    /// Returns the containers' common limits from the limits of their pod.
    pub fn without_overhead(&self, Limits { memory, cpu_millis, pids }: Limits) -> Limits {
        Limits {
            memory: memory.map(|memory| memory.saturating_sub(self.overhead_memory)),
            cpu_millis: cpu_millis.map(|millis| millis.saturating_sub(self.overhead_cpu_millis)),
            pids,
        }
    }
}
