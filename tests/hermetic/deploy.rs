//! The files of deploy/ are the controller's own output.

use stage::{Ground, run};

const RBAC: &[&str] = &[
    "rbac",
    "--namespace",
    "shop",
    "--control-namespace",
    "podproof",
    "--cluster",
    "--service-account",
    "podproof:gate",
];

/// Asserts that a file of deploy/ has the output of a command.
fn assert_kept(name: &str, words: &[&str]) {
    let printed = run::run(words, Ground::new().path(), &[]);
    assert_eq!(printed.code(), Some(0), "{printed:?}");
    let kept = std::fs::read_to_string(format!("{}/../deploy/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    assert!(printed.out == kept, "`controller {}` prints another text:\n{}", words.join(" "), printed.out);
}

#[test]
fn the_roles_of_deploy_equal_the_output_of_rbac() {
    assert_kept("rbac.yaml", RBAC);
}

#[test]
fn the_roles_of_the_watch_equal_the_output_of_rbac() {
    assert_kept("gate/watch-rbac.yaml", &[RBAC, &["--watch", "podproof"]].concat());
}

#[test]
fn the_gate_of_deploy_equals_the_output_of_gate() {
    assert_kept("gate/gate.yaml", &["gate", "--namespace", "shop", "--runtime-class", "gvisor"]);
}
