//! Requirements for the network that the sandbox can reach.

pub(super) mod api_server_blocked;
pub(super) mod closed_from_the_start;
pub(super) mod dns_contained;
pub(super) mod ingress_closed;
pub(super) mod metadata_blocked;
pub(super) mod neighbours_blocked;
pub(super) mod network_isolation;
pub(super) mod network_policies_apply;
pub(super) mod policies_enforced;
pub(super) mod undecided;

pub(crate) use network_isolation::declared::Comparison;
pub(crate) use undecided::Step;
