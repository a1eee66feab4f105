//! What deploy/ says is what the controller prints.

use stage::{Ground, run};

#[test]
fn the_roles_of_deploy_are_those_that_rbac_prints() {
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
    assert!(printed.out == kept, "`controller {}` prints otherwise:\n{}", words.join(" "), printed.out);
}
