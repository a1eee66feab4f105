//! The policy file, by the real command line: its effects, the messages for its mistakes, and the source of each
//! value.

use std::fs;

use stage::{Ended, Ground, controller, corpus::completed, run};

/// Judges saved evidence in the folder of a policy file, which needs no runtime.
fn with_policy(text: &str, words: &[&str], variables: &[(&str, &str)]) -> Ended {
    let ground = Ground::new();
    fs::write(ground.path().join("podproof.toml"), text).unwrap();
    let mut command = controller(words);
    command.current_dir(ground.path()).envs(variables.iter().copied());
    run::ended(command.spawn().unwrap())
}

fn saved(name: &str) -> String {
    format!("{}/corpus/{name}.json", env!("CARGO_MANIFEST_DIR"))
}

fn waiver(requirement: &str, scope: &str, expires: &str) -> String {
    format!(
        "[[waivers]]\nrequirement = \"{requirement}\"\nscope = \"{scope}\"\nowner = \"payments\"\n\
         reason = \"until the agent is replaced\"\nexpires = {expires}\n"
    )
}

#[test]
fn a_waiver_passes_the_run_with_a_warning_in_every_format() {
    let ground = Ground::new();
    let file = ground.path().join("run.json").display().to_string();
    fs::write(&file, completed("1-cluster-worse")).unwrap();
    let text = waiver("no-token", "pool/plain", "9999-12-31");
    assert_eq!(with_policy("", &["score", &file], &[]).code(), Some(1));
    for format in ["text", "json", "junit", "sarif", "markdown", "html"] {
        let ended = with_policy(&text, &["score", &file, "--output", format], &[]);
        assert_eq!(ended.code(), Some(0), "{format}: {ended:#?}");
        for said in ["payments", "until the agent is replaced", "9999-12-31"] {
            assert!(ended.out.contains(said), "{format}: {said} is not in {}", ended.out);
        }
    }
    let elsewhere = waiver("no-token", "pool/sandbox", "9999-12-31");
    assert_eq!(with_policy(&elsewhere, &["score", &file], &[]).code(), Some(1));
}

#[test]
fn an_expired_waiver_fails_even_where_nothing_needs_it() {
    let text = waiver("no-token", "everywhere", "2020-02-29");
    let ready = saved("1-cluster");
    let ended = with_policy(&text, &["score", &ready], &[]);
    assert_eq!(ended.code(), Some(1), "{ended:#?}");
    assert!(ended.out.contains("expired"), "{}", ended.out);
    for (format, said) in
        [("junit", "<failure"), ("sarif", "waiver-expired"), ("github", "::error title=podproof%3A a waiver")]
    {
        let ended = with_policy(&text, &["score", &ready, "--output", format], &[]);
        assert!(ended.out.contains(said), "{format}: {}", ended.out);
    }
}

#[test]
fn a_mandatory_requirement_is_not_waived_in_production() {
    let text = waiver("runtime-isolation", "everywhere", "9999-12-31")
        + &waiver("least-privilege", "local", "9999-12-31");
    let ended = with_policy(&text, &["score", &saved("1-not-ready")], &[]);
    assert_eq!(ended.code(), Some(1), "{ended:#?}");
    assert!(ended.out.contains("refused: production waives no mandatory requirement"), "{}", ended.out);
}

#[test]
fn severity_is_raised_and_never_lowered() {
    let file = saved("1-ready-with-warnings");
    let raised = "[severity]\nruntime-isolation = \"blocks\"\n";
    assert_eq!(with_policy(raised, &["score", &file], &[]).code(), Some(1));
    let lowered = "[severity]\nruntime-isolation = \"warns\"\n";
    assert_eq!(with_policy(lowered, &["score", &saved("1-not-ready")], &[]).code(), Some(1));
}

#[test]
fn a_severity_without_effect_is_shown_as_such() {
    let text = "[severity]\nleast-privilege = \"warns\"\nno-token = \"blocks\"\n";
    let shown = with_policy(text, &["policy", "show"], &[("ENVIRONMENT", "production")]);
    assert_eq!(shown.code(), Some(0), "{shown:#?}");
    let line = |key: &str| shown.out.lines().find(|line| line.starts_with(key)).unwrap().to_owned();
    assert!(line("severity.least-privilege").contains("warns (no effect: blocks anyway)"), "{}", shown.out);
    assert!(!line("severity.no-token").contains("no effect"), "{}", shown.out);
}

#[test]
fn weights_change_the_score_and_not_the_verdict() {
    let file = saved("1-not-ready");
    let score = |text: &str| {
        let ended = with_policy(text, &["score", &file, "--output", "json"], &[]);
        assert_eq!(ended.code(), Some(1), "{ended:#?}");
        ended.report()["score"].as_u64().unwrap()
    };
    assert!(score("[weights]\nruntime-isolation = 100\n") < score("[weights]\nruntime-isolation = 1\n"));
}

