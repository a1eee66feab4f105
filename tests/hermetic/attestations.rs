//! Signed attestations: a key is made, a verdict is signed, and the attestation is verified offline.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use controller::support::digest::sha256;
use serde_json::{Value, json};
use stage::{
    Ended, Ground,
    corpus::{completed_content, sealed},
    run,
};

/// A folder with a key pair and signed evidence.
pub(crate) struct Signed {
    ground: Ground,
    pub(crate) key: String,
    pub(crate) public: String,
    pub(crate) evidence: String,
    pub(crate) bundle: String,
}

impl Signed {
    /// Signs a file of the corpus. Its life is long, because its run is old.
    pub(crate) fn new(name: &str, words: &[&str]) -> Self {
        let ground = Ground::new();
        let path = |name: &str| ground.path().join(name).display().to_string();
        let (key, evidence) = (path("podproof.key"), path("run.json"));
        ran(&["key", "new", "--out", &key], 0);
        fs::write(&evidence, timed(name)).unwrap();
        let signed =
            ended(&[&["score", &evidence, "--sign", &key, "--valid-for", "3650d"][..], words].concat());
        assert!(signed.err.contains("attestation"), "{signed:#?}");
        let (public, bundle) = (format!("{key}.pub"), format!("{evidence}.sigstore.json"));
        Self { ground, key, public, evidence, bundle }
    }

    pub(crate) fn verify(&self, words: &[&str]) -> Ended {
        ended(&[&["attest", "verify", &self.bundle, "--key", &self.public][..], words].concat())
    }

