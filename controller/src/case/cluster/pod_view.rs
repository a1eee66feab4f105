//! A pod that exists, or the template of pods to come, as far as it is judged. Nothing that may be secret is kept: no
//! environment, no arguments.

use super::{Labels, Placement};

/// A pod, or a template.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PodView {
    /// Where it comes from.
    pub origin: Origin,
    /// When it was made, in seconds since 1970; `None` for a template.
    pub created: Option<i64>,
    /// Its labels.
    pub labels: Labels,
    /// Those of its annotations that change gVisor's settings.
    pub gvisor_annotations: Labels,
    /// Those that give it a network besides the cluster's, which no NetworkPolicy binds.
    pub network_annotations: Labels,
    /// Its RuntimeClass.
    pub runtime_class: Option<String>,
    /// The node that it runs on.
    pub node: Option<String>,
    /// What it asks of its node.
    pub placement: Placement,
    /// All its containers.
    pub containers: Vec<Container>,
    /// Its volumes that reach outside of the pod.
    pub volumes: Vec<Volume>,
    /// The host's namespaces that it shares: "network", "pid", "ipc".
    pub host_namespaces: Vec<String>,
    /// Kernel settings that it changes.
    pub sysctls: Vec<String>,
    /// Why processes may run as root, if they may.
    pub root_allowed: Option<String>,
    /// Whether a service account's token is mounted.
    pub token: bool,
    /// The Secrets that it mounts or takes into its environment; `None` in a file that does not hold it.
    pub secrets: Option<Vec<String>>,
}

/// Where a shape comes from.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Origin {
    /// The workload's kind, in lower case; "pod" for a pod without one.
    pub kind: String,
    /// The workload's name.
    pub name: String,
    /// The pod's name; `None` for a template.
    pub pod: Option<String>,
}

/// A container.
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own, which a manifest answers")]
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// When it runs.
    pub kind: ContainerKind,
    /// Its memory limit in bytes.
    pub memory: Option<u64>,
    /// Its CPU limit in thousandths.
    pub cpu_millis: Option<u64>,
    /// Whether it is privileged.
    pub privileged: bool,
    /// Capabilities that it adds.
    pub added_capabilities: Vec<String>,
    /// Whether it keeps the capabilities that a runtime gives by default.
    pub keeps_capabilities: bool,
    /// Whether a program in it may gain privileges.
    pub may_gain_privileges: bool,
    /// Ports of the node that it takes.
    pub host_ports: Vec<i32>,
    /// Whether its /proc is unmasked.
    pub unmasked_proc: bool,
    /// Whether its root file system may be written; `None` in a file that does not hold it.
    pub writable_root: Option<bool>,
    /// Which of its system calls are filtered.
    pub seccomp: SeccompProfile,
}

/// The filter of system calls that a container or its pod names.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum SeccompProfile {
    /// None is named: nothing is filtered, unless the kubelet was told to (`seccompDefault`).
    #[default]
    Unnamed,
    /// Nothing is filtered, by wish.
    Unconfined,
    /// The runtime's own, or a file of the node's.
    Named,
}

/// When a container runs.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ContainerKind {
    /// As long as the pod.
    #[default]
    Regular,
    /// Before the others; a sidecar as long as the pod.
    Init,
    /// Added to a running pod.
    Ephemeral,
}

/// A volume that reaches outside of the pod.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// What it is: "hostPath", "claim", "driver" for what a program of the node mounts; behind a claim also "local", "csi"
    /// and any other kind.
    pub kind: String,
    /// The path on the node, the driver, or the claim's name.
    pub source: String,
}

impl Origin {
    /// Whether it is a template of pods to come.
    pub const fn is_template(&self) -> bool {
        self.pod.is_none()
    }

    /// As people write it: "deployment/web", "pod/web-1".
    pub fn title(&self) -> String {
        match &self.pod {
            Some(pod) => format!("pod/{pod}"),
            None => format!("{}/{}", self.kind, self.name),
        }
    }
}

impl PodView {
    /// Whether it shares the node's network.
    pub fn in_the_nodes_network(&self) -> bool {
        self.host_namespaces.iter().any(|namespace| namespace == "network")
    }

    /// Containers that run in the pod's ordinary life, init containers too.
    pub fn without_limits(&self) -> Vec<&Container> {
        let counted = self.containers.iter().filter(|container| container.kind != ContainerKind::Ephemeral);
        counted.filter(|container| container.memory.is_none() || container.cpu_millis.is_none()).collect()
    }
}
