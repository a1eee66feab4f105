//! Network policies of other makers: the cluster has Cilium's, and a test adds the kinds of others.

use serde_json::{Value, json};
use stage::{Cluster, cluster::Shop};

use crate::{Batch, Selection};

/// A kind of policy that another maker defines.
pub(super) struct OtherKind {
    kind: &'static str,
    plural: &'static str,
    group: &'static str,
}

pub(super) const OTHER_KINDS: [OtherKind; 13] = [
    OtherKind { kind: "ClusterNetworkPolicy", plural: "clusternetworkpolicies", group: "crd.antrea.io" },
    OtherKind { kind: "SecurityPolicy", plural: "securitypolicies", group: "crd.nsx.vmware.com" },
    OtherKind {
        kind: "GlobalNetworkPolicy",
        plural: "globalnetworkpolicies",
        group: "crd.projectcalico.org",
    },
    OtherKind { kind: "EgressFirewall", plural: "egressfirewalls", group: "k8s.ovn.org" },
    OtherKind { kind: "SecurityGroup", plural: "securitygroups", group: "kubeovn.io" },
    OtherKind {
        kind: "ClusterwideNetworkPolicy",
        plural: "clusterwidenetworkpolicies",
        group: "metal-stack.io",
    },
    OtherKind { kind: "EgressNetworkPolicy", plural: "egressnetworkpolicies", group: "network.openshift.io" },
    OtherKind { kind: "FQDNNetworkPolicy", plural: "fqdnnetworkpolicies", group: "networking.gke.io" },
    OtherKind {
        kind: "ApplicationNetworkPolicy",
        plural: "applicationnetworkpolicies",
        group: "networking.k8s.aws",
    },
    OtherKind { kind: "SecurityPolicy", plural: "securitypolicies", group: "nsx.vmware.com" },
    OtherKind {
        kind: "AdminNetworkPolicy",
        plural: "adminnetworkpolicies",
        group: "policy.networking.k8s.io",
    },
    OtherKind { kind: "GlobalNetworkPolicy", plural: "globalnetworkpolicies", group: "projectcalico.org" },
    OtherKind { kind: "SecurityGroupPolicy", plural: "securitygrouppolicies", group: "vpcresources.k8s.aws" },
];

/// Returns the definition of a kind, by its group, its name and its plural, in version v1.
pub(super) fn definition((group, kind, plural): (&str, &str, &str), scope: &str, schema: &Value) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": format!("{plural}.{group}"),
            // Groups of Kubernetes' own ask for it.
            "annotations": { "api-approved.kubernetes.io": "unapproved, for a test" },
        },
        "spec": {
            "group": group,
            "scope": scope,
            "names": { "kind": kind, "plural": plural, "singular": kind.to_lowercase() },
            "versions": [{
                "name": "v1",
                "served": true,
                "storage": true,
                "schema": { "openAPIV3Schema": schema },
            }],
        },
    })
}

impl OtherKind {
    /// Returns a kind of a group whose objects may hold pod templates.
    pub(super) const fn of_templates(group: &'static str) -> Self {
        Self { kind: "Thing", plural: "things", group }
    }

    /// Returns the definition that teaches the cluster this kind.
    pub(super) fn definition(&self, scope: &str) -> Value {
        let anything = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
        definition((self.group, self.kind, self.plural), scope, &anything)
    }

    fn open(&self) -> Value {
        json!({
            "apiVersion": format!("{}/v1", self.group),
            "kind": self.kind,
            "metadata": { "name": "open" },
            "spec": { "egress": [{ "action": "Allow", "type": "Allow" }] },
        })
    }
}

pub(super) fn batch() -> Batch {
    Batch { names: rows().map(|(name, _)| name).collect(), run }
}

/// Kinds that can only close traffic.
const ONLY_CLOSE: [&str; 4] =
    ["ClusterwideNetworkPolicy", "EgressFirewall", "EgressNetworkPolicy", "SecurityGroupPolicy"];

fn rows() -> impl Iterator<Item = (String, &'static OtherKind)> {
    let effect =
        |kind: &OtherKind| if ONLY_CLOSE.contains(&kind.kind) { "opens nothing" } else { "is inconclusive" };
    let name = move |kind: &OtherKind| format!("an open {}.{} {}", kind.plural, kind.group, effect(kind));
    OTHER_KINDS.iter().map(move |kind| (name(kind), kind))
}

fn run(cluster: &Cluster, selection: &Selection) {
    let (shop, control) = (cluster.namespace("makers"), cluster.namespace("control"));
    Shop::default().open(&shop);
    // One after the other, because a definition is the whole cluster's.
    selection.run(1, &selection.of(rows()), |kind| {
        let definition = kind.definition("Namespaced");
        let name = definition["metadata"]["name"].as_str().unwrap().to_owned();
        let _kind = cluster.lend(definition);
        cluster.ask(&["wait", "--for=condition=Established", "--timeout=60s", &format!("crd/{name}")]);
        cluster.until("its API", || shop.kubectl(&["get", &name]).status.success());
        shop.apply(&kind.open());
        let ended = cluster.verify(&shop, &control, &["--environment", "production"]);
        let closes = ONLY_CLOSE.contains(&kind.kind);
        assert_eq!(ended.code(), Some(if closes { 0 } else { 3 }), "{name}: {ended:#?}");
        let because = ended.finding("network-isolation")["because"].to_string();
        assert_eq!(because.contains(&format!("{} open", kind.kind)), !closes, "{name}: {because}");
        cluster.ask(&["delete", "crd", &name]);
    });
}
