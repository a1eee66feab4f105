//! A thousand changed attestations: each is refused by its name. `make reports-test` gives those that cosign can see to cosign.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

use base64::{
    Engine,
    alphabet::{STANDARD as LETTERS, URL_SAFE},
    engine::{GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use serde_json::Value;

use super::{
    changes::{self, Change, Kind as Changed},
    *,
};

/// The variable that names the folder for the changed bundles, which cosign then reads.
const FOLDER: &str = "PODPROOF_CHANGED_BUNDLES";
/// cosign reads each fifth change of the statement: all of them below one signature are alike to it.
const EACH: usize = 5;
const PAYLOAD: &str = "/dsseEnvelope/payload";

/// A changed attestation.
struct Forgery {
    name: String,
    bundle: Vec<u8>,
    /// The names of the refusals, one of which must meet it; none for a change that decides nothing.
    refused: Vec<&'static str>,
    /// True if cosign must refuse it, too.
    seen: bool,
}

/// An attestation, and the key that signed it.
struct Original {
    key: SigningKey,
    statement: Statement,
    bundle: String,
}

impl Original {
    fn new() -> Self {
        let (key, statement) = (key(), statement());
        let bundle = envelope::seal(&key, &statement.bytes()).unwrap();
        Self { key, statement, bundle }
    }

    fn document(&self) -> Value {
        serde_json::from_str(&self.bundle).unwrap()
    }

    /// Examines a bundle, and compares it with the evidence.
    fn refusal(&self, bundle: &[u8]) -> Option<&'static str> {
        let examined = examine(bundle, self.key.public(), &demands());
        examined.and_then(|signed| compare(&signed, &self.statement)).err().as_ref().map(name)
    }
}

fn name(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Unsealed(unsealed) => match unsealed {
            Unsealed::Cut => "cut",
            Unsealed::NotBundle(_) => "not-bundle",
            Unsealed::OtherBundle(_) => "other-bundle",
            Unsealed::OtherKey { .. } => "other-key",
            Unsealed::OtherPayload(_) => "other-payload",
            Unsealed::Signatures(_) => "signatures",
            Unsealed::NotBase64(_) => "not-base64",
            Unsealed::NotSigned => "not-signed",
        },
        Refusal::NotStatement(_) => "not-statement",
        Refusal::OtherStatement(_) => "other-statement",
        Refusal::OtherPredicate(_) => "other-predicate",
        Refusal::Contradictory(_) => "contradictory",
        Refusal::Expired(_) => "expired",
        Refusal::Future(_) => "future",
        Refusal::TooOld { .. } => "too-old",
        Refusal::OtherEnvironment { .. } => "other-environment",
        Refusal::OtherNamespace { .. } => "other-namespace",
        Refusal::OtherCluster { .. } => "other-cluster",
        Refusal::NotWhole => "not-whole",
        Refusal::OtherEvidence { .. } => "other-evidence",
        Refusal::OtherPolicy => "other-policy",
        Refusal::Proof(_) => "proof",
        Refusal::NotReady(_) => "not-ready",
        Refusal::Differs(difference) => match difference {
            Difference::Run => "run",
            Difference::Place => "place",
            Difference::Time => "time",
            Difference::Verdict => "verdict",
            Difference::Tests => "tests",
            Difference::Score => "score",
            Difference::Extent => "extent",
            Difference::Strictness => "strictness",
            Difference::Profiles => "profiles",
            Difference::Pools => "pools",
            Difference::Classes => "classes",
            Difference::Subjects => "subjects",
        },
    }
}

fn put(document: &mut Value, text: &[u8]) {
    *document.pointer_mut(PAYLOAD).unwrap() = STANDARD.encode(text).into();
}

/// Changes each part of the bundle.
fn of_bundle(original: &Original) -> Vec<Forgery> {
    let forged = |Change { kind, at, document }: Change| {
        let refused = match (kind, at.as_str()) {
            (Changed::Text, "/mediaType") => vec!["other-bundle"],
            (Changed::Text, "/verificationMaterial/publicKey/hint") => vec!["other-key"],
            (Changed::Text, "/dsseEnvelope/payloadType") => vec!["other-payload"],
            (Changed::Text, "/dsseEnvelope/payload" | "/dsseEnvelope/signatures/0/sig") => {
                vec!["not-base64", "not-signed"]
            }
            (Changed::List, "/dsseEnvelope/signatures") => vec!["signatures"],
            _ => vec!["not-bundle"],
        };
        let (seen, bundle) = (cosign_sees(original, document.to_string().as_bytes()), document.to_string());
        Forgery { name: format!("bundle {kind:?} {at}"), bundle: bundle.into(), refused, seen }
    };
    changes::of(&original.document()).into_iter().map(forged).collect()
}

