//! Cilium on node one: its agent, without its operator, enforces network policies there. Nothing outside of the
//! node's place has a program of Cilium attached.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{Cluster, Place, Service, State, network};

/// Cilium's agent on node one.
#[derive(Debug)]
pub(super) struct Cilium {
    agent: Service,
    place: Place,
    folder: PathBuf,
    part: PathBuf,
}

impl Cilium {
    pub(super) fn new(state: &State, part: &Path, place: Place) -> Self {
        let folder = state.join("cilium");
        let agent = Service::new(state, place, "cilium-agent", part.join("cilium-agent"))
            .variable("K8S_NODE_NAME", network::ONE)
            .option("--k8s-kubeconfig-path", state.kubeconfig())
            .option("--lib-dir", folder.join("lib"))
            .option("--state-dir", folder.join("state"))
            .option("--socket-path", folder.join("agent.sock"))
            .option("--bpf-root", folder.join("bpf"))
            .option("--cgroup-root", folder.join("groups"))
            .option("--write-cni-conf-when-ready", folder.join("conflist"))
            .word(format!("--ipv4-native-routing-cidr={}", network::ALL_PODS))
            .words(&SETTINGS);
        Self { agent, place, folder, part: part.to_owned() }
    }

    /// Starts the agent, and waits until it is ready for pods.
    pub(super) fn start(&self, cluster: &Cluster) {
        for name in ["lib", "state", "bpf", "groups"] {
            fs::create_dir_all(self.folder.join(name)).unwrap();
        }
        let copied =
            Command::new("cp").arg("-r").arg(self.part.join("bpf")).arg(self.folder.join("lib")).status();
        assert!(copied.unwrap().success(), "the sources of Cilium's programs were not copied");
        let folder = self.folder.display();
        self.place
            .sh(&format!("mount -t bpf bpf '{folder}/bpf'; mount -t cgroup2 cgroup2 '{folder}/groups'"));
        cluster.ask(&["create", "--filename", &self.part.join("crds").display().to_string()]);
        self.agent.start();
        // The agent makes the socket last. Over it, a network plugin asks for a pod's address.
        let files = ["conflist", "agent.sock"].map(|name| self.folder.join(name));
        self.agent.until("its socket", || files.iter().all(|file| file.exists()));
    }

    /// Returns the network configuration that the agent wrote. containerd does not notice a file that is renamed into
    /// its folder.
    pub(super) fn conflist(&self) -> Vec<u8> {
        fs::read(self.folder.join("conflist")).unwrap()
    }
}

const SETTINGS: [&str; 24] = [
    "--identity-allocation-mode=crd",
    "--ipam=kubernetes",
    "--k8s-require-ipv4-pod-cidr=true",
    "--enable-ipv6=false",
    "--routing-mode=native",
    "--enable-ipv4-masquerade=false",
    "--devices=eth0",
    "--kube-proxy-replacement=false",
    "--bpf-lb-sock=false",
    "--enable-l7-proxy=false",
    "--external-envoy-proxy=false",
    "--enable-hubble=false",
    "--enable-health-checking=false",
    "--enable-endpoint-health-checking=false",
    "--enable-gops=false",
    "--enable-bandwidth-manager=false",
    "--enable-bgp-control-plane=false",
    "--enable-ipsec=false",
    "--enable-wireguard=false",
    "--bpf-ct-global-tcp-max=8192",
    "--bpf-ct-global-any-max=8192",
    "--bpf-nat-global-max=8192",
    "--cni-exclusive=false",
    "--debug=false",
];
