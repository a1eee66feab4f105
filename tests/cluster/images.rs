//! Images: imported on a node, and pulled from the cluster's registry.

use std::{fs, path::Path};

use controller::image::{Image as Program, Images};
use stage::{
    Cluster, Ended,
    cluster::{Image, Namespace, ONE, POOL, Shop, TWO, pod},
    run,
};

use crate::Test;

pub(super) const TESTS: &[Test] = &[
    ("both nodes pull an image that one of them pushed", pulled),
    ("a pushed probe is known by its digest, and another image is refused", pushed),
];

/// Tests of the controller with the probes of both architectures.
pub(super) const OF_BOTH: &[Test] =
    &[("a node pulls its part of an index, and an index with another part is refused", index)];

/// The images of two probes, under a name in the registry.
struct Pushed {
    repository: String,
    images: Images,
}

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

fn index(cluster: &Cluster) {
    let (shop, control) = (cluster.namespace("index"), cluster.namespace("control"));
    Shop::default().open(&shop);
    let both = run::controller_of_both().unwrap();
    let [x86, arm] = run::probes_of_both().unwrap().map(|path| fs::read(path).unwrap());
    let changed = |program: &[u8]| [program, b"changed"].concat();
    let verify = |shop: &Namespace<'_>, image: &str| verify(cluster, &both, shop, &control, image);

    let own = Pushed::by(cluster, &both, "index/own", [&x86, &arm]);
    let [index, manifest] = [own.images.top().digest(), own.images.first().manifest_digest()];
    let ended = verify(&shop, &own.by_digest(index));
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    let pod = &ended.report()["sandboxes"][0]["pod"];
    assert!(pod["image_id"].as_str().unwrap().ends_with(index), "{pod:#}");
    let known = pod["known_digests"].as_array().unwrap();
    assert!([index, manifest].iter().all(|digest| known.iter().any(|it| it == digest)), "{pod:#}");
    let fetched = cluster.node(ONE).ctr(&["content", "ls", "--quiet"]).out;
    let parts = own.images.iter().map(|image| fetched.contains(image.manifest_digest()));
    assert_eq!(parts.collect::<Vec<_>>(), [true, false], "{fetched}");
    assert_eq!(verify(&shop, &own.by_digest(manifest)).code(), Some(0));

    let other_x86 = Pushed::copied(cluster, "index/other-x86", [&changed(&x86), &arm]);
    for digest in [other_x86.images.top().digest(), other_x86.images.first().manifest_digest()] {
        let ended = verify(&shop, &other_x86.by_digest(digest));
        assert_eq!(ended.code(), Some(3), "{ended:#?}");
        assert_refused(&ended);
    }
    // A node with the same x86-64 part names it by the index that it pulled first, so this index goes to the other node.
    let elsewhere = cluster.namespace("elsewhere");
    let mut plain = Shop::default();
    for deployment in &mut plain.deployments {
        deployment["spec"]["template"]["spec"]["nodeSelector"][POOL] = cluster.node(TWO).pool().into();
    }
    plain.open(&elsewhere);
    let other_arm = Pushed::copied(cluster, "index/other-arm", [&x86, &changed(&arm)]);
    let ended = verify(&elsewhere, &other_arm.by_digest(other_arm.images.top().digest()));
    assert!(matches!(ended.code(), Some(1 | 3)), "{ended:#?}");
    assert_refused(&ended);
}

fn assert_refused(ended: &Ended) {
    let finding = ended.finding("probe-integrity");
    assert_eq!(finding["outcome"], "inconclusive", "{finding:#}");
    let why = finding["because"].as_str().unwrap();
    assert!(why.contains("which is not this controller's probe for amd64"), "{why}");
}

fn verify(
    cluster: &Cluster,
    controller: &Path,
    shop: &Namespace<'_>,
    control: &Namespace<'_>,
    image: &str,
) -> Ended {
    let own = ["verify", "--namespace", shop.name(), "--control-namespace", control.name()];
    let others = ["--image", image, "--only", "production", "--environment", "production"];
    let words = [&own[..], &others, &["--output", "json", "--quiet"]].concat();
    run::ended(cluster.command_of(controller, &words).spawn().unwrap())
}

fn images(programs: [&[u8]; 2]) -> Images {
    Images::of(programs.map(|program| Program::of_probe(program).unwrap()).to_vec()).unwrap()
}

impl Pushed {
    /// Has the controller push the probes that it contains, and checks that they are these.
    fn by(cluster: &Cluster, controller: &Path, name: &str, programs: [&[u8]; 2]) -> Self {
        let repository = cluster.registry().reference(name);
        let words = ["image", "--push", &repository, "--plain-http"];
        let pushed = run::ended(cluster.command_of(controller, &words).spawn().unwrap());
        assert_eq!(pushed.code(), Some(0), "{pushed:#?}");
        let images = images(programs);
        assert!(pushed.out.trim_end().ends_with(images.top().digest()), "{pushed:#?}");
        Self { repository, images }
    }

    fn copied(cluster: &Cluster, name: &str, programs: [&[u8]; 2]) -> Self {
        let images = images(programs);
        let archive = cluster.state().join("index.tar");
        fs::write(&archive, images.archive(&images.reference_name()).unwrap()).unwrap();
        Self { repository: cluster.registry().copy(&archive, name), images }
    }

    fn by_digest(&self, digest: &str) -> String {
        format!("{}@{digest}", self.repository)
    }
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
