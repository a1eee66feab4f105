//! The containers of a pod.

use super::form::{each_optional, saved_enum, saved_struct};
use crate::case::cluster;

saved_struct! {
    /// A container of a pod.
    Container for cluster::Container {
        name: String,
        kind: ContainerKind => Into::into,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        has_ended: bool,
        memory: Option<u64>,
        cpu_millis: Option<u64>,
        privileged: bool,
        added_capabilities: Vec<String>,
        keeps_capabilities: bool,
        may_gain_privileges: bool,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        ports: Vec<u16>,
        host_ports: Vec<i32>,
        unmasked_proc: bool,
        #[serde(default)]
        writable_root: Option<bool>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mount_paths: Option<Vec<String>>,
        seccomp: SeccompProfile => Into::into,
        #[serde(default)]
        loosened: Option<Vec<Loosened>> => each_optional,
    }
}

saved_enum! {
    /// A setting that loosens a container's confinement.
    Loosened for cluster::Loosened {
        AppArmor, "app-armor";
        SeLinux, "se-linux";
        HostProcess, "host-process";
        KubeletsRequest, "kubelets-request";
    }
}

saved_enum! {
    /// The time at which a container runs.
    ContainerKind for cluster::ContainerKind {
        Regular, "Regular";
        Init, "Init";
        Sidecar, "Sidecar";
        Ephemeral, "Ephemeral";
    }
}

saved_enum! {
    /// The seccomp profile that a container or its pod names.
    SeccompProfile for cluster::SeccompProfile {
        Unnamed, "Unnamed";
        Unconfined, "Unconfined";
        Named, "Named";
    }
}
