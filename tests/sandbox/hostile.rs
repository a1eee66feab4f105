//! Probes and runtimes that lie, die, flood or stay silent.

use proto::{Observer, SCHEMA_VERSION};
use stage::{Ended, Ground, run, worlds};

use crate::{Row, row};

pub(super) fn rows() -> Vec<Row> {
    // Processor time is measured only where it is asked for.
    let asked = Observer::ALL.len() - 1;
    let integrity = [
        ("killed", "the evidence was not closed".to_owned()),
        ("nonce", "another run's nonce".to_owned()),
        ("half", "the evidence was not closed".to_owned()),
        ("miscounted", format!("{} were received", asked / 2)),
        ("blind", "not one of its observations succeeded".to_owned()),
        ("giant", "the stream broke".to_owned()),
        ("flood", "the evidence was not closed".to_owned()),
        ("schema", format!("version {} of the schema", SCHEMA_VERSION + 1)),
    ];
    let mut rows: Vec<_> = integrity
        .into_iter()
        .map(|(kind, said)| {
            row(format!("a probe that is {kind} is undetermined"), move || undetermined(kind, &said))
        })
        .collect();
    rows.push(row("a real sandbox that is cut off is undetermined", cut));
    for kind in ["silent", "stalled"] {
        rows.push(row(format!("a probe that is {kind} times out"), move || timed_out(kind)));
    }
    rows.push(row("a runtime that does not start is shown with its last lines", dead));
    rows.push(row("a missing runtime ends 4", || {
        let ended = verify("/no/such/runsc", &[]);
        assert_eq!(ended.code(), Some(4), "{ended:#?}");
    }));
    rows
}

fn verify(runtime: &str, words: &[&str]) -> Ended {
    let ground = Ground::beside_others();
    let mut all = vec!["verify", "--local", "--quiet", "--runtime", runtime];
    all.extend(words);
    let ended = run::run(&all, ground.path(), &[]);
    assert_eq!(ground.leftovers(&[]), [""; 0], "{ended:#?}");
    ended
}

fn impostor(kind: &str) -> String {
    format!("{} {kind}", run::impostor().display())
}

fn undetermined(kind: &str, said: &str) {
    for environment in ["development", "staging", "production"] {
        let ended = verify(&impostor(kind), &["--environment", environment, "--output", "json"]);
        assert_eq!(ended.code(), Some(3), "{environment}: {ended:#?}");
        let finding = ended.finding("probe-integrity");
        assert_eq!(
            (&finding["outcome"], &finding["enforcement"]),
            (&"inconclusive".into(), &"blocks".into())
        );
        assert!(finding.to_string().contains(said), "{finding:#}");
    }
}

fn cut() {
    let runtime = format!("{} {}", impostor("cut"), worlds::installed("runsc").unwrap());
    for environment in ["development", "production"] {
        let runtime = format!("{runtime} --network=none");
        let ended = verify(&runtime, &["--environment", environment, "--output", "json"]);
        assert_eq!(ended.code(), Some(3), "{environment}: {ended:#?}");
        let finding = ended.finding("probe-integrity").to_string();
        assert!(finding.contains("the evidence was not closed") && finding.contains("137"), "{finding}");
    }
}

fn timed_out(kind: &str) {
    for environment in ["development", "production"] {
        let ended = verify(&impostor(kind), &["--environment", environment, "--timeout", "1s"]);
        assert_eq!(ended.code(), Some(5), "{environment}: {ended:#?}");
        assert!(ended.out.contains("did not end in time"), "{}", ended.out);
    }
}

fn dead() {
    for environment in ["development", "staging", "production"] {
        let ended = verify(&impostor("dead"), &["--environment", environment]);
        assert_eq!(ended.code(), Some(4), "{environment}: {ended:#?}");
        assert!(ended.out.is_empty(), "{}", ended.out);
        assert!(ended.err.contains("| the last line: no such [31mplatform"), "{}", ended.err);
        assert!(ended.err.contains("| line 999\n") && !ended.err.contains("line 500\n"), "{}", ended.err);
        assert!(ended.err.contains("help:"), "{}", ended.err);
    }
}
