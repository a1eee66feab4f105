//! Proof on small sources that each kind of import is seen, and that none is seen without cause.

use super::broken;
use crate::imports;

/// Asserts the lines of the controller's module `path` that break a rule.
#[track_caller]
fn assert_broken(path: &str, source: &str, lines: &[usize]) {
    let found = broken("controller", &imports::of_text(path, source));
    let expected: Vec<_> =
        lines.iter().map(|line| format!("{}.rs:{line}: ", path.replace("::", "/"))).collect();
    let alike = found.iter().zip(&expected).all(|(found, expected)| found.starts_with(expected));
    assert!(found.len() == expected.len() && alike, "{source}\nexpected {expected:?}\nfound {found:#?}");
}

#[test]
fn a_failure_names_file_line_room_and_rule() {
    let found = broken(
        "controller",
        &imports::of_text("crate::judge::exit", "use std::fmt;\nuse crate::run::Launch;"),
    );
    let expected = "crate/judge/exit.rs:2: room judge imports crate::run::Launch, but `judge` imports `case` and `proto` alone";
    assert!(found.iter().any(|line| line == expected), "{found:#?}");
}

#[test]
fn a_judge_imports_case_proto_and_judges() {
    let source =
        "use proto::Evidence;\nuse crate::case::{self, Case};\nuse super::finding::Finding;\nuse std::fmt;";
    assert_broken("crate::judge::exit", source, &[]);
}

#[test]
fn a_judge_imports_no_support() {
    assert_broken("crate::judge::exit", "use crate::{\n    case::Case,\n    support::digest,\n};", &[3]);
}

#[test]
fn a_name_from_the_root_is_outside_of_every_room() {
    assert_broken("crate::judge", "use crate::Exit;", &[1]);
}

#[test]
fn all_names_of_the_root_are_too_many() {
    assert_broken("crate::judge", "use super::*;", &[1]);
}

#[test]
fn run_imports_no_report_by_super() {
    assert_broken("crate::run::local", "use super::super::report::Report;", &[1]);
}

#[test]
fn run_names_no_judge_in_place() {
    assert_broken("crate::run::local", "fn a() {\n    crate::judge::exit::of(1);\n}", &[2]);
}

#[test]
fn run_names_no_judge_in_a_type() {
    assert_broken("crate::run", "struct A {\n    b: Vec<crate::judge::Exit>,\n}", &[2]);
}

#[test]
fn run_names_no_judge_in_a_macro() {
    assert_broken("crate::run", "fn a() {\n    println!(\"{}\",\n        crate::judge::EXIT);\n}", &[3]);
}

#[test]
fn run_names_no_judge_by_another_name() {
    assert_broken("crate::run", "use crate as house;\nfn a() { house::judge::of(); }", &[2]);
}

#[test]
fn run_imports_no_judge_within_a_function() {
    assert_broken("crate::run", "fn a() {\n    use crate::judge::Exit;\n}", &[2]);
}

#[test]
fn run_imports_no_judge_within_a_module() {
    assert_broken("crate::run", "mod inner {\n    use super::super::judge::Exit;\n}", &[2]);
}

#[test]
fn run_imports_plan_and_case() {
    assert_broken(
        "crate::run",
        "use crate::{case::Case, plan::Plan};\nmod judge { }\nuse judge::Local;",
        &[],
    );
}

#[test]
fn a_name_is_told_where_it_is_imported() {
    assert_broken("crate::plan", "use kube::Client;\nfn a(b: Client) { Client::new(); }", &[1]);
}

#[test]
fn each_client_is_seen() {
    assert_broken(
        "crate::case",
        "use kube::api;\nuse std::net::{IpAddr, TcpStream};\nuse tonic::Status;",
        &[1, 2, 3],
    );
}

#[test]
fn all_names_of_the_network_hold_a_client() {
    assert_broken("crate::report", "use std::net::*;", &[1]);
}

#[test]
fn each_runtime_is_seen() {
    assert_broken(
        "crate::plan",
        "use std::process::Command;\nuse crate::run;\nasync fn a() { tokio::task::yield_now(); }",
        &[1, 2, 3],
    );
}

#[test]
fn each_clock_is_seen() {
    let source = "use std::time::{Duration,\n    Instant};\nuse crate::support::clock;\nuse jiff::Timestamp;\n\
                  fn a() { Timestamp::now(); }";
    assert_broken("crate::report", source, &[2, 3, 5]);
}

#[test]
fn a_clock_of_an_imported_module_is_seen() {
    assert_broken("crate::plan", "use std::time;\nfn a() { time::SystemTime::now(); }", &[2]);
}

#[test]
fn tests_import_all() {
    assert_broken("crate::judge", "#[cfg(test)]\nmod tests {\n    use crate::run::Launch;\n}", &[]);
}

#[test]
fn a_name_that_the_root_passes_on_is_followed() {
    let mut modules = imports::of_text("crate", "mod judge; pub use judge::Exit as Code;");
    modules.extend(imports::of_text("crate::run", "use crate::Code;"));
    assert_eq!(broken("controller", &modules).len(), 1);
}

#[test]
fn packages_do_not_import_each_other() {
    for (package, source) in
        [("proto", "use probe::a;"), ("probe", "use controller::a;"), ("controller", "use ::probe::a;")]
    {
        assert_eq!(broken(package, &imports::of_text("crate::a", source)).len(), 1, "{package}: {source}");
    }
}

#[test]
fn a_module_named_as_a_package_is_none() {
    assert_broken("crate::cli", "mod probe;\nuse self::probe::A;\nfn a(probe: u8) { probe::b(probe); }", &[]);
}
