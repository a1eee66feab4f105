//! The order in which policies decide.
//!
//! Traffic goes through tiers. In a tier, the first rule that matches decides, and a `Pass` leaves the decision to the next
//! tier. Traffic that no rule of a tier matches is denied if a policy of the tier denies the rest, and goes to the next tier
//! otherwise. In Cilium's policies a denying rule comes before every allowing one. Nothing defines which of two admin policies
//! of the same priority decides first.

use std::{cmp::Ordering, fmt};

/// The implementation that knows a kind of policy.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Family {
    /// Every implementation knows the kinds of Kubernetes.
    Kubernetes,
    /// Some implementations know AdminNetworkPolicy and BaselineAdminNetworkPolicy.
    Admin,
    /// Some implementations know ClusterNetworkPolicy of the group `policy.networking.k8s.io`.
    Cluster,
    /// Cilium knows its own kinds besides.
    Cilium,
    /// Calico knows its own kinds besides.
    Calico,
}

/// A number that orders policies or tiers; the smaller number decides first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Order(pub f64);

/// A tier of policies.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Tier {
    /// The tier's order among the tiers.
    pub order: Order,
    /// The tier's name.
    pub name: String,
}

// === impl Family ===

impl Family {
    /// Returns true for kinds that an implementation may know besides its own: OVN-Kubernetes and Calico know the kinds of
    /// `v1alpha1`, Cilium 1.20 knows the kind of `v1alpha2` by option, and most implementations know none
    /// (network-policy-api.sigs.k8s.io, "Implementations").
    pub const fn is_of_admins(self) -> bool {
        matches!(self, Self::Admin | Self::Cluster)
    }
}

impl fmt::Display for Family {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Kubernetes => "NetworkPolicy",
            Self::Admin => "AdminNetworkPolicy",
            Self::Cluster => "ClusterNetworkPolicy",
            Self::Cilium => "Cilium",
            Self::Calico => "Calico",
        })
    }
}

// === impl Order ===

impl Order {
    /// The order of objects without a number: after all others (docs.tigera.io, "Global network policy", `order`).
    pub const LAST: Self = Self(f64::INFINITY);
}

impl Ord for Order {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Order {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Order {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Order {}

// === impl Tier ===

impl Tier {
    /// Returns the tier of the admins' policies that come before NetworkPolicies, with its order in Calico.
    pub fn admin() -> Self {
        Self { order: Order(1000.0), name: "admin".to_owned() }
    }

    /// Returns the tier of the admins' policies that come after NetworkPolicies, with its order in Calico.
    pub fn baseline() -> Self {
        Self { order: Order(10_000_000.0), name: "baseline".to_owned() }
    }

    /// Returns the tier of NetworkPolicies, with its order in Calico (projectcalico, `api/pkg/apis/projectcalico/v3/tier.go`).
    pub fn default_tier() -> Self {
        Self { order: Order(1_000_000.0), name: "default".to_owned() }
    }
}
