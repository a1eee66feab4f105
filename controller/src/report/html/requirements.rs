//! Requirements with the reasons of all sandboxes. A reason that holds for many sandboxes is said once.

use std::collections::HashMap;

use super::super::{
    Area, Report, ReportedFinding,
    model_v1::{Citation, PlatformRemedy},
    rank::{Effect, Rank},
};

/// The most reasons of one requirement; the rest is counted.
const MOST_REASONS: usize = 100;
/// The most reasons before the fold.
const UNFOLDED: usize = 6;
/// The most sets of evidence of one requirement; the rest is counted.
const MOST_PROOFS: usize = 20;
/// The most sandboxes that a reason names before the fold.
const NAMED: usize = 12;

/// A requirement with its findings in all sandboxes.
#[derive(Debug)]
pub(super) struct Requirement<'a> {
    /// The worst finding; its title, area and the like hold for all.
    pub(super) worst: &'a ReportedFinding,
    /// The worst effect on the verdict.
    pub(super) effect: Effect,
    /// The fixes on the recognised platforms, each once.
    pub(super) platform_remedies: Vec<&'a PlatformRemedy>,
    /// The reasons, the worst first.
    pub(super) reasons: Vec<Reason<'a>>,
    /// The number of reasons that are left out.
    pub(super) unlisted: usize,
    /// The reason's number, counted from 1, for each sandbox of the report; `None` where the requirement is out of scope.
    numbers: Vec<Option<usize>>,
}

/// One outcome with its reason, and the sandboxes for which it holds.
#[derive(Debug)]
pub(super) struct Reason<'a> {
    /// The reason's number within the requirement, counted from 1.
    pub(super) number: usize,
    /// The finding of the first of the sandboxes.
    pub(super) finding: &'a ReportedFinding,
    /// Positions in the report.
    pub(super) sandboxes: Vec<usize>,
    /// Distinct sets of evidence, in the order of the sandboxes.
    pub(super) proofs: Vec<Proof<'a>>,
    /// The number of sandboxes whose evidence is left out.
    pub(super) unlisted: usize,
}

/// A set of evidence, and the sandboxes that gave it.
#[derive(Debug)]
pub(super) struct Proof<'a> {
    pub(super) citations: &'a [Citation],
    pub(super) sandboxes: Vec<usize>,
}

/// Gathers the findings by requirement, in the order of the report.
pub(super) fn gathered(report: &Report) -> Vec<Requirement<'_>> {
    let mut order = Vec::new();
    let mut found: HashMap<&str, Vec<(usize, &ReportedFinding)>> = HashMap::new();
    for (sandbox, reported) in report.sandboxes.iter().enumerate() {
        for finding in &reported.findings {
            let of_it = found.entry(finding.id).or_insert_with(|| {
                order.push(finding.id);
                Vec::new()
            });
            of_it.push((sandbox, finding));
        }
    }
    let requirement = |id| Requirement::of(found.get(id)?, report.sandboxes.len());
    order.into_iter().filter_map(requirement).collect()
}

