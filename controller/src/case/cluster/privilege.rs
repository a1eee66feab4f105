//! Settings of a container beside its capabilities that loosen its confinement, or reach the node.

/// A setting that loosens a container's confinement.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Loosened {
    /// No AppArmor profile, on request.
    AppArmor,
    /// SELinux options beside a level and the types of containers.
    SeLinux,
    /// A process of a Windows node.
    HostProcess,
    /// A check or hook by which the kubelet connects to a host that the pod names.
    KubeletsRequest,
}

// === impl Loosened ===

impl Loosened {
    /// Returns the setting as the end of a sentence "container NAME …".
    pub const fn words(self) -> &'static str {
        match self {
            Self::AppArmor => "sets the AppArmor profile Unconfined",
            Self::SeLinux => "sets SELinux options that containers do not have",
            Self::HostProcess => "is a process of the node (hostProcess)",
            Self::KubeletsRequest => "makes the kubelet connect to a host by a check or hook",
        }
    }
}
