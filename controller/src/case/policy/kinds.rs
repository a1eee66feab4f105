//! The kinds of policies besides NetworkPolicy, and their power over a pod's traffic.

/// API groups of policies, each with the kinds that may open or close a pod's traffic. `*` begins a kind of which only
/// the ending counts.
const MAY_BIND: &[(&str, &[&str])] = &[
    // docs.cilium.io, "Network Policy".
    ("cilium.io", &["CiliumClusterwideNetworkPolicy", "CiliumLocalRedirectPolicy", "CiliumNetworkPolicy"]),
    // antrea.io, `docs/antrea-network-policy.md`.
    ("crd.antrea.io", &["*NetworkPolicy"]),
    // VMware, "NSX Operator": `docs/SecurityPolicy.md`; the second group is the one of its first versions.
    ("crd.nsx.vmware.com", &["SecurityPolicy"]),
    ("nsx.vmware.com", &["SecurityPolicy"]),
    // docs.tigera.io, "NetworkPolicy" and "GlobalNetworkPolicy".
    ("crd.projectcalico.org", &["GlobalNetworkPolicy", "NetworkPolicy"]),
    ("projectcalico.org", &["GlobalNetworkPolicy", "NetworkPolicy"]),
    // ovn-kubernetes.io, `docs/features/network-security-controls/egress-firewall.md`.
    ("k8s.ovn.org", &["EgressFirewall"]),
    // kubeovn.github.io, "Subnet" (`private`, `acls`) and "Security Group".
    ("kubeovn.io", &["SecurityGroup", "Subnet"]),
    // metal-stack.io, `firewall-controller`: rules of a firewall in front of the cluster.
    ("metal-stack.io", &["ClusterwideNetworkPolicy"]),
    // docs.redhat.com, OpenShift SDN, "Egress firewall".
    ("network.openshift.io", &["EgressNetworkPolicy"]),
    // cloud.google.com, "Control Pod egress traffic using FQDN network policies".
    ("networking.gke.io", &["*NetworkPolicy"]),
    // docs.aws.amazon.com, "Amazon EKS network policies": ApplicationNetworkPolicy and ClusterNetworkPolicy.
    ("networking.k8s.aws", &["ApplicationNetworkPolicy", "ClusterNetworkPolicy"]),
    // network-policy-api.sigs.k8s.io, "AdminNetworkPolicy" and "ClusterNetworkPolicy".
    ("policy.networking.k8s.io", &["*NetworkPolicy"]),
    // docs.aws.amazon.com, "Assign security groups to individual Pods".
    ("vpcresources.k8s.aws", &["SecurityGroupPolicy"]),
];

/// Kinds that can only close traffic that another policy lets pass: the implementation lets traffic pass if each of its
/// kinds does.
const ONLY_CLOSE: &[(&str, &str)] = &[
    // A redirect to a pod of the same node; the policies judge the pod that answers (docs.cilium.io, "Local Redirect Policy").
    ("cilium.io", "CiliumLocalRedirectPolicy"),
    // ovn-kubernetes.io, "EgressFirewall": an own tier of rules beside NetworkPolicies.
    ("k8s.ovn.org", "EgressFirewall"),
    // metal-stack.io: traffic that leaves the cluster passes the firewall besides.
    ("metal-stack.io", "ClusterwideNetworkPolicy"),
    // docs.redhat.com, OpenShift SDN, "Egress firewall": rules for traffic that leaves the cluster, beside NetworkPolicies.
    ("network.openshift.io", "EgressNetworkPolicy"),
    // docs.aws.amazon.com, "Assign security groups to individual Pods": security groups beside network policies.
    ("vpcresources.k8s.aws", "SecurityGroupPolicy"),
];

/// Kinds for traffic that leaves the cluster alone, and redirects: none of them keeps a pod from another one.
const BEYOND_PODS: &[(&str, &str)] = &[
    ("cilium.io", "CiliumLocalRedirectPolicy"),
    ("k8s.ovn.org", "EgressFirewall"),
    ("metal-stack.io", "ClusterwideNetworkPolicy"),
    ("network.openshift.io", "EgressNetworkPolicy"),
];

