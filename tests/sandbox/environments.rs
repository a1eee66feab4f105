//! The environment by variables, by the flag and by `--only production`, on a runtime that production refuses.

use stage::{Ended, Ground, run, worlds};

use crate::{Row, row};

pub(super) fn rows() -> Vec<Row> {
    vec![
        row("each variable does what --environment production does", variables),
        row("--only production enforces in every environment", only_production),
        row("the flag weakens, and the report says so", weakened),
        row("an unknown value is reported, and counts as development", unknown),
    ]
}

fn runc(words: &[&str], variables: &[(&str, &str)]) -> Ended {
    let ground = Ground::new();
    let runc = worlds::installed("runc").unwrap();
    let mut all = vec!["verify", "--local", "--quiet", "--runtime", &runc];
    all.extend(words);
    run::run(&all, ground.path(), variables)
}

fn variables() {
    for variable in [
        ("ENVIRONMENT", "production"),
        ("REQUIRE_GVISOR", "true"),
        ("REQUIRE_GVISOR", "True"),
        ("K8S_CLUSTER_TYPE", "production"),
    ] {
        let ended = runc(&[], &[variable]);
        assert_eq!(ended.code(), Some(1), "{variable:?}: {ended:#?}");
        assert!(ended.out.contains(&format!("production ({}={})", variable.0, variable.1)), "{}", ended.out);
    }
    assert_eq!(runc(&[], &[("ENVIRONMENT", "staging")]).code(), Some(0));
    assert_eq!(runc(&[], &[("REQUIRE_GVISOR", "false")]).code(), Some(0));
}

fn only_production() {
    for variables in [&[][..], &[("ENVIRONMENT", "staging")]] {
        let ended = runc(&["--only", "production", "--output", "json"], variables);
        assert_eq!(ended.code(), Some(1), "{ended:#?}");
        assert_eq!(ended.finding("least-privilege")["enforcement"], "not-judged");
        assert_eq!(ended.finding("runtime-isolation")["enforcement"], "blocks");
    }
}

/// The report without the ends of its lines.
fn flat(ended: &Ended) -> String {
    ended.out.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn weakened() {
    let ended = runc(&["--environment", "development"], &[("ENVIRONMENT", "production")]);
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    assert!(flat(&ended).contains("weakens what ENVIRONMENT=production asks for"), "{}", ended.out);
}

fn unknown() {
    let ended = runc(&[], &[("ENVIRONMENT", "qa")]);
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    let flat = flat(&ended);
    let (first, _) = flat.split_once(" score ").unwrap();
    assert!(first.contains("ENVIRONMENT=\"qa\" has no meaning here"), "{}", ended.out);
    let last = ended.out.lines().last().unwrap();
    assert!(last.starts_with("not enforced here: runtime-isolation"), "{}", ended.out);
    assert!(last.contains("--environment production"), "{}", ended.out);
}
