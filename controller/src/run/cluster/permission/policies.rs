//! The permissions for policies of kinds that not every cluster has.

use super::{Permission, Place, Without};

/// The permission for the policies of every tier of Calico: its API server lists those of the tiers that a client may get, and leaves
/// the others out (Calico, `apiserver/pkg/registry/projectcalico/util/rbac.go`).
pub const TIERS: Permission = Permission {
    resource: "tiers",
    verbs: &["get"],
    purpose: "find the policies of every tier, which Calico's API server shows to nobody else, if the cluster has it",
    ..policies_of("projectcalico.org")
};

/// Returns the permission for policies of a kind that not every cluster has.
pub(super) const fn policies_of(group: &'static str) -> Permission {
    Permission {
        group,
        resource: "*",
        verbs: &["list"],
        place: Place::Cluster,
        purpose: "find policies of this kind that bind the pods or the control pod, if the cluster has the kind",
        without: Without::Inconclusive(&[
            "network-isolation",
            "policies-enforced",
            "closed-from-the-start",
            "api-server-blocked",
            "dns-contained",
            "metadata-blocked",
            "neighbours-blocked",
            "ingress-closed",
        ]),
    }
}
