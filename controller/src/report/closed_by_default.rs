//! A cluster that is closed by default: policies of the whole cluster deny what no other policy opens. Its users need a control
//! namespace that a policy opens.

use std::{collections::BTreeSet, sync::Arc};

use crate::case::{
    cluster::Cluster,
    policy::{Direction, Endpoint},
};

/// Returns a note that names the policies which close the cluster; empty if none does.
pub(super) fn note(clusters: &[Arc<Cluster>]) -> Option<String> {
    let closing: BTreeSet<_> = clusters.iter().flat_map(|cluster| closing(cluster)).collect();
    let titles = closing.into_iter().collect::<Vec<_>>().join(", ");
    (!titles.is_empty()).then(|| {
        format!(
            "the cluster is closed by default: {titles} denies the egress of pods in every namespace that no other policy opens; \
             the control namespace needs a policy that opens it"
        )
    })
}

/// Returns the policies that close the egress of a pod without labels in a namespace without labels.
fn closing(cluster: &Cluster) -> Vec<String> {
    // Evidence that keeps no objects does not tell which namespaces a policy binds.
    if cluster.policies.objects.is_empty() {
        return Vec::new();
    }
    let nobody = Endpoint { namespace_labels: Some([].into()), ..Endpoint::default() };
    cluster.policies.closing(&nobody, Direction::Egress).0
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fixture;

    fn noted(objects: &[Value]) -> Option<String> {
        let mut case = fixture::pod();
        fixture::bind(&mut case, objects);
        note(&[Arc::clone(&case.surroundings.in_cluster.unwrap().cluster)])
    }

    fn of_the_cluster(spec: &Value) -> Value {
        json!({
            "apiVersion": "cilium.io/v2",
            "kind": "CiliumClusterwideNetworkPolicy",
            "metadata": { "name": "baseline" },
            "spec": spec,
        })
    }

    #[test]
    fn a_policy_that_closes_every_pod_of_the_cluster_is_noted() {
        let dns = json!([{ "toEntities": ["kube-apiserver"] }]);
        let noted = noted(&[of_the_cluster(&json!({ "endpointSelector": {}, "egress": dns }))]).unwrap();
        assert!(
            noted.contains("closed by default: CiliumClusterwideNetworkPolicy baseline denies"),
            "{noted}"
        );
    }

    #[test]
    fn a_tier_of_calico_that_closes_everything_is_noted() {
        let policy = json!({
            "apiVersion": "projectcalico.org/v3",
            "kind": "GlobalNetworkPolicy",
            "metadata": { "name": "default-deny" },
            "spec": { "types": ["Ingress", "Egress"] },
        });
        assert!(noted(&[policy]).is_some());
    }

    #[test]
    fn a_policy_of_the_namespace_or_of_some_pods_closes_no_cluster() {
        let own = json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": { "name": "deny", "namespace": "shop" },
            "spec": { "podSelector": {}, "policyTypes": ["Egress"] },
        });
        let some = json!({ "endpointSelector": { "matchLabels": { "app": "web" } }, "egress": [{}] });
        let open = json!({
            "endpointSelector": {},
            "enableDefaultDeny": { "egress": false, "ingress": false },
            "egressDeny": [{ "toCIDR": ["169.254.169.254/32"] }],
        });
        assert_eq!(noted(&[own, of_the_cluster(&some), of_the_cluster(&open)]), None);
        assert_eq!(noted(&[]), None);
    }

    #[test]
    fn policies_without_their_objects_close_no_cluster() {
        let mut case = fixture::pod();
        let rules = json!([{ "toEntities": ["kube-apiserver"] }]);
        fixture::bind(&mut case, &[of_the_cluster(&json!({ "endpointSelector": {}, "egress": rules }))]);
        let cluster = &mut case.surroundings.in_cluster.as_mut().unwrap().cluster;
        assert!(note(&[Arc::clone(cluster)]).is_some());
        Arc::make_mut(cluster).policies.objects.clear();
        assert_eq!(note(&[Arc::clone(cluster)]), None);
    }
}
