//! Images at their destinations: a real registry, and a program that loads archives.

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Output},
};

use controller::image::{Image, Images, registry};
use serde_json::{Value, json};
use stage::{Ground, Registry, run, sha256, worlds};

use crate::{Row, row};

/// Programs that the rows run beside the controller.
const PROGRAMS: [&str; 4] = ["docker-registry", "openssl", "setpriv", "skopeo"];

pub(super) fn rows() -> Vec<Row> {
    let missing = PROGRAMS.iter().find_map(|program| worlds::installed(program).err());
    if let Some(missing) = &missing {
        _ = writeln!(std::io::stderr(), "SKIPPING the images: {missing}");
    }
    let skipped = missing.is_some() && std::env::var_os("CI").is_none();
    let rows = [
        row("a pushed image is in the registry byte for byte", pushed),
        row("a registry with TLS takes an image from whom it knows", guarded),
        row("an image that no registry takes could not be pushed", refused),
        row("each platform pulls its own of two pushed images", pulled),
        row("skopeo copies both images of an archive as they are", copied),
        row("skopeo reads an archive as the OCI's and as docker's", loaded),
        row("an archive replaces a file, and nothing but a file", replaced),
    ];
    rows.into_iter().map(|row| Row { skipped, ..row }).collect()
}

/// Returns the image of the probe that the controller carries.
fn image() -> Image {
    Image::of_probe(&probe()).unwrap()
}

fn probe() -> Vec<u8> {
    fs::read(std::env::var_os("PODPROOF_STATIC_PROBE").unwrap()).unwrap()
}

/// Returns the image of the probe beside one whose program claims to be for the other architecture (elf(5), `e_machine`).
fn images() -> Images {
    let mut other = probe();
    let [x86, arm] = [62u16, 183].map(u16::to_le_bytes);
    let machine = if cfg!(target_arch = "x86_64") { arm } else { x86 };
    other.get_mut(18..20).unwrap().copy_from_slice(&machine);
    Images::of(vec![image(), Image::of_probe(&other).unwrap()]).unwrap()
}

/// Checks that each platform finds its own image at a place, and that the place has the index as it is.
fn check_platforms(ground: &Path, place: &str) {
    let images = images();
    let index = skopeo(ground, &["inspect", "--raw", "--tls-verify=false", place]).stdout;
    assert_eq!(sha256(&index), images.top().digest(), "{place}");
    for image in images.iter() {
        let platform = ["--override-os", "linux", "--override-arch", image.architecture().name()];
        let inspect = |words: &[&str]| {
            skopeo(ground, &[&platform[..], &["inspect", "--tls-verify=false"], words, &[place]].concat())
                .stdout
        };
        assert_eq!(sha256(&inspect(&["--config", "--raw"])), image.config_digest(), "{place}");
        let seen: Value = serde_json::from_slice(&inspect(&[])).unwrap();
        assert_eq!(seen["Architecture"], image.architecture().name(), "{place}");
        assert_eq!(seen["Layers"][0], image.parts()[0].digest(), "{place}");
    }
}

fn pulled() {
    let ground = Ground::new();
    let registry = Registry::open(ground.path());
    let name = format!("{}/podproof/probe:7", registry.address);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // The second time, the registry has every part already.
    for _ in 0..2 {
        runtime.block_on(registry::push(&images(), &name.parse().unwrap(), true)).unwrap();
        check_platforms(ground.path(), &format!("docker://{name}"));
    }
    for image in images().iter() {
        let pinned = format!("docker://{}/podproof/probe@{}", registry.address, image.manifest_digest());
        let manifest = skopeo(ground.path(), &["inspect", "--raw", "--tls-verify=false", &pinned]).stdout;
        assert_eq!(sha256(&manifest), image.manifest_digest());
    }
}

