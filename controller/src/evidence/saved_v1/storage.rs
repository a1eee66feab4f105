//! Volumes and devices of pods, and the objects that tell whose they are.

use super::form::{saved_enum, saved_struct};
use crate::case::cluster;

saved_struct! {
    /// A volume that reaches outside of its pod.
    Volume for cluster::Volume {
        name: String,
        kind: VolumeKind => Into::into,
        source: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        class: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tied: Option<bool>,
    }
}

saved_enum! {
    /// The storage that holds a volume's files.
    VolumeKind for cluster::VolumeKind {
        HostPath, "hostPath";
        Local, "local";
        Claim, "claim";
        Unbound, "unbound";
        Csi, "csi";
        Driver, "driver";
        Network, "network";
    }
}

saved_struct! {
    /// A StorageClass of the cluster.
    StorageClass for cluster::StorageClass {
        name: String,
        provisioner: String,
        default: bool,
    }
}

saved_struct! {
    /// A CSI driver.
    CsiDriver for cluster::CsiDriver {
        name: String,
        attached: bool,
    }
}

saved_struct! {
    /// A device that a pod asks for.
    Device for cluster::Device {
        by: DeviceRequest => Into::into,
        name: String,
    }
}

saved_enum! {
    /// The way in which a pod asks for a device.
    DeviceRequest for cluster::DeviceRequest {
        Resource, "resource";
        Claim, "claim";
        ClaimTemplate, "claim-template";
        Volume, "volume";
    }
}

saved_struct! {
    /// A claim for devices.
    DeviceClaim for cluster::DeviceClaim {
        by: DeviceRequest => Into::into,
        name: String,
        classes: Vec<String>,
    }
}
