//! Images: imported on a node, and pulled from the cluster's registry.

use stage::{
    Cluster,
    cluster::{Image, ONE, Shop, TWO, pod},
};

use crate::Test;

pub(super) const TESTS: &[Test] = &[
    ("both nodes pull an image that one of them pushed", pulled),
    ("a pushed probe is known by its digest, and another image is refused", pushed),
];

fn pushed(cluster: &Cluster) {
    let (shop, control) = (cluster.namespace("pushed"), cluster.namespace("control"));
    Shop::default().open(&shop);
    let reference = cluster.registry().push(&cluster.probe_image(), "another:1");
    let reference = reference.replace("another:1", "probe:2");
    let pushed = cluster.controller(&["image", "--push", &reference, "--plain-http"]);
    assert_eq!(pushed.code(), Some(0), "{pushed:#?}");
    let verify = |image: &str, digest: &str| {
        let own =
            ["verify", "--namespace", shop.name(), "--control-namespace", control.name(), "--output", "json"];
        let image = ["--only", "production", "--environment", "production", "--image", image];
        let digest = ["--image-digest", digest];
        let digest = if digest[1].is_empty() { &[][..] } else { &digest[..] };
        cluster.controller(&[&own[..], &image, digest].concat())
    };
    for image in [reference.as_str(), pushed.out.trim()] {
        let ended = verify(image, "");
        assert_eq!(ended.code(), Some(0), "{ended:#?}");
    }
    let other = format!("sha256:{}", "0".repeat(64));
    let ended = verify(&reference, &other);
    assert_eq!(ended.code(), Some(3), "{ended:#?}");
    assert!(ended.out.contains("which is not this controller's probe"), "{}", ended.out);
}

fn pulled(cluster: &Cluster) {
    let reference = "podproof.test/pulled:1";
    let archive = cluster.state().join("pulled.tar");
    Image::busybox(reference).file("marked", b"here".to_vec()).write(&archive).unwrap();
    cluster.import(&archive, ONE);
    let image = cluster.registry().push(reference, "pulled:1");
    let namespace = cluster.namespace("images");
    let pods = [ONE, TWO].map(|node| {
        let mut pod = pod(node, "gvisor", node, None);
        pod["spec"]["containers"][0]["image"] = image.as_str().into();
        pod["spec"]["containers"][0]["imagePullPolicy"] = "Always".into();
        pod
    });
    namespace.run(&pods);
    for node in [ONE, TWO] {
        assert_eq!(namespace.exec(node, &["cat", "/marked"]).out, "here");
    }
}