fn copied() {
    let ground = Ground::new();
    let registry = Registry::open(ground.path());
    let path = ground.path().join("probe.tar");
    fs::write(&path, images().archive(&"registry.example/probe:7".parse().unwrap()).unwrap()).unwrap();
    let (archive, copy) =
        (format!("oci-archive:{}", path.display()), format!("docker://{}/copy:7", registry.address));
    check_platforms(ground.path(), &archive);
    let advertised = advertised(ground.path());
    let words = advertised.iter().map(|word| match word.split_once(':') {
        Some(("oci-archive", _)) => archive.as_str(),
        Some(("docker", _)) => copy.as_str(),
        _ => word,
    });
    let words: Vec<_> = words.chain(["--insecure-policy", "--dest-tls-verify=false"]).collect();
    skopeo(ground.path(), &words);
    check_platforms(ground.path(), &copy);
    let first = images().first().config_digest().to_owned();
    let docker = format!("docker-archive:{}:registry.example/probe:7", path.display());
    let config = skopeo(ground.path(), &["inspect", "--config", "--raw", &docker]).stdout;
    assert_eq!(sha256(&config), first);
}

/// Returns the words of skopeo by which the help copies an archive to a registry.
fn advertised(ground: &Path) -> Vec<String> {
    let help = run::run(&["image", "--help"], ground, &[]).out;
    let words = help.split_whitespace().skip_while(|&word| word != "skopeo").skip(1);
    let mut words: Vec<_> = words.map(str::to_owned).collect();
    let end = words.iter().position(|word| word.starts_with("docker://")).unwrap();
    words.truncate(end + 1);
    words
}

fn pushed() {
    let ground = Ground::new();
    let registry = Registry::open(ground.path());
    let name = format!("{}/podproof/probe:7", registry.address);
    // The second time, the registry has every part already.
    for _ in 0..2 {
        let ended = run::run(&["image", "--push", &name, "--plain-http"], ground.path(), &[]);
        assert_eq!(ended.code(), Some(0), "{ended:#?}");
        let (reference, digest) = ended.out.trim_end().split_once('@').unwrap();
        assert_eq!((reference, digest), (name.as_str(), image().manifest_digest()));
        assert!(ended.err.contains(ended.out.trim_end()), "{}", ended.err);
    }
    let get = |kind: &str, digest: &str| {
        let (status, bytes) = registry.get(&format!("/v2/podproof/probe/{kind}/{digest}"));
        assert!(status.ends_with("200 OK"), "{kind} {digest}: {status}");
        bytes
    };
    let manifest = get("manifests", image().manifest_digest());
    assert_eq!(sha256(&manifest), image().manifest_digest());
    assert!(manifest == get("manifests", "7"));
    for part in image().parts() {
        let bytes = get("blobs", part.digest());
        assert!(bytes == part.bytes() && sha256(&bytes) == part.digest(), "{}", part.digest());
        assert!(String::from_utf8_lossy(&manifest).contains(part.digest()));
    }
}

fn guarded() {
    let ground = Ground::new();
    let registry = Registry::guarded(ground.path());
    let name = format!("{}/probe", registry.address);
    let docker = |folder: &str, config: &Value| {
        let folder = ground.path().join(folder);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("config.json"), config.to_string()).unwrap();
        folder.display().to_string()
    };
    let auth = |auth: &str| json!({ "auths": { &registry.address: { "auth": auth } } });
    // In base64: user:secret, user:wrong.
    let known = docker("known", &auth("dXNlcjpzZWNyZXQ="));
    let wrong = docker("wrong", &auth("dXNlcjp3cm9uZw=="));
    let helper = docker("helper", &json!({ "credHelpers": { &registry.address: "of-nobody" } }));
    let certificate = registry.certificate.display().to_string();
    let trusted = ("SSL_CERT_FILE", certificate.as_str());
    for (variables, code, said) in [
        (&[trusted, ("DOCKER_CONFIG", &known)][..], 0, "next: controller verify"),
        (&[trusted, ("DOCKER_CONFIG", &wrong)][..], 4, "docker login"),
        (&[trusted][..], 4, "docker login"),
        (&[("DOCKER_CONFIG", known.as_str())][..], 4, "SSL_CERT_FILE"),
        (&[trusted, ("DOCKER_CONFIG", &helper)][..], 4, "docker-credential-of-nobody"),
    ] {
        let ended = run::run(&["image", "--push", &name], ground.path(), variables);
        assert_eq!(ended.code(), Some(code), "{variables:?}: {ended:#?}");
        assert!(ended.err.contains(said), "{variables:?}: {}", ended.err);
        assert_eq!(ended.out.is_empty(), code != 0, "{}", ended.out);
        assert!(!ended.err.contains("secret") && !ended.err.contains("dXNl"), "{}", ended.err);
        assert!(!ended.err.contains("--plain-http"), "{}", ended.err);
    }
}

