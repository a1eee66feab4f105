//! Images: imported on a node, and pulled from the cluster's registry.

use stage::{
    Cluster,
    cluster::{Image, ONE, TWO, pod},
};

use crate::Test;

pub(super) const TESTS: &[Test] = &[("both nodes pull from the registry what one of them was given", pulled)];

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
