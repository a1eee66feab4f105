//! Parts of the machine that show in the sandbox.

use serde::{Deserialize, Serialize};

use super::mirrored;
use crate::{Refused, generated, limits::texts};

/// The sockets of programs that govern the machine: container engines, builders, the kubelet, the init system. A program
/// that reaches one of them can start programs outside the sandbox.
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
    // systemctl(1) and dbus-daemon(1), which tell systemd to start programs.
    "/run/systemd/private",
    "/run/dbus/system_bus_socket",
    "/var/run/dbus/system_bus_socket",
];

/// Folders that a container host has, and the usual mount points of its root. An image seldom has one of them.
pub const HOST_FOLDERS: &[&str] = &[
    // kubernetes.io, "Local Files And Paths Used By The Kubelet".
    "/var/lib/kubelet",
    "/etc/kubernetes",
    // docs.docker.com, "dockerd"; containerd, `docs/ops.md`; containers-storage.conf(5); cri-o, `pkg/config/config.go`.
    "/var/lib/docker",
    "/var/lib/containerd",
    "/var/lib/containers",
    "/var/lib/crio",
    "/var/lib/rancher",
    // Agents and debuggers mount the machine's root here: kubernetes.io, "Debugging Kubernetes Nodes With Kubectl";
    // prometheus/node_exporter and google/cadvisor, README.md.
    "/host",
    "/hostfs",
    "/rootfs",
];

/// Sockets of programs that govern the machine.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct HostSockets {
    /// The paths that lead to a socket.
    pub paths: Vec<String>,
    /// The paths that could not be looked at.
    pub unseen: Vec<String>,
}

/// Signs that a machine has and an image seldom has.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct HostSentinels {
    /// The folders of [`HOST_FOLDERS`] that exist.
    pub folders: Vec<String>,
    /// The folders that could not be looked at.
    pub unseen: Vec<String>,
    /// True if a process has another root directory than the probe; `None` if the root of no process could be looked at.
    pub other_root: Option<bool>,
    /// Processes that run another program than the probe; `None` if the processes cannot be listed.
    pub others: Option<OtherProcesses>,
}

/// The number of other processes, and nothing else about them.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct OtherProcesses {
    /// The number of processes.
    pub count: u32,
    /// The number of these processes whose command line can be read.
    pub command_lines: u32,
    /// True if there are more processes than were looked at.
    pub truncated: bool,
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

// === impl HostSentinels ===

impl From<HostSentinels> for generated::HostSentinels {
    fn from(HostSentinels { folders, unseen, other_root, others }: HostSentinels) -> Self {
        Self { folders, unseen, other_root, others: others.map(Into::into) }
    }
}

impl TryFrom<generated::HostSentinels> for HostSentinels {
    type Error = Refused;

    fn try_from(message: generated::HostSentinels) -> Result<Self, Refused> {
        let generated::HostSentinels { folders, unseen, other_root, others } = message;
        let others = others.map(OtherProcesses::try_from).transpose()?;
        if others.is_some_and(|others| others.command_lines > others.count) {
            return Err(Refused::OutOfRange { field: "command_lines" });
        }
        let (folders, unseen) = (texts("folders", folders)?, texts("unseen", unseen)?);
        Ok(Self { folders, unseen, other_root, others })
    }
}

mirrored!(OtherProcesses { count, command_lines, truncated });