    pub(crate) fn put(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.ground.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    pub(crate) fn statement(&self) -> Value {
        let bundle: Value = serde_json::from_slice(&fs::read(&self.bundle).unwrap()).unwrap();
        let payload = STANDARD.decode(bundle["dsseEnvelope"]["payload"].as_str().unwrap()).unwrap();
        serde_json::from_slice(&payload).unwrap()
    }
}

fn ended(words: &[&str]) -> Ended {
    run::run(words, Ground::new().path(), &[])
}

pub(crate) fn ran(words: &[&str], code: i32) -> Ended {
    let ended = ended(words);
    assert_eq!(ended.code(), Some(code), "{words:?}: {ended:#?}");
    ended
}

/// Returns completed evidence of the corpus with the name, the place and the time of a run.
pub(crate) fn timed(name: &str) -> String {
    let mut content = completed_content(name);
    let place =
        json!({ "kind": "cluster", "server": "https://one:6443", "version": null, "namespace": "shop" });
    let circumstances = &mut content["record"]["circumstances"];
    if circumstances.is_null() {
        *circumstances = json!({
            "run": "podproof-0000000a", "started_at": 1_790_000_000, "controller": "0.1.0", "place": place,
        });
    }
    sealed(&content)
}

fn mode(path: &str) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_key_is_made_once_for_its_owner_alone() {
    let ground = Ground::new();
    for kind in ["p256", "ed25519"] {
        let key = ground.path().join(kind).display().to_string();
        let made = ran(&["key", "new", "--out", &key, "--type", kind], 0);
        assert!(made.err.contains("no passphrase") && made.out.contains("hint: "), "{made:#?}");
        assert_eq!((mode(&key), mode(&format!("{key}.pub")) & 0o133), (0o600, 0));
        let before = fs::read(&key).unwrap();
        let again = ran(&["key", "new", "--out", &key], 2);
        assert!(again.err.contains("exists already"), "{again:#?}");
        assert_eq!(fs::read(&key).unwrap(), before);
        fs::remove_file(&key).unwrap();
        ran(&["key", "new", "--out", &key], 2);
        assert!(!Path::new(&key).exists(), "half of a pair is left");
    }
}

#[test]
fn a_signed_verdict_is_accepted_with_its_evidence() {
    let signed = Signed::new("1-cluster", &["--environment", "production"]);
    let accepted =
        signed.verify(&["--require-ready", "--environment", "production", "--evidence", &signed.evidence]);
    assert_eq!(accepted.code(), Some(0), "{accepted:#?}");
    for said in ["authentic: ready", "for production", "podproof-0000000a", "judged again"] {
        assert!(accepted.out.contains(said), "{said}: {}", accepted.out);
    }
    let statement = signed.statement();
    assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
    assert_eq!(statement["predicateType"], "https://podproof.dev/verification/v1");
    let digest = sha256(&fs::read(&signed.evidence).unwrap());
    assert_eq!(statement["subject"][0], json!({ "name": "run.json", "digest": { "sha256": digest } }));
}

#[test]
fn the_predicate_is_valid_by_the_printed_schema() {
    let schema: Value = serde_json::from_str(&ran(&["schema", "verification"], 0).out).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for name in ["1-cluster", "1-cluster-not-ready", "1-undetermined"] {
        let predicate = Signed::new(name, &[]).statement()["predicate"].take();
        let errors: Vec<_> = validator.iter_errors(&predicate).map(|error| error.to_string()).collect();
        assert_eq!(errors, [""; 0], "{name}");
    }
}

#[test]
fn each_verdict_has_its_exit_code_where_readiness_is_required() {
    for (name, result, code) in
        [("1-cluster", "WARNED", 0), ("1-cluster-not-ready", "FAILED", 1), ("1-undetermined", "FAILED", 3)]
    {
        let signed = Signed::new(name, &[]);
        assert_eq!(signed.statement()["predicate"]["result"], result, "{name}");
        let required = signed.verify(&["--require-ready"]);
        assert_eq!(required.code(), Some(code), "{name}: {required:#?}");
        let authentic = signed.verify(&["--evidence", &signed.evidence]);
        assert_eq!(authentic.code(), Some(0), "{name}: {authentic:#?}");
    }
}

#[test]
fn a_wrong_attestation_is_refused_by_name() {
    let signed = Signed::new("1-cluster", &[]);
    let whole = fs::read_to_string(&signed.bundle).unwrap();
    let bundle: Value = serde_json::from_str(&whole).unwrap();
    let changed = |pointer: &str, value: Value| {
        let mut bundle = bundle.clone();
        *bundle.pointer_mut(pointer).unwrap() = value;
        bundle.to_string()
    };
    let forged = signed.statement().to_string().replace("\"WARNED\"", "\"PASSED\"");
    for (text, said) in [
        (whole[..whole.len() / 2].to_owned(), "was cut"),
        ("{}".to_owned(), "holds no sigstore bundle"),
        (changed("/mediaType", json!("application/json")), "of the type"),
        (changed("/verificationMaterial/publicKey/hint", json!("other")), "another key"),
        (changed("/dsseEnvelope/payloadType", json!("text/plain")), "payload is of the type"),
        (changed("/dsseEnvelope/payload", json!(STANDARD.encode(forged))), "is not that of the key"),
        (changed("/dsseEnvelope/signatures", json!([])), "0 signatures"),
        (changed("/dsseEnvelope/signatures/0/sig", json!("AAAA")), "is not that of the key"),
    ] {
        let path = signed.put("wrong.json", text).display().to_string();
        let refused = ran(&["attest", "verify", &path, "--key", &signed.public], 1);
        assert!(refused.err.contains(said) && refused.err.contains("help:"), "{said}: {}", refused.err);
        assert_eq!(refused.out, "");
    }
    ran(&["attest", "verify", "/no/such/file", "--key", &signed.public], 4);
    let no_key = ran(&["attest", "verify", &signed.bundle, "--key", &signed.key], 2);
    assert!(no_key.err.contains("no public key"), "{no_key:#?}");
}

#[test]
fn an_attestation_of_other_facts_is_refused_by_name() {
    let signed = Signed::new("1-cluster", &["--environment", "staging"]);
    let other = signed.put("other.json", timed("1-cluster-not-ready")).display().to_string();
    let policy = signed.put("other.toml", "require-whole = true\n").display().to_string();
    for (words, said) in [
        (&["--max-age", "1s"][..], "--max-age allows 1s"),
        (&["--environment", "production"], "--environment production asks for a stronger environment"),
        (&["--namespace", "blog"], "--namespace asks for blog"),
        (&["--server", "https://two:6443"], "--server asks for https://two:6443"),
        (&["--evidence", &other], "is of other evidence"),
        (&["--evidence", &signed.evidence, "--policy", &policy], "under another policy file"),
    ] {
        let refused = signed.verify(words);
        assert_eq!(refused.code(), Some(1), "{words:?}: {refused:#?}");
        assert!(refused.err.contains(said), "{said}: {}", refused.err);
    }
}

#[test]
fn the_variables_raise_the_environment_that_an_attestation_must_be_for() {
    let signed = Signed::new("1-cluster", &["--environment", "staging"]);
    let words = ["attest", "verify", &signed.bundle, "--key", &signed.public];
    let ended = |flags: &[&str], variable: (&str, &str), code: i32| {
        let ended = run::run(&[&words[..], flags].concat(), signed.ground.path(), &[variable]);
        assert_eq!(ended.code(), Some(code), "{flags:?} {variable:?}: {ended:#?}");
        ended
    };
    for variable in
        [("ENVIRONMENT", "production"), ("REQUIRE_GVISOR", "true"), ("K8S_CLUSTER_TYPE", "production")]
    {
        for flags in [&[][..], &["--environment", "development"], &["--environment", "staging"]] {
            let refused = ended(flags, variable, 1);
            assert!(refused.err.contains(&format!("{}={} asks for", variable.0, variable.1)), "{refused:#?}");
        }
    }
    ended(&["--require-ready"], ("ENVIRONMENT", "staging"), 0);
    ended(&["--environment", "production"], ("ENVIRONMENT", "staging"), 1);
    ended(&[], ("ENVIRONMENT", "prd"), 2);
}

#[test]
fn an_attestation_binds_the_policy_file() {
    let ground = Ground::new();
    let policy = ground.path().join("policy.toml");
    fs::write(&policy, "environment = \"production\"\n").unwrap();
    let policy = policy.to_str().unwrap();
    let signed = Signed::new("1-cluster", &["--policy", policy]);
    let with = signed.verify(&["--evidence", &signed.evidence, "--policy", policy]);
    assert_eq!(with.code(), Some(0), "{with:#?}");
    let without = signed.verify(&["--evidence", &signed.evidence]);
    assert_eq!(without.code(), Some(1), "{without:#?}");
}

#[test]
fn an_attestation_that_would_be_expired_is_not_made() {
    let signed = Signed::new("1-cluster", &[]);
    let late = ran(&["score", &signed.evidence, "--sign", &signed.key, "--valid-for", "1s"], 4);
    assert!(late.err.contains("expired already"), "{late:#?}");
}

#[test]
fn a_key_comes_from_a_variable_or_an_open_file() {
    let signed = Signed::new("1-cluster", &[]);
    let key = fs::read_to_string(&signed.key).unwrap();
    let words = ["score", &signed.evidence, "--sign", "env:SIGNING_KEY", "--valid-for", "3650d"];
    let by_variable = run::run(&words, signed.ground.path(), &[("SIGNING_KEY", &key)]);
    assert_eq!(by_variable.code(), Some(0), "{by_variable:#?}");
    assert_eq!(signed.verify(&[]).code(), Some(0));
    fs::remove_file(&signed.bundle).unwrap();
    let program = run::controller(&[]).get_program().to_owned();
    let mut command = std::process::Command::new("/bin/sh");
    command.args(["-c", "exec \"$0\" score \"$1\" --sign fd:7 --valid-for 3650d 7<\"$2\""]);
    command.arg(program).args([&signed.evidence, &signed.key]);
    let by_file = run::ended(run::clean(command).spawn().unwrap());
    assert_eq!(by_file.code(), Some(0), "{by_file:#?}");
    assert_eq!(signed.verify(&[]).code(), Some(0));
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    let signed = Signed::new("1-cluster", &[]);
    for mode in [0o640, 0o604, 0o620] {
        fs::set_permissions(&signed.key, PermissionsExt::from_mode(mode)).unwrap();
        let refused = ran(&["score", &signed.evidence, "--sign", &signed.key], 2);
        assert!(
            refused.err.contains(&format!("mode {mode:o}")) && refused.err.contains("chmod 600"),
            "{refused:#?}"
        );
    }
}

/// A key in place of its place is a mistake that no message makes worse.
#[test]
fn no_error_repeats_a_key() {
    let signed = Signed::new("1-cluster", &[]);
    let key = fs::read_to_string(&signed.key).unwrap();
    let secret = key.lines().nth(1).unwrap().to_owned();
    let one_line = key.replace('\n', "");
    let (variable, broken) = (format!("env:{secret}"), key.replace("BEGIN", "BEGIN ENCRYPTED"));
    for place in [key.as_str(), &one_line, &secret, &variable, "env:BROKEN", "fd:900", "fd:key"] {
        let words = ["score", &signed.evidence, "--sign", place, "--valid-for", "3650d"];
        let refused = run::run(&words, signed.ground.path(), &[("BROKEN", &broken)]);
        assert_eq!(refused.code(), Some(2), "{refused:#?}");
        assert!(refused.err.contains("--sign") && refused.err.contains("help:"), "{refused:#?}");
        assert!(!format!("{}{}", refused.out, refused.err).contains(&secret), "{refused:#?}");
    }
}

#[test]
fn an_attestation_never_replaces_its_evidence_or_its_key() {
    let signed = Signed::new("1-cluster", &[]);
    for file in [&signed.evidence, &signed.key] {
        let before = fs::read(file).unwrap();
        let (folder, name) = file.rsplit_once('/').unwrap();
        for spelled in [file.clone(), format!("{folder}/./{name}")] {
            let words = ["score", &signed.evidence, "--sign", &signed.key, "--attestation", &spelled];
            let refused = ran(&[&words[..], &["--valid-for", "3650d"]].concat(), 2);
            assert!(refused.err.contains("a file of its own"), "{refused:#?}");
        }
        assert_eq!(fs::read(file).unwrap(), before);
    }
}

#[test]
fn a_flag_without_its_companion_is_wrong_usage() {
    let signed = Signed::new("1-cluster", &[]);
    for words in [
        &["verify", "--local", "--sign", &signed.key][..],
        &["score", &signed.evidence, "--attestation", "file"],
        &["score", &signed.evidence, "--valid-for", "2h"],
        &["score", &signed.evidence, &signed.evidence, "--sign", &signed.key],
        &["key", "new"],
        &["attest", "verify", &signed.bundle],
        &["attest", "verify", &signed.bundle, "--key", &signed.public, "--policy", "policy.toml"],
    ] {
        ran(words, 2);
    }
}
