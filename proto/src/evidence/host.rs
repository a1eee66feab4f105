//! What of the machine shows in the sandbox.

use serde::{Deserialize, Serialize};

use crate::{Refused, generated, limits::texts};

/// Where programs that govern the machine have their sockets: container engines, builders, the kubelet, the init system.
/// Whoever reaches one starts programs outside of the sandbox.
pub const HOST_SOCKETS: &[&str] = &[
    // docs.docker.com, "dockerd", and Mirantis/cri-dockerd.
    "/run/docker.sock",
    "/var/run/docker.sock",
    "/run/cri-dockerd.sock",
    "/var/run/cri-dockerd.sock",
    // containerd, `defaults/defaults_unix.go`; k3s, k0s and MicroK8s have their own.
    "/run/containerd/containerd.sock",
    "/var/run/containerd/containerd.sock",
    "/run/k3s/containerd/containerd.sock",
    "/run/k0s/containerd.sock",
    "/var/snap/microk8s/common/run/containerd.sock",
    // cri-o, `pkg/config/config.go`; podman-system-service(1); moby/buildkit, `util/appdefaults`.
    "/run/crio/crio.sock",
    "/var/run/crio/crio.sock",
    "/run/podman/podman.sock",
    "/var/run/podman/podman.sock",
    "/run/buildkit/buildkitd.sock",
    // kubernetes.io, "Device Plugins".
    "/var/lib/kubelet/device-plugins/kubelet.sock",
    "/var/lib/kubelet/pod-resources/kubelet.sock",
    // systemctl(1) and dbus-daemon(1), by which systemd is told what to start.
    "/run/systemd/private",
    "/run/dbus/system_bus_socket",
    "/var/run/dbus/system_bus_socket",
];

/// Sockets of programs that govern the machine.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct HostSockets {
    /// Where there is one.
    pub paths: Vec<String>,
    /// Places that could not be looked at.
    pub unseen: Vec<String>,
}

// === impl HostSockets ===

impl From<HostSockets> for generated::HostSockets {
    fn from(HostSockets { paths, unseen }: HostSockets) -> Self {
        Self { paths, unseen }
    }
}

impl TryFrom<generated::HostSockets> for HostSockets {
    type Error = Refused;

    fn try_from(generated::HostSockets { paths, unseen }: generated::HostSockets) -> Result<Self, Refused> {
        Ok(Self { paths: texts("paths", paths)?, unseen: texts("unseen", unseen)? })
    }
}
