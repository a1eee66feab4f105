//! The files of deploy/: each serves as it is. Together they make a gate that opens for a namespace in which nothing
//! is wrong.

use std::{
    fs,
    path::PathBuf,
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_json::{Value, json};
use stage::{
    Cluster, Ended,
    cluster::{Image, ONE, POOL, Shop},
    run,
};

use crate::Test;

pub(super) const TESTS: &[Test] =
    &[("each file of deploy/ serves as it is, and the gate is open while the namespace is ready", gate)];

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
        &["runtime-class.yaml", "default-deny.yaml", "namespace.yaml", "account.yaml", "rbac.yaml"],
    );
    let ended = gated(cluster);
    assert!(ended.status.success(), "{ended:#?}");
    assert!(ended.out.contains("podproof: ready, with warnings, judged for production"), "{}", ended.out);
    // The completed Job of the first run does not count for the second one.
    cluster.ask(&["delete", "--filename", &file("default-deny.yaml")]);
    let ended = gated(cluster);
    assert!(!ended.status.success(), "{ended:#?}");
    assert!(ended.out.contains("podproof: not ready"), "{}", ended.out);
}

/// Runs the commands of the README for one run, with images that node one has: the registry that the file names has neither.
fn gated(cluster: &Cluster) -> Ended {
    let readme = fs::read_to_string(file("README.md")).unwrap();
    let (commands, _) = readme.split_once("```sh\n").unwrap().1.split_once("```").unwrap();
    let job = fs::read_to_string(file("gate-job.yaml")).unwrap();
    let mut job: Value = serde_saphyr::from_str(&job).unwrap();
    let template = &mut job["spec"]["template"];
    template["spec"] = with_images(cluster, template["spec"].take());
    let checkout = cluster.state().join("checkout");
    fs::create_dir_all(checkout.join("deploy")).unwrap();
    fs::write(checkout.join("deploy/gate-job.yaml"), job.to_string()).unwrap();
    cluster.shell_in(&checkout, commands)
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
    let image = image.file("controller", fs::read(&program).unwrap());
    let image = paths.fold(image, |image, path| image.file(&path[1..], fs::read(path).unwrap()));
    let archive = cluster.state().join("controller.tar");
    image.write(&archive).unwrap();
    cluster.import(&archive, ONE);
    reference
}

pub(super) fn file(name: &str) -> String {
    format!("{}/../deploy/{name}", env!("CARGO_MANIFEST_DIR"))
}
