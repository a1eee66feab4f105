//! The kinds of policies besides NetworkPolicy, and their power over a pod's traffic.

/// API groups of policies, each with the kinds that may open or close a pod's traffic. `*` begins a kind of which only
/// the ending counts.
const MAY_BIND: &[(&str, &[&str])] = &[
    // docs.cilium.io, "Network Policy".
    ("cilium.io", &["CiliumClusterwideNetworkPolicy", "CiliumLocalRedirectPolicy", "CiliumNetworkPolicy"]),
    // antrea.io, `docs/antrea-network-policy.md`.
    ("crd.antrea.io", &["*NetworkPolicy"]),
    // VMware, "NSX Operator": `docs/SecurityPolicy.md`.
    ("crd.nsx.vmware.com", &["SecurityPolicy"]),
    // docs.tigera.io, "NetworkPolicy" and "GlobalNetworkPolicy".
    ("crd.projectcalico.org", &["GlobalNetworkPolicy", "NetworkPolicy"]),
    ("projectcalico.org", &["GlobalNetworkPolicy", "NetworkPolicy"]),
    // ovn-kubernetes.io, `docs/features/network-security-controls/egress-firewall.md`.
    ("k8s.ovn.org", &["EgressFirewall"]),
    // kubeovn.github.io, "Subnet" (`private`, `acls`) and "Security Group".
    ("kubeovn.io", &["SecurityGroup", "Subnet"]),
    // docs.redhat.com, OpenShift SDN, "Egress firewall".
    ("network.openshift.io", &["EgressNetworkPolicy"]),
    // cloud.google.com, "Control Pod egress traffic using FQDN network policies".
    ("networking.gke.io", &["*NetworkPolicy"]),
    // docs.aws.amazon.com, "Amazon EKS network policies": ApplicationNetworkPolicy and ClusterNetworkPolicy.
    ("networking.k8s.aws", &["ApplicationNetworkPolicy", "ClusterNetworkPolicy"]),
    // network-policy-api.sigs.k8s.io, "AdminNetworkPolicy" and "ClusterNetworkPolicy".
    ("policy.networking.k8s.io", &["*NetworkPolicy"]),
];

/// Kinds that can only close traffic that another policy lets pass: the implementation lets traffic pass if each of its
/// kinds does.
const ONLY_CLOSE: &[(&str, &str)] = &[
    // A redirect to a pod of the same node; the policies judge the pod that answers (docs.cilium.io, "Local Redirect Policy").
    ("cilium.io", "CiliumLocalRedirectPolicy"),
    // ovn-kubernetes.io, "EgressFirewall": an own tier of rules beside NetworkPolicies.
    ("k8s.ovn.org", "EgressFirewall"),
    // docs.redhat.com, OpenShift SDN, "Egress firewall": rules for traffic that leaves the cluster, beside NetworkPolicies.
    ("network.openshift.io", "EgressNetworkPolicy"),
];

/// Returns true for a kind that may let traffic pass which a NetworkPolicy closes.
pub fn may_open(group: &str, kind: &str) -> bool {
    !ONLY_CLOSE.contains(&(group, kind))
}

/// Returns true for an API group with kinds that may open or close a pod's traffic.
pub fn is_of_policies(group: &str) -> bool {
    MAY_BIND.iter().any(|(name, _)| *name == group)
}

/// Returns true for a kind that may open or close a pod's traffic. The other kinds of these groups cannot: Calico's
/// Staged kinds bind nothing (docs.tigera.io, "Staged network policies"), and `EgressIP` and `CiliumEgressGatewayPolicy` only
/// change the source address of traffic that passes.
pub fn may_bind(group: &str, kind: &str) -> bool {
    let mut kinds = MAY_BIND.iter().filter(|(name, _)| *name == group).flat_map(|(_, kinds)| kinds.iter());
    kinds.any(|known| match known.strip_prefix('*') {
        Some(ending) => kind.ends_with(ending),
        None => *known == kind,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_that_open_or_close_traffic_may_bind() {
        for (group, kind) in [
            ("cilium.io", "CiliumNetworkPolicy"),
            ("cilium.io", "CiliumClusterwideNetworkPolicy"),
            ("crd.antrea.io", "ClusterNetworkPolicy"),
            ("crd.nsx.vmware.com", "SecurityPolicy"),
            ("crd.projectcalico.org", "GlobalNetworkPolicy"),
            ("k8s.ovn.org", "EgressFirewall"),
            ("kubeovn.io", "Subnet"),
            ("network.openshift.io", "EgressNetworkPolicy"),
            ("networking.gke.io", "FQDNNetworkPolicy"),
            ("networking.k8s.aws", "ApplicationNetworkPolicy"),
            ("policy.networking.k8s.io", "AdminNetworkPolicy"),
            ("policy.networking.k8s.io", "BaselineAdminNetworkPolicy"),
            ("policy.networking.k8s.io", "ClusterNetworkPolicy"),
            ("projectcalico.org", "NetworkPolicy"),
        ] {
            assert!(is_of_policies(group) && may_bind(group, kind), "{group} {kind}");
        }
    }

    #[test]
    fn kinds_without_power_over_traffic_are_left_out() {
        for (group, kind) in [
            ("cilium.io", "CiliumEgressGatewayPolicy"),
            ("cilium.io", "CiliumEndpoint"),
            ("crd.projectcalico.org", "StagedGlobalNetworkPolicy"),
            ("projectcalico.org", "StagedKubernetesNetworkPolicy"),
            ("k8s.ovn.org", "EgressIP"),
            ("policy", "PodDisruptionBudget"),
            ("networking.k8s.io", "Ingress"),
        ] {
            assert!(!may_bind(group, kind), "{group} {kind}");
        }
    }
}
