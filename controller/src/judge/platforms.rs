//! Platforms, and their remedies for the requirements that share them. A further remedy is one line here.

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
        "create a node pool with GKE Sandbox (`gcloud container node-pools create --sandbox type=gvisor`) and use its RuntimeClass gvisor",
    ),
    (
        Platform::Eks,
        "build a custom AMI with runsc and containerd-shim-runsc-v1, and add the handler to containerd's configuration",
    ),
    (Platform::Minikube, "run `minikube addons enable gvisor`"),
    (
        Platform::K3s,
        "install runsc and its shim on each node, and add the handler to a template of k3s's containerd configuration",
    ),
    (
        Platform::Containerd,
        "install runsc and its shim on each node, add the handler to config.toml, and apply deploy/runtime-class.yaml",
    ),
    (Platform::OneMachine, "give `--runtime runsc`"),
];
/// Remedies for an open network.
pub(super) const NETWORK_ON_PLATFORMS: &[PlatformRemedy] = &[
    (
        Platform::Kubernetes,
        "apply deploy/default-deny.yaml, and use a CNI plugin that implements NetworkPolicy; to try it: `kubectl exec POD -- nc -zvw2 example.com 443`",
    ),
    (Platform::Gke, "use Dataplane V2, or enable network policies with `--enable-network-policy`"),
    (Platform::Eks, "enable the VPC CNI's network policy agent, or use Cilium or Calico"),
    (
        Platform::Aks,
        "enable a network policy engine (`az aks create --network-policy` with azure, calico or cilium)",
    ),
    (Platform::Minikube, "start the cluster with `minikube start --cni=calico`"),
    (Platform::K3s, "start the servers without `--disable-network-policy`"),
    (Platform::OneMachine, "run the sandbox with `runsc --network=none`"),
];
/// Remedies for limits that do not arrive.
pub(super) const LIMITS_ON_PLATFORMS: &[PlatformRemedy] = &[
    (
        Platform::Kubernetes,
        "set limits on every container, init containers too: a pod has a limit only if all its containers have one",
    ),
    (
        Platform::Containerd,
        "set `systemd-cgroup = \"true\"` in runsc.toml if the kubelet's cgroup driver is systemd",
    ),
    (Platform::OneMachine, "set linux.resources in config.json, and do not give `--ignore-cgroups`"),
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