fn refused() {
    let ground = Ground::new();
    let gone = Registry::open(ground.path()).address.clone();
    for name in [format!("{gone}/probe"), format!("{gone}/probe:7")] {
        let ended = run::run(&["image", "--push", &name, "--plain-http"], ground.path(), &[]);
        assert_eq!(ended.code(), Some(4), "{ended:#?}");
        assert!(ended.err.contains(&gone) && ended.err.contains("help:"), "{}", ended.err);
        assert!(ended.out.is_empty(), "{}", ended.out);
    }
}

fn written(ground: &Ground, words: &[&str]) -> String {
    let path = ground.path().join("probe.tar").display().to_string();
    let words: Vec<_> = ["image", &path].iter().chain(words).copied().collect();
    let ended = run::run(&words, ground.path(), &[]);
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    assert!(ended.out.trim_end().ends_with(image().manifest_digest()), "{}", ended.out);
    assert!(ended.err.contains("ctr") && ended.err.contains(&path), "{}", ended.err);
    path
}

fn skopeo(ground: &Path, words: &[&str]) -> Output {
    let output = Command::new("skopeo").args(words).env("TMPDIR", ground).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn loaded() {
    let ground = Ground::new();
    let path = written(&ground, &["--name", "registry.example/probe:7"]);
    for source in [
        format!("oci-archive:{path}"),
        format!("oci-archive:{path}:7"),
        format!("docker-archive:{path}"),
        format!("docker-archive:{path}:registry.example/probe:7"),
    ] {
        let config = skopeo(ground.path(), &["inspect", "--config", "--raw", &source]).stdout;
        assert_eq!(sha256(&config), image().config_digest(), "{source}");
        let seen = skopeo(ground.path(), &["inspect", &source]).stdout;
        let seen: Value = serde_json::from_slice(&seen).unwrap();
        assert_eq!(seen["Layers"][0], image().parts()[0].digest(), "{source}");
        assert_eq!(seen["Os"], "linux", "{source}");
    }
    let manifest = skopeo(ground.path(), &["inspect", "--raw", &format!("oci-archive:{path}")]).stdout;
    assert_eq!(sha256(&manifest), image().manifest_digest());
}

fn replaced() {
    let ground = Ground::new();
    let path = written(&ground, &[]);
    let first = fs::read(&path).unwrap();
    let images = Images::of(vec![image()]).unwrap();
    assert!(first == images.archive(&images.reference_name()).unwrap());
    fs::write(&path, "something else").unwrap();
    written(&ground, &[]);
    assert!(first == fs::read(&path).unwrap());
    assert_eq!(fs::read_dir(ground.path()).unwrap().count(), 1);
    for (place, code) in [("/dev/null", 2), ("/no/such/folder/probe.tar", 4)] {
        let ended = run::run(&["image", place], ground.path(), &[]);
        assert_eq!(ended.code(), Some(code), "{ended:#?}");
        assert!(ended.err.contains(place) && ended.err.contains("help:"), "{}", ended.err);
    }
}
