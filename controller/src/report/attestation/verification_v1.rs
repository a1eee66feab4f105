//! Version 1 of the signed predicate, in types of its own. The signature covers its bytes, so a reader refuses a key that it does
//! not know, and a lack of a key. `runtimeClasses` and `profiles` alone may be missing: the first statements were made without them.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    case::environment::Environment,
    report::{
        model_v1::{self, Verdict},
        proof,
    },
};

/// The type of the predicate.
pub(crate) const PREDICATE_TYPE: &str = "https://podproof.dev/verification/v1";

/// The verdict on a run, with everything that it holds for. The result and the lists of requirements have the names of
/// in-toto's `test-result/v0.1`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Verification {
    /// The verdict in the words of a test: an undetermined verdict is FAILED, and `inconclusiveTests` names its requirements.
    pub result: TestResult,
    /// The verdict itself.
    pub verdict: SignedVerdict,
    /// The requirements that are met wherever they are judged.
    pub passed_tests: Vec<String>,
    /// The requirements with a gap that does not block.
    pub warned_tests: Vec<String>,
    /// The requirements with a gap that blocks.
    pub failed_tests: Vec<String>,
    /// The requirements that are inconclusive somewhere. Each is among the warned or the failed requirements, too.
    pub inconclusive_tests: Vec<String>,
    /// The weight of the met requirements in the weight of the judged requirements, from 0 to 100.
    pub score: u32,
    /// The extent of the verdict.
    pub extent: SignedExtent,
    /// The environment that the verdict is for.
    pub environment: Environment,
    /// The step that named the environment.
    pub environment_named_by: NamedBy,
    /// The network profiles of the sandboxes, each once; missing in the statement of an older controller.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<SignedProfile>")]
    pub profiles: Option<Vec<SignedProfile>>,
    /// True if only the requirements of production were judged.
    pub only_production: bool,
    /// True if a run for a part of the namespace was to be undetermined.
    pub require_whole: bool,
    /// The policy file; `null` without one.
    #[serde(deserialize_with = "Option::deserialize")]
    pub policy: Option<SignedFile>,
    /// The file of saved evidence, as it was written.
    pub evidence: SignedFile,
    /// The run's name.
    pub run: String,
    /// The nonces that bind the probes' evidence to the run; one for a run, and none if no probe spoke.
    pub nonces: Vec<String>,
    /// The machine or the cluster of the run.
    pub place: SignedPlace,
    /// The images of the workloads' containers, by their names, with the digests that the API server knew; `null` if the
    /// evidence does not keep them.
    #[serde(deserialize_with = "Option::deserialize")]
    pub images: Option<Vec<SignedImage>>,
    /// The pools whose nodes had a probe; empty for a run on one machine.
    pub pools: Vec<SignedPool>,
    /// The RuntimeClasses that passed, as the published proof names them, with a comma between two; missing for a run on one
    /// machine, and in the statement of an older controller.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub runtime_classes: Option<String>,
    /// The start of the run.
    pub verified_at: Time,
    /// The time of the judgement, whose day decides which waivers hold.
    pub judged_at: Time,
    /// The end of the attestation's life.
    pub expires_at: Time,
    /// The version of the controller that judged and signed.
    pub controller: String,
}

/// Reads a key that may be missing and is never `null`.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(value: D) -> Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
}

/// The result of a test, as `test-result/v0.1` names it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum TestResult {
    /// The verdict is *ready*.
    Passed,
    /// The verdict is *ready, with warnings*.
    Warned,
    /// The verdict is *not ready* or *undetermined*.
    Failed,
}

/// The verdict on a run.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SignedVerdict {
    /// Every enforced requirement is met, and nothing warns.
    Ready,
    /// Every enforced requirement is met, and something warns.
    ReadyWithWarnings,
    /// An enforced requirement is unmet, or a waiver has expired.
    NotReady,
    /// An enforced requirement is inconclusive, and none is known to be unmet.
    Undetermined,
}

/// The extent of the verdict.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct SignedExtent {
    /// True if no flag left anything out.
    pub whole: bool,
    /// The parts that the flags restricted the run to.
    pub restricted_to: Vec<String>,
    /// The parts that the flags left out.
    pub left_out: Vec<SignedPart>,
}

/// The parts that one flag left out.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct SignedPart {
    /// The flag's name.
    pub by: String,
    /// The noun for one of the parts.
    pub noun: String,
    /// The names of the parts.
    pub names: Vec<String>,
}

/// A network profile of the run.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct SignedProfile {
    /// The value of `--profile`.
    pub kind: String,
    /// The destinations of `--allow` and `--require-egress`, each as in the flag.
    pub allowed: Vec<String>,
}

/// The step that named the environment.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum NamedBy {
    /// The run itself, by a flag, a variable, a policy file or the default.
    Run,
    /// A later judgement of the evidence.
    Judgement,
}

