//! The files of deploy/: each applies as it is. Together they make a gate that opens for a namespace in which nothing
//! is wrong.

use std::{
    path::PathBuf,
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_json::{Value, json};
use stage::{
    Cluster,
    cluster::{Image, ONE, POOL, Shop},
    run,
};

use crate::Test;

pub(super) const TESTS: &[Test] =
    &[("each file of deploy/ applies as it is, and the gate's Job completes in the cluster", gate)];

/// The namespaces that the files name, deleted after the test with everything in them.
pub(super) struct Names<'a> {
    cluster: &'a Cluster,
    _turn: MutexGuard<'static, ()>,
}

impl<'a> Names<'a> {
    /// Takes the names, as soon as no other test has them.
    pub(super) fn take(cluster: &'a Cluster) -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        Self { cluster, _turn: TURN.lock().unwrap_or_else(PoisonError::into_inner) }
    }
}

impl Drop for Names<'_> {
    fn drop(&mut self) {
        for words in [
            &["delete", "namespace", "shop", "podproof", "--ignore-not-found", "--wait=false"][..],
            &["delete", "--ignore-not-found", "--filename", &file("rbac.yaml")],
        ] {
            _ = self.cluster.kubectl(words);
        }
    }
}

/// Makes the namespace `shop` with a workload, and applies these files.
pub(super) fn open(cluster: &Cluster, names: &[&str]) {
    // A cluster of `make cluster` has these namespaces already.
    cluster.ask(&["delete", "namespace", "shop", "podproof", "--ignore-not-found"]);
    cluster.ask(&["create", "namespace", "shop"]);
    for name in names {
        cluster.ask(&["apply", "--filename", &file(name)]);
    }
    let shop = json!({ "apiVersion": "v1", "kind": "List", "items": Shop::default().deployments });
    cluster.feed(&["--namespace", "shop", "apply", "--filename=-"], &shop.to_string());
    cluster.ask(&[
        "--namespace",
        "shop",
        "wait",
        "--for=condition=Available",
        "--timeout=120s",
        "deployment/web",
    ]);
}

fn gate(cluster: &Cluster) {
    let _names = Names::take(cluster);
    open(
        cluster,
        &["runtime-class.yaml", "default-deny.yaml", "namespace.yaml", "rbac.yaml", "gate-job.yaml"],
    );
    // The registry that the file names has neither image.
    let mut job = cluster.get(&["--filename", &file("gate-job.yaml")])["items"][1].clone();
    assert_eq!(job["kind"], "Job");
    let spec = job["spec"]["template"]["spec"].clone();
    job = json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": { "name": "gate", "namespace": "podproof" },
        "spec": { "backoffLimit": 0, "template": { "spec": with_images(cluster, spec) } },
    });
    cluster.feed(&["replace", "--force", "--filename=-"], &job.to_string());
    let words = ["--namespace", "podproof", "wait", "--for=condition=Complete", "--timeout=120s", "job/gate"];
    let completed = cluster.kubectl(&words);
    let log = cluster.kubectl(&["--namespace", "podproof", "logs", "job/gate"]);
    assert!(completed.status.success(), "{completed:#?}\n{log:#?}");
    assert!(log.out.contains("podproof: ready, with warnings, judged for production"), "{}", log.out);
}

/// Returns the pod with images that node one has.
pub(super) fn with_images(cluster: &Cluster, mut spec: Value) -> Value {
    let container = &mut spec["containers"][0];
    container["image"] = controller(cluster).into();
    let arguments = container["args"].as_array_mut().unwrap();
    let image = arguments.iter_mut().find(|word| word.as_str().unwrap().starts_with("--image=")).unwrap();
    *image = format!("--image={}", cluster.probe_image()).into();
    spec["nodeSelector"] = json!({ POOL: cluster.node(ONE).pool() });
    spec
}

/// Imports an image of the controller as it was built. The program need not be static: the image has the libraries
/// that it loads.
fn controller(cluster: &Cluster) -> String {
    let reference = format!("podproof.test/controller:{}", std::process::id());
    let program = PathBuf::from(run::controller(&[]).get_program());
    let wanted = Command::new("ldd").arg(&program).output().unwrap();
    let wanted = String::from_utf8(wanted.stdout).unwrap();
    let paths = wanted.split_whitespace().filter(|word| word.starts_with('/'));
    let image = Image::new(&reference, &["/controller"]).user("65534");
    let image = image.file("controller", std::fs::read(&program).unwrap());
    let image = paths.fold(image, |image, path| image.file(&path[1..], std::fs::read(path).unwrap()));
    let archive = cluster.state().join("controller.tar");
    image.write(&archive).unwrap();
    cluster.import(&archive, ONE);
    reference
}

pub(super) fn file(name: &str) -> String {
    format!("{}/../deploy/{name}", env!("CARGO_MANIFEST_DIR"))
}
