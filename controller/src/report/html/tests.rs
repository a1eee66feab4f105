use std::{env, fs, path::Path};

use super::*;
use crate::{
    case::{
        self, Case,
        circumstances::{self, Circumstances},
        environment,
    },
    evidence::record::Record,
    fixture,
    judge::policy::Policy,
};

/// The variable that names the folder for the page of many sandboxes, which a browser then measures.
const FOLDER: &str = "PODPROOF_LARGE_PAGES";
const LARGEST: usize = 3 << 20;

fn record(cases: Vec<Case>) -> Record {
    Record {
        environment: environment::Declared {
            environment: environment::Environment::Production,
            source: environment::Source::Recorded("ENVIRONMENT=production".into()),
            remarks: Vec::new(),
        },
        circumstances: Some(Circumstances {
            run: "podproof-07070707".into(),
            started_at: 1_795_848_711,
            controller: "0.1.0".into(),
            place: circumstances::Place::Cluster {
                server: "https://192.0.2.1:6443".into(),
                version: Some("v1.35.4".into()),
                namespace: "shop".into(),
            },
        }),
        only_production: false,
        remarks: Vec::new(),
        cases,
    }
}

fn page(cases: Vec<Case>) -> String {
    render(&Report::of(&record(cases), &Policy::of(environment::Environment::Production))).unwrap()
}

/// Puts a case into a pool of its own.
fn in_pool(mut case: Case, number: usize) -> Case {
    if let case::Subject::Pods { pool, node, represents, .. } = &mut case.surroundings.subject {
        *pool = format!("pool-{number}");
        *node = Some(format!("node-{number}"));
        *represents = vec![format!("deployment/web-{number}")];
    }
    case
}

/// Returns a sandbox: every tenth attempted nothing, and every hundredth has a silent probe.
fn few_kinds(number: usize) -> Case {
    let mut case = in_pool(fixture::pod(), number);
    if number % 10 == 3 {
        case.collected.evidence.egress = proto::Observation::Absent;
    }
    if number % 100 == 7 {
        case.collected = fixture::silent().collected;
    }
    case
}

/// Returns a sandbox that differs from the others in many findings and in their reasons.
fn many_kinds(number: usize) -> Case {
    let mut case = few_kinds(number);
    let absent = |place: usize| number >> place & 1 == 1;
    let evidence = &mut case.collected.evidence;
    if absent(0) {
        evidence.mounts = proto::Observation::failed(format!("reason {number}"));
    }
    if absent(1) {
        evidence.credentials = proto::Observation::failed(format!("reason {number}"));
    }
    if absent(2) {
        evidence.boot_id = proto::Observation::failed(format!("reason {number}"));
    }
    if absent(3) {
        evidence.root_filesystem = proto::Observation::failed(format!("reason {number}"));
    }
    if absent(4) {
        evidence.memory_total = proto::Observation::failed(format!("reason {number}"));
    }
    if absent(5) {
        evidence.seccomp = proto::Observation::failed(format!("reason {number}"));
    }
    if absent(6) {
        evidence.interfaces = proto::Observation::failed(format!("reason {number}"));
    }
    case
}

fn large(name: &str, kind: fn(usize) -> Case) {
    let page = page((0..1000).map(kind).collect());
    if let Some(folder) = env::var_os(FOLDER) {
        fs::write(Path::new(&folder).join(name), &page).unwrap();
    }
    assert!(page.len() < LARGEST, "{} bytes", page.len());
    assert!(page.contains("pool-999"), "a sandbox is missing");
}

#[test]
fn a_page_of_a_thousand_sandboxes_of_few_kinds_is_small() {
    large("few-kinds.html", few_kinds);
}

#[test]
fn a_page_of_a_thousand_sandboxes_of_many_kinds_is_bounded() {
    large("many-kinds.html", many_kinds);
}

#[test]
fn the_card_tells_namespace_cluster_time_run_and_versions() {
    let page = page(vec![fixture::pod()]);
    let (card, _) = page.split_once("</header>").unwrap();
    for told in [
        "shop",
        "https://192.0.2.1:6443",
        "v1.35.4",
        "2026-11-28T06:51:51Z",
        "podproof-07070707",
        "controller 0.1.0",
    ] {
        assert!(card.contains(told), "{told} is not in {card}");
    }
}

#[test]
fn a_reason_that_many_sandboxes_share_is_said_once() {
    let page = page((0..50).map(|number| in_pool(fixture::pod(), number)).collect());
    assert_eq!(page.matches("id=\"network-isolation").count(), 2, "{page}");
    assert!(page.contains("all 50 sandboxes"), "{page}");
}

#[test]
fn the_policy_allows_the_style_and_the_script_of_the_page_alone() {
    let page = page(vec![fixture::pod()]);
    let between = |start, end| page.split_once(start).unwrap().1.split_once(end).unwrap().0;
    let (style, script) = (between("<style>", "</style>"), between("<script>", "</script>"));
    let policy = between("Content-Security-Policy\" content=\"", "\"");
    assert_eq!(
        policy,
        format!(
            "default-src 'none'; style-src {}; script-src {}; img-src data:; base-uri 'none'; form-action 'none'",
            allowed(style),
            allowed(script)
        )
    );
    assert!(!page.contains(" style="), "a style attribute is not allowed by the policy");
}

#[test]
fn markup_from_outside_stays_text() {
    let mut case = fixture::pod();
    if let case::Subject::Pods { pool, represents, .. } = &mut case.surroundings.subject {
        *pool = "<img src=x>\"'`<b>`".into();
        *represents = vec!["<script>alert(1)</script>".into()];
    }
    let page = page(vec![case]);
    assert!(!page.contains("<img") && !page.contains("<script>alert") && !page.contains("<b>`"), "{page}");
}

#[test]
fn each_fragment_that_a_link_names_is_there_once() {
    let page = page((0..20).map(many_kinds).collect());
    for link in page.split("href=\"#").skip(1).map(|rest| rest.split_once('"').unwrap().0) {
        assert_eq!(page.matches(&format!(" id=\"{link}\"")).count(), 1, "{link}");
    }
}

#[test]
fn the_reason_and_the_fix_of_a_blocking_finding_precede_the_matrix() {
    let page = page(vec![fixture::runc()]);
    let place = |words: &str| page.find(words).unwrap_or_else(|| panic!("no {words} in {page}"));
    assert!(place("id=\"runtime-isolation\"") < place("<h4>Fix</h4>"));
    assert!(place("<h4>Fix</h4>") < place("--runtime runsc"));
    assert!(place("--runtime runsc") < place("class=\"matrix"));
}
