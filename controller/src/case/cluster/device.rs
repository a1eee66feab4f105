//! Devices of the node that a pod asks for.

/// A device that a pod asks for.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Device {
    /// The way in which the pod asks.
    pub by: DeviceRequest,
    /// The extended resource, such as "nvidia.com/gpu"; for a claim, the name of the claim or of its template; for a block
    /// volume, the volume's name.
    pub name: String,
}

/// The way in which a pod asks for a device.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum DeviceRequest {
    /// An extended resource among the container's limits (kubernetes.io, "Device Plugins").
    #[default]
    Resource,
    /// A `ResourceClaim` (kubernetes.io, "Dynamic Resource Allocation").
    Claim,
    /// A `ResourceClaimTemplate`, of which each pod gets a claim of its own.
    ClaimTemplate,
    /// A volume that the container has as a block device (`volumeDevices`).
    Volume,
}

/// A `ResourceClaim` or a `ResourceClaimTemplate`, with the classes of the devices that it asks for.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DeviceClaim {
    /// `Claim` or `ClaimTemplate`.
    pub by: DeviceRequest,
    /// The object's name.
    pub name: String,
    /// Names of the `DeviceClass` objects.
    pub classes: Vec<String>,
}
