//! The targets of the probe, and the same targets as the control pod or the controller reached them.

use proto::{Attempt, Target};
use serde::{Deserialize, Serialize};

use super::form::{saved_enum, saved_struct};
use crate::case::{self, destination, ingress};

saved_struct! {
    /// A target, and the reason why it was chosen.
    Destination for destination::Destination {
        target: Target,
        purpose: Purpose => Into::into,
        named: bool,
    }
}

saved_enum! {
    /// The reason why a target was chosen. A target that was allowed had to be reached until `--require-egress` existed, so
    /// "allowed" still means that it had to be.
    Purpose for destination::Purpose {
        LoopbackListener, "loopback-witness";
        Documentation, "documentation";
        Listener, "witness";
        ListenerOnPolicyPort, "listener-on-policy-port";
        PublicInternet, "public-internet";
        PublicDns, "public-dns";
        LocalDns, "local-dns";
        OwnResolver, "own-resolver";
        Metadata, "metadata";
        ClusterDns, "cluster-dns";
        ApiServer, "api-server";
        ApiServerOutside, "api-server-outside";
        Kubelet, "kubelet";
        Node, "node";
        Neighbour, "neighbour";
        HostSocket, "host-socket";
        Requested, "requested";
        Allowed, "permitted";
        Required, "allowed";
    }
}

saved_struct! {
    /// The attempts of the control pod to reach the probe.
    Ingress for ingress::Ingress {
        targets: Vec<Target>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        left_out: Vec<u16>,
    }
}

/// The attempts of the control pod, or of the controller on its own machine.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Control {
    NotAsked,
    Failed(String),
    Tried(Vec<Attempt>),
}

// === impl Control ===

impl From<case::Control> for Control {
    fn from(control: case::Control) -> Self {
        use case::Control;
        match control {
            Control::NotAsked => Self::NotAsked,
            Control::Failed(reason) => Self::Failed(reason),
            Control::Tried(attempts) => Self::Tried(attempts),
        }
    }
}

impl From<Control> for case::Control {
    fn from(control: Control) -> Self {
        match control {
            Control::NotAsked => Self::NotAsked,
            Control::Failed(reason) => Self::Failed(reason),
            Control::Tried(attempts) => Self::Tried(attempts),
        }
    }
}
