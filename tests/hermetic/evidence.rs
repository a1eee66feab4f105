//! Evidence that outlives its run: it is judged again, compared, and refused if it is not whole.

use std::{collections::BTreeSet, fs, process::Command};

use stage::{
    Ended, Ground, controller,
    corpus::{completed, content, sealed},
    run,
};

fn saved(name: &str) -> String {
    format!("{}/corpus/{name}.json", env!("CARGO_MANIFEST_DIR"))
}

fn ran(words: &[&str]) -> Ended {
    run::run(words, Ground::new().path(), &[])
}

/// The reviewer's path: keep every node's evidence today, judge it again next month, and compare the two.
#[test]
fn saved_evidence_is_judged_again_and_compared() {
    let (today, next_month) = (saved("1-cluster"), saved("1-cluster-worse"));
    let again = ran(&["score", &today, "--environment", "production"]);
    assert_eq!(again.code(), Some(3), "{again:#?}");

    let same = ran(&["diff", &today, &today, "--fail-on", "worse"]);
    assert_eq!(same.code(), Some(0), "{same:#?}");
    let lines: Vec<_> = same.out.lines().collect();
    let undetermined = "undetermined, judged for production; namespace shop, cluster not kept in this evidence, time not kept in this evidence";
    let heads = ["old", "new"].map(|name| format!("{name}: {undetermined}"));
    assert_eq!(lines, [heads[0].as_str(), heads[1].as_str(), "0 worse, 0 better, 0 lapsed, 0 new, 0 gone"]);

    let compared = ran(&["diff", &today, &next_month]);
    assert_eq!(compared.code(), Some(0), "{compared:#?}");
    let gated = ran(&["diff", &today, &next_month, "--fail-on", "worse"]);
    assert_eq!(gated.code(), Some(1), "{gated:#?}");
    assert!(gated.out.contains("worse: namespace shop, pool plain, node two"), "{}", gated.out);
    assert!(gated.out.contains("✘ no-token: not there → unmet"), "{}", gated.out);
    assert!(!gated.out.contains("pool sandbox"), "{}", gated.out);

    let back = ran(&["diff", &next_month, &today, "--fail-on", "worse", "--output", "json"]);
    assert_eq!(back.code(), Some(0), "{back:#?}");
    let comparison: serde_json::Value = serde_json::from_str(&back.out).unwrap();
    let changes = comparison["changes"].as_array().unwrap();
    assert!(!changes.is_empty() && changes.iter().all(|change| change["became"] == "gone"), "{}", back.out);
}

#[test]
fn a_comparison_in_json_says_why_it_failed() {
    let ground = Ground::new();
    let (old, new) = (saved("1-cluster"), saved("1-cluster-worse"));
    let ended = run::run(&["diff", &old, &new, "--fail-on", "worse", "--output", "json"], ground.path(), &[]);
    assert_eq!(ended.code(), Some(1), "{ended:#?}");
    let comparison: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    let schema = run::run(&["schema", "diff"], ground.path(), &[]).out;
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    let mistakes: Vec<_> = validator.iter_errors(&comparison).map(|it| it.to_string()).collect();
    assert_eq!(mistakes, [""; 0]);
    assert_eq!(comparison["version"], 1);
    assert!(comparison["new"]["headline"].as_str().unwrap().starts_with("not ready"), "{comparison:#}");
    assert_eq!(comparison["changes"][0]["became"], "worse");
}

/// The gate's variables hold for evidence as for a run: evidence of a development run does not pass production.
#[test]
fn the_variables_strengthen_the_environment_of_saved_evidence() {
    let ground = Ground::new();
    let file = ground.path().join("run.json").display().to_string();
    fs::write(&file, completed("1-ready-with-warnings")).unwrap();
    for words in [&["score", &file][..], &["score", &file, "--environment", "staging"][..]] {
        assert_eq!(ran(words).code(), Some(0));
    }
    for variable in
        [("ENVIRONMENT", "production"), ("REQUIRE_GVISOR", "true"), ("K8S_CLUSTER_TYPE", "production")]
    {
        let ended = run::run(&["score", &file], Ground::new().path(), &[variable]);
        assert_eq!(ended.code(), Some(1), "{variable:?}: {ended:#?}");
        let weakened =
            run::run(&["score", &file, "--environment", "development"], Ground::new().path(), &[variable]);
        assert_eq!(weakened.code(), Some(0), "{weakened:#?}");
        assert!(weakened.out.contains("weakens what"), "{}", weakened.out);
    }
    let misspelt = run::run(&["score", &file], Ground::new().path(), &[("ENVIRONMENT", "prd")]);
    assert_eq!(misspelt.code(), Some(2), "{misspelt:#?}");
}

/// Each fact that a release added is asked for: evidence that does not tell of it earns no green.
#[test]
fn evidence_of_an_older_release_is_undetermined_in_production() {
    let ground = Ground::new();
    let file = ground.path().join("run.json").display().to_string();
    for (name, open) in [
        (
            "1-cluster",
            &["closed-from-the-start", "filesystem-isolation", "ingress-closed", "secrets-absent"][..],
        ),
        ("1-ready", &["filesystem-isolation"]),
    ] {
        let words = ["--environment", "production", "--output", "json"];
        let older = ran(&[&["score", &saved(name)][..], &words].concat());
        assert_eq!(older.code(), Some(3), "{name}: {older:#?}");
        let inconclusive = outcomes(&older, "inconclusive");
        for id in open {
            assert!(inconclusive.contains(*id), "{name}: {id} is not among {inconclusive:?}");
        }
        fs::write(&file, completed(name)).unwrap();
        let today = ran(&[&["score", &file][..], &words].concat());
        assert_eq!(today.code(), Some(0), "{name}: {today:#?}");
    }
}

