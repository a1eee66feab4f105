//! Requirements that hold back the verdict or warn, over all sandboxes: each reason once, with the places that share it.

use std::collections::BTreeMap;

use super::{Area, Enforcement, Report, ReportedFinding, ReportedOutcome, ReportedSandbox};

/// Places or names that are listed before the rest is counted.
const NAMED: usize = 3;

/// A requirement with unmet or inconclusive findings of one enforcement.
#[derive(Debug)]
pub(super) struct Gap<'a> {
    /// The worst finding, which speaks for the requirement.
    pub(super) finding: &'a ReportedFinding,
    /// The reasons, the unmet and the most frequent first.
    pub(super) reasons: Vec<Reason<'a>>,
    /// The number of judged sandboxes.
    of: usize,
}

/// A reason that several sandboxes may share.
#[derive(Debug)]
pub(super) struct Reason<'a> {
    pub(super) finding: &'a ReportedFinding,
    pub(super) sandboxes: Vec<&'a ReportedSandbox>,
}

impl<'a> Gap<'a> {
    /// Returns the gaps that block, then the gaps that a waiver covers, then the gaps that warn.
    pub(super) fn of(report: &'a Report) -> Vec<Self> {
        let mut places = BTreeMap::new();
        let mut gaps: Vec<Self> = Vec::new();
        for sandbox in &report.sandboxes {
            for (order, finding) in sandbox.findings.iter().enumerate().filter(|(_, it)| holds_back(it)) {
                let key = (finding.enforcement, finding.id);
                let &mut (place, _) = places.entry(key).or_insert((gaps.len(), order));
                if place == gaps.len() {
                    gaps.push(Self { finding, reasons: Vec::new(), of: report.sandboxes.len() });
                }
                if let Some(gap) = gaps.get_mut(place) {
                    gap.add(finding, sandbox);
                }
            }
        }
        for gap in &mut gaps {
            gap.reasons.sort_by_key(|it| (rank(it.finding.outcome), usize::MAX - it.sandboxes.len()));
            gap.finding = gap.reasons.first().map_or(gap.finding, |reason| reason.finding);
        }
        let order = |gap: &Self| places.get(&(gap.finding.enforcement, gap.finding.id)).map(|it| it.1);
        // Missing evidence explains the other gaps, so that it comes first.
        let of_others = |gap: &Self| gap.finding.area != Area::Evidence;
        gaps.sort_by_key(|gap| {
            (gap.finding.enforcement, rank(gap.finding.outcome), of_others(gap), order(gap))
        });
        gaps
    }

