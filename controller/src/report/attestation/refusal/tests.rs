mod changes;
mod thousand;

use serde_json::{Value, json};

use super::*;
use crate::{
    case::{
        Case,
        circumstances::{Circumstances, Place},
        cluster::Image,
        environment::{Declared, Source},
    },
    evidence::record::Record,
    fixture,
    judge::policy::Policy,
    report::{
        Report,
        attestation::{
            Facts, Gathered, NotStated,
            verification_v1::{NamedBy, SignedDigest, SignedFile},
        },
    },
    support::{
        digest::sha256,
        signing::{Kind, SigningKey},
    },
};

pub(in crate::report::attestation) const BEGAN: u64 = 1_764_000_000;
pub(in crate::report::attestation) const DAY: u64 = 24 * 3600;
const EVIDENCE: &[u8] = b"evidence\n";

pub(in crate::report::attestation) fn record() -> Record {
    let place = Place::Cluster {
        server: "https://one:6443".into(),
        version: Some("v1.35.4".into()),
        namespace: "shop".into(),
    };
    let circumstances = Circumstances {
        run: "podproof-00000001".into(),
        started_at: BEGAN,
        controller: "0.1.0".into(),
        place,
    };
    let environment =
        Declared { environment: Environment::Production, source: Source::Default, remarks: Vec::new() };
    Record {
        environment,
        circumstances: Some(circumstances),
        only_production: false,
        remarks: Vec::new(),
        cases: vec![with_images(fixture::pod())],
    }
}

/// Gives each pod of a case an image with a digest, and an image without one.
fn with_images(mut case: Case) -> Case {
    let id = format!("web@sha256:{}", "ef".repeat(32));
    let images =
        [("web:1", Some(id)), ("proxy:1", None)].map(|(name, id)| Image { name: name.into(), id }.into());
    for pod_view in &mut case.surroundings.in_cluster.as_mut().unwrap().group.pod_views {
        pod_view.images = Some(images.to_vec());
    }
    case
}

pub(in crate::report::attestation) fn facts() -> Facts {
    let digest = SignedDigest { sha256: sha256(EVIDENCE) };
    Facts {
        evidence: SignedFile { name: "run.json".into(), digest },
        probe: Some("cd".repeat(32)),
        policy: None,
        named_by: NamedBy::Run,
        require_whole: false,
        judged_at: BEGAN + 60,
        life: Duration::from_secs(DAY),
    }
}

pub(in crate::report::attestation) fn policy() -> Policy {
    Policy::of(Environment::Production)
}

fn stated(record: &Record, facts: Facts) -> Result<Statement, NotStated> {
    let report = Report::of(record, &policy());
    Statement::of(&report, &Gathered::of(record), facts)
}

pub(in crate::report::attestation) fn statement() -> Statement {
    stated(&record(), facts()).unwrap()
}

fn key() -> SigningKey {
    SigningKey::generate(Kind::P256).unwrap().0
}

fn demands() -> Demands {
    Demands {
        now: BEGAN + 3600,
        max_age: None,
        environment: None,
        namespace: None,
        server: None,
        whole: false,
    }
}

/// Examines a statement that its holder signed.
fn examined(statement: &Statement, demands: &Demands) -> Result<Statement, Refusal> {
    let key = key();
    let bundle = envelope::seal(&key, &statement.bytes()).unwrap();
    examine(bundle.as_bytes(), key.public(), demands)
}

/// Signs a statement with one value changed.
fn changed(pointer: &str, value: Value) -> Result<Statement, Refusal> {
    let mut text = serde_json::to_value(statement()).unwrap();
    *text.pointer_mut(pointer).unwrap() = value;
    let key = key();
    let bundle = envelope::seal(&key, text.to_string().as_bytes()).unwrap();
    examine(bundle.as_bytes(), key.public(), &demands())
}

#[test]
fn an_attestation_is_returned_as_it_was_signed() {
    assert_eq!(examined(&statement(), &demands()).unwrap(), statement());
}

#[test]
fn another_key_is_refused_by_name() {
    let bundle = envelope::seal(&key(), &statement().bytes()).unwrap();
    let refused = examine(bundle.as_bytes(), key().public(), &demands()).unwrap_err();
    assert!(matches!(refused, Refusal::Unsealed(Unsealed::OtherKey { .. })), "{refused}");
}

