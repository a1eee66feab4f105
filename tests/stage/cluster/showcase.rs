//! A workload to look at, and the commands that try the product on it.

use super::{Cluster, Shop, registry};

/// The namespace of the workload.
const SHOP: &str = "shop";
/// The namespace of the control pod.
const CONTROL: &str = "podproof";

impl Cluster {
    /// Makes a gVisor Deployment under default-deny, and gives every node the probe's image. Returns the commands
    /// that try the product on them.
    pub fn showcase(&self) -> [String; 3] {
        self.lasting_namespace(CONTROL);
        Shop::default().open(&self.lasting_namespace(SHOP));
        let image = self.pushed_probe();
        let doctor =
            format!("controller doctor --namespace {SHOP} --control-namespace {CONTROL} --image {image}");
        let verify = format!(
            "controller verify --namespace {SHOP} --control-namespace {CONTROL} --image {image} --environment production"
        );
        let spoil = format!("kubectl --namespace {SHOP} delete networkpolicy default-deny; {verify}");
        [doctor, verify, spoil].map(|command| format!("make cluster-shell CMD='{command}'"))
    }

    /// Pushes the probe's image and has every node pull it; returns its reference by digest. containerd finds an image by a
    /// digest only under a name without a tag.
    fn pushed_probe(&self) -> String {
        _ = self.registry();
        let name = format!("{}/probe", registry::host());
        let pushed = self.controller(&["image", "--push", &format!("{name}:1"), "--plain-http"]);
        assert!(pushed.status.success(), "{pushed:#?}");
        let (_, digest) = pushed.out.trim().split_once('@').unwrap();
        let image = format!("{name}@{digest}");
        for node in &self.nodes {
            let pulled = node.ctr(&["images", "pull", "--plain-http", &image]);
            assert!(pulled.status.success(), "{pulled:#?}");
        }
        image
    }
}
