//! A node and its pool.

mod kind;

use std::net::IpAddr;

pub use kind::NodeKind;

use super::Labels;
use crate::case::identity::Identity;

/// Labels with which providers name a node's pool: GKE, EKS (managed and eksctl), AKS, Karpenter, kOps, Cluster API.
const POOL_LABELS: &[&str] = &[
    "cloud.google.com/gke-nodepool",
    "eks.amazonaws.com/nodegroup",
    "alpha.eksctl.io/nodegroup-name",
    "kubernetes.azure.com/agentpool",
    "agentpool",
    "karpenter.sh/nodepool",
    "kops.k8s.io/instancegroup",
    "cluster.x-k8s.io/deployment-name",
];
/// The pool of nodes without such a label.
const NO_POOL: &str = "default";

/// A node of the cluster.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Node {
    /// The node's name.
    pub name: String,
    /// The node's pool, from the user's or a provider's label.
    pub pool: String,
    /// The node's labels.
    pub labels: Labels,
    /// The node's taints.
    pub taints: Vec<Taint>,
    /// True if the node is not cordoned.
    pub schedulable: bool,
    /// True if its kubelet reports it as ready.
    pub ready: bool,
    /// The architecture, as Go names it: "amd64", "arm64".
    pub architecture: String,
    /// The kernel's boot id.
    pub boot_id: String,
    /// The operating system's name for itself.
    pub os_image: String,
    /// The kernel's release.
    pub kernel: String,
    /// The container runtime and its version.
    pub container_runtime: String,
    /// The memory in bytes; `None` if it is unknown.
    pub memory: Option<u64>,
    /// The runtime handlers of its container runtime; empty if the kubelet does not report them.
    pub handlers: Vec<String>,
    /// The node's own addresses.
    pub addresses: Vec<IpAddr>,
    /// Digests of the node's identifiers, as far as its kubelet reports them.
    pub identities: Vec<Identity>,
}

/// A taint, which repels pods that do not tolerate it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Taint {
    /// The taint's key.
    pub key: String,
    /// The taint's value, often empty.
    pub value: String,
    /// The effect: "NoSchedule", "PreferNoSchedule" or "NoExecute".
    pub effect: String,
}

/// Returns the pool that the labels name.
pub(crate) fn pool(labels: &Labels, own: Option<&str>) -> String {
    let mut keys = own.into_iter().chain(POOL_LABELS.iter().copied());
    keys.find_map(|key| labels.get(key)).map_or_else(|| NO_POOL.to_owned(), Clone::clone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_label_names_a_pool_before_a_providers() {
        let labels = |pairs: &[(&str, &str)]| -> Labels {
            pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
        };
        let gke = labels(&[("cloud.google.com/gke-nodepool", "sandbox"), ("team", "red")]);
        assert_eq!(pool(&gke, None), "sandbox");
        assert_eq!(pool(&gke, Some("team")), "red");
        assert_eq!(pool(&labels(&[]), Some("team")), NO_POOL);
    }
}
