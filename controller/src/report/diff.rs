//! Two runs side by side: what became better, worse, new or gone, for each requirement in each place.
//!
//! A place is a namespace's pool and node. Policies and the RuntimeClass are no part of a place, because they may be the
//! change. Of several probes in a place the worst counts.

use std::{collections::BTreeMap, fmt::Write};

use clap::ValueEnum;
use serde::Serialize;

use super::{Report, ReportedOutcome, Subject};

/// The outcome of a requirement in one place.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Stand {
    /// The finding's outcome.
    pub outcome: ReportedOutcome,
    /// The finding's reason.
    pub because: String,
}

/// The outcomes of a report, by place and requirement.
pub type Stands = BTreeMap<(String, String), Stand>;

/// The direction of a change.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Became {
    /// The outcome is worse than before, or a new place has a gap, or a requirement is no longer judged where others are.
    Worse,
    /// The outcome is better than before.
    Better,
    /// The place did not exist before.
    New,
    /// The place no longer exists.
    Gone,
}

/// A difference between two reports.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Change {
    /// The direction of the change.
    pub became: Became,
    /// The place, as people read it.
    pub place: String,
    /// The requirement's id.
    pub requirement: String,
    /// The earlier outcome; `None` if the place is new.
    pub before: Option<Stand>,
    /// The later outcome; `None` if the place is gone.
    pub after: Option<Stand>,
}

/// Returns the outcomes of a report; of several probes in a place the worst counts.
pub fn stands(report: &Report) -> Stands {
    let mut stands = Stands::new();
    for sandbox in &report.sandboxes {
        for finding in &sandbox.findings {
            let stand = Stand { outcome: finding.outcome, because: finding.because.clone() };
            let key = (place(&sandbox.subject), finding.id.to_owned());
            let kept = stands.entry(key).or_insert_with(|| stand.clone());
            if rank(stand.outcome) < rank(kept.outcome) {
                *kept = stand;
            }
        }
    }
    stands
}

/// The differences, the worse first.
pub fn changes(old: &Stands, new: &Stands) -> Vec<Change> {
    let mut changes: Vec<_> = new
        .iter()
        .filter_map(|(key, after)| change(key, old.get(key), Some(after), true))
        .chain(old.iter().filter(|(key, _)| !new.contains_key(*key)).filter_map(|(key, before)| {
            change(key, Some(before), None, new.keys().any(|(place, _)| *place == key.0))
        }))
        .collect();
    changes.sort_by(|a, b| (a.became, &a.place, &a.requirement).cmp(&(b.became, &b.place, &b.requirement)));
    changes
}

fn change(
    (place, requirement): &(String, String),
    before: Option<&Stand>,
    after: Option<&Stand>,
    place_is_there: bool,
) -> Option<Change> {
    let became = match (before, after) {
        (Some(before), Some(after)) => match rank(after.outcome).cmp(&rank(before.outcome)) {
            std::cmp::Ordering::Less => Became::Worse,
            std::cmp::Ordering::Greater => Became::Better,
            std::cmp::Ordering::Equal => return None,
        },
        (None, Some(after)) if rank(after.outcome) < rank(ReportedOutcome::NotApplicable) => Became::Worse,
        (None, Some(_)) => Became::New,
        (Some(_), None) if place_is_there => Became::Worse,
        (Some(_), None) => Became::Gone,
        (None, None) => return None,
    };
    Some(Change {
        became,
        place: place.clone(),
        requirement: requirement.clone(),
        before: before.cloned(),
        after: after.cloned(),
    })
}

/// Returns the parts that only the later run leaves out; its gaps there are not seen.
pub fn narrowed(old: &Report, new: &Report) -> Vec<String> {
    new.extent.narrower_than(&old.extent)
}

/// Renders both runs, a line for each change, and a count.
pub fn render(old: &Report, new: &Report, changes: &[Change]) -> String {
    let mut text =
        format!("old: {}; {}\nnew: {}; {}\n", old.headline(), old.origin(), new.headline(), new.origin());
    for part in narrowed(old, new) {
        // Writing to a string does not fail.
        _ = writeln!(text, "narrower: {part}");
    }
    let mut place = None;
    for change in changes {
        let heading = (change.became, &change.place);
        if place != Some(heading) {
            // Writing to a string does not fail.
            _ = writeln!(text, "{}: {}", change.became.word(), change.place);
            place = Some(heading);
        }
        let word = |stand: &Option<Stand>| stand.as_ref().map_or("not there", |stand| stand.outcome.word());
        let because = change.after.as_ref().or(change.before.as_ref()).map(|stand| stand.because.as_str());
        _ = writeln!(
            text,
            "  {} {}: {} → {}: {}",
            change.became.sign(),
            change.requirement,
            word(&change.before),
            word(&change.after),
            because.unwrap_or_default()
        );
    }
    let count = |became| changes.iter().filter(|change| change.became == became).count();
    _ = writeln!(
        text,
        "{} worse, {} better, {} new, {} gone",
        count(Became::Worse),
        count(Became::Better),
        count(Became::New),
        count(Became::Gone)
    );
    text
}

fn place(subject: &Subject) -> String {
    match subject {
        Subject::Pods { namespace, pool, node, .. } => {
            let node = node.as_ref().map(|node| format!(", node {node}")).unwrap_or_default();
            format!("namespace {namespace}, pool {pool}{node}")
        }
        Subject::Sandbox { .. } | Subject::Container { .. } | Subject::Unsandboxed => subject.name(),
    }
}

/// Ranks outcomes; a higher rank is better. A requirement without a meaning ranks below one that is met.
const fn rank(outcome: ReportedOutcome) -> u8 {
    match outcome {
        ReportedOutcome::Unmet => 0,
        ReportedOutcome::Inconclusive => 1,
        ReportedOutcome::NotApplicable => 2,
        ReportedOutcome::Met => 3,
    }
}

// === impl Became ===

impl Became {
    const fn word(self) -> &'static str {
        match self {
            Self::Worse => "worse",
            Self::Better => "better",
            Self::New => "new",
            Self::Gone => "gone",
        }
    }

    const fn sign(self) -> &'static str {
        match self {
            Self::Worse => "✘",
            Self::Better => "✔",
            Self::New => "+",
            Self::Gone => "–",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        case::{self, Case},
        fixture,
    };

    fn of(case: &Case) -> Stands {
        stands(&fixture::report(case))
    }

    fn became(old: &Stands, new: &Stands, requirement: &str) -> Option<Became> {
        changes(old, new).iter().find(|change| change.requirement == requirement).map(|change| change.became)
    }

    #[test]
    fn the_same_run_has_no_changes_and_worse_is_the_reverse_of_better() {
        let (met, unmet) = (of(&fixture::gvisor()), of(&fixture::runc()));
        assert_eq!(changes(&met, &met), []);
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
        new.retain(|(_, requirement), _| requirement != "network-isolation");
        assert_eq!(became(&old, &new, "network-isolation"), Some(Became::Worse));
    }

    #[test]
    fn a_class_or_policy_that_changed_is_the_same_place() {
        let mut changed = fixture::pod();
        if let case::Subject::Pods { policies, runtime_class, .. } = &mut changed.surroundings.subject {
            policies.clear();
            *runtime_class = None;
        }
        assert_eq!(changes(&of(&fixture::pod()), &of(&changed)), []);
    }
}
