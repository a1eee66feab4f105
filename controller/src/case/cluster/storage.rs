//! Volumes, and the objects of a cluster that tell whose files a volume holds (kubernetes.io, "Volumes", "Persistent
//! Volumes", "Storage Classes").

/// A volume of a pod that reaches outside of the pod, or the volume behind a claim.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Volume {
    /// The volume's name in its pod; behind a claim, the claim's name.
    pub name: String,
    /// The storage that holds it.
    pub kind: VolumeKind,
    /// The path on the node, the driver, the claim's name, or the kind of network storage. A template's claim has no name yet.
    pub source: String,
    /// The StorageClass of a claim; `None` for the default class, empty for a claim that wants no class.
    pub class: Option<String>,
    /// True if a single node alone can mount it; `None` if that is not known.
    pub tied: Option<bool>,
}

/// The storage that holds a volume's files.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum VolumeKind {
    /// A path of the node.
    #[default]
    HostPath,
    /// A path or disk of one node, behind a claim.
    Local,
    /// A claim, whose volume is another object.
    Claim,
    /// A claim that has no volume yet.
    Unbound,
    /// A volume of a CSI driver.
    Csi,
    /// A volume of a program on the node (`FlexVolume`); in files of earlier versions any driver, and devices, too.
    Driver,
    /// Storage that the kubelet mounts over the network.
    Network,
}

/// A StorageClass of the cluster.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct StorageClass {
    /// The class's name.
    pub name: String,
    /// The program that makes its volumes; for CSI, the driver.
    pub provisioner: String,
    /// True for the class of claims that name none.
    pub default: bool,
}

/// A CSI driver of the cluster.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CsiDriver {
    /// The driver's name.
    pub name: String,
    /// True if the cluster attaches its volumes to a node before the node mounts them.
    pub attached: bool,
}

/// Drivers of volumes whose files are credentials.
const DRIVERS: &[&str] = &[
    // secrets-store-csi-driver.sigs.k8s.io, "Usage", and Google's driver of its own (cloud.google.com, "Secret Manager add-on").
    "secrets-store.csi.k8s.io",
    "secrets-store-gke.csi.k8s.io",
    // docs.openshift.com, "Shared Resource CSI Driver Operator": Secrets of other namespaces.
    "csi.sharedresource.openshift.io",
    // cert-manager.io, "csi-driver" and "csi-driver-spiffe": certificates with their private keys.
    "csi.cert-manager.io",
    "spiffe.csi.cert-manager.io",
    // github.com/spiffe/spiffe-csi: a socket that hands out identities.
    "csi.spiffe.io",
];

/// Returns true for a driver of volumes whose files are credentials.
pub fn is_of_credentials(driver: &str) -> bool {
    DRIVERS.contains(&driver)
}