/// Groups whose policies list their egress rules with an action, or with none for rules that allow.
const LIST_EGRESS: &[&str] = &[
    "cilium.io",
    "crd.antrea.io",
    "crd.nsx.vmware.com",
    "crd.projectcalico.org",
    "networking.gke.io",
    "networking.k8s.aws",
    "nsx.vmware.com",
    "policy.networking.k8s.io",
    "projectcalico.org",
];

/// The kinds that give policies of their groups their meaning: Calico's tiers, and addresses that its selectors select; Antrea's
/// groups of pods.
const COMPLETE: &[(&str, &[&str])] = &[
    ("crd.antrea.io", &["ClusterGroup", "Group"]),
    ("crd.projectcalico.org", &["GlobalNetworkSet", "HostEndpoint", "NetworkSet", "Tier"]),
    ("projectcalico.org", &["GlobalNetworkSet", "HostEndpoint", "NetworkSet", "Tier"]),
];

/// Endings of the names of kinds that look like policies.
const SUSPECT: [&str; 6] = [
    "EgressFirewall",
    "EgressPolicy",
    "FirewallPolicy",
    "NetworkPolicy",
    "SecurityGroupPolicy",
    "SecurityPolicy",
];

/// Kinds of such names without power over a pod's traffic.
const HARMLESS: &[(&str, &str)] = &[
    // github.com/spidernet-io/egressgateway: the source address of traffic that passes.
    ("egressgateway.spidernet.io", "EgressPolicy"),
    // NetworkPolicy itself.
    ("extensions", "NetworkPolicy"),
    ("networking.k8s.io", "NetworkPolicy"),
    // learn.microsoft.com, "Application Gateway for Containers": a filter for requests at a gateway.
    ("alb.networking.azure.io", "WebApplicationFirewallPolicy"),
    // docs.redhat.com, Advanced Cluster Security, "Managing policies as code": rules for images and deployments.
    ("config.stackrox.io", "SecurityPolicy"),
    // gateway.envoyproxy.io, "SecurityPolicy": authentication of requests at a gateway.
    ("gateway.envoyproxy.io", "SecurityPolicy"),
    // docs.getambassador.io, "Web Application Firewalls": a filter for requests at a gateway.
    ("gateway.getambassador.io", "WebApplicationFirewallPolicy"),
    // github.com/rancher/rancher, `pkg/controllers/managementuser/networkpolicy`: the NetworkPolicies made of it count.
    ("management.cattle.io", "ProjectNetworkPolicy"),
    // k8snetworkplumbingwg, `multi-networkpolicy`: the further networks of a pod alone.
    ("k8s.cni.cncf.io", "MultiNetworkPolicy"),
    // kubernetes.io, "Pod Security Policies": rules for the specifications of pods.
    ("extensions", "PodSecurityPolicy"),
    ("policy", "PodSecurityPolicy"),
];

/// Groups without power over a pod's traffic, whatever the names of their kinds are.
const HARMLESS_GROUPS: [&str; 2] = [
    // open-policy-agent.github.io/gatekeeper, "How to use Gatekeeper": rules for admission, whose kinds have names by the user.
    "constraints.gatekeeper.sh",
    // antrea.io, `docs/api.md` and `docs/design/architecture.md`: a computed copy of each policy for Antrea's agents.
    "controlplane.antrea.io",
];

/// Endings of groups whose kinds describe resources of a cloud, which lie outside of the cluster's network and cannot open
/// what a policy closes: AWS Controllers for Kubernetes, Azure Service Operator, Config Connector and Crossplane.
const OF_CLOUDS: [&str; 5] =
    [".azure.com", ".cnrm.cloud.google.com", ".crossplane.io", ".services.k8s.aws", ".upbound.io"];

/// Returns true for a kind that may let traffic pass which a NetworkPolicy closes.
pub fn may_open(group: &str, kind: &str) -> bool {
    !ONLY_CLOSE.contains(&(group, kind))
}

/// The field by which a policy selects pods, by label selectors alone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum SelectsBy {
    /// `subject`, as in the kinds of `policy.networking.k8s.io`.
    Subject,
    /// `podSelector`, for the pods of the policy's namespace.
    PodSelector,
}

