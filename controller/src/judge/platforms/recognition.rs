//! Recognition of the platform at hand, by the labels and the runtime of the probe's node and the API server's version.

use super::Platform;
use crate::case::{
    Case, InCluster,
    cluster::{Cluster, Node},
};

/// Prefixes of the node labels that a provider sets. `kubernetes.io` reserves a domain for its owner.
const LABELS: &[(&str, Platform)] = &[
    ("cloud.google.com/gke-", Platform::Gke),
    ("eks.amazonaws.com/", Platform::Eks),
    ("alpha.eksctl.io/", Platform::Eks),
    ("kubernetes.azure.com/", Platform::Aks),
    ("node.openshift.io/", Platform::OpenShift),
    ("minikube.k8s.io/", Platform::Minikube),
    ("k3s.io/", Platform::K3s),
];
/// Parts of the API server's version that a provider adds. The evidence does not keep the kubelet's version.
const VERSIONS: &[(&str, Platform)] =
    &[("-gke.", Platform::Gke), ("-eks-", Platform::Eks), ("+k3s", Platform::K3s)];

/// Returns the platforms of a case, the most specific first.
pub fn recognised(case: &Case) -> Vec<Platform> {
    let Some(known) = &case.surroundings.in_cluster else { return vec![Platform::OneMachine] };
    let nodes = nodes(known);
    let provider = by_labels(&nodes).or_else(|| by_version(&known.cluster));
    let runtime = nodes.iter().any(|node| node.container_runtime.starts_with("containerd://"));
    // The provider configures the container runtime of GKE's nodes.
    let containerd = (runtime && provider != Some(Platform::Gke)).then_some(Platform::Containerd);
    provider.into_iter().chain(containerd).chain([Platform::Kubernetes]).collect()
}

/// Returns the probe's node, else the nodes of the group's pool.
fn nodes(known: &InCluster) -> Vec<&Node> {
    let ran_on = known.pod.as_ref().and_then(|pod| pod.node.as_ref()).or(known.group.node.as_ref());
    if let Some(node) = ran_on.and_then(|name| known.cluster.node(name)) {
        return vec![node];
    }
    let all = known.cluster.nodes.as_ref().into_iter().flatten();
    all.filter(|node| node.pool == known.group.pool).collect()
}

fn by_labels(nodes: &[&Node]) -> Option<Platform> {
    let mut keys = nodes.iter().flat_map(|node| node.labels.keys());
    keys.find_map(|key| {
        LABELS.iter().find(|(prefix, _)| key.starts_with(prefix)).map(|&(_, platform)| platform)
    })
}

fn by_version(cluster: &Cluster) -> Option<Platform> {
    let version = cluster.version.as_ref().ok()?;
    VERSIONS.iter().find(|(part, _)| version.contains(part)).map(|&(_, platform)| platform)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::fixture;

    fn of(label: Option<&str>, version: &str, runtime: &str) -> Vec<Platform> {
        let mut case = fixture::pod();
        let cluster = Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster);
        cluster.version = Ok(version.to_owned());
        let node = &mut cluster.nodes.as_mut().unwrap()[0];
        node.labels.extend(label.map(|key| (key.to_owned(), "x".to_owned())));
        runtime.clone_into(&mut node.container_runtime);
        recognised(&case)
    }

    #[test]
    fn a_label_names_the_provider() {
        for (label, platform) in [
            ("cloud.google.com/gke-nodepool", Platform::Gke),
            ("eks.amazonaws.com/nodegroup", Platform::Eks),
            ("kubernetes.azure.com/agentpool", Platform::Aks),
            ("node.openshift.io/os_id", Platform::OpenShift),
            ("minikube.k8s.io/name", Platform::Minikube),
        ] {
            assert_eq!(of(Some(label), "v1.35.4", ""), [platform, Platform::Kubernetes], "{label}");
        }
    }

    #[test]
    fn a_version_names_the_provider_where_no_label_does() {
        for (version, platform) in [
            ("v1.30.5-gke.1014001", Platform::Gke),
            ("v1.30.4-eks-a737599", Platform::Eks),
            ("v1.30.5+k3s1", Platform::K3s),
        ] {
            assert_eq!(of(None, version, ""), [platform, Platform::Kubernetes], "{version}");
        }
    }

    #[test]
    fn containerd_is_named_where_the_user_configures_it() {
        let runtime = "containerd://2.1.0";
        assert_eq!(of(None, "v1.35.4", runtime), [Platform::Containerd, Platform::Kubernetes]);
        let gke = of(Some("cloud.google.com/gke-nodepool"), "v1.35.4", runtime);
        assert_eq!(gke, [Platform::Gke, Platform::Kubernetes]);
    }

    #[test]
    fn a_local_run_is_of_one_machine() {
        assert_eq!(recognised(&fixture::gvisor()), [Platform::OneMachine]);
    }
}
