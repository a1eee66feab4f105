//! Temporary taints. A component of the cluster sets such a taint on a new node or on a node in trouble, and removes it again, so that
//! it repels pods for a while and does not make a pool unused.

/// The keys of such taints.
const KEYS: &[&str] = &[
    // kubernetes.io, "Well-Known Labels, Annotations and Taints".
    "node.cloudprovider.kubernetes.io/shutdown",
    "node.cloudprovider.kubernetes.io/uninitialized",
    "node.kubernetes.io/disk-pressure",
    "node.kubernetes.io/memory-pressure",
    "node.kubernetes.io/network-unavailable",
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/out-of-service",
    "node.kubernetes.io/pid-pressure",
    "node.kubernetes.io/unreachable",
    "node.kubernetes.io/unschedulable",
    // Cluster Autoscaler, `utils/taints/taints.go`.
    "DeletionCandidateOfClusterAutoscaler",
    "ToBeDeletedByClusterAutoscaler",
    "cloud.google.com/impending-node-termination",
    // Karpenter, `pkg/apis/v1/taints.go` and, for the first one, `pkg/apis/v1beta1/taints.go`.
    "karpenter.sh/disruption",
    "karpenter.sh/disrupted",
    "karpenter.sh/unregistered",
    // Cluster API, `api/core/v1beta1/common_types.go`.
    "node.cluster.x-k8s.io/uninitialized",
    // Gardener, `pkg/apis/core/v1beta1/constants/types_constants.go`.
    "node.gardener.cloud/critical-components-not-ready",
    // docs.cilium.io, "Considerations on Node Pool Taints and Unmanaged Pods"; Istio, `pilot/pkg/controllers/untaint`.
    "cni.istio.io/not-ready",
    "node.cilium.io/agent-not-ready",
    // The CSI drivers of AWS and Azure, each by its document on startup taints.
    "disk.csi.azure.com/agent-not-ready",
    "ebs.csi.aws.com/agent-not-ready",
    "efs.csi.aws.com/agent-not-ready",
    "fsx.csi.aws.com/agent-not-ready",
    "s3.csi.aws.com/agent-not-ready",
];

/// The beginnings of the keys of such taints.
const PREFIXES: &[&str] = &[
    // AWS Node Termination Handler, `pkg/node/node.go`.
    "aws-node-termination-handler/",
    // Cluster Autoscaler, FAQ, "How can I use taints".
    "ignore-taint.cluster-autoscaler.kubernetes.io/",
    "startup-taint.cluster-autoscaler.kubernetes.io/",
    "status-taint.cluster-autoscaler.kubernetes.io/",
    // Node Readiness Controller, `api/v1alpha1`.
    "readiness.k8s.io/",
];

/// Returns true for the key of a temporary taint, which a component of the cluster sets and removes.
pub fn is_of_a_component(key: &str) -> bool {
    KEYS.contains(&key) || PREFIXES.iter().any(|prefix| key.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taint_of_a_component_is_known_by_its_key_or_its_prefix() {
        for key in KEYS
            .iter()
            .chain(&["startup-taint.cluster-autoscaler.kubernetes.io/gpu", "readiness.k8s.io/network"])
        {
            assert!(is_of_a_component(key), "{key}");
        }
        for key in ["team", "nvidia.com/gpu", "sandbox.gke.io/runtime", "node.kubernetes.io/other"] {
            assert!(!is_of_a_component(key), "{key}");
        }
    }
}
