//! The help texts of the command line.

use stage::{Ground, run};

fn said(words: &[&str]) -> String {
    // Help is as wide as the terminal, or 100 columns.
    let ended = run::run(words, Ground::new().path(), &[("COLUMNS", "100")]);
    assert_eq!(ended.code(), Some(0), "{words:?}: {ended:#?}");
    ended.out
}

/// Returns the commands that `--help` lists.
fn commands() -> Vec<String> {
    let help = said(&["--help"]);
    let (_, list) = help.split_once("Commands:\n").unwrap();
    let lines = list.lines().take_while(|line| !line.is_empty());
    let names = lines.filter_map(|line| line.strip_prefix("  ").and_then(|line| line.split(' ').next()));
    names.filter(|name| !name.is_empty() && *name != "help").map(str::to_owned).collect()
}

#[test]
fn the_help_of_each_command_equals_its_snapshot() {
    for command in commands() {
        let words = match command.as_str() {
            "attest" => vec!["attest", "verify"],
            "key" => vec!["key", "new"],
            "policy" => vec!["policy", "show"],
            command => vec![command],
        };
        let help = said(&[words.as_slice(), &["--help"]].concat());
        insta::with_settings!({ prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(command.as_str(), help);
        });
    }
}

#[test]
fn the_help_of_each_command_has_an_example_and_the_exit_codes() {
    for command in commands() {
        let help = said(&[&command, "--help"]);
        assert!(help.contains("Examples:\n") && help.contains("Exit codes:"), "{command}: {help}");
    }
}

#[test]
fn completions_of_every_shell_have_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let script = said(&["completions", shell]);
        for command in commands() {
            assert!(script.contains(&command), "{shell} knows no {command}");
        }
    }
}

#[test]
fn every_command_has_a_man_page() {
    let ground = Ground::new();
    said(&["man", ground.path().to_str().unwrap()]);
    for command in commands() {
        let page = std::fs::read_to_string(ground.path().join(format!("controller-{command}.1"))).unwrap();
        assert!(page.contains(".SH NAME"), "{command}: {page}");
    }
    let missing = run::run(&["man", "/no/such/folder"], ground.path(), &[]);
    assert_eq!(missing.code(), Some(4), "{missing:#?}");
}
