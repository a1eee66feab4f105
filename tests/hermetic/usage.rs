//! Refusals of the command line: exit code 2, and a sentence that says what to do.

use stage::{Ended, Ground, run};

fn verify(words: &[&str], variables: &[(&str, &str)]) -> Ended {
    let ground = Ground::new();
    let words: Vec<_> = ["verify", "--local"].iter().chain(words).copied().collect();
    run::run(&words, ground.path(), variables)
}

#[test]
fn each_near_miss_of_a_variable_ends_2_and_names_the_accepted_value() {
    for (variable, value, accepted) in [
        ("ENVIRONMENT", "prod", "ENVIRONMENT=production"),
        ("ENVIRONMENT", "Production", "ENVIRONMENT=production"),
        ("ENVIRONMENT", "production ", "ENVIRONMENT=production"),
        ("ENVIRONMENT", "Staging", "ENVIRONMENT=staging"),
        ("REQUIRE_GVISOR", "1", "REQUIRE_GVISOR=true"),
        ("REQUIRE_GVISOR", "yes", "REQUIRE_GVISOR=true"),
        ("K8S_CLUSTER_TYPE", "prod", "K8S_CLUSTER_TYPE=production"),
        ("ENVIRONMENT", " ", "is blank; name an environment"),
    ] {
        let ended = verify(&[], &[(variable, value)]);
        assert_eq!(ended.code(), Some(2), "{variable}={value}: {ended:?}");
        assert!(ended.err.contains(accepted) && ended.err.contains("help:"), "{}", ended.err);
        assert!(ended.out.is_empty(), "{}", ended.out);
    }
}

#[test]
fn wrong_words_end_2_and_say_what_is_right() {
    for (words, said) in [
        (&["--environment", "prod"][..], "production"),
        (&["--only", "staging"][..], "production"),
        (&["--output", "xml"][..], "json"),
        (
            &["--output", "json=r", "--output", "junit=./r"][..],
            "junit=./r and --output json=r are the same file",
        ),
        (
            &["--save-evidence", "r", "--output", "json=./r"][..],
            "json=./r and --save-evidence are the same file",
        ),
        (&["--timeout", "soon"][..], "30s"),
        (&["--timeout", "0s"][..], "30s"),
        (&["--egress-target", "192.0.2.7"][..], "HOST:PORT"),
        (&["--egress-target", "192.0.2.7:443/sctp"][..], "HOST:PORT"),
        (&["--profile", "none"][..], "allow-list"),
        (&["--profile", "allow-list"][..], "--allow"),
        (&["--allow", "192.0.2.7:443"][..], "--profile allow-list"),
        (&["--profile", "allow-list", "--allow", "10.0.0.0/40"][..], "a network"),
        (&["--runtime", ""][..], "OCI runtime"),
        (&["--probe", "/no/such/probe"][..], "make probe"),
    ] {
        let ended = verify(words, &[]);
        assert_eq!(ended.code(), Some(2), "{words:?}: {ended:?}");
        assert!(ended.err.contains(said), "{words:?}: {}", ended.err);
        assert!(ended.out.is_empty(), "{}", ended.out);
    }
}

#[test]
fn a_verification_of_nothing_names_both_targets() {
    let ground = Ground::new();
    for words in [&["verify"][..], &["verify", "--environment", "production"]] {
        let ended = run::run(words, ground.path(), &[]);
        assert_eq!(ended.code(), Some(2), "{words:?}: {ended:?}");
        assert_eq!(ended.err.matches("<--local|--namespace <NAME>>").count(), 2, "{}", ended.err);
    }
    let both = run::run(&["verify", "--local", "--namespace", "shop"], ground.path(), &[]);
    assert_eq!(both.code(), Some(2), "{both:?}");
    assert!(both.err.contains("'--local' cannot be used with '--namespace <NAME>'"), "{}", both.err);
}

