//! An image registry on node one's address, from which both nodes pull without encryption.

use std::{
    fs,
    path::Path,
    sync::{Mutex, PoisonError},
};

use serde_json::json;

use super::{Node, Service, State, network};
use crate::run;

const PORT: u16 = 5000;

/// Returns the registry's name in references of images.
pub(super) fn host() -> String {
    format!("{}:{PORT}", network::address(network::ONE))
}

/// Tells a node's containerd to trust the registry.
pub(super) fn trust(folder: &Path) {
    let folder = folder.join(host());
    fs::create_dir_all(&folder).unwrap();
    let hosts = format!(
        "server = \"http://{0}\"\n[host.\"http://{0}\"]\ncapabilities = [\"pull\", \"resolve\", \"push\"]\n",
        host()
    );
    fs::write(folder.join("hosts.toml"), hosts).unwrap();
}

/// A running registry.
#[derive(Debug)]
pub struct Registry<'a> {
    node: &'a Node,
}

impl<'a> Registry<'a> {
    pub(super) fn start(state: &State, node: &'a Node) -> Self {
        // Of two tests that need it first, one starts it.
        static TURN: Mutex<()> = Mutex::new(());
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let configuration = json!({
            "version": "0.1",
            "log": { "level": "info" },
            "storage": { "filesystem": { "rootdirectory": state.join("registry") } },
            "http": { "addr": host() },
        });
        let file = state.write("registry.json", configuration.to_string());
        let service =
            Service::new(state, node.place(), "registry", "docker-registry").word("serve").word(file);
        if !service.lives() {
            service.start();
            service.until_listens(PORT);
        }
        Self { node }
    }

    /// Returns the reference of an image by its name here.
    pub fn reference(&self, name: &str) -> String {
        format!("{}/{name}", host())
    }

    /// Copies all images of an archive as they are, by skopeo; returns the reference to pull them by.
    pub fn copy(&self, archive: &Path, name: &str) -> String {
        let target = self.reference(name);
        let mut skopeo = self.node.place().beside("skopeo");
        skopeo.args(["copy", "--all", "--preserve-digests", "--insecure-policy", "--dest-tls-verify=false"]);
        skopeo.arg(format!("oci-archive:{}", archive.display())).arg(format!("docker://{target}"));
        let copied = run::finished(skopeo.env("TMPDIR", archive.parent().unwrap()));
        assert!(copied.status.success(), "{copied:#?}");
        target
    }

    /// Pushes an image of node one by a name and tag; returns the reference to pull it by.
    pub fn push(&self, reference: &str, name: &str) -> String {
        let target = self.reference(name);
        let tagged = self.node.ctr(&["images", "tag", "--force", reference, &target]);
        assert!(tagged.status.success(), "{tagged:#?}");
        let pushed = self.node.ctr(&["images", "push", "--plain-http", &target]);
        assert!(pushed.status.success(), "{pushed:#?}");
        target
    }
}