/// Changes each part of the statement below the old signature, and below another key's with the old hint.
fn of_payload(original: &Original) -> Vec<Forgery> {
    let other = key();
    let forged = |(number, Change { kind, at, document }): (usize, Change)| {
        let text = document.to_string();
        let (mut unsigned, theirs) = (original.document(), envelope::seal(&other, text.as_bytes()).unwrap());
        put(&mut unsigned, text.as_bytes());
        let mut signed: Value = serde_json::from_str(&theirs).unwrap();
        signed["verificationMaterial"] = unsigned["verificationMaterial"].clone();
        let of = |name: &str, bundle: String, refused, seen| Forgery {
            name: format!("{name} {kind:?} {at}"),
            bundle: bundle.into(),
            refused: vec![refused],
            seen,
        };
        [
            of("payload", unsigned.to_string(), "not-signed", number.is_multiple_of(EACH)),
            of("forged", signed.to_string(), "not-signed", false),
            of("signed by another", theirs, "other-key", false),
        ]
    };
    let text = serde_json::to_value(&original.statement).unwrap();
    changes::of(&text).into_iter().enumerate().flat_map(forged).collect()
}

/// Signs each change of the statement with the right key, as a signer does who lies about the evidence.
fn of_signer(original: &Original) -> Vec<Forgery> {
    let forged = |Change { kind, at, document }: Change| {
        let bundle = envelope::seal(&original.key, document.to_string().as_bytes()).unwrap();
        let refused = if kind == Changed::Text { lie(&at) } else { of_shape(kind, &at) };
        let is_text = kind == Changed::Text;
        let seen = is_text && matches!(at.as_str(), "/predicateType" | "/subject/0/digest/sha256");
        Forgery { name: format!("lie {kind:?} {at}"), bundle: bundle.into(), refused, seen }
    };
    let text = serde_json::to_value(&original.statement).unwrap();
    changes::of(&text).into_iter().map(forged).collect()
}

/// Returns the refusals of a signed text, by its place.
fn lie(at: &str) -> Vec<&'static str> {
    let part = at.trim_start_matches("/predicate/").split('/').next().unwrap_or_default();
    match (at, part) {
        ("/_type", _) => vec!["other-statement"],
        ("/predicateType", _) => vec!["other-predicate"],
        // The version of the signer decides nothing.
        ("/predicate/controller", _) => Vec::new(),
        // A signer chooses the life of his attestation.
        ("/predicate/expiresAt", _) => vec!["not-statement", "accepted"],
        ("/predicate/verifiedAt", _) => vec!["not-statement", "contradictory", "future"],
        ("/predicate/judgedAt", _) => vec!["not-statement", "contradictory"],
        _ if at.starts_with("/subject/0/") || part == "evidence" => vec!["contradictory"],
        _ if at.starts_with("/subject/") => vec!["subjects"],
        (_, "run" | "nonces") => vec!["run"],
        ("/predicate/place/kind", _) => vec!["not-statement"],
        (_, "place") => vec!["place"],
        (_, "profiles") => vec!["profiles"],
        (_, "pools") => vec!["pools"],
        (_, "runtimeClasses") => vec!["classes"],
        (_, "images") => vec!["subjects"],
        (_, "passedTests" | "warnedTests" | "failedTests" | "inconclusiveTests") => vec!["tests"],
        // Words of a closed list.
        _ => vec!["not-statement"],
    }
}

/// Returns the refusals of a signed value of another kind, by its place.
fn of_shape(kind: Changed, at: &str) -> Vec<&'static str> {
    let part = at.trim_start_matches("/predicate/").split('/').next().unwrap_or_default();
    // A statement without the key says nothing about RuntimeClasses or profiles, and no proof is accepted with it.
    if kind == Changed::Without && matches!(at, "/predicate/runtimeClasses" | "/predicate/profiles") {
        return vec!["accepted"];
    }
    let of_content = match (at, part) {
        _ if at.starts_with("/subject") => vec!["contradictory", "subjects"],
        (_, "nonces") => vec!["run"],
        (_, "place") => vec!["place"],
        (_, "profiles") => vec!["profiles"],
        (_, "pools") => vec!["pools"],
        (_, "images") => vec!["subjects"],
        (_, "passedTests" | "warnedTests" | "failedTests" | "inconclusiveTests") => vec!["tests"],
        (_, "score") => vec!["score"],
        (_, "extent") => vec!["extent"],
        (_, "onlyProduction" | "requireWhole") => vec!["strictness"],
        _ => Vec::new(),
    };
    [vec!["not-statement"], of_content].concat()
}

