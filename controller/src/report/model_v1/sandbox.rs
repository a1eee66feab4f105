//! A judged sandbox, with its findings and the fate of each observation.

use std::sync::Arc;

use proto::Observed;
use schemars::JsonSchema;
use serde::Serialize;

use super::{ReportedFinding, Subject, Verdict};
use crate::{
    case,
    judge::{finding::Judged, platforms, verdict},
    report::interned::Interned,
};

/// A judged sandbox, or the pods that one probe represents.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct ReportedSandbox {
    /// The judged sandbox or pods.
    pub subject: Subject,
    /// The verdict on this sandbox's findings alone.
    pub verdict: Verdict,
    /// The probe's version; `null` where the probe never spoke.
    pub probe: Option<String>,
    /// The pod in which the probe ran; `null` for a local run.
    pub pod: Option<RanPod>,
    /// The recognised platforms, the most specific first. New names are no new version.
    #[serde(default)]
    pub platforms: Vec<&'static str>,
    /// One finding for each requirement.
    pub findings: Vec<Arc<ReportedFinding>>,
    /// The fate of each of the probe's observations.
    pub observations: Arc<Vec<ReportedObservation>>,
}

/// The fate of one observation. The findings that rest on an observation cite its content.
#[derive(Clone, Debug, Eq, Hash, JsonSchema, PartialEq, Serialize)]
pub struct ReportedObservation {
    /// The observer's id.
    pub observer: &'static str,
    /// The word "seen", or the reason why nothing was seen.
    pub outcome: String,
}

/// The pod in which a probe ran, as the cluster describes it.
#[derive(Clone, Debug, Eq, JsonSchema, PartialEq, Serialize)]
pub struct RanPod {
    /// The pod's name.
    pub name: String,
    /// The pod's node; `null` where the pod was on none.
    pub node: Option<String>,
    /// The id of the pod's container, with the runtime's scheme.
    pub container_id: String,
    /// The pod's image, by a digest of the manifest or of the configuration.
    pub image_id: String,
    /// The digests that the probe's image may have.
    pub known_digests: Vec<String>,
    /// Milliseconds between the start of the container, as it was noticed, and the first question to the probe; `null`
    /// where older evidence does not tell.
    pub asked_after_ms: Option<u64>,
}

/// The findings and observations of earlier sandboxes: those of a later one are equal, as a rule.
#[derive(Debug, Default)]
pub(in crate::report) struct Known {
    findings: Interned<ReportedFinding>,
    observations: Interned<Vec<ReportedObservation>>,
}

// === impl ReportedSandbox ===

impl ReportedSandbox {
    /// Returns the public form of a judged case. Equal findings of several sandboxes are one value.
    pub(in crate::report) fn new(Judged { case, findings }: &Judged<'_>, known: &mut Known) -> Self {
        let introduction = case.collected.introduction.as_ref();
        let platforms = platforms::recognised(case);
        Self {
            subject: (&case.surroundings.subject).into(),
            verdict: verdict::Verdict::of(findings).into(),
            probe: introduction.map(|introduction| introduction.probe_version.clone()),
            pod: case.surroundings.in_cluster.as_ref().and_then(|known| known.pod.as_ref()).map(RanPod::from),
            findings: findings
                .iter()
                .map(|finding| known.findings.share(ReportedFinding::new(finding, &platforms)))
                .collect(),
            platforms: platforms.into_iter().map(platforms::Platform::title).collect(),
            observations: known
                .observations
                .share(case.evidence().outcomes().iter().map(ReportedObservation::new).collect()),
        }
    }
}

// === impl ReportedObservation ===

impl ReportedObservation {
    fn new(Observed { observer, outcome }: &Observed) -> Self {
        Self { observer: observer.id(), outcome: outcome.fared() }
    }
}

// === impl RanPod ===

impl From<&case::RanPod> for RanPod {
    fn from(pod: &case::RanPod) -> Self {
        let case::RanPod {
            name,
            node,
            container_id,
            image_id,
            known_digests,
            asked_after_ms,
            labels: _,
            earlier_labels: _,
            service_account: _,
            containers: _,
            limits: _,
        } = pod.clone();
        Self { name, node, container_id, image_id, known_digests, asked_after_ms }
    }
}