/// A file by its name and its content.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct SignedFile {
    /// The file's name. It decides nothing.
    pub name: String,
    /// The digest of the file's bytes.
    pub digest: SignedDigest,
}

/// An image of a workload.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct SignedImage {
    /// The image's name, as a container's declaration has it.
    pub name: String,
    /// A digest that a node reported, or that the name has; `null` for containers whose digest is not known.
    #[serde(deserialize_with = "Option::deserialize")]
    pub digest: Option<SignedDigest>,
}

/// A digest, as in-toto writes it.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignedDigest {
    /// The SHA-256 in hexadecimal digits.
    pub sha256: String,
}

/// The machine or the cluster of a run.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", rename_all_fields = "camelCase", tag = "kind")]
pub(crate) enum SignedPlace {
    /// The machine that ran the controller.
    Machine {
        /// The machine's host name.
        host: String,
        /// The release of the machine's kernel.
        kernel: String,
        /// The kernel's boot id; `null` where it was not known.
        #[serde(deserialize_with = "Option::deserialize")]
        boot_id: Option<String>,
    },
    /// A namespace of a cluster.
    Cluster {
        /// The URL of the API server.
        server: String,
        /// The version of the API server; `null` where the server did not tell.
        #[serde(deserialize_with = "Option::deserialize")]
        version: Option<String>,
        /// The namespace that was judged.
        namespace: String,
    },
}

/// A pool of nodes.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct SignedPool {
    /// The pool's name.
    pub name: String,
    /// The digest of a line for each node in the order of their names: the name, a space, and the boot id.
    pub digest: SignedDigest,
    /// The nodes, each with its boot id; the id is empty where it was not known.
    pub boots: std::collections::BTreeMap<String, String>,
}

/// A time in UTC, as RFC 3339 writes it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(into = "String", try_from = "String")]
#[schemars(with = "String")]
pub(crate) struct Time(pub Timestamp);

impl Time {
    /// Returns the time of a number of seconds since 1970. A later time than the last known one becomes that.
    pub(crate) fn of(seconds: u64) -> Self {
        let time = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
        Self(time.unwrap_or(Timestamp::MAX))
    }

    /// Returns the seconds since 1970.
    pub(crate) fn seconds(self) -> u64 {
        self.0.as_second().try_into().unwrap_or(0)
    }
}

impl From<Time> for String {
    fn from(Time(time): Time) -> Self {
        time.to_string()
    }
}

impl TryFrom<String> for Time {
    type Error = jiff::Error;

    fn try_from(text: String) -> Result<Self, jiff::Error> {
        Ok(Self(text.parse()?))
    }
}

impl SignedVerdict {
    /// Returns the verdict's words for people.
    pub(crate) fn words(self) -> &'static str {
        Verdict::from(self).words()
    }
}

impl From<Verdict> for SignedVerdict {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Ready => Self::Ready,
            Verdict::ReadyWithWarnings => Self::ReadyWithWarnings,
            Verdict::NotReady => Self::NotReady,
            Verdict::Undetermined => Self::Undetermined,
        }
    }
}

impl From<SignedVerdict> for Verdict {
    fn from(verdict: SignedVerdict) -> Self {
        match verdict {
            SignedVerdict::Ready => Self::Ready,
            SignedVerdict::ReadyWithWarnings => Self::ReadyWithWarnings,
            SignedVerdict::NotReady => Self::NotReady,
            SignedVerdict::Undetermined => Self::Undetermined,
        }
    }
}

impl From<SignedVerdict> for TestResult {
    fn from(verdict: SignedVerdict) -> Self {
        match verdict {
            SignedVerdict::Ready => Self::Passed,
            SignedVerdict::ReadyWithWarnings => Self::Warned,
            SignedVerdict::NotReady | SignedVerdict::Undetermined => Self::Failed,
        }
    }
}

impl From<&model_v1::Extent> for SignedExtent {
    fn from(extent: &model_v1::Extent) -> Self {
        let model_v1::Extent { whole, restricted_to, left_out } = extent;
        let part = |part: &model_v1::LeftOut| SignedPart {
            by: part.by.to_owned(),
            noun: part.noun.to_owned(),
            names: part.names.clone(),
        };
        Self {
            whole: *whole,
            restricted_to: restricted_to.clone(),
            left_out: left_out.iter().map(part).collect(),
        }
    }
}

impl Verification {
    /// Returns the network profiles as a published proof has them; `None` if they are not signed.
    pub(crate) fn profiles(&self) -> Option<String> {
        let profiles = self.profiles.as_ref()?.iter();
        Some(proof::profiles(&profiles.map(|it| (it.kind.as_str(), it.allowed.as_slice()))))
    }
}

impl From<&model_v1::Profile> for SignedProfile {
    fn from(model_v1::Profile { kind, allowed }: &model_v1::Profile) -> Self {
        Self { kind: (*kind).to_owned(), allowed: allowed.clone() }
    }
}

impl From<String> for SignedDigest {
    fn from(sha256: String) -> Self {
        Self { sha256 }
    }
}
