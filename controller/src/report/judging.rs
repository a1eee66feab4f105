//! A report in the making: cases are judged one by one, and none of them is kept.

use std::sync::Arc;

use super::{
    Extent, Report, ReportedAcceptance, ReportedSandbox, ReportedWaiver, Run, closed_by_default,
    early_pods::EarlyPods,
    model_v1::{self, Known},
    notes,
};
use crate::{
    case::{
        Case,
        cluster::{Cluster, Coverage},
        rounds::Rounds,
    },
    evidence::record::Record,
    judge::{
        finding::{Finding, Judged},
        policy::{Acceptance, Policy},
        verdict,
    },
};

/// The judgement so far.
#[derive(Debug)]
pub(crate) struct Judging<'a> {
    policy: &'a Policy,
    of_first: Option<OfFirst>,
    /// All findings, without their words.
    findings: Vec<Finding>,
    sandboxes: Vec<ReportedSandbox>,
    profiles: Vec<model_v1::Profile>,
    known: Known,
    /// For each waiver of the policy, true if a finding needs it.
    needed: Vec<bool>,
    early_pods: EarlyPods,
    clusters: Vec<Arc<Cluster>>,
    /// True if a case was made without attempts.
    lacks_attempts: bool,
}

/// The facts of the first case that hold for the whole run.
#[derive(Debug)]
struct OfFirst {
    scope: String,
    not_judged: Vec<String>,
    rounds: Option<String>,
    coverage: Option<Arc<Coverage>>,
}

impl<'a> Judging<'a> {
    pub(crate) fn under(policy: &'a Policy) -> Self {
        Self {
            policy,
            of_first: None,
            findings: Vec::new(),
            sandboxes: Vec::new(),
            profiles: Vec::new(),
            known: Known::default(),
            needed: vec![false; policy.waivers.len()],
            early_pods: EarlyPods::default(),
            clusters: Vec::new(),
            lacks_attempts: false,
        }
    }

    /// Judges one case.
    pub(crate) fn add(&mut self, case: &Case) {
        let judged = Judged::of(case, self.policy);
        let in_cluster = case.surroundings.in_cluster.as_ref();
        self.of_first.get_or_insert_with(|| OfFirst {
            scope: notes::scope(case),
            not_judged: notes::not_judged(case),
            rounds: notes::rounds(case),
            coverage: in_cluster.map(|known| Arc::clone(&known.coverage)),
        });
        let profile = (&case.surroundings.profile).into();
        if !self.profiles.contains(&profile) {
            self.profiles.push(profile);
        }
        self.lacks_attempts |= case.surroundings.rounds == Rounds::None;
        if let Some(known) = in_cluster {
            self.early_pods.add(known);
            // All cases of a run share one cluster.
            if self.clusters.last().is_none_or(|last| !Arc::ptr_eq(last, &known.cluster)) {
                self.clusters.push(Arc::clone(&known.cluster));
            }
        }
        for (needed, waiver) in self.needed.iter_mut().zip(&self.policy.waivers) {
            *needed |= ReportedWaiver::is_needed(waiver, &judged);
        }
        self.sandboxes.push(ReportedSandbox::new(&judged, &mut self.known));
        self.findings.extend(judged.findings.into_iter().map(Finding::without_words));
    }

    /// Returns the report on the cases, which are those of a record.
    pub(crate) fn report(self, record: &Record) -> Report {
        let Self {
            policy,
            of_first,
            findings,
            mut sandboxes,
            profiles,
            needed,
            early_pods,
            clusters,
            lacks_attempts,
            ..
        } = self;
        sandboxes.sort_by_key(|sandbox| sandbox.verdict.badness());
        let (scope, not_judged, rounds, coverage) = of_first.map_or_else(Default::default, |first| {
            (first.scope, first.not_judged, first.rounds, first.coverage)
        });
        let notes = (!scope.is_empty()).then(|| scope.clone()).into_iter();
        let notes = notes
            .chain(not_judged.iter().cloned())
            .chain(rounds)
            .chain(profiles.iter().filter_map(notes::profile))
            .chain(early_pods.notes())
            .chain(closed_by_default::note(&clusters))
            .chain(record.remarks.iter().cloned())
            .chain(notes::unenforced(&findings))
            .chain(policy.accepted.iter().map(Acceptance::words));
        Report {
            version: model_v1::VERSION,
            verdict: verdict::Verdict::under(policy, &findings).into(),
            extent: Extent::of(policy, coverage.as_deref(), lacks_attempts, &findings),
            score: verdict::score(&findings, policy),
            run: record.circumstances.as_ref().map(Run::from),
            environment: (&record.environment).into(),
            profiles: profiles.clone(),
            only_production: policy.only_production,
            policy: policy.file.clone(),
            waivers: policy
                .waivers
                .iter()
                .zip(needed)
                .map(|(waiver, needed)| ReportedWaiver::new(waiver, policy, needed))
                .collect(),
            accepted: policy.accepted.iter().map(ReportedAcceptance::from).collect(),
            notes: notes.collect(),
            scope,
            not_judged,
            sandboxes,
        }
    }
}
