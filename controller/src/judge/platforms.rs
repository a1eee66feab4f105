//! Remedies by platform, for the requirements that share them.

/// How pods come to run in gVisor.
pub(super) const RUNTIME_ON_PLATFORMS: &[(&str, &str)] = &[
    (
        "GKE",
        "a node pool of GKE Sandbox (`gcloud container node-pools create --sandbox type=gvisor`), whose class is gvisor",
    ),
    (
        "EKS",
        "a custom AMI with runsc and containerd-shim-runsc-v1, and the handler in containerd's configuration",
    ),
    ("minikube", "`minikube addons enable gvisor`"),
    (
        "containerd",
        "runsc and its shim on each node, the handler in config.toml, and deploy/runtime-class.yaml",
    ),
    ("one machine", "`--runtime runsc`"),
];
/// How nothing is reached.
pub(super) const NETWORK_ON_PLATFORMS: &[(&str, &str)] = &[
    (
        "Kubernetes",
        "deploy/default-deny.yaml, and a CNI plugin that implements NetworkPolicy; try it: `kubectl exec POD -- nc -zvw2 example.com 443`",
    ),
    ("GKE", "Dataplane V2, or `--enable-network-policy`"),
    ("EKS", "the VPC CNI's network policy agent, or Cilium or Calico"),
    ("one machine", "`runsc --network=none`"),
];
/// How limits arrive.
pub(super) const LIMITS_ON_PLATFORMS: &[(&str, &str)] = &[
    (
        "Kubernetes",
        "limits on every container, init containers too: a pod's limit exists only where all have one",
    ),
    ("containerd", "`systemd-cgroup = \"true\"` in runsc.toml where the kubelet's driver is systemd"),
    ("one machine", "linux.resources in config.json, and no `--ignore-cgroups`"),
];