/// Returns the field by which policies of a kind select pods; `None` for a kind of which that is not known.
pub(super) fn selects_by(group: &str, kind: &str) -> Option<SelectsBy> {
    match (group, kind) {
        // github.com/aws/amazon-network-policy-controller-k8s, `api/v1alpha1`.
        ("networking.k8s.aws", "ClusterNetworkPolicy") => Some(SelectsBy::Subject),
        ("networking.k8s.aws", "ApplicationNetworkPolicy")
        // cloud.google.com, "Control Pod egress traffic using FQDN network policies".
        | ("networking.gke.io", "FQDNNetworkPolicy") => Some(SelectsBy::PodSelector),
        _ => None,
    }
}

/// Returns what selects the pods of a policy besides their labels and those of their namespace; `None` if nothing does.
pub(super) fn selects_besides(group: &str, kind: &str, spec: &serde_json::Value) -> Option<&'static str> {
    let by_account = (group, kind) == ("vpcresources.k8s.aws", "SecurityGroupPolicy")
        && !spec["serviceAccountSelector"].is_null();
    by_account.then_some("the labels of service accounts were not read")
}

/// Returns true for a kind that may keep a pod from other pods.
pub(super) fn may_close_pods(group: &str, kind: &str) -> bool {
    !BEYOND_PODS.contains(&(group, kind))
}

/// Returns true for a group whose policies tell by their lists of rules if they let egress pass.
pub(super) fn lists_egress(group: &str) -> bool {
    LIST_EGRESS.contains(&group)
}

/// Returns true for an API group with kinds that may open or close a pod's traffic.
pub fn is_of_policies(group: &str) -> bool {
    MAY_BIND.iter().any(|(name, _)| *name == group)
}

/// Returns the API groups with kinds that may open or close a pod's traffic.
#[cfg(test)]
pub(crate) fn of_policies() -> impl Iterator<Item = &'static str> {
    MAY_BIND.iter().map(|(group, _)| *group)
}

/// Returns true for a kind that may open or close a pod's traffic. The other kinds of these groups cannot: Calico's
/// Staged kinds bind nothing (docs.tigera.io, "Staged network policies"), and `EgressIP`, `CiliumEgressGatewayPolicy`, Antrea's
/// `Egress`, Calico's `EgressGatewayPolicy` and Kube-OVN's rules for NAT only change addresses of traffic that passes.
pub fn may_bind(group: &str, kind: &str) -> bool {
    let mut kinds = MAY_BIND.iter().filter(|(name, _)| *name == group).flat_map(|(_, kinds)| kinds.iter());
    kinds.any(|known| match known.strip_prefix('*') {
        Some(ending) => kind.ends_with(ending),
        None => *known == kind,
    })
}

/// Returns true for a kind of a group without a table here that looks like a policy by its name. Discovery names such kinds,
/// because they may open or close a pod's traffic.
pub fn is_suspect(group: &str, kind: &str) -> bool {
    SUSPECT.iter().any(|ending| kind.ends_with(ending))
        && !is_of_policies(group)
        && !HARMLESS.contains(&(group, kind))
        && !HARMLESS_GROUPS.contains(&group)
        && !OF_CLOUDS.iter().any(|ending| group.ends_with(ending))
}

/// Returns true for a kind that gives policies of its group their meaning. Objects of these kinds are read in the whole
/// cluster. The model takes a `Tier` as an object. It takes the others as one list each, such as `NetworkSetList` with
/// `items` and their labels, also where no object exists: without the list, the model does not know that there are none.
pub fn completes(group: &str, kind: &str) -> bool {
    COMPLETE.iter().any(|(name, kinds)| *name == group && kinds.contains(&kind))
}

