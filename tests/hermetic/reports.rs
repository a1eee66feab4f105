//! Reports of saved evidence: the exit code is the same in every format, the bytes are the same each time, and other
//! programs can read the documents.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;
use stage::{
    Ended, Ground, controller,
    run::{self, FORMATS},
};

/// Each saved run of the corpus, its exit code, and its exit code with `--only production`.
const CORPUS: [(&str, i32, i32); 11] = [
    // Older probes made fewer observations, and older controllers kept less. The missing facts make requirements inconclusive.
    ("1-ready", 3, 3),
    ("1-ready-with-warnings", 0, 1),
    ("1-not-ready", 1, 1),
    ("1-undetermined", 3, 3),
    ("1-older", 3, 3),
    ("1-cluster", 3, 3),
    ("1-cluster-worse", 1, 1),
    ("1-cluster-not-ready", 1, 1),
    // Whole runs on AArch64, in the emulated machine of the sandbox tests: runsc of 2026 (systrap), of 2024 (ptrace), and runc.
    ("2-arm-ready", 0, 0),
    ("2-arm-ptrace", 0, 0),
    ("2-arm-not-ready", 1, 1),
];

fn saved(name: &str) -> String {
    format!("{}/corpus/{name}.json", env!("CARGO_MANIFEST_DIR"))
}

fn score(name: &str, words: &[&str]) -> Ended {
    let file = saved(name);
    let words: Vec<_> = ["score", &file].iter().chain(words).copied().collect();
    run::run(&words, Ground::new().path(), &[])
}

/// Returns the report of a saved run in a format.
fn document(name: &str, format: &str) -> String {
    score(name, &["--output", format]).out
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn every_file_of_the_corpus_is_read() {
    let files = fs::read_dir(Path::new(&saved("")).parent().unwrap()).unwrap();
    let mut names: Vec<_> =
        files.map(|file| file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned()).collect();
    names.sort();
    let mut listed = CORPUS.map(|(name, ..)| name);
    listed.sort_unstable();
    assert_eq!(names, listed);
}

#[test]
fn the_exit_code_follows_the_verdict_in_every_format() {
    let ground = Ground::new();
    let file = |name: &str| ground.path().join(name).display().to_string();
    let (junit, html) = (format!("junit={}", file("a.xml")), format!("html={}", file("a.html")));
    for (name, code, only) in CORPUS {
        for format in FORMATS {
            for (flags, expected) in [
                (&[][..], code),
                (&["--quiet"][..], code),
                (&["--verbose"][..], code),
                (&["--only", "production"][..], only),
                (&["--output", &junit, "--output", &html][..], code),
                (&["--output", "sarif=/dev/full"][..], 4),
                (&["--output", "json=/no/such/folder/file"][..], 4),
            ] {
                let words: Vec<_> = ["--output", format].iter().chain(flags).copied().collect();
                let ended = score(name, &words);
                assert_eq!(ended.code(), Some(expected), "{name} {words:?}: {}", ended.err);
                assert!(!ended.out.is_empty(), "{name} {words:?}");
                let failed = expected == 4;
                assert_eq!(ended.err.contains("failed to write"), failed, "{}", ended.err);
            }
        }
    }
}

#[test]
fn full_or_closed_standard_output_shows_in_the_exit_code() {
    for (name, ..) in CORPUS {
        for format in FORMATS {
            let file = saved(name);
            let scored = |out: Stdio| {
                let mut command = controller(&["score", &file, "--output", format]);
                run::ended(command.stdout(out).spawn().unwrap())
            };
            let full = scored(Stdio::from(File::create("/dev/full").unwrap()));
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            let closed = scored(Stdio::from(writer));
            for ended in [full, closed] {
                assert_eq!(ended.code(), Some(4), "{name} {format}: {}", ended.err);
                assert!(ended.err.contains("help:"), "{}", ended.err);
            }
        }
    }
}

#[test]
fn a_failed_output_leaves_the_other_outputs_alone() {
    let ground = Ground::new();
    let file = ground.path().join("report.json");
    let (good, bad) = (format!("json={}", file.display()), "junit=/no/such/folder/file");
    let ended = score("1-not-ready", &["--output", bad, "--output", &good]);
    assert_eq!(ended.code(), Some(4), "{}", ended.err);
    assert!(ended.err.contains("/no/such/folder/file"), "{}", ended.err);
    assert!(ended.out.contains("podproof: not ready"), "{}", ended.out);
    assert_eq!(json(&fs::read_to_string(&file).unwrap())["verdict"], "not-ready");
}

#[test]
fn the_same_evidence_gives_the_same_bytes() {
    for (name, ..) in CORPUS {
        for format in FORMATS {
            let file = saved(name);
            let zoned = |zone: &str| {
                run::run(&["score", &file, "--output", format], Ground::new().path(), &[("TZ", zone)]).out
            };
            let (here, there) = (zoned("Pacific/Kiritimati"), zoned("America/Los_Angeles"));
            assert!(!here.is_empty() && here == there, "{name} {format}");
        }
    }
}

#[test]
fn committed_schemas_equal_the_printed_schemas() {
    for name in ["report", "policy", "verification", "diff"] {
        let printed = run::run(&["schema", name], Ground::new().path(), &[]);
        let path = format!("{}/../deploy/schema/{name}.schema.json", env!("CARGO_MANIFEST_DIR"));
        let kept = fs::read_to_string(&path).unwrap_or_default();
        assert!(printed.out == kept, "`make schemas` writes {path} anew");
    }
}

#[test]
fn json_is_valid_by_the_printed_schema() {
    let schema = json(&run::run(&["schema", "report"], Ground::new().path(), &[]).out);
    let validator = jsonschema::validator_for(&schema).unwrap();
    for (name, ..) in CORPUS {
        let report = json(&document(name, "json"));
        let errors: Vec<_> = validator.iter_errors(&report).map(|error| error.to_string()).collect();
        assert_eq!(errors, [""; 0], "{name}");
        let mut wrong = report;
        wrong["verdict"] = "green".into();
        assert!(!validator.is_valid(&wrong));
    }
}

/// Returns the official schema, as the crate that makes our SARIF contains it.
fn official() -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    // Features that only other platforms need are not here.
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let words = ["metadata", "--format-version=1", "--offline", "--locked", "--manifest-path", manifest];
    let output = Command::new(cargo).args(words).args(["--filter-platform", &platform]).output().unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == "serde-sarif").unwrap();
    let manifest = PathBuf::from(package["manifest_path"].as_str().unwrap());
    let text = fs::read_to_string(manifest.with_file_name("src/schema.json")).unwrap();
    // The pattern of a language has a bracket too many for any regular expression (oasis-tcs/sarif-spec).
    json(&text.replace("[a-zA-Z]{2}]?$", "[a-zA-Z]{2}$"))
}

