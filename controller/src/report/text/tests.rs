use super::*;
use crate::{
    case::{
        Case, Subject,
        circumstances::{Circumstances, Place},
        environment::{Declared, Environment, Source},
    },
    evidence::record::Record,
    fixture,
    judge::policy::Policy,
};

const PLAIN: Style = Style { width: 80, colour: false, verbose: false };
/// Lines of a terminal's first screen.
const SCREEN: usize = 30;
const SERVER: &str = "https://10.0.0.1:6443";

fn local(case: &Case) -> Report {
    let place = Place::Machine { host: "one".into(), kernel: "6.18.44".into() };
    judged(vec![case.clone()], place)
}

fn cluster(cases: Vec<Case>) -> Report {
    let place = Place::Cluster {
        server: SERVER.into(),
        version: Some("v1.35.4-gke.1014001".into()),
        namespace: "shop".into(),
    };
    judged(cases, place)
}

fn judged(cases: Vec<Case>, place: Place) -> Report {
    let environment = Declared {
        environment: Environment::Production,
        source: Source::Variable { name: "ENVIRONMENT", value: "production".into() },
        remarks: Vec::new(),
    };
    let circumstances = Circumstances {
        run: "podproof-07070707".into(),
        started_at: 1_795_848_711,
        controller: "0.1.0".into(),
        place,
    };
    let record = Record {
        environment,
        circumstances: Some(circumstances),
        only_production: false,
        remarks: Vec::new(),
        cases,
    };
    Report::of(&record, &Policy::of(Environment::Production))
}

/// A pod of a pool, which reaches the listener that its policies deny.
fn leaky(pool: &str, address: &str) -> Case {
    let mut case = of_pool(pool);
    for attempt in fixture::attempts(&mut case) {
        (attempt.reach, attempt.again) = (proto::Reach::Reached, Some(proto::Reach::Reached));
    }
    for destination in &mut case.surroundings.destinations {
        destination.target.address = address.parse().unwrap();
    }
    case
}

fn of_pool(name: &str) -> Case {
    let mut case = fixture::pod();
    let Subject::Pods { pool, node, represents, .. } = &mut case.surroundings.subject else {
        panic!("no pods");
    };
    name.clone_into(pool);
    *node = Some(format!("node-of-{name}"));
    *represents = vec![format!("pod/web-{name}")];
    case
}

#[test]
fn a_ready_sandbox_reads_like_this() {
    insta::assert_snapshot!(render(&local(&fixture::gvisor()), PLAIN));
}

#[test]
fn a_shared_kernel_reads_like_this() {
    insta::assert_snapshot!(render(&local(&fixture::runc()), PLAIN));
}

#[test]
fn a_silent_probe_reads_like_this() {
    insta::assert_snapshot!(render(&local(&fixture::silent()), PLAIN));
}

#[test]
fn a_cluster_with_a_leak_reads_like_this() {
    insta::assert_snapshot!(render(&cluster(vec![leaky("plain", "10.244.0.40"), of_pool("sandbox")]), PLAIN));
}

#[test]
fn the_words_stay_without_colours() {
    let report = local(&fixture::runc());
    let plain = render(&report, PLAIN);
    let coloured = render(&report, Style { colour: true, ..PLAIN });
    assert!(!plain.contains('\u{1b}') && coloured.contains('\u{1b}'));
    for word in ["not ready", "✘  runtime-isolation: unmet", "✔ met", "blocks"] {
        assert!(plain.contains(word), "{word}");
    }
    for word in ["not ready", "runtime-isolation: unmet", "✔ met", "blocks"] {
        assert!(coloured.contains(word), "{word}");
    }
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for case in [fixture::gvisor(), fixture::runc(), fixture::silent(), fixture::pod()] {
        for verbose in [false, true] {
            let report = local(&case);
            let text = render(&report, Style { verbose, ..PLAIN });
            let is_note = |line: &str| report.notes.iter().any(|note| note == line);
            let wide = text.lines().find(|line| line.chars().count() > 80 && !is_note(line));
            assert_eq!(wide, None, "{text}");
        }
    }
}