    fn add(&mut self, finding: &'a ReportedFinding, sandbox: &'a ReportedSandbox) {
        let same = |reason: &&mut Reason<'_>| {
            let known = reason.finding;
            (known.outcome, known.disguise, &known.because)
                == (finding.outcome, finding.disguise, &finding.because)
        };
        match self.reasons.iter_mut().find(same) {
            Some(reason) => reason.sandboxes.push(sandbox),
            None => self.reasons.push(Reason { finding, sandboxes: vec![sandbox] }),
        }
    }

    /// Returns the outcome, with the number of sandboxes where there are several: "unmet in 3 of 12 sandboxes".
    pub(super) fn outcome(&self) -> String {
        if self.of == 1 {
            return self.finding.outcome.word().to_owned();
        }
        let outcomes =
            [ReportedOutcome::Unmet, ReportedOutcome::Inconclusive, ReportedOutcome::NotApplicable];
        let counted = outcomes.into_iter().filter_map(|outcome| {
            let of_it = self.reasons.iter().filter(|reason| reason.finding.outcome == outcome);
            let count: usize = of_it.map(|reason| reason.sandboxes.len()).sum();
            (count > 0).then(|| format!("{} in {count}", outcome.word()))
        });
        format!("{} of {} sandboxes", counted.collect::<Vec<_>>().join(", "), self.of)
    }

    /// Returns the effect on the verdict in words.
    pub(super) const fn effect(&self) -> &'static str {
        match self.finding.enforcement {
            Enforcement::Blocks => "blocks",
            Enforcement::Waived => "waived",
            Enforcement::Warns => "warns",
            Enforcement::Shown | Enforcement::NotJudged => "has no effect",
        }
    }

    /// Returns a name and a value for each reason, place and fix; beyond so many reasons the rest is counted.
    pub(super) fn rows(&self, most: usize) -> Vec<(&'static str, String)> {
        let mut rows = Vec::new();
        for reason in self.reasons.iter().take(most) {
            rows.push(("why", reason.because()));
            rows.extend(reason.places().into_iter().map(|place| ("where", place)));
        }
        rows.extend(self.beyond(most).map(|beyond| ("and", beyond)));
        rows.extend(self.fixes().into_iter().map(|fix| ("fix", fix)));
        rows
    }

    /// Returns the fixes, those on the platforms at hand first.
    fn fixes(&self) -> Vec<String> {
        let mut fixes = Vec::new();
        let findings = || self.reasons.iter().map(|reason| reason.finding);
        let on_platforms = findings().filter_map(ReportedFinding::fix_on_platform);
        let general = findings().filter_map(|finding| finding.remedy.map(str::to_owned));
        for fix in on_platforms.chain(general) {
            if !fixes.contains(&fix) {
                fixes.push(fix);
            }
        }
        fixes
    }

    /// Returns the number of reasons and of their sandboxes beyond the first reasons; `None` where there are none.
    fn beyond(&self, shown: usize) -> Option<String> {
        let rest = self.reasons.get(shown..).filter(|rest| !rest.is_empty())?;
        let sandboxes: usize = rest.iter().map(|reason| reason.sandboxes.len()).sum();
        let reasons = if rest.len() == 1 { "reason" } else { "reasons" };
        let of = if sandboxes == 1 { "sandbox" } else { "sandboxes" };
        Some(format!(
            "{} more {reasons} in {sandboxes} {of}; `--output html=report.html` has all",
            rest.len()
        ))
    }
}

impl Reason<'_> {
    /// Returns one sentence of reason.
    fn because(&self) -> String {
        let disguise = if self.finding.disguise { " (disguise)" } else { "" };
        format!("{}{disguise}", self.finding.because)
    }

    /// Returns the places: pool, node, policies and pods of a few sandboxes, else the pools of many. Empty for a local
    /// sandbox.
    fn places(&self) -> Vec<String> {
        if self.sandboxes.len() <= NAMED {
            return self.sandboxes.iter().filter_map(|sandbox| place(sandbox)).collect();
        }
        let mut pools: Vec<_> = Vec::new();
        for sandbox in &self.sandboxes {
            let pool = sandbox.subject.column();
            if !pools.contains(&pool) {
                pools.push(pool);
            }
        }
        let word = if pools.len() == 1 { "pool" } else { "pools" };
        vec![format!("{} sandboxes in {word} {}", self.sandboxes.len(), listed(&pools))]
    }
}

/// Returns pool, node, policies and pods of a probe; `None` for a local sandbox.
pub(super) fn place(sandbox: &ReportedSandbox) -> Option<String> {
    let place = sandbox.subject.place()?;
    Some(match sandbox.subject.represents() {
        [] => format!("{place}; represents no pod yet"),
        pods => format!("{place}; represents {}", listed(pods)),
    })
}

/// Returns the first names, and the number of the others.
fn listed<T: AsRef<str>>(names: &[T]) -> String {
    let shown = names.get(..NAMED).unwrap_or(names);
    let text = shown.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
    match names.len() - shown.len() {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}

/// Returns true if the finding blocks or warns; a finding that is shown has no effect.
pub(super) fn holds_back(finding: &ReportedFinding) -> bool {
    finding.is_wanting() && finding.enforcement != Enforcement::Shown
}

/// Returns the place of an outcome among others, in which the worse comes first.
pub(super) const fn rank(outcome: ReportedOutcome) -> u8 {
    match outcome {
        ReportedOutcome::Unmet => 0,
        ReportedOutcome::Inconclusive => 1,
        ReportedOutcome::NotApplicable => 2,
        ReportedOutcome::Met => 3,
    }
}
