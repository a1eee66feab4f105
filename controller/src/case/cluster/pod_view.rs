//! A pod or a pod template, as far as it is judged. Values that may be secret are left out: the environment and the
//! arguments.

use std::net::IpAddr;

use super::{Device, Labels, Loosened, Placement, Shared, Volume};
use crate::case::limits::Limits;

/// A pod or a pod template.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PodView {
    /// The workload or pod of origin.
    pub origin: Origin,
    /// The time of its creation, in seconds since 1970; `None` for a template.
    pub created: Option<i64>,
    /// The pod's labels.
    pub labels: Shared<Labels>,
    /// The name of the pod's service account; empty if a saved file lacks it, and for pods that do not exist yet.
    pub service_account: String,
    /// Annotations that change gVisor's settings.
    pub gvisor_annotations: Labels,
    /// Annotations that give the pod another network than the cluster's, which no NetworkPolicy binds.
    pub network_annotations: Labels,
    /// Annotations that request or refuse containers of admission, such as a mesh's proxy. The probe carries them.
    pub injection_annotations: Labels,
    /// Keys of labels and annotations that the template lacks and that admission gave all its pods; none for a pod. The template is
    /// judged with them.
    pub by_admission: Vec<String>,
    /// Fields that the template lacks and that admission gave all its pods, each as a fragment with its value:
    /// "spec.runtimeClassName=gvisor". The template is judged with them.
    pub fields_by_admission: Vec<String>,
    /// The pod's RuntimeClass; `None` if it names none.
    pub runtime_class: Option<String>,
    /// The pod's node; `None` before it is scheduled, and for a template.
    pub node: Option<String>,
    /// The pod's requirements for its node.
    pub placement: Shared<Placement>,
    /// All containers of the pod.
    pub containers: Shared<Vec<Container>>,
    /// The limits of the whole pod, which bind its containers together; `None` for each limit that the pod does not name.
    pub limits: Limits,
    /// Volumes that reach outside of the pod.
    pub volumes: Vec<Volume>,
    /// Devices of the node that the pod asks for; `None` if a saved file lacks them.
    pub devices: Option<Vec<Device>>,
    /// The host's namespaces that the pod shares: "network", "pid", "ipc".
    pub host_namespaces: Vec<String>,
    /// Kernel settings that the pod changes.
    pub sysctls: Vec<String>,
    /// The name of a container that may run as root; `None` if no container may.
    pub root_allowed: Option<String>,
    /// True if a service account's token is mounted that the API server accepts.
    pub token: bool,
    /// Tokens of a service account that the API server perhaps accepts, each as a fragment with its audience and its volume.
    pub unclear_tokens: Vec<String>,
    /// The service account, if it decides whether a token is mounted; `None` if the pod itself does.
    pub deciding_account: Option<String>,
    /// The name servers of the pod's own `dnsConfig`.
    pub name_servers: Vec<IpAddr>,
    /// Names of the Secrets that the pod mounts or puts into its environment; `None` if a saved file lacks them.
    pub secrets: Option<Vec<String>>,
    /// Other credentials that the pod is given, each as a fragment without its value; `None` if a saved file lacks them.
    pub credentials: Option<Vec<String>>,
    /// The images of the containers, without ephemeral ones; `None` if a saved file lacks them.
    pub images: Option<Vec<Shared<Image>>>,
}

/// The image of a container.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Image {
    /// The image's name, as the container's declaration has it.
    pub name: String,
    /// The id with the digest that a node reports, or the name itself if it has a digest; `None` if no digest is known.
    pub id: Option<String>,
}

/// The origin of a pod or a template.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Origin {
    /// The workload's kind, in lower case; "pod" for a pod without one.
    pub kind: String,
    /// The workload's name.
    pub name: String,
    /// The pod's name; `None` for a template.
    pub pod: Option<String>,
}

/// A container of a pod.
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own, which a manifest answers")]
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Container {
    /// The container's name.
    pub name: String,
    /// The time when it runs.
    pub kind: ContainerKind,
    /// True for an ephemeral container that has ended, by the pod's status; false if a saved file lacks it.
    pub has_ended: bool,
    /// The memory limit in bytes; `None` without a limit.
    pub memory: Option<u64>,
    /// The CPU limit in thousandths of a processor; `None` without a limit.
    pub cpu_millis: Option<u64>,
    /// True if it is privileged.
    pub privileged: bool,
    /// Capabilities that the container adds.
    pub added_capabilities: Vec<String>,
    /// True if it keeps the capabilities that a runtime gives by default.
    pub keeps_capabilities: bool,
    /// True if its programs may gain privileges.
    pub may_gain_privileges: bool,
    /// The TCP ports that the container declares.
    pub ports: Vec<u16>,
    /// Ports of the node that the container uses.
    pub host_ports: Vec<i32>,
    /// True if its `/proc` is unmasked.
    pub unmasked_proc: bool,
    /// True if its root file system is writable; `None` if a saved file lacks the fact.
    pub writable_root: Option<bool>,
    /// The paths where the container mounts volumes and its termination message; `None` if a saved file lacks them, and for an
    /// ephemeral container.
    pub mount_paths: Option<Vec<String>>,
    /// The filter of its system calls.
    pub seccomp: SeccompProfile,
    /// Settings that loosen its confinement otherwise; `None` if a saved file lacks them.
    pub loosened: Option<Vec<Loosened>>,
}