#[test]
fn a_mistake_ends_2_with_file_line_and_column() {
    for (text, place) in [
        ("environment = \"production\"\nenviroment = 1\n", "podproof.toml:2:1: "),
        ("[limits]\ntimeout = \"soon\"\n", "podproof.toml:2:11: "),
        ("environment = \"prod\"\n", "podproof.toml:1:15: "),
        ("profile = \"open\"\n", "podproof.toml:1:11: "),
        ("allow = [\"192.0.2.7\", \"192.0.2.7:0\"]\n", "podproof.toml:1:23: "),
        ("egress-targets = [\n  \"192.0.2.7\",\n]\n", "podproof.toml:2:3: "),
    ] {
        let ended = with_policy(text, &["policy", "show"], &[]);
        assert_eq!(ended.code(), Some(2), "{ended:#?}");
        assert!(ended.err.contains(place) && ended.err.contains("schema policy"), "{}", ended.err);
    }
    let ended = with_policy("enviroment = 1", &["verify", "--local"], &[]);
    assert_eq!(ended.code(), Some(2), "{ended:#?}");
}

#[test]
fn only_the_flag_weakens_the_environment() {
    let show = |text: &str, words: &[&str], variables: &[(&str, &str)]| {
        let words: Vec<_> = ["policy", "show"].iter().chain(words).copied().collect();
        let ended = with_policy(text, &words, variables);
        assert_eq!(ended.code(), Some(0), "{ended:#?}");
        ended.out
    };
    let production = "environment = \"production\"";
    let line = |out: &str| out.lines().next().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    let staging = [("ENVIRONMENT", "staging")];
    assert_eq!(line(&show(production, &[], &staging)), "environment production podproof.toml");
    let weaker = "environment = \"development\"";
    assert_eq!(line(&show(weaker, &[], &staging)), "environment staging ENVIRONMENT=staging");
    let weakened = show(production, &["--environment", "development"], &[]);
    assert!(weakened.contains("weakens what podproof.toml asks for"), "{weakened}");
}

#[test]
fn a_setting_comes_from_the_flag_then_the_variable_then_the_file_then_the_default() {
    let file = "[limits]\ntimeout = \"2m\"\n";
    for (text, words, variables, expected) in [
        (file, &["--timeout", "4m"][..], &[("PODPROOF_TIMEOUT", "3m")][..], "limits.timeout 4m --timeout"),
        (file, &[], &[("PODPROOF_TIMEOUT", "3m")], "limits.timeout 3m PODPROOF_TIMEOUT"),
        (file, &[], &[], "limits.timeout 2m podproof.toml, line 2"),
        ("", &[], &[], "limits.timeout 5m default"),
        ("[limits]\nsettle = \"8s\"\n", &["--settle", "9s"], &[], "limits.settle 9s --settle"),
        (
            "[limits]\nsettle = \"8s\"\n",
            &[],
            &[("PODPROOF_SETTLE", "")],
            "limits.settle 8s podproof.toml, line 2",
        ),
        ("", &[], &[("PODPROOF_SETTLE", "")], "limits.settle 5s default"),
    ] {
        let words: Vec<_> = ["policy", "show"].iter().chain(words).copied().collect();
        let ended = with_policy(text, &words, variables);
        let flat: Vec<_> =
            ended.out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert!(flat.iter().any(|line| line == expected), "{expected}: {ended:#?}");
    }
    for (text, variables, expected) in [
        ("profile = \"no-private\"", &[][..], "profile no-private podproof.toml, line 1"),
        (
            "profile = \"no-private\"",
            &[("PODPROOF_PROFILE", "deny-all")],
            "profile deny-all PODPROOF_PROFILE",
        ),
        (
            "profile = \"allow-list\"\nallow = [\"192.0.2.0/24\", \"192.0.2.7:53/udp\"]",
            &[],
            "allow 192.0.2.0/24, 192.0.2.7:53/udp podproof.toml, line 2",
        ),
        (
            "",
            &[("PODPROOF_EGRESS_TARGETS", "192.0.2.7:443, 192.0.2.8:53/udp")],
            "egress-targets 192.0.2.7:443, 192.0.2.8:53/udp PODPROOF_EGRESS_TARGETS",
        ),
        ("default-targets = false", &[], "default-targets false podproof.toml, line 1"),
        ("", &[], "default-targets true default"),
    ] {
        let ended = with_policy(text, &["policy", "show"], variables);
        let mut flat = ended.out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        assert!(flat.any(|line| line == expected), "{expected}: {ended:#?}");
    }
    for words in [
        &["--allow", "192.0.2.7:443"][..],
        &["--profile", "allow-list"],
        &["--settle", "9s", "--timeout", "8s"],
    ] {
        let refused = with_policy("", &[&["policy", "show"], words].concat(), &[]);
        assert_eq!(refused.code(), Some(2), "{words:?}: {refused:#?}");
        let run = with_policy("", &[&["verify", "--local"], words].concat(), &[]);
        assert_eq!((run.code(), run.err), (Some(2), refused.err), "{words:?}");
    }
    let wrong = with_policy("", &["policy", "show"], &[("PODPROOF_TIMEOUT", "soon")]);
    assert_eq!(wrong.code(), Some(2), "{wrong:#?}");
    assert!(wrong.err.contains("PODPROOF_TIMEOUT=\"soon\""), "{wrong:#?}");
}