#[test]
fn sarif_suits_the_official_schema_and_code_scanning() {
    let schema = official();
    assert_eq!(schema["title"], "Static Analysis Results Format (SARIF) Version 2.1.0 JSON Schema");
    let validator = jsonschema::validator_for(&schema).unwrap();
    for (name, code, _) in CORPUS {
        let document = json(&document(name, "sarif"));
        let errors: Vec<_> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
        assert_eq!(errors, [""; 0], "{name}");
        let run = &document["runs"][0];
        let results = run["results"].as_array().unwrap();
        let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
        let rules: BTreeMap<_, _> =
            rules.iter().map(|rule| (rule["id"].as_str().unwrap(), &rule["help"]["text"])).collect();
        for result in results {
            let place = &result["locations"][0]["physicalLocation"];
            let uri = place["artifactLocation"]["uri"].as_str().unwrap();
            assert!(!uri.starts_with('/') && !uri.contains("://"), "{uri}");
            assert!(place["region"]["startLine"].as_u64().unwrap() > 0);
            assert!(matches!(result["level"].as_str(), Some("error" | "warning" | "note")), "{result:#}");
            assert_eq!(result.get("kind"), None);
            assert!(!rules[result["ruleId"].as_str().unwrap()].as_str().unwrap().is_empty());
        }
        let errors = results.iter().filter(|result| result["level"] == "error").count();
        assert_eq!(errors > 0, code != 0, "{name}");
    }
}

#[test]
fn annotations_and_summary_suit_the_runner() {
    let ground = Ground::new();
    for (name, code, _) in CORPUS {
        let summary = ground.path().join(name);
        fs::write(&summary, "of another step\n").unwrap();
        let file = saved(name);
        let ended = run::run(
            &["score", &file, "--output", "github"],
            ground.path(),
            &[("GITHUB_STEP_SUMMARY", summary.to_str().unwrap())],
        );
        for line in ended.out.lines() {
            let (head, text) = line.strip_prefix("::").unwrap().split_once("::").unwrap();
            let (level, title) = head.split_once(" title=").unwrap();
            assert!(["error", "warning", "notice"].contains(&level), "{line}");
            assert!(!title.contains([':', ',', '\r']) && !text.is_empty(), "{line}");
        }
        assert_eq!(ended.out.contains("::error "), code != 0, "{}", ended.out);
        let text = fs::read_to_string(&summary).unwrap();
        assert!(text.starts_with("of another step\n## podproof: "), "{text}");
    }
}

#[test]
fn junit_fails_with_the_run_and_gives_reason_evidence_remedy() {
    for (name, code, _) in CORPUS {
        let document = document(name, "junit");
        let red = document.contains("<failure") || document.contains("<error");
        assert_eq!(red, code != 0, "{name}: {document}");
    }
    let failed = document("1-not-ready", "junit");
    for said in ["<failure message=\"the kernel is the machine", "vdso-image: linked for", "remedy: "] {
        assert!(failed.contains(said), "{said} is not in {failed}");
    }
    assert!(document("1-undetermined", "junit").contains("<error message="));
    assert!(document("1-ready-with-warnings", "junit").contains("<system-out>warns: unmet"));
}

