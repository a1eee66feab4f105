use std::sync::Arc;

use super::*;
use crate::{
    case::{self, Case},
    fixture,
    report::Enforcement,
};

fn of(case: &Case) -> Report {
    fixture::report(case)
}

fn became(old: &Report, new: &Report, requirement: &str) -> Option<Became> {
    let changes = compare(old, new).changes;
    changes.iter().find(|change| change.requirement == requirement).map(|change| change.became)
}

/// Returns a report in which a requirement has another outcome and another effect.
fn with(report: &Report, requirement: &str, of_it: (ReportedOutcome, Enforcement)) -> Report {
    let mut report = report.clone();
    for sandbox in &mut report.sandboxes {
        for finding in sandbox.findings.iter_mut().filter(|finding| finding.id == requirement) {
            let finding = Arc::make_mut(finding);
            (finding.outcome, finding.enforcement) = of_it;
        }
    }
    report
}

/// Returns the direction of a change of one requirement between two outcomes and effects.
fn between(
    requirement: &str,
    old: (ReportedOutcome, Enforcement),
    new: (ReportedOutcome, Enforcement),
) -> Option<Became> {
    let report = of(&fixture::gvisor());
    became(&with(&report, requirement, old), &with(&report, requirement, new), requirement)
}

#[test]
fn the_same_run_has_no_changes_and_worse_is_the_reverse_of_better() {
    let (met, unmet) = (of(&fixture::gvisor()), of(&fixture::runc()));
    assert_eq!(compare(&met, &met).changes, []);
    assert_eq!(became(&met, &unmet, "runtime-isolation"), Some(Became::Worse));
    assert_eq!(became(&unmet, &met, "runtime-isolation"), Some(Became::Better));
    assert_eq!(became(&met, &of(&fixture::silent()), "network-isolation"), Some(Became::Worse));
}

#[test]
fn a_new_place_is_worse_where_it_is_wanting_and_a_place_that_is_gone_is_none() {
    let (local, pod) = (of(&fixture::gvisor()), of(&fixture::pod()));
    assert_eq!(became(&local, &pod, "no-token"), Some(Became::New));
    assert_eq!(became(&pod, &local, "no-token"), Some(Became::Gone));
    let mut leaky = fixture::pod();
    leaky.collected.evidence.egress = proto::Observation::Absent;
    assert_eq!(became(&local, &of(&leaky), "network-isolation"), Some(Became::Worse));
}

#[test]
fn a_requirement_that_is_judged_no_more_in_its_place_is_worse() {
    let old = of(&fixture::gvisor());
    let mut new = old.clone();
    new.sandboxes[0].findings.retain(|finding| finding.id != "network-isolation");
    assert_eq!(became(&old, &new, "network-isolation"), Some(Became::Worse));
}

#[test]
fn a_gap_that_is_not_applicable_any_more_is_no_better() {
    let idle = (ReportedOutcome::NotApplicable, Enforcement::Blocks);
    for gap in [ReportedOutcome::Unmet, ReportedOutcome::Inconclusive] {
        let lapsed = between("least-privilege", (gap, Enforcement::Blocks), idle);
        assert_eq!(lapsed, Some(Became::Lapsed), "{gap:?}");
    }
}

#[test]
fn a_met_requirement_that_is_not_applicable_any_more_is_worse() {
    let met = (ReportedOutcome::Met, Enforcement::Blocks);
    let idle = (ReportedOutcome::NotApplicable, Enforcement::Blocks);
    assert_eq!(between("least-privilege", met, idle), Some(Became::Worse));
}

#[test]
fn a_gap_that_blocks_now_is_worse() {
    let warns = (ReportedOutcome::Unmet, Enforcement::Warns);
    for outcome in [ReportedOutcome::Unmet, ReportedOutcome::Inconclusive] {
        let blocks = (outcome, Enforcement::Blocks);
        assert_eq!(between("least-privilege", warns, blocks), Some(Became::Worse), "{outcome:?}");
        assert_eq!(between("least-privilege", blocks, warns), Some(Became::Better), "{outcome:?}");
    }
}

#[test]
fn a_class_or_policy_that_changed_is_the_same_place() {
    let mut changed = fixture::pod();
    if let case::Subject::Pods { policies, runtime_class, .. } = &mut changed.surroundings.subject {
        policies.clear();
        *runtime_class = None;
    }
    assert_eq!(compare(&of(&fixture::pod()), &of(&changed)).changes, []);
}

#[test]
fn a_part_that_only_the_later_run_leaves_out_is_in_the_comparison() {
    let mut case = fixture::gvisor();
    let old = of(&case);
    fixture::without_attempts(&mut case);
    let comparison = compare(&old, &of(&case));
    assert_eq!(comparison.narrower, ["every attempt over the network: left out by --no-network"]);
    assert!(comparison.is_worse());
}
