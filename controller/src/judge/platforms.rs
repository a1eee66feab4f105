//! Platforms, and their remedies for the requirements that share them. A remedy more is a line here.

mod recognition;

pub use recognition::recognised;

/// A platform that runs sandboxes, or a runtime with a property of its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Platform {
    /// Google Kubernetes Engine.
    Gke,
    /// Amazon Elastic Kubernetes Service.
    Eks,
    /// Azure Kubernetes Service.
    Aks,
    /// Red Hat's `OpenShift`.
    OpenShift,
    /// A cluster of minikube.
    Minikube,
    /// A cluster of k3s.
    K3s,
    /// Nodes whose container runtime is containerd, configured by the user.
    Containerd,
    /// Any Kubernetes cluster.
    Kubernetes,
    /// The machine of a local run.
    OneMachine,
    /// gVisor itself; listed, never recognised.
    Gvisor,
    /// A runtime that shares the machine's kernel; listed, never recognised.
    SharedKernel,
}

/// A platform's remedy.
pub type PlatformRemedy = (Platform, &'static str);

/// Remedies for pods that do not run in gVisor.
pub(super) const RUNTIME_ON_PLATFORMS: &[PlatformRemedy] = &[
    (
        Platform::Gke,
        "a node pool of GKE Sandbox (`gcloud container node-pools create --sandbox type=gvisor`), whose class is gvisor",
    ),
    (
        Platform::Eks,
        "a custom AMI with runsc and containerd-shim-runsc-v1, and the handler in containerd's configuration",
    ),
    (Platform::Minikube, "`minikube addons enable gvisor`"),
    (
        Platform::K3s,
        "runsc and its shim on each node, and the handler in a template of k3s's containerd configuration",
    ),
    (
        Platform::Containerd,
        "runsc and its shim on each node, the handler in config.toml, and deploy/runtime-class.yaml",
    ),
    (Platform::OneMachine, "`--runtime runsc`"),
];
/// Remedies for an open network.
pub(super) const NETWORK_ON_PLATFORMS: &[PlatformRemedy] = &[
    (
        Platform::Kubernetes,
        "deploy/default-deny.yaml, and a CNI plugin that implements NetworkPolicy; try it: `kubectl exec POD -- nc -zvw2 example.com 443`",
    ),
    (Platform::Gke, "Dataplane V2, or `--enable-network-policy`"),
    (Platform::Eks, "the VPC CNI's network policy agent, or Cilium or Calico"),
    (
        Platform::Aks,
        "a network policy engine (`az aks create --network-policy` with azure, calico or cilium)",
    ),
    (Platform::Minikube, "`minikube start --cni=calico`"),
    (Platform::K3s, "servers without `--disable-network-policy`"),
    (Platform::OneMachine, "`runsc --network=none`"),
];
/// Remedies for limits that do not arrive.
pub(super) const LIMITS_ON_PLATFORMS: &[PlatformRemedy] = &[
    (
        Platform::Kubernetes,
        "limits on every container, init containers too: a pod's limit exists only where all have one",
    ),
    (Platform::Containerd, "`systemd-cgroup = \"true\"` in runsc.toml where the kubelet's driver is systemd"),
    (Platform::OneMachine, "linux.resources in config.json, and no `--ignore-cgroups`"),
];

impl Platform {
    /// Returns the platform's name for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Gke => "GKE",
            Self::Eks => "EKS",
            Self::Aks => "AKS",
            Self::OpenShift => "OpenShift",
            Self::Minikube => "minikube",
            Self::K3s => "k3s",
            Self::Containerd => "containerd",
            Self::Kubernetes => "Kubernetes",
            Self::OneMachine => "one machine",
            Self::Gvisor => "gVisor",
            Self::SharedKernel => "runc, crun",
        }
    }
}
