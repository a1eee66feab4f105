//! Programs that make volumes, and whose files the volumes hold.

use crate::case::cluster::is_of_credentials;

/// The owner of the files in a driver's volumes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Files {
    /// Folders of the node's own file system.
    OfNode,
    /// Storage that is the volume's own: a disk, a share, a bucket, or files in memory.
    Own,
}

/// Drivers and provisioners whose volumes are folders of the node.
const OF_NODE: &[&str] = &[
    // github.com/kubernetes-csi/csi-driver-host-path: folders below /csi-data-dir of the node.
    "hostpath.csi.k8s.io",
    // github.com/rancher/local-path-provisioner: hostPath or local volumes below /opt/local-path-provisioner.
    "rancher.io/local-path",
    // kubernetes, `pkg/volume/hostpath`, and the same of local clusters.
    "docker.io/hostpath",
    "k8s.io/minikube-hostpath",
    "kubernetes.io/host-path",
    "microk8s.io/hostpath",
    // github.com/kubevirt/hostpath-provisioner.
    "kubevirt.io.hostpath-provisioner",
    "kubevirt.io/hostpath-provisioner",
    // openebs.io, "Local PV Hostpath".
    "openebs.io/local",
    // github.com/spiffe/spiffe-csi: a bind mount of the folder with the agent's socket.
    "csi.spiffe.io",
];

/// Drivers and provisioners whose volumes are storage of their own (kubernetes-csi.github.io, "Drivers"; kubernetes.io,
/// "Volumes", "Types of volumes").
const OWN: &[&str] = &[
    // Disks, shares and buckets of clouds.
    "blob.csi.azure.com",
    "block.csi.ibm.com",
    "block.csi.vultr.com",
    "blockvolume.csi.oraclecloud.com",
    "bs.csi.stackit.cloud",
    "cinder.csi.openstack.org",
    "com.tencent.cloud.csi.cbs",
    "csi.cloudscale.ch",
    "csi.exoscale.com",
    "csi.hetzner.cloud",
    "csi.ovirt.org",
    "csi.scaleway.com",
    "csi.vsphere.vmware.com",
    "disk.csi.azure.com",
    "diskplugin.csi.alibabacloud.com",
    "dobs.csi.digitalocean.com",
    "ebs.csi.aws.com",
    "ebs.csi.eks.amazonaws.com",
    "efs.csi.aws.com",
    "file.csi.azure.com",
    "filestore.csi.storage.gke.io",
    "fss.csi.oraclecloud.com",
    "fsx.csi.aws.com",
    "fsx.openzfs.csi.aws.com",
    "gcsfuse.csi.storage.gke.io",
    "kubernetes.io/aws-ebs",
    "kubernetes.io/azure-disk",
    "kubernetes.io/azure-file",
    "kubernetes.io/cinder",
    "kubernetes.io/gce-pd",
    "kubernetes.io/portworx-volume",
    "kubernetes.io/rbd",
    "kubernetes.io/vsphere-volume",
    "linodebs.csi.linode.com",
    "lustre.csi.storage.gke.io",
    "manila.csi.openstack.org",
    "nasplugin.csi.alibabacloud.com",
    "ossplugin.csi.alibabacloud.com",
    "parallelstore.csi.storage.gke.io",
    "pd.csi.storage.gke.io",
    "powervs.csi.ibm.com",
    "s3.csi.aws.com",
    "vpc.block.csi.ibm.io",
    // Storage systems.
    "cephfs.csi.ceph.com",
    "csi.juicefs.com",
    "csi.trident.netapp.io",
    "driver.longhorn.io",
    "io.openebs.csi-mayastor",
    "linstor.csi.linbit.com",
    "nfs.csi.ceph.com",
    "nfs.csi.k8s.io",
    "pxd.portworx.com",
    "rbd.csi.ceph.com",
    "smb.csi.k8s.io",
    // Logical volumes of a node's disk, each with a file system of its own.
    "local.csi.openebs.io",
    "topolvm.cybozu.com",
    "topolvm.io",
    "zfs.csi.openebs.io",
];

/// Ends of the names that Rook gives to Ceph's drivers: a prefix names its namespace (rook.io, "Ceph CSI Drivers").
const OWN_ENDS: &[&str] = &[".cephfs.csi.ceph.com", ".nfs.csi.ceph.com", ".rbd.csi.ceph.com"];

/// Returns the owner of the files in a driver's volumes; `None` if no table lists the driver.
pub(super) fn files(driver: &str) -> Option<Files> {
    if OF_NODE.contains(&driver) {
        return Some(Files::OfNode);
    }
    let own = OWN.contains(&driver) || OWN_ENDS.iter().any(|end| driver.ends_with(end));
    // Files in memory that a driver writes for the pod; secrets-absent judges them.
    (own || is_of_credentials(driver)).then_some(Files::Own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_driver_is_known_by_its_whole_name() {
        for (driver, expected) in [
            ("ebs.csi.aws.com", Some(Files::Own)),
            ("rook-ceph.rbd.csi.ceph.com", Some(Files::Own)),
            ("csi.cert-manager.io", Some(Files::Own)),
            ("csi.spiffe.io", Some(Files::OfNode)),
            ("hostpath.csi.k8s.io", Some(Files::OfNode)),
            ("rancher.io/local-path", Some(Files::OfNode)),
            ("my.hostpath.csi.k8s.io", None),
            ("ebs.csi.aws.com.example", None),
            ("kubernetes.io/no-provisioner", None),
        ] {
            assert_eq!(files(driver), expected, "{driver}");
        }
    }
}
