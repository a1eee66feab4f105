//! `controller image`: its refusals, the content of an archive, and a Dockerfile that makes an equal image.

use std::{collections::BTreeMap, fs, io::Read};

use controller::image::{Image, Images};
use serde_json::{Value, json};
use stage::{Ground, run, sha256};

const DOCKERFILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/probe.Dockerfile");

/// An image whose program is only an ELF header of this machine's, without segments and sections (elf(5)).
fn image() -> Image {
    let mut header = fs::read(std::env::current_exe().unwrap()).unwrap();
    for tables in [32..48, 56..64] {
        header.get_mut(tables).unwrap().fill(0);
    }
    header.truncate(64);
    Image::of_probe(&header).unwrap()
}

/// Returns the archive of an image alone.
fn archive(image: &Image, name: &str) -> Vec<u8> {
    Images::of(vec![image.clone()]).unwrap().archive(&name.parse().unwrap()).unwrap()
}

fn files(tar: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut archive = tar::Archive::new(tar);
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        (entry.path().unwrap().display().to_string(), bytes)
    });
    entries.collect()
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

/// Returns the file that a descriptor names, after a check of its size and its digest.
fn blob<'a>(files: &'a BTreeMap<String, Vec<u8>>, descriptor: &Value) -> &'a [u8] {
    let digest = descriptor["digest"].as_str().unwrap();
    let bytes = &files[&format!("blobs/{}", digest.replace(':', "/"))];
    assert_eq!(digest, sha256(bytes));
    assert_eq!(descriptor["size"], bytes.len());
    bytes
}

#[test]
fn an_archive_is_read_as_oci_and_as_docker() {
    let image = image();
    let files = files(&archive(&image, "registry.example/probe:7"));
    assert_eq!(json(&files["oci-layout"]), json!({ "imageLayoutVersion": "1.0.0" }));

    let index = json(&files["index.json"]);
    let [descriptor] = index["manifests"].as_array().unwrap().as_slice() else { panic!("{index}") };
    assert_eq!(descriptor["digest"], image.manifest_digest());
    assert_eq!(descriptor["annotations"]["io.containerd.image.name"], "registry.example/probe:7");
    assert_eq!(descriptor["annotations"]["org.opencontainers.image.ref.name"], "7");

    let manifest = json(blob(&files, descriptor));
    assert_eq!(manifest["config"]["digest"], image.config_digest());
    let config = json(blob(&files, &manifest["config"]));
    let layer = &manifest["layers"][0];
    assert_eq!(config["rootfs"]["diff_ids"], json!([layer["digest"]]));
    assert_eq!(self::files(blob(&files, layer)).into_keys().collect::<Vec<_>>(), ["probe"]);

    let path =
        |descriptor: &Value| descriptor["digest"].as_str().unwrap().replace("sha256:", "blobs/sha256/");
    let saved = json!([{
        "Config": path(&manifest["config"]),
        "RepoTags": ["registry.example/probe:7"],
        "Layers": [path(layer)],
    }]);
    assert_eq!(json(&files["manifest.json"]), saved);
}

#[test]
fn the_dockerfile_makes_an_image_with_the_same_configuration() {
    let text = fs::read_to_string(DOCKERFILE).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let directives: Vec<_> = lines.filter_map(|line| line.split_once(' ')).collect();
    let only = |name: &str| {
        let mut found = directives.iter().filter(|(directive, _)| *directive == name);
        let (Some((_, words)), None) = (found.next(), found.next()) else { panic!("not one {name}") };
        *words
    };
    let image = image();
    let files = files(&archive(&image, "registry.example/probe:7"));
    let path = format!("blobs/{}", image.config_digest().replace(':', "/"));
    let config = &json(&files[&path])["config"];

    assert_eq!(only("FROM"), "scratch");
    assert_eq!(only("USER"), config["User"]);
    assert_eq!(only("WORKDIR"), config["WorkingDir"]);
    assert_eq!(json(only("ENTRYPOINT").as_bytes()), config["Entrypoint"]);
    assert_eq!(only("COPY"), "--chmod=0555 ${PROBE} /probe");
    let labels = directives.iter().filter(|(directive, _)| *directive == "LABEL");
    let labels = labels.map(|(_, label)| label.split_once('=').unwrap());
    let labels: BTreeMap<_, _> = labels.map(|(key, value)| (key, json(value.as_bytes()))).collect();
    assert_eq!(json!(labels), config["Labels"]);
}

#[test]
fn wrong_words_end_2_and_say_what_is_right() {
    let ground = Ground::new();
    let pinned = format!("registry.example/probe@sha256:{}", "0".repeat(64));
    for (words, said) in [
        (&[][..], "<FILE|--push <REF>>"),
        (&["a.tar", "--push", "registry.example/probe"][..], "cannot be used with"),
        (&["a.tar", "--plain-http"][..], "cannot be used with"),
        (&["a.tar", "--of", "runsc"][..], "controller"),
        (&["a.tar", "--name", "Not A Name"][..], "registry.example/podproof/probe:1.0"),
        (&["--push", &pinned][..], "leave the digest out"),
        (
            &["--push", "registry.example/probe", "--name", "registry.example/probe"][..],
            "cannot be used with",
        ),
        (&["a.tar", "--of", "controller"][..], "make controller-static"),
        (&["a.tar", "--platform", "linux/s390x"][..], "linux/amd64 or linux/arm64"),
        (&["a.tar", "--also", "controller"][..], "`--of controller`"),
    ] {
        let words: Vec<_> = ["image"].iter().chain(words).copied().collect();
        let ended = run::run(&words, ground.path(), &[]);
        assert_eq!(ended.code(), Some(2), "{words:?}: {ended:?}");
        assert!(ended.err.contains(said), "{words:?}: {}", ended.err);
        assert!(ended.out.is_empty(), "{}", ended.out);
    }
}