/// The filter of system calls that a container or its pod names.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum SeccompProfile {
    /// No filter is named: nothing is filtered, unless the kubelet sets a default (`seccompDefault`).
    #[default]
    Unnamed,
    /// No filter, on request.
    Unconfined,
    /// The runtime's own filter, or a file on the node.
    Named,
}

/// The time when a container runs.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum ContainerKind {
    /// As long as the pod runs.
    #[default]
    Regular,
    /// Before the other containers. In a file from before sidecars were told apart, a sidecar too.
    Init,
    /// From before the other containers to the pod's end: an init container with `restartPolicy: Always`
    /// (kubernetes.io, "Sidecar Containers").
    Sidecar,
    /// Only since it was added to a running pod.
    Ephemeral,
}

impl Origin {
    /// Returns true if a kind and a name mean this workload or pod.
    pub fn is(&self, (kind, name): &(String, String)) -> bool {
        let pod = kind == "pod" && self.pod.as_ref() == Some(name);
        pod || (self.kind == *kind && self.name == *name)
    }

    /// Returns true for a pod template.
    pub const fn is_template(&self) -> bool {
        self.pod.is_none()
    }

    /// Returns true if a kind and a name may mean this workload, although its owner was not read: a Deployment names its
    /// ReplicaSets, and a `CronJob` its Jobs, by its own name and a suffix without a hyphen (Kubernetes,
    /// `pkg/controller/deployment/sync.go`, `pkg/controller/cronjob/utils.go`).
    pub fn may_be_owned_by(&self, (kind, name): &(String, String)) -> bool {
        let owners =
            matches!((kind.as_str(), self.kind.as_str()), ("deployment", "replicaset") | ("cronjob", "job"));
        let suffix = self.name.strip_prefix(name).and_then(|rest| rest.strip_prefix('-'));
        owners && suffix.is_some_and(|suffix| !suffix.contains('-'))
    }

    /// Returns the workload: "deployment/web"; for a pod without one "pod/web-1".
    pub fn workload(&self) -> String {
        format!("{}/{}", self.kind, self.name)
    }

    /// Returns the title: "deployment/web", "pod/web-1".
    pub fn title(&self) -> String {
        match &self.pod {
            Some(pod) => format!("pod/{pod}"),
            None => format!("{}/{}", self.kind, self.name),
        }
    }
}

impl ContainerKind {
    /// Returns true if the container runs as long as the pod.
    pub const fn lasts(self) -> bool {
        matches!(self, Self::Regular | Self::Sidecar)
    }
}

impl Container {
    /// Returns true if its processes may run in a pod that has started.
    pub fn may_run(&self) -> bool {
        self.kind.lasts() || (self.kind == ContainerKind::Ephemeral && !self.has_ended)
    }
}

impl PodView {
    /// Returns the labels without those of admission.
    pub fn own_labels(&self) -> Labels {
        let mut labels = (*self.labels).clone();
        labels.retain(|key, _| !self.by_admission.contains(key));
        labels
    }

    /// Returns true if the pod shares the node's network.
    pub fn in_the_nodes_network(&self) -> bool {
        self.host_namespaces.iter().any(|namespace| namespace == "network")
    }

    /// Returns true if the pod shares the node's processes.
    pub fn shares_the_nodes_processes(&self) -> bool {
        self.host_namespaces.iter().any(|namespace| namespace == "pid")
    }

    /// Returns the containers that no memory or no CPU limit binds, neither their own nor their pod's; init containers count,
    /// ephemeral ones do not.
    pub fn without_limits(&self) -> Vec<&Container> {
        let counted = self.containers.iter().filter(|container| container.kind != ContainerKind::Ephemeral);
        let Limits { memory, cpu_millis, .. } = self.limits;
        let lacks = |container: &&Container| {
            container.memory.or(memory).is_none() || container.cpu_millis.or(cpu_millis).is_none()
        };
        counted.filter(lacks).collect()
    }
}