#[test]
fn an_attestation_that_is_not_named_can_be_a_bundle_or_a_proof() {
    let ended = run::run(&["attest", "verify", "--key", "podproof.key.pub"], Ground::new().path(), &[]);
    assert_eq!(ended.code(), Some(2), "{ended:?}");
    assert!(ended.err.contains("BUNDLE") && ended.err.contains("--proof <FILE>"), "{}", ended.err);
}

#[test]
fn nothing_to_verify_ends_2_and_help_ends_0() {
    let ground = Ground::new();
    for (words, code) in
        [(&["verify"][..], 2), (&[][..], 2), (&["--help"][..], 0), (&["verify", "--help"][..], 0)]
    {
        let ended = run::run(words, ground.path(), &[]);
        assert_eq!(ended.code(), Some(code), "{words:?}: {ended:?}");
    }
}

#[test]
fn the_help_documents_the_exit_codes() {
    let ground = Ground::new();
    let help = run::run(&["verify", "--help"], ground.path(), &[]).out;
    for word in ["0 ready", "1 not", "3 undetermined", "4 could not run", "5 timed out", "130"] {
        assert!(help.contains(word), "{word} is not in:\n{help}");
    }
}

#[test]
fn the_readme_lists_every_exit_code() {
    use controller::judge::exit::Exit;
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    let (_, table) = readme.split_once("| code | meaning |").unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let codes: Vec<u8> = rows.map(|row| row.split('|').nth(1).unwrap().trim().parse().unwrap()).collect();
    let all = [
        Exit::Ready,
        Exit::NotReady,
        Exit::Usage,
        Exit::Undetermined,
        Exit::CouldNotRun,
        Exit::TimedOut,
        Exit::Leftovers,
        Exit::Interrupted,
    ];
    assert_eq!(codes, all.map(|exit| exit as u8));
}

fn gate(words: &[&str]) -> Ended {
    let own = ["gate", "--namespace", "shop"];
    run::run(&[&own[..], words].concat(), Ground::new().path(), &[])
}

/// A gate for a name that no class can have lets every pod in.
#[test]
fn a_gate_for_what_is_no_runtime_class_is_refused() {
    for class in ["gvisor,other", "gvisor other", "", "Gvisor", "-gvisor", "gvisor.", "a_b", &"a".repeat(254)]
    {
        let ended = gate(&[&format!("--runtime-class={class}")]);
        assert_eq!((ended.code(), ended.out.as_str()), (Some(2), ""), "{class:?}: {ended:?}");
        assert!(ended.err.contains("repeat the flag"), "{}", ended.err);
    }
    for class in ["gvisor", "gke-sandbox.v2", &"a".repeat(253)] {
        assert_eq!(gate(&["--runtime-class", class]).code(), Some(0), "{class}");
    }
}

#[test]
fn a_gate_that_the_gated_namespace_could_open_is_refused() {
    for (words, said) in [
        (["--proof-namespace", "shop"], "--proof-namespace"),
        (["--service-account", "shop:gate"], "--service-account"),
    ] {
        let ended = gate(&[&["--runtime-class", "gvisor"][..], &words].concat());
        assert_eq!((ended.code(), ended.out.as_str()), (Some(2), ""), "{words:?}: {ended:?}");
        assert!(ended.err.contains(said) && ended.err.contains("help:"), "{}", ended.err);
    }
}

#[test]
fn each_mode_of_a_gate_has_its_actions() {
    for (mode, actions) in [
        (&[][..], "validationActions:\n  - Deny\n"),
        (&["--mode", "warn"], "validationActions:\n  - Warn\n  - Audit\n"),
        (&["--mode", "audit"], "validationActions:\n  - Audit\n"),
    ] {
        let printed = gate(&[&["--runtime-class", "gvisor"], mode].concat());
        assert!(printed.out.trim_end().ends_with(actions.trim_end()), "{mode:?}: {}", printed.out);
    }
}