#[test]
fn tap_fails_with_the_run_and_numbers_its_tests() {
    for (name, code, _) in CORPUS {
        let document = document(name, "tap");
        let mut lines = document.lines();
        assert_eq!(lines.next(), Some("TAP version 13"), "{name}");
        let planned: usize = lines.next().unwrap().strip_prefix("1..").unwrap().parse().unwrap();
        let tests: Vec<_> =
            lines.filter(|line| line.starts_with("ok ") || line.starts_with("not ok ")).collect();
        for (index, test) in tests.iter().enumerate() {
            assert!(test.contains(&format!("ok {} - ", index + 1)), "{name}: {test}");
        }
        assert_eq!(tests.len(), planned, "{name}");
        // Perl's reader of YAML takes a key or an item of a list in each line, and no JSON.
        for line in
            document.lines().filter(|line| line.starts_with("  ") && !["  ---", "  ..."].contains(line))
        {
            let (key, value) = line.split_once(':').unwrap_or((line, ""));
            let is_key = key.trim_start().chars().all(|it| it.is_ascii_lowercase());
            assert!(line.starts_with("    - \"") || is_key && !value.starts_with(" {"), "{name}: {line}");
        }
        assert_eq!(tests.iter().any(|test| test.starts_with("not ok ")), code != 0, "{name}: {document}");
    }
}

#[test]
fn code_quality_has_a_blocker_exactly_where_the_run_fails() {
    for (name, code, _) in CORPUS {
        let entries = json(&document(name, "gitlab"));
        let entries = entries.as_array().unwrap();
        let mut known = BTreeSet::new();
        for entry in entries {
            assert!(known.insert(entry["fingerprint"].as_str().unwrap()), "{name}: {entry}");
            assert!(!entry["description"].as_str().unwrap().is_empty(), "{name}");
            assert!(entry["location"]["lines"]["begin"].as_u64() >= Some(1), "{name}: {entry}");
            let severity = entry["severity"].as_str().unwrap();
            assert!(["info", "minor", "major", "critical", "blocker"].contains(&severity), "{name}: {entry}");
        }
        let blocker = entries.iter().any(|entry| entry["severity"] == "blocker");
        assert_eq!(blocker, code != 0, "{name}: {entries:#?}");
    }
}

#[test]
fn metrics_name_one_verdict_and_no_series_twice() {
    for (name, code, _) in CORPUS {
        let text = document(name, "prometheus");
        let samples = || text.lines().filter(|line| !line.starts_with('#'));
        let series: Vec<_> = samples().map(|line| line.rsplit_once(' ').unwrap().0).collect();
        assert_eq!(series.iter().collect::<BTreeSet<_>>().len(), series.len(), "{name}: {text}");
        let holds: Vec<_> =
            samples().filter(|line| line.starts_with("podproof_verdict{") && line.ends_with(" 1")).collect();
        let [verdict] = holds[..] else { panic!("{name}: {holds:?}") };
        let ready = verdict.contains("verdict=\"ready");
        assert_eq!(ready, code == 0, "{name}: {verdict}");
        let blocks =
            samples().any(|line| line.starts_with("podproof_requirement_blocks{") && !line.ends_with(" 0"));
        assert_eq!(blocks, code != 0, "{name}: {text}");
    }
}

#[test]
fn report_objects_pass_only_with_the_run() {
    for (name, code, _) in CORPUS {
        for format in ["openreports", "policyreport"] {
            let list = json(&document(name, format));
            assert_eq!(list["kind"], "List");
            let mut names = BTreeSet::new();
            for object in list["items"].as_array().unwrap() {
                assert!(names.insert(object["metadata"]["name"].as_str().unwrap()), "{name}: {list}");
                let results = object["results"].as_array().unwrap();
                for word in ["pass", "fail", "warn", "error", "skip"] {
                    let counted = results.iter().filter(|result| result["result"] == word).count();
                    assert_eq!(
                        object["summary"][word].as_u64(),
                        u64::try_from(counted).ok(),
                        "{name} {word}"
                    );
                }
                let red = ["fail", "error"].contains(&results[0]["result"].as_str().unwrap());
                assert_eq!(
                    (results[0]["rule"].as_str(), red),
                    (Some("verdict"), code != 0),
                    "{name}: {object}"
                );
                assert!(object.to_string().len() < 64 << 10, "{name}");
            }
        }
    }
}

#[test]
fn the_page_is_self_contained_and_shows_the_verdict() {
    for (name, ..) in CORPUS {
        let page = document(name, "html");
        for outside in ["<script ", "href=\"http", "@import", "url(", " src="] {
            assert!(!page.contains(outside), "{name}: {outside}");
        }
        assert!(page.contains("<h1 id=\"verdict\">"), "{page}");
    }
}