/// Flips a bit of each third byte, and cuts the bundle at each fifth.
fn of_bytes(original: &Original) -> Vec<Forgery> {
    let bytes = original.bundle.as_bytes();
    let flipped = (0..bytes.len()).step_by(3).map(|place| {
        let mut bundle = bytes.to_vec();
        bundle[place] ^= 1 << (place % 8);
        let named =
            ["not-bundle", "other-bundle", "other-key", "other-payload", "not-base64", "not-signed", "cut"];
        let seen = place % 20 == 0 && cosign_sees(original, &bundle);
        Forgery { name: format!("flipped {place}"), bundle, refused: named.to_vec(), seen }
    });
    let cut = (0..bytes.len()).step_by(5).map(|length| Forgery {
        name: format!("cut {length}"),
        bundle: bytes[..length].to_vec(),
        refused: vec!["cut"],
        seen: length % 100 == 0,
    });
    flipped.chain(cut).collect()
}

/// Takes the attestation of an older run of the same place, and parts of it.
fn of_older_run(original: &Original) -> Vec<Forgery> {
    let mut record = record();
    let circumstances = record.circumstances.as_mut().unwrap();
    (circumstances.run, circumstances.started_at) = ("podproof-00000000".into(), BEGAN - 600);
    let older = envelope::seal(&original.key, &stated(&record, facts()).unwrap().bytes()).unwrap();
    let theirs: Value = serde_json::from_str(&older).unwrap();
    let mixed = |part: &str| {
        let mut document = original.document();
        *document.pointer_mut(part).unwrap() = theirs.pointer(part).unwrap().clone();
        Forgery {
            name: format!("older {part}"),
            bundle: document.to_string().into(),
            refused: vec!["not-signed"],
            seen: true,
        }
    };
    let whole = Forgery { name: "older".into(), bundle: older.into(), refused: vec!["run"], seen: false };
    vec![whole, mixed(PAYLOAD), mixed("/dsseEnvelope/signatures")]
}

/// Returns true if the signature is no longer one over the payload, for a reader that knows no hint and takes any Base64.
fn cosign_sees(original: &Original, bundle: &[u8]) -> bool {
    let Ok(document) = serde_json::from_slice::<Value>(bundle) else { return true };
    let lenient = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
    let decoded = |document: &Value, pointer: &str| {
        let text = document.pointer(pointer)?.as_str()?;
        [LETTERS, URL_SAFE].iter().find_map(|it| GeneralPurpose::new(it, lenient).decode(text).ok())
    };
    let before = original.document();
    let payload_type = "/dsseEnvelope/payloadType";
    [PAYLOAD, "/dsseEnvelope/signatures/0/sig"]
        .iter()
        .any(|part| decoded(&document, part).is_none() || decoded(&document, part) != decoded(&before, part))
        || document.pointer(payload_type) != before.pointer(payload_type)
}

fn forgeries(original: &Original) -> Vec<Forgery> {
    [of_bundle, of_payload, of_signer, of_bytes, of_older_run].iter().flat_map(|of| of(original)).collect()
}

/// Writes what cosign must refuse, beside the original, its key and its evidence.
fn write(folder: &Path, original: &Original, forgeries: &[Forgery]) {
    let put = |name: PathBuf, bytes: &[u8]| fs::write(folder.join(name), bytes).unwrap();
    fs::create_dir_all(folder.join("refused")).unwrap();
    put("accepted.json".into(), original.bundle.as_bytes());
    put("key.pub".into(), original.key.public().pem().as_bytes());
    put("evidence".into(), EVIDENCE);
    for (number, forgery) in forgeries.iter().enumerate().filter(|(_, forgery)| forgery.seen) {
        let words = forgery.name.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
        put(format!("refused/{number}-{words}.json").into(), &forgery.bundle);
    }
}

#[test]
fn each_of_a_thousand_changes_is_refused_by_its_name() {
    let original = Original::new();
    assert_eq!(original.refusal(original.bundle.as_bytes()), None);
    let forgeries = forgeries(&original);
    let mut counts = BTreeMap::<_, u32>::new();
    let mut wrong = Vec::new();
    for Forgery { name, bundle, refused, .. } in &forgeries {
        let found = original.refusal(bundle);
        let expected = match found {
            Some(found) => refused.contains(&found),
            None => refused.is_empty() || refused.contains(&"accepted"),
        };
        if !expected {
            wrong.push(format!("{name}: {found:?}, and {refused:?} is expected"));
        }
        *counts.entry(found.unwrap_or("accepted")).or_default() += 1;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let refused: u32 = counts.iter().filter(|(name, _)| **name != "accepted").map(|(_, count)| count).sum();
    assert!(refused >= 1_000, "{counts:?}");
    if let Some(folder) = env::var_os(FOLDER) {
        write(folder.as_ref(), &original, &forgeries);
    }
}