#[test]
fn an_attestation_lives_as_long_as_was_signed() {
    let last = Demands { now: BEGAN + DAY - 1, ..demands() };
    assert!(examined(&statement(), &last).is_ok());
    let over = Demands { now: BEGAN + DAY, ..demands() };
    assert!(matches!(examined(&statement(), &over), Err(Refusal::Expired(_))));
    let before = Demands { now: BEGAN - APART - 1, ..demands() };
    assert!(matches!(examined(&statement(), &before), Err(Refusal::Future(_))));
}

#[test]
fn an_older_run_is_refused_by_max_age() {
    let hour = Some(Duration::from_hours(1));
    assert!(examined(&statement(), &Demands { max_age: hour, ..demands() }).is_ok());
    let late = Demands { max_age: hour, now: BEGAN + 3601, ..demands() };
    assert!(matches!(examined(&statement(), &late), Err(Refusal::TooOld { .. })));
}

#[test]
fn a_weaker_environment_is_refused() {
    let mut weaker = statement();
    weaker.predicate.environment = Environment::Staging;
    let asked = |environment| {
        let by = Source::Flag(environment);
        Demands { environment: Some((environment, by)), ..demands() }
    };
    assert!(examined(&weaker, &asked(Environment::Staging)).is_ok());
    assert!(examined(&statement(), &asked(Environment::Staging)).is_ok());
    let refused = examined(&weaker, &asked(Environment::Production));
    assert!(matches!(refused, Err(Refusal::OtherEnvironment { .. })));
}

#[test]
fn the_attestation_of_another_place_is_refused() {
    let namespace = |name: &str| Demands { namespace: Some(name.into()), ..demands() };
    assert!(examined(&statement(), &namespace("shop")).is_ok());
    assert!(matches!(examined(&statement(), &namespace("blog")), Err(Refusal::OtherNamespace { .. })));
    let server = |url: &str| Demands { server: Some(url.into()), ..demands() };
    assert!(examined(&statement(), &server("https://one:6443/")).is_ok());
    assert!(matches!(examined(&statement(), &server("https://two:6443")), Err(Refusal::OtherCluster { .. })));
    let mut local = statement();
    local.predicate.place = machine();
    assert!(matches!(examined(&local, &namespace("shop")), Err(Refusal::OtherNamespace { found: None, .. })));
    assert!(matches!(
        examined(&local, &server("https://one")),
        Err(Refusal::OtherCluster { found: None, .. })
    ));
}

#[test]
fn a_part_is_refused_where_the_whole_is_demanded() {
    for extent in [true, false] {
        let mut statement = statement();
        statement.predicate.extent.whole = extent;
        assert_eq!(
            matches!(examined(&statement, &Demands { whole: true, ..demands() }), Err(Refusal::NotWhole)),
            !extent
        );
    }
}

#[test]
fn a_statement_of_another_type_is_refused() {
    assert!(matches!(changed("/_type", json!("other")), Err(Refusal::OtherStatement(_))));
    assert!(matches!(changed("/predicateType", json!("other")), Err(Refusal::OtherPredicate(_))));
    assert!(matches!(changed("/predicate/verdict", json!("green")), Err(Refusal::NotStatement(_))));
    assert!(matches!(changed("/predicate/verifiedAt", json!("today")), Err(Refusal::NotStatement(_))));
}

#[test]
fn a_statement_that_contradicts_itself_is_refused() {
    let contradicts = |refused, part| {
        assert!(matches!(refused, Err(Refusal::Contradictory(found)) if found == part), "{part}");
    };
    let other = match statement().predicate.result {
        TestResult::Passed => "FAILED",
        TestResult::Warned | TestResult::Failed => "PASSED",
    };
    contradicts(changed("/predicate/result", json!(other)), Contradiction::Result);
    contradicts(changed("/subject/0/digest/sha256", json!("00")), Contradiction::Subject);
    contradicts(changed("/predicate/evidence/digest/sha256", json!("00")), Contradiction::Subject);
    contradicts(changed("/predicate/expiresAt", json!("2001-01-01T00:00:00Z")), Contradiction::Times);
}

