//! The files of deploy/ are the controller's own output.

use stage::{Ground, run};

#[test]
fn the_roles_of_deploy_equal_the_output_of_rbac() {
    let words = [
        "rbac",
        "--namespace",
        "shop",
        "--control-namespace",
        "podproof",
        "--cluster",
        "--service-account",
        "podproof:gate",
    ];
    let printed = run::run(&words, Ground::new().path(), &[]);
    assert_eq!(printed.code(), Some(0), "{printed:?}");
    let kept = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/rbac.yaml")).unwrap();
    assert!(printed.out == kept, "`controller {}` prints another text:\n{}", words.join(" "), printed.out);
}

#[test]
fn the_gate_of_deploy_equals_the_output_of_gate() {
    let words = ["gate", "--namespace", "shop", "--runtime-class", "gvisor"];
    let printed = run::run(&words, Ground::new().path(), &[]);
    assert_eq!(printed.code(), Some(0), "{printed:?}");
    let kept =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/gate/gate.yaml")).unwrap();
    assert!(printed.out == kept, "`controller {}` prints another text:\n{}", words.join(" "), printed.out);
}
