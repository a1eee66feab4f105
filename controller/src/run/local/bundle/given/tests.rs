use std::os::unix::fs::symlink;

use super::*;

fn bundle(config: &Value) -> (tempfile::TempDir, Result<Bundle, Error>) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("rootfs");
    std::fs::create_dir_all(root.join("usr/bin")).unwrap();
    std::fs::write(root.join("usr/bin/busybox"), "").unwrap();
    symlink("usr/bin", root.join("bin")).unwrap();
    symlink("/bin/busybox", root.join("usr/bin/sh")).unwrap();
    symlink("/bin/loop", root.join("usr/bin/loop")).unwrap();
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    let adapted = adapted(folder.path(), Path::new("/tmp/probe"));
    (folder, adapted)
}

fn config(program: &str) -> Value {
    json!({
        "process": { "args": [program, "-c", "true"], "cwd": "/", "terminal": true, "user": { "uid": 7 } },
        "root": { "path": "rootfs" },
        "hooks": { "prestart": [] },
    })
}

#[test]
fn the_probe_is_mounted_over_the_program_that_links_lead_to() {
    for program in ["/bin/sh", "sh", "usr/bin/sh", "/usr/bin/../bin/sh"] {
        let (folder, adapted) = bundle(&config(program));
        let config = adapted.unwrap().config;
        assert_eq!(config["process"]["args"], json!(["/usr/bin/busybox", "report"]));
        assert_eq!(config["mounts"][0]["destination"], "/usr/bin/busybox");
        assert_eq!(config["root"]["path"], json!(folder.path().join("rootfs")));
    }
}

#[test]
fn the_rest_of_the_configuration_stays() {
    let config = bundle(&config("sh")).1.unwrap().config;
    assert_eq!(
        (&config["process"]["user"]["uid"], &config["process"]["terminal"]),
        (&json!(7), &json!(false))
    );
    assert_eq!(config["hooks"], json!({ "prestart": [] }));
}

#[test]
fn credentials_of_the_environment_and_the_command_are_named_without_their_values() {
    let mut config = config("sh");
    assert_eq!(bundle(&config).1.unwrap().credentials, [""; 0]);
    config["process"]["env"] = json!(["PATH=/bin", "API_TOKEN=hunter2", "EMPTY", "LEVEL=debug"]);
    config["process"]["args"] = json!(["sh", "--password=hunter2"]);
    let expected = ["the variable API_TOKEN", "the argument --password"];
    let (folder, adapted) = bundle(&config);
    assert_eq!(adapted.unwrap().credentials, expected);
    assert_eq!(of_running(folder.path(), None).unwrap().credentials, expected);
}

#[test]
fn annotations_that_gvisor_reads_are_kept() {
    let mut config = config("sh");
    config["annotations"] = json!({ "dev.gvisor.flag.host-uds": "all", "io.kubernetes.cri.sandbox-id": "a" });
    let expected = Labels::from([("dev.gvisor.flag.host-uds".to_owned(), "all".to_owned())]);
    let (folder, adapted) = bundle(&config);
    assert_eq!(adapted.unwrap().annotations, expected);
    assert_eq!(of_running(folder.path(), None).unwrap().annotations, expected);
}

#[test]
fn a_container_of_a_pod_is_known_by_its_annotation() {
    for (key, kind, expected) in [
        (TYPES[0], "container", true),
        (TYPES[1], "container", true),
        (TYPES[0], "sandbox", false),
        ("a", "container", false),
    ] {
        let mut config = config("sh");
        config["annotations"] = json!({ key: kind });
        let (folder, _) = bundle(&config);
        assert_eq!(of_running(folder.path(), None).unwrap().is_in_a_pod, expected, "{key}: {kind}");
    }
}

#[test]
fn a_root_belongs_to_the_bundle_to_the_machine_or_to_nobody_known() {
    let (folder, _) = bundle(&config("sh"));
    let elsewhere = tempfile::tempdir().unwrap();
    for (root, expected) in [
        (Path::new("/"), Owner::Machine),
        (Path::new("/usr/share"), Owner::Machine),
        (Path::new("."), Owner::Machine),
        (Path::new("rootfs"), Owner::Container),
        (elsewhere.path(), Owner::Unknown),
    ] {
        assert_eq!(owner(&folder.path().join(root), folder.path()), expected, "{}", root.display());
    }
}

#[test]
fn a_root_of_nobody_known_is_kept_by_its_path() {
    let elsewhere = tempfile::tempdir().unwrap();
    let mut config = config("sh");
    config["root"]["path"] = json!(elsewhere.path());
    let (folder, _) = bundle(&config);
    let running = of_running(folder.path(), None).unwrap();
    assert_eq!(running.foreign_root, Some(elsewhere.path().display().to_string()));
    assert_eq!(running.host_paths, []);
}

#[test]
fn only_a_foreign_namespace_is_joined() {
    for (namespace, network) in [
        (json!({ "type": "network" }), Network::Fresh),
        (json!({ "type": "network", "path": "/proc/self/ns/net" }), Network::Shared),
        (json!({ "type": "network", "path": "/no/such/namespace" }), Network::Shared),
        // A namespace file of another kind.
        (json!({ "type": "network", "path": "/proc/self/ns/uts" }), Network::Joined),
        (json!({ "type": "pid" }), Network::Shared),
    ] {
        let mut config = config("sh");
        config["linux"] = json!({ "namespaces": [namespace] });
        let (folder, _) = bundle(&config);
        assert_eq!(super::network(folder.path()), network, "{config}");
    }
}

#[test]
fn a_missing_program_or_part_is_refused() {
    for program in ["/bin/bash", "bash", "/bin/loop"] {
        assert!(matches!(bundle(&config(program)).1, Err(Error::NoProgram { .. })), "{program}");
    }
    assert!(matches!(bundle(&json!({ "root": { "path": "rootfs" } })).1, Err(Error::Missing { .. })));
    assert!(matches!(bundle(&json!({})).1, Err(Error::Missing { .. })));
    assert!(matches!(adapted(Path::new("/no/such"), Path::new("/p")), Err(Error::Read { .. })));
}