impl<'a> Requirement<'a> {
    /// Groups the findings by their reasons; `None` without findings.
    fn of(findings: &[(usize, &'a ReportedFinding)], sandboxes: usize) -> Option<Self> {
        let mut places: HashMap<(Rank, &str, bool), usize> = HashMap::new();
        let mut reasons: Vec<Reason<'a>> = Vec::new();
        for &(sandbox, finding) in findings {
            let key = (Rank::of(finding), finding.because.as_str(), finding.disguise);
            let place = *places.entry(key).or_insert(reasons.len());
            match reasons.get_mut(place) {
                Some(reason) => reason.sandboxes.push(sandbox),
                None => reasons.push(Reason {
                    number: 0,
                    finding,
                    sandboxes: vec![sandbox],
                    proofs: Vec::new(),
                    unlisted: 0,
                }),
            }
        }
        reasons.sort_by_key(|reason| Rank::of(reason.finding));
        let mut numbers = vec![None; sandboxes];
        for (reason, number) in reasons.iter_mut().zip(1..) {
            reason.number = number;
            for sandbox in &reason.sandboxes {
                if let Some(place) = numbers.get_mut(*sandbox) {
                    *place = Some(number);
                }
            }
        }
        let unlisted = reasons.len().saturating_sub(MOST_REASONS);
        reasons.truncate(MOST_REASONS);
        let of_sandbox: HashMap<_, _> = findings.iter().copied().collect();
        let mut left = MOST_PROOFS;
        for reason in &mut reasons {
            reason.prove(&of_sandbox, &mut left);
        }
        let mut platform_remedies: Vec<&PlatformRemedy> = Vec::new();
        for remedy in findings.iter().flat_map(|(_, finding)| &finding.platform_remedies) {
            if !platform_remedies.contains(&remedy) {
                platform_remedies.push(remedy);
            }
        }
        let worst = reasons.first()?.finding;
        let effect = Rank::of(worst).effect;
        Some(Self { worst, effect, platform_remedies, reasons, unlisted, numbers })
    }

    pub(super) const fn id(&self) -> &'static str {
        self.worst.id
    }

    pub(super) const fn area(&self) -> Area {
        self.worst.area
    }

    /// Returns the number of the reason that holds for a sandbox; `None` where the requirement is out of scope.
    pub(super) fn number(&self, sandbox: usize) -> Option<usize> {
        *self.numbers.get(sandbox)?
    }

    /// Returns the fragment of the page that tells of a sandbox's finding.
    pub(super) fn anchor(&self, sandbox: usize) -> String {
        match self.number(sandbox).and_then(|number| self.reasons.get(number.checked_sub(1)?)) {
            Some(reason) if self.reasons.len() > 1 => format!("{}-{}", self.id(), reason.number),
            _ => self.id().to_owned(),
        }
    }

    /// Returns the reasons why the requirement is not met, as many as stand before the fold.
    pub(super) fn gaps(&self) -> Vec<&Reason<'a>> {
        self.wanting().take(UNFOLDED).collect()
    }

    /// Returns the reasons behind the fold why the requirement is not met.
    pub(super) fn more_gaps(&self) -> Vec<&Reason<'a>> {
        self.wanting().skip(UNFOLDED).collect()
    }

    fn wanting(&self) -> impl Iterator<Item = &Reason<'a>> {
        self.reasons.iter().filter(|reason| reason.finding.is_wanting())
    }

    /// Returns the reasons why the requirement is met, or not applicable, in the other sandboxes.
    pub(super) fn others(&self) -> Vec<&Reason<'a>> {
        self.reasons.iter().filter(|reason| !reason.finding.is_wanting()).collect()
    }

    /// Returns the number of sandboxes in which the requirement is met or not applicable.
    pub(super) fn elsewhere(&self) -> usize {
        self.others().iter().map(|reason| reason.sandboxes.len()).sum()
    }

    /// Returns true if one reason holds for every sandbox.
    pub(super) const fn is_same_everywhere(&self) -> bool {
        self.reasons.len() == 1
    }
}

impl<'a> Reason<'a> {
    fn prove(&mut self, findings: &HashMap<usize, &'a ReportedFinding>, left: &mut usize) {
        for &sandbox in &self.sandboxes {
            let Some(finding) = findings.get(&sandbox).filter(|finding| !finding.evidence.is_empty()) else {
                continue;
            };
            let same = self.proofs.iter_mut().find(|proof| proof.citations == finding.evidence);
            match (same, *left) {
                (Some(proof), _) => proof.sandboxes.push(sandbox),
                (None, 0) => self.unlisted += 1,
                (None, _) => {
                    *left -= 1;
                    self.proofs.push(Proof { citations: &finding.evidence, sandboxes: vec![sandbox] });
                }
            }
        }
    }

    /// Returns the sandboxes that are named before the fold.
    pub(super) fn named(&self) -> &[usize] {
        self.sandboxes.get(..NAMED).unwrap_or(&self.sandboxes)
    }

    /// Returns the sandboxes behind the fold.
    pub(super) fn folded(&self) -> &[usize] {
        self.sandboxes.get(NAMED..).unwrap_or_default()
    }
}