#[test]
fn each_difference_from_the_evidence_has_its_name() {
    type Lie = (&'static str, fn(&mut Verification), Difference);
    let lies: [Lie; 14] = [
        ("run", |it| it.run.push('0'), Difference::Run),
        ("nonces", |it| it.nonces.push("0".into()), Difference::Run),
        ("place", |it| it.place = machine(), Difference::Place),
        ("verifiedAt", |it| it.verified_at = Time::of(BEGAN + 1), Difference::Time),
        ("verdict", |it| it.verdict = other_verdict(it.verdict), Difference::Verdict),
        ("passed", |it| it.passed_tests.push("other".into()), Difference::Tests),
        ("inconclusive", |it| it.inconclusive_tests.push("other".into()), Difference::Tests),
        ("score", |it| it.score += 1, Difference::Score),
        ("extent", |it| it.extent.restricted_to.push("pod/web".into()), Difference::Extent),
        ("environment", |it| it.environment = Environment::Staging, Difference::Strictness),
        ("only", |it| it.only_production = true, Difference::Strictness),
        (
            "pools",
            |it| match it.pools.first_mut() {
                Some(pool) => pool.digest.sha256.push('0'),
                None => panic!("the fixture has a pool"),
            },
            Difference::Pools,
        ),
        ("profiles", |it| it.profiles = Some(Vec::new()), Difference::Profiles),
        ("classes", |it| it.runtime_classes = Some("gvisor,kata".into()), Difference::Classes),
    ];
    for (name, lie, expected) in lies {
        let mut signed = statement();
        lie(&mut signed.predicate);
        let refused = compare(&signed, &statement());
        assert!(matches!(refused, Err(Refusal::Differs(found)) if found == expected), "{name}: {refused:?}");
    }
    let mut signed = statement();
    signed.subject.pop();
    assert!(matches!(compare(&signed, &statement()), Err(Refusal::Differs(Difference::Subjects))));
    assert!(compare(&statement(), &statement()).is_ok());
}

fn machine() -> SignedPlace {
    SignedPlace::Machine { host: "other".into(), kernel: "6.1".into(), boot_id: None }
}

fn other_verdict(verdict: SignedVerdict) -> SignedVerdict {
    if verdict == SignedVerdict::Ready { SignedVerdict::NotReady } else { SignedVerdict::Ready }
}

#[test]
fn a_verdict_that_opens_no_gate_is_a_failed_test() {
    for (verdict, result, opens) in [
        (SignedVerdict::Ready, TestResult::Passed, true),
        (SignedVerdict::ReadyWithWarnings, TestResult::Warned, true),
        (SignedVerdict::NotReady, TestResult::Failed, false),
        (SignedVerdict::Undetermined, TestResult::Failed, false),
    ] {
        let mut predicate = statement().predicate;
        predicate.verdict = verdict;
        assert_eq!(TestResult::from(verdict), result);
        assert_eq!(predicate.demand_ready().is_ok(), opens, "{verdict:?}");
    }
}

#[test]
fn an_inconclusive_requirement_that_blocks_is_named_and_fails() {
    let mut record = record();
    record.cases = vec![fixture::silent()];
    let predicate = stated(&record, facts()).unwrap().predicate;
    assert_eq!((predicate.verdict, predicate.result), (SignedVerdict::Undetermined, TestResult::Failed));
    assert!(!predicate.inconclusive_tests.is_empty());
    assert!(predicate.failed_tests.iter().any(|id| predicate.inconclusive_tests.contains(id)));
    assert!(predicate.passed_tests.iter().all(|id| !predicate.inconclusive_tests.contains(id)));
}

/// The statements of older controllers have no `runtimeClasses`.
#[test]
fn a_statement_without_runtime_classes_is_read() {
    let mut text = serde_json::to_value(statement()).unwrap();
    assert!(text["predicate"].as_object_mut().unwrap().remove("runtimeClasses").is_some());
    let key = key();
    let bundle = envelope::seal(&key, text.to_string().as_bytes()).unwrap();
    let read = examine(bundle.as_bytes(), key.public(), &demands()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), text);
    assert!(compare(&read, &statement()).is_ok());
}

#[test]
fn runtime_classes_that_are_null_are_refused() {
    let refused = changed("/predicate/runtimeClasses", Value::Null);
    assert!(matches!(refused, Err(Refusal::NotStatement(_))), "{refused:?}");
}

#[test]
fn the_statement_of_a_machine_has_no_runtime_classes() {
    let mut record = record();
    record.circumstances.as_mut().unwrap().place =
        Place::Machine { host: "one".into(), kernel: "6.1".into() };
    assert_eq!(stated(&record, facts()).unwrap().predicate.runtime_classes, None);
}

#[test]
fn evidence_without_its_run_makes_no_statement() {
    let mut record = record();
    record.circumstances = None;
    assert_eq!(stated(&record, facts()).err(), Some(NotStated::NoRun));
}

#[test]
fn an_attestation_that_would_be_expired_is_not_made() {
    let late = Facts { judged_at: BEGAN + DAY, ..facts() };
    assert_eq!(stated(&record(), late).err(), Some(NotStated::Expired));
}
