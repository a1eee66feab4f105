//! The configuration of containerd.

use super::Node;
use std::fs;

use crate::cluster::{image, parts};

/// The runtime of gVisor's handler, and its options.
const GVISOR: &str = r#"runtimes.runsc]
runtime_type = "io.containerd.runsc.v1"
pod_annotations = ["dev.gvisor.*"]
"#;
const OPTIONS: &str = r#"[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runsc.options]
TypeUrl = "io.containerd.runsc.v1.options"
"#;
/// The same handler, which leads to runc.
const SWAPPED: &str = "runtimes.runsc]\nruntime_type = \"io.containerd.runc.v2\"\n";

/// A node whose handler of gVisor leads to runc, until this is dropped.
#[derive(Debug)]
pub struct Swapped<'a>(&'a Node);

impl Drop for Swapped<'_> {
    fn drop(&mut self) {
        self.0.restart_containerd(&self.0.containerd_configuration());
    }
}

impl Node {
    /// Lets the handler of gVisor lead to runc, under its name.
    pub fn swap_gvisor(&self) -> Swapped<'_> {
        let configuration = self.containerd_configuration();
        let (before, after) = configuration.split_once(OPTIONS).unwrap();
        let (_, rest) = after.split_once('\n').unwrap();
        let swapped = format!("{before}{rest}").replace(GVISOR, SWAPPED);
        assert!(swapped.contains(SWAPPED), "{swapped}");
        self.restart_containerd(&swapped);
        Swapped(self)
    }

    /// Starts containerd again with a configuration; its pods go on.
    fn restart_containerd(&self, configuration: &str) {
        fs::write(self.folder.join("containerd.toml"), configuration).unwrap();
        self.containerd.kill();
        self.containerd.start();
        self.containerd.until("its socket", || self.ctr(&["version"]).status.success());
    }

    /// Returns the configuration with three runtimes: runc, runsc, and a runsc that ignores control groups.
    pub(super) fn containerd_configuration(&self) -> String {
        let folder = self.folder.display();
        let plugins = self.parts.cilium.as_ref().map(|cilium| format!(", \"{}\"", cilium.display()));
        format!(
            r#"version = 3
root = "{folder}/containerd"
state = "{folder}/containerd-state"
disabled_plugins = ["io.containerd.nri.v1.nri", "io.containerd.internal.v1.opt"]
[grpc]
address = "{socket}"
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "{pause}"
[plugins."io.containerd.cri.v1.images".registry]
config_path = "{folder}/registries"
[plugins."io.containerd.cri.v1.runtime"]
restrict_oom_score_adj = true
[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["{debian}"{plugins}]
conf_dir = "{folder}/cni"
[plugins."io.containerd.cri.v1.runtime".containerd]
default_runtime_name = "runc"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runsc]
runtime_type = "io.containerd.runsc.v1"
pod_annotations = ["dev.gvisor.*"]
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runsc.options]
TypeUrl = "io.containerd.runsc.v1.options"
ConfigPath = "{folder}/runsc.toml"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runsc-unlimited]
runtime_type = "io.containerd.runsc.v1"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runsc-unlimited.options]
TypeUrl = "io.containerd.runsc.v1.options"
ConfigPath = "{folder}/runsc-unlimited.toml"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.sandboxed]
runtime_type = "io.containerd.runsc.v1"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.sandboxed.options]
TypeUrl = "io.containerd.runsc.v1.options"
ConfigPath = "{folder}/runsc.toml"
"#,
            socket = self.socket().display(),
            pause = image::PAUSE,
            debian = parts::PLUGINS,
            plugins = plugins.unwrap_or_default(),
        )
    }
}