#[test]
fn no_reason_and_no_fix_is_cut() {
    let text = render(&local(&fixture::silent()), PLAIN);
    assert!(!text.contains('…'), "{text}");
}

#[test]
fn blocking_requirements_come_before_the_others() {
    let text = render(&local(&fixture::runc()), PLAIN);
    let place = |words: &str| text.find(words).unwrap_or_else(|| panic!("no {words} in {text}"));
    assert!(place("runtime-isolation: unmet, blocks") < place("why"));
    assert!(place("why") < place("fix") && place("fix") < place("✔ met"));
}

#[test]
fn evidence_is_shown_when_asked_for() {
    let report = local(&fixture::runc());
    assert!(!render(&report, PLAIN).contains("vdso-image"));
    assert!(render(&report, Style { verbose: true, ..PLAIN }).contains("vdso-image"));
}

#[test]
fn the_fix_on_the_platform_comes_first() {
    let mut case = leaky("plain", "10.244.0.40");
    let cluster_of = std::sync::Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster);
    cluster_of.version = Ok("v1.35.4-gke.1014001".into());
    let text = render(&cluster(vec![case]), PLAIN);
    assert!(text.contains("fix    on GKE: "), "{text}");
}

#[test]
fn the_first_screen_answers_ten_questions() {
    let mut case = of_pool("plain");
    case.collected.evidence.root_filesystem = proto::Observation::failed("it was not looked for");
    fixture::coverage(&mut case).unused_pools = vec!["gpu".into()];
    let report = cluster(vec![case, of_pool("sandbox")]);
    let text = render(&report, PLAIN);
    let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let screen = flat(&text.lines().take(SCREEN).collect::<Vec<_>>().join("\n"));
    let findings = &report.sandboxes[0].findings;
    let finding = findings.iter().find(|finding| finding.id == "filesystem-isolation").unwrap();
    for (question, answer) in [
        ("which namespace", "namespace shop".to_owned()),
        ("which cluster", "cluster https://10.0.0.1:6443, v1.35.4-gke.1014001".to_owned()),
        ("when", "2026-11-28T06:51:51Z, run podproof-07070707".to_owned()),
        ("which environment and why", "production (ENVIRONMENT=production)".to_owned()),
        ("what blocks", "filesystem-isolation: inconclusive in 1 of 2 sandboxes, blocks".to_owned()),
        ("where", "where pool plain on node node-of-plain, RuntimeClass gvisor, bound by".to_owned()),
        ("why", format!("why {}", finding.because)),
        ("what to do", format!("fix {}", finding.remedy.unwrap())),
        ("what was not judged", "not judged pool gpu: no pod of the namespace can run there".to_owned()),
        ("what else to look at", "look next `controller requirements filesystem-isolation`".to_owned()),
    ] {
        assert!(screen.contains(&flat(&answer)), "{question}: {answer} is not in\n{text}");
    }
}

#[test]
fn a_thousand_sandboxes_fit_two_hundred_lines() {
    let cases: Vec<_> = (0..1000)
        .map(|number| {
            let (pool, address) =
                (format!("pool-{}", number % 40), format!("10.244.{}.{}", number / 250, number % 250));
            match number % 4 {
                0 => leaky(&pool, &address),
                1 => {
                    let mut case = of_pool(&pool);
                    case.collected = fixture::silent().collected;
                    case
                }
                _ => of_pool(&pool),
            }
        })
        .collect();
    let report = cluster(cases);
    let text = render(&report, PLAIN);
    assert!(text.lines().count() <= 200, "{} lines\n{text}", text.lines().count());
    assert!(text.contains("of 1000 sandboxes, blocks"), "{text}");
    let markdown = crate::report::markdown(&report);
    assert!(markdown.len() < 60_000, "{} bytes", markdown.len());
}
