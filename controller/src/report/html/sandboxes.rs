//! The sandboxes of the page: their labels, their gaps, and the fates of their observations.

use std::collections::{BTreeMap, HashMap};

use super::{
    super::{
        Report, ReportedFinding, ReportedSandbox, Subject,
        rank::{Effect, Rank},
    },
    grid::Grid,
    requirements::Requirement,
};

/// The most distinct sets of observations; the rest is counted.
const MOST_LOOKS: usize = 20;

/// A sandbox's part of the page.
#[derive(Debug)]
pub(super) struct Sandbox<'a> {
    pub(super) reported: &'a ReportedSandbox,
    /// A few words, which no other sandbox of the report has.
    pub(super) label: String,
    /// Findings that block or warn, each with the fragment of the page that tells of the finding.
    pub(super) gaps: Vec<(&'a ReportedFinding, String)>,
    /// True if the sandbox is of the most frequent kind, and others differ.
    pub(super) common: bool,
}

/// The fates of all observations, and the sandboxes that share them.
#[derive(Debug)]
pub(super) struct Looks<'a> {
    /// The observers' ids by the fate of their observations.
    pub(super) fared: BTreeMap<&'a str, Vec<&'static str>>,
    pub(super) sandboxes: Vec<usize>,
}

/// Describes each sandbox of the report.
pub(super) fn described<'a>(
    report: &'a Report,
    requirements: &[Requirement<'a>],
    grid: &Grid<'a>,
) -> Vec<Sandbox<'a>> {
    let ids: HashMap<_, _> = requirements.iter().map(|requirement| (requirement.id(), requirement)).collect();
    let sandbox = |(place, (reported, label)): (usize, (&'a ReportedSandbox, String))| {
        let gap = |finding: &'a ReportedFinding| {
            let anchor = ids.get(finding.id)?.anchor(place);
            (Rank::of(finding).effect != Effect::None).then_some((finding, anchor))
        };
        let mut gaps: Vec<_> = reported.findings.iter().map(AsRef::as_ref).filter_map(gap).collect();
        gaps.sort_by_key(|(finding, _)| Rank::of(finding));
        Sandbox { reported, label, gaps, common: grid.common.contains(&place) }
    };
    report.sandboxes.iter().zip(labels(report)).enumerate().map(sandbox).collect()
}

/// Gathers the observations that sandboxes have in common, and counts the sandboxes that are left out.
pub(super) fn looks(report: &Report) -> (Vec<Looks<'_>>, usize) {
    let mut all: Vec<Looks<'_>> = Vec::new();
    let mut left_out = 0;
    for (place, sandbox) in report.sandboxes.iter().enumerate() {
        let mut fared: BTreeMap<&str, Vec<&'static str>> = BTreeMap::new();
        for observation in &*sandbox.observations {
            fared.entry(&observation.outcome).or_default().push(observation.observer);
        }
        let full = all.len() == MOST_LOOKS;
        match all.iter_mut().find(|looks| looks.fared == fared) {
            Some(looks) => looks.sandboxes.push(place),
            None if full => left_out += 1,
            None => all.push(Looks { fared, sandboxes: vec![place] }),
        }
    }
    (all, left_out)
}

/// Returns the shortest label that tells each sandbox from the others: its pool, its node, its pods, or else its number.
fn labels(report: &Report) -> Vec<String> {
    let candidates: Vec<_> = report.sandboxes.iter().map(|sandbox| candidates(&sandbox.subject)).collect();
    let mut uses: HashMap<&str, usize> = HashMap::new();
    for candidate in candidates.iter().flatten() {
        *uses.entry(candidate).or_default() += 1;
    }
    let label = |(place, candidates): (usize, &Vec<String>)| {
        let unique = candidates.iter().find(|candidate| uses.get(candidate.as_str()) == Some(&1));
        let numbered =
            || format!("{} no. {}", candidates.last().map(String::as_str).unwrap_or_default(), place + 1);
        unique.cloned().unwrap_or_else(numbered)
    };
    candidates.iter().enumerate().map(label).collect()
}

fn candidates(subject: &Subject) -> Vec<String> {
    let mut labels = vec![subject.column().to_owned()];
    let mut longer = |words: String| {
        let label = labels.last().map(String::as_str).unwrap_or_default();
        labels.push(format!("{label}, {words}"));
    };
    if let Subject::Pods { node, represents, .. } = subject {
        if let Some(node) = node {
            longer(node.clone());
        }
        match represents.as_slice() {
            [] => longer("no pod yet".to_owned()),
            [pod] => longer(pod.clone()),
            [pod, more @ ..] => longer(format!("{pod} and {} more", more.len())),
        }
    }
    labels
}