/// Returns true for an object of a kind that may bind which itself binds nothing: a subnet of Kube-OVN without rules, which
/// every such cluster has (kubeovn.github.io, "Subnet").
pub(super) fn binds_nothing(group: &str, kind: &str, spec: &serde_json::Value) -> bool {
    let has_rules = spec["acls"].as_array().is_some_and(|rules| !rules.is_empty());
    (group, kind) == ("kubeovn.io", "Subnet") && spec["private"] != true && !has_rules
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
            ("metal-stack.io", "ClusterwideNetworkPolicy"),
            ("network.openshift.io", "EgressNetworkPolicy"),
            ("networking.gke.io", "FQDNNetworkPolicy"),
            ("networking.k8s.aws", "ApplicationNetworkPolicy"),
            ("policy.networking.k8s.io", "AdminNetworkPolicy"),
            ("policy.networking.k8s.io", "BaselineAdminNetworkPolicy"),
            ("policy.networking.k8s.io", "ClusterNetworkPolicy"),
            ("projectcalico.org", "NetworkPolicy"),
            ("vpcresources.k8s.aws", "SecurityGroupPolicy"),
        ] {
            assert!(is_of_policies(group) && may_bind(group, kind), "{group} {kind}");
        }
    }

    #[test]
    fn unknown_kinds_that_look_like_policies_are_suspect() {
        for (group, kind) in [
            ("network.alibabacloud.com", "GlobalNetworkPolicy"),
            ("example.org", "ClusterNetworkPolicy"),
            ("example.org", "FirewallPolicy"),
            ("example.org", "SecurityPolicy"),
            ("example.org", "ClusterEgressPolicy"),
            ("example.org", "EgressFirewall"),
        ] {
            assert!(is_suspect(group, kind), "{group} {kind}");
        }
    }

    #[test]
    fn kinds_of_known_groups_of_clouds_and_of_other_purposes_are_not_suspect() {
        for (group, kind) in [
            ("networking.k8s.io", "NetworkPolicy"),
            ("policy", "PodSecurityPolicy"),
            ("gateway.envoyproxy.io", "SecurityPolicy"),
            ("k8s.cni.cncf.io", "MultiNetworkPolicy"),
            ("controlplane.antrea.io", "NetworkPolicy"),
            ("constraints.gatekeeper.sh", "K8sRequireDefaultDenyEgressPolicy"),
            ("alb.networking.azure.io", "WebApplicationFirewallPolicy"),
            ("config.stackrox.io", "SecurityPolicy"),
            ("management.cattle.io", "ProjectNetworkPolicy"),
            ("egressgateway.spidernet.io", "EgressPolicy"),
            ("compute.cnrm.cloud.google.com", "ComputeFirewallPolicy"),
            ("networkfirewall.services.k8s.aws", "FirewallPolicy"),
            ("network.azure.upbound.io", "FirewallPolicy"),
            ("crd.projectcalico.org", "StagedNetworkPolicy"),
            ("cilium.io", "CiliumNetworkPolicy"),
            ("kyverno.io", "ClusterPolicy"),
            ("example.org", "NetworkPolicyList"),
        ] {
            assert!(!is_suspect(group, kind), "{group} {kind}");
        }
    }

    #[test]
    fn kinds_that_complete_policies_belong_to_their_groups() {
        assert!(completes("crd.antrea.io", "ClusterGroup") && completes("projectcalico.org", "Tier"));
        assert!(!completes("crd.antrea.io", "Tier") && !completes("crd.projectcalico.org", "Group"));
    }

    #[test]
    fn a_subnet_without_rules_binds_nothing() {
        use serde_json::json;
        let binds_nothing = |spec| binds_nothing("kubeovn.io", "Subnet", &spec);
        assert!(binds_nothing(json!({ "cidrBlock": "10.16.0.0/16" })));
        assert!(binds_nothing(json!({ "private": false, "acls": [] })));
        assert!(!binds_nothing(json!({ "private": true })));
        assert!(!binds_nothing(json!({ "acls": [{ "action": "allow-related" }] })));
    }

    #[test]
    fn kinds_without_power_over_traffic_are_left_out() {
        for (group, kind) in [
            ("cilium.io", "CiliumEgressGatewayPolicy"),
            ("cilium.io", "CiliumEndpoint"),
            ("crd.projectcalico.org", "StagedGlobalNetworkPolicy"),
            ("projectcalico.org", "StagedKubernetesNetworkPolicy"),
            ("crd.antrea.io", "Egress"),
            ("k8s.ovn.org", "EgressIP"),
            ("kubeovn.io", "OvnSnatRule"),
            ("policy", "PodDisruptionBudget"),
            ("networking.k8s.io", "Ingress"),
        ] {
            assert!(!may_bind(group, kind), "{group} {kind}");
        }
    }
}