/// Returns the requirements with this outcome in the first sandbox of a report.
fn outcomes(ended: &Ended, outcome: &str) -> BTreeSet<String> {
    let report = ended.report();
    let findings = report["sandboxes"][0]["findings"].as_array().unwrap().iter();
    let having = findings.filter(|finding| finding["outcome"] == outcome);
    having.map(|finding| finding["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn evidence_that_is_too_old_or_has_no_time_is_refused_with_max_age() {
    let (timed, older) = (saved("1-cluster-not-ready"), saved("1-cluster"));
    assert_eq!(ran(&["score", &timed, "--max-age", "3650d"]).code(), Some(1));
    for (file, said) in [(&timed, "--max-age allows 1s"), (&older, "does not keep the time")] {
        for words in [&["score", file, "--max-age", "1s"][..], &["diff", file, file, "--max-age", "1s"][..]] {
            let ended = ran(words);
            assert_eq!(ended.code(), Some(2), "{ended:#?}");
            assert!(ended.err.contains(said) && ended.out.is_empty(), "{ended:#?}");
        }
    }
}

#[test]
fn only_production_says_in_its_line_what_it_left_out() {
    let file = saved("1-cluster");
    for format in
        ["text", "json", "junit", "sarif", "github", "markdown", "html", "tap", "openreports", "policyreport"]
    {
        let ended = ran(&["score", &file, "--only", "production", "--output", format]);
        assert_eq!(ended.code(), Some(3), "{format}: {ended:#?}");
        let flat = ended.out.split_whitespace().collect::<Vec<_>>().join(" ").replace('\\', "");
        for said in ["--only production", "least-privilege"] {
            assert!(flat.contains(said), "{format}: {flat}");
        }
    }
}

#[test]
fn an_incomplete_file_is_refused_by_name_with_a_remedy() {
    let ground = Ground::new();
    let whole = fs::read_to_string(saved("1-not-ready")).unwrap();
    let put = |name: &str, text: &str| {
        let path = ground.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    for (file, code, said) in [
        (put("cut", &whole[..whole.len() / 2]), 2, "was cut"),
        (put("altered", &whole.replace("\"no_new_privs\":true", "\"no_new_privs\":false")), 2, "altered"),
        (put("newer", &whole.replace("\"version\":1", "\"version\":3")), 2, "version 3"),
        (put("other", "{\"runs\":[]}"), 2, "holds no saved evidence"),
        (put("newer-key", &with_a_newer_key("1-not-ready")), 2, "unknown field `heard_later`"),
        (put("empty", ""), 2, "was cut"),
        (put("report", &ran(&["score", &saved("1-ready"), "--output", "json"]).out), 2, "is a report of"),
        ("/no/such/file".to_owned(), 4, "failed to read"),
        ("-".to_owned(), 4, "/dev/stdin"),
    ] {
        for words in [&["score", &file][..], &["diff", &file, &file][..]] {
            let ended = ran(words);
            assert_eq!(ended.code(), Some(code), "{words:?}: {ended:#?}");
            assert!(ended.err.contains(said) && ended.err.contains("help:"), "{}", ended.err);
            assert!(ended.err.contains(&file) && ended.out.is_empty(), "{ended:#?}");
        }
    }
}

/// Returns a file with a key that a later release might add.
fn with_a_newer_key(name: &str) -> String {
    let mut content = content(name);
    content["record"]["cases"][0]["survey"]["heard_later"] = true.into();
    sealed(&content)
}

#[test]
fn one_bad_file_among_many_is_named_and_hides_no_verdict() {
    let (good, bad) = (saved("1-ready"), "/no/such/file");
    let ended = ran(&["score", &good, bad, &good]);
    assert_eq!(ended.code(), Some(4), "{ended:#?}");
    assert_eq!(ended.out.lines().count(), 2, "{ended:#?}");
    assert!(ended.err.contains(bad), "{ended:#?}");
}

#[test]
fn the_worst_of_many_files_decides_and_the_rate_is_printed() {
    for (names, code) in [
        (&["2-arm-ready", "2-arm-ptrace"][..], 0),
        (&["2-arm-ready", "1-undetermined"][..], 3),
        (&["1-undetermined", "1-not-ready", "2-arm-ready"][..], 1),
    ] {
        let files: Vec<_> = names.iter().map(|name| saved(name)).collect();
        let words: Vec<_> = ["score"].into_iter().chain(files.iter().map(String::as_str)).collect();
        let ended = ran(&words);
        assert_eq!(ended.code(), Some(code), "{ended:#?}");
        assert_eq!(ended.out.lines().count(), names.len());
        assert!(ended.err.contains("cases in ") && ended.err.contains(" a second"), "{}", ended.err);
    }
}

/// Ten thousand cases, however small each is, would not fit into so little memory if all were held.
#[test]
fn ten_thousand_cases_are_judged_in_the_memory_of_a_few() {
    const CASES: usize = 10_000;
    const KIBIBYTES: u32 = 32 << 10;
    let program = controller(&[]).get_program().to_owned();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &format!("ulimit -d {KIBIBYTES}; exec \"$0\" score \"$@\"")]);
    command.arg(program).args(vec![saved("1-cluster"); CASES]);
    let ended = run::ended(run::clean(command).spawn().unwrap());
    assert_eq!(ended.code(), Some(3), "{}", ended.err);
    assert_eq!(ended.out.lines().count(), CASES);
    assert!(ended.err.starts_with(&format!("{CASES} cases in ")), "{}", ended.err);
}
