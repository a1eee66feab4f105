//! A node: containerd with runc and runsc, and a kubelet, in a place of its own and below a control group of its own.

mod containerd;
mod kubelet;

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::{Ended, Place, Service, State, network, parts::Parts, registry};
use crate::run;

/// The label that names a node's pool. Node one's pool enforces policies if the cluster does at all.
pub const POOL: &str = "cloud.google.com/gke-nodepool";

/// One node of the cluster.
#[derive(Debug)]
pub struct Node {
    name: &'static str,
    place: Place,
    folder: PathBuf,
    state: State,
    parts: Parts,
    containerd: Service,
    kubelet: Service,
}

impl Node {
    pub(super) fn new(state: &State, parts: &Parts, place: Place, name: &'static str) -> Self {
        let folder = state.join(name);
        let containerd =
            Service::new(state, place, &format!("containerd-{name}"), parts.containerd.join("containerd"))
                .option("--config", folder.join("containerd.toml"))
                .variable("PATH", parts.path())
                .variable("CILIUM_SOCK", state.join("cilium/agent.sock"));
        let kubelet =
            Service::new(state, place, &format!("kubelet-{name}"), parts.kubernetes.join("kubelet"))
                .option("--config", folder.join("kubelet.json"))
                .option("--kubeconfig", state.kubeconfig())
                .option("--root-dir", folder.join("kubelet"))
                .option("--cert-dir", folder.join("kubelet-pki"))
                .word(format!("--hostname-override={name}"))
                .word(format!("--node-ip={}", network::address(name)));
        Self { name, place, folder, state: state.clone(), parts: parts.clone(), containerd, kubelet }
    }

    /// Returns the node's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the node's namespaces.
    pub fn place(&self) -> Place {
        self.place
    }

    /// Returns the name of the node's pool.
    pub fn pool(&self) -> &'static str {
        if self.name == network::ONE { "enforced" } else { "plain" }
    }

    /// Returns the node's object, with the fields that the kubelet does not write itself. It is made in advance, so
    /// that everybody knows the addresses of its pods.
    pub(super) fn object(&self) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": { "name": self.name, "labels": { POOL: self.pool() } },
            "spec": { "podCIDR": network::pods(self.name), "podCIDRs": [network::pods(self.name)] },
        })
    }

    /// Starts containerd and imports the images: a kubelet without a pause image would try to pull one.
    pub(super) fn start_containerd(&self, images: &[PathBuf]) {
        self.prepare();
        self.containerd.start();
        self.containerd
            .until("its socket", || self.socket().exists() && self.ctr(&["version"]).status.success());
        for archive in images {
            self.import(archive);
        }
    }

    /// Gives the pods a network in which each pod reaches every other, whatever policies say.
    pub(super) fn connect_plainly(&self) {
        let conflist = json!({
            "cniVersion": "1.0.0",
            "name": "plain",
            "plugins": [{
                "type": "bridge",
                "bridge": "pods",
                "isGateway": true,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{ "subnet": network::pods(self.name) }]],
                    "routes": [{ "dst": "0.0.0.0/0" }],
                },
            }],
        });
        self.connect(conflist.to_string().as_bytes());
    }

    /// Gives containerd a network configuration.
    pub(super) fn connect(&self, conflist: &[u8]) {
        fs::write(self.folder.join("cni/stage.conflist"), conflist).unwrap();
    }

    /// Imports a docker or OCI archive.
    pub fn import(&self, archive: &Path) {
        let ended = self.ctr(&["images", "import", &archive.display().to_string()]);
        assert!(ended.status.success(), "{ended:#?}");
    }

    /// Runs containerd's own client on the images and containers of Kubernetes.
    pub fn ctr(&self, words: &[&str]) -> Ended {
        let mut command = self.place.beside(self.parts.containerd.join("ctr"));
        command.arg("--address").arg(self.socket()).args(["--namespace", "k8s.io"]).args(words);
        run::finished(&mut command)
    }

    /// Returns the node's kubelet, to be stopped or frozen; its pods go on.
    pub fn kubelet(&self) -> &Service {
        &self.kubelet
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("containerd.sock")
    }

    fn prepare(&self) {
        for folder in ["cni", "plugins", "logs"] {
            fs::create_dir_all(self.folder.join(folder)).unwrap();
        }
        self.state.make_group(self.name);
        let file = |name: &str| format!("{}/{name}", self.name);
        self.state.write(&file("resolv.conf"), format!("nameserver {}\n", network::GATEWAY));
        self.state.write(&file("kubelet.json"), self.kubelet_configuration().to_string());
        self.state.write(&file("runsc.toml"), "[runsc_config]\n");
        self.state.write(&file("runsc-unlimited.toml"), "[runsc_config]\nignore-cgroups = \"true\"\n");
        self.state.write(&file("containerd.toml"), self.containerd_configuration());
        registry::trust(&self.folder.join("registries"));
    }
}
