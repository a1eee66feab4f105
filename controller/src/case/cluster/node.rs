//! A node, and the pool that it belongs to.

mod kind;

use std::net::IpAddr;

pub use kind::NodeKind;

use super::Labels;
use crate::case::identity::Identity;

/// The labels by which providers name a node's pool: GKE, EKS (managed and eksctl), AKS, Karpenter, kOps, Cluster API.
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
/// The pool of nodes that no label puts into one.
const NO_POOL: &str = "default";

/// A node.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// The pool, by a provider's label or the one that was named.
    pub pool: String,
    /// Its labels.
    pub labels: Labels,
    /// Its taints.
    pub taints: Vec<Taint>,
    /// Whether pods may be put on it.
    pub schedulable: bool,
    /// Whether its kubelet says that it is ready.
    pub ready: bool,
    /// As Go names it: "amd64", "arm64".
    pub architecture: String,
    /// Its kernel's boot id.
    pub boot_id: String,
    /// Its operating system's image, as it names itself.
    pub os_image: String,
    /// Its kernel's release.
    pub kernel: String,
    /// Its container runtime and the version of it.
    pub container_runtime: String,
    /// Its memory in bytes.
    pub memory: Option<u64>,
    /// The handlers that its container runtime knows; empty where the kubelet does not say.
    pub handlers: Vec<String>,
    /// Its own addresses.
    pub addresses: Vec<IpAddr>,
    /// What it is known by, as far as its kubelet tells it.
    pub identities: Vec<Identity>,
}

/// What keeps pods away that do not tolerate it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Taint {
    /// Its key.
    pub key: String,
    /// Its value, often empty.
    pub value: String,
    /// "NoSchedule", "PreferNoSchedule" or "NoExecute".
    pub effect: String,
}

/// The pool that the labels name.
pub(crate) fn pool(labels: &Labels, own: Option<&str>) -> String {
    let mut keys = own.into_iter().chain(POOL_LABELS.iter().copied());
    keys.find_map(|key| labels.get(key)).map_or_else(|| NO_POOL.to_owned(), Clone::clone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_is_named_by_the_label_that_was_asked_for_then_by_the_providers() {
        let labels = |pairs: &[(&str, &str)]| -> Labels {
            pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
        };
        let gke = labels(&[("cloud.google.com/gke-nodepool", "sandbox"), ("team", "red")]);
        assert_eq!(pool(&gke, None), "sandbox");
        assert_eq!(pool(&gke, Some("team")), "red");
        assert_eq!(pool(&labels(&[]), Some("team")), NO_POOL);
    }
}
