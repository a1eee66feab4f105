//! The pool of a node: nodes that are set up and replaced together. The cluster's API has no such word, so that a label tells it.

use super::Labels;

/// Labels with which providers name a node's pool, by their documents and their parts of Cluster Autoscaler.
const POOL_LABELS: &[&str] = &[
    // GKE; EKS (managed and eksctl); AKS; Karpenter; kOps; Cluster API.
    "cloud.google.com/gke-nodepool",
    "eks.amazonaws.com/nodegroup",
    "alpha.eksctl.io/nodegroup-name",
    "kubernetes.azure.com/agentpool",
    "agentpool",
    "karpenter.sh/nodepool",
    "kops.k8s.io/instancegroup",
    "cluster.x-k8s.io/deployment-name",
    // DigitalOcean; Akamai (Linode); Scaleway; Vultr; Civo; Exoscale; Hetzner's part of Cluster Autoscaler; OVHcloud.
    "doks.digitalocean.com/node-pool",
    "lke.linode.com/pool-id",
    "k8s.scaleway.com/pool-name",
    "vke.vultr.com/node-pool",
    "kubernetes.civo.com/civo-node-pool",
    "node.exoscale.net/nodepool-id",
    "hcloud/node-group",
    "nodepool",
    // IBM Cloud; Oracle's Terraform module for OKE; Alibaba Cloud; Tencent Cloud; Huawei Cloud; Yandex Cloud.
    "ibm-cloud.kubernetes.io/worker-pool-name",
    "oke.oraclecloud.com/pool.name",
    "alibabacloud.com/nodepool-id",
    "tke.cloud.tencent.com/nodepool-id",
    "cce.cloud.com/cce-nodepool",
    "yandex.cloud/node-group-id",
    // Gardener; OpenStack Magnum.
    "worker.gardener.cloud/pool",
    "magnum.openstack.org/nodegroup",
];
/// The pool of nodes without such a label.
const NO_POOL: &str = "default";

/// Returns the pool that the labels name: by the user's own key, else by a provider's.
pub(crate) fn pool(labels: &Labels, own: Option<&str>) -> String {
    let mut keys = own.into_iter().chain(POOL_LABELS.iter().copied());
    keys.find_map(|key| labels.get(key)).map_or_else(|| NO_POOL.to_owned(), Clone::clone)
}

/// Returns true if a label names the pool. A pool that a label calls "default" cannot be told from the nodes without a label.
pub(crate) fn is_named(pool: &str) -> bool {
    pool != NO_POOL
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn the_users_label_names_a_pool_before_a_providers() {
        let gke = labels(&[("cloud.google.com/gke-nodepool", "sandbox"), ("team", "red")]);
        assert_eq!(pool(&gke, None), "sandbox");
        assert_eq!(pool(&gke, Some("team")), "red");
        assert!(!is_named(&pool(&labels(&[]), Some("team"))));
    }

    #[test]
    fn every_providers_label_names_a_pool() {
        for key in POOL_LABELS {
            assert_eq!(pool(&labels(&[(key, "sandbox")]), None), "sandbox", "{key}");
        }
    }
}
