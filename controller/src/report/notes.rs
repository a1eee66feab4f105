//! Notes on a whole run, in sentences.

use std::collections::BTreeSet;

use super::model_v1::Profile;
use crate::{
    case::{
        Case, Subject,
        abridged::abridged,
        cluster::Coverage,
        rounds::{Rounds, SETTLED},
    },
    judge::{finding::Finding, policy::Enforcement, requirement::Class},
};

/// The most allowed destinations that a note names.
const MOST_ALLOWED: usize = 8;

/// Returns the extent of the check, in one sentence or two.
pub(super) fn scope(case: &Case) -> String {
    match &case.surroundings.subject {
        Subject::Sandbox { runtime, bundle: None } => format!(
            "Scope: one sandbox created with `{}` for this check. Your running containers were not examined.",
            runtime.join(" ")
        ),
        Subject::Sandbox { runtime, bundle: Some(folder) } => {
            format!(
                "Scope: the bundle {}, run by `{}` with the probe in place of the bundle's program. Your running containers \
                 were not examined.",
                folder.display(),
                runtime.join(" ")
            )
        }
        Subject::Container { runtime, id } => format!(
            "Scope: the running container {id}, in which `{} exec` started the probe. Nothing in the container was changed.",
            runtime.join(" ")
        ),
        Subject::Unsandboxed => {
            "Scope: this machine without a sandbox, because there is no runsc on PATH and no `--runtime`. Install \
             runsc, or name a runtime."
                .to_owned()
        }
        Subject::Pods { namespace, in_place, .. } => {
            let nodes = case.surroundings.in_cluster.as_ref().and_then(|known| nodes(&known.coverage));
            let parts = case.surroundings.in_cluster.as_ref().and_then(|known| parts(&known.coverage));
            let how = if in_place.is_some() {
                "examined in place in running pods, one for each group of pods that are bound alike or as `--live` names them"
            } else {
                "with one probe for each group of pods that are bound alike"
            };
            format!(
                "Scope: the pods of namespace {namespace}{}, {how}{}.",
                parts.unwrap_or_default(),
                nodes.unwrap_or_default()
            )
        }
    }
}

fn parts(coverage: &Coverage) -> Option<String> {
    let parts: Vec<_> = coverage.restricted_to().map(|part| part.name.as_str()).collect();
    (!parts.is_empty()).then(|| format!(", restricted to {}", parts.join(", ")))
}

fn nodes(coverage: &Coverage) -> Option<String> {
    let Coverage { nodes_planned, nodes, .. } = coverage;
    let by_architecture = coverage.by_architecture().map(|told| format!(" ({told})")).unwrap_or_default();
    (*nodes > 0).then(|| format!(", on {nodes_planned} of {nodes} nodes of the used pools{by_architecture}"))
}

/// Returns the parts of the cluster that no probe represents, each with the reason.
pub(super) fn not_judged(case: &Case) -> Vec<String> {
    let Some(known) = &case.surroundings.in_cluster else { return Vec::new() };
    let Coverage { unused_pools, uncovered, unknown, left_out, .. } = &*known.coverage;
    let unused =
        unused_pools.iter().map(|pool| format!("pool {pool}: no pod of the namespace can run there"));
    let uncovered = uncovered.iter().map(|it| format!("no probe represents {it}"));
    let unknown = unknown.iter().map(|why| format!("the pools are not known: {why}"));
    let left_out = left_out.iter().map(|part| format!("{}: left out by {}", part.name, part.by.flag()));
    uncovered.chain(left_out).chain(unused).chain(unknown).collect()
}

/// Returns the note on a run whose attempts could not see a network that opens late; `None` if they could.
pub(super) fn rounds(case: &Case) -> Option<String> {
    let rounds = case.surroundings.rounds;
    let made = match rounds {
        Rounds::None => {
            return Some(
                "`--no-network` left the attempts out: no requirement that needs an attempt can be met; run it without \
                 the flag"
                    .to_owned(),
            );
        }
        _ if rounds.suffice() => return None,
        Rounds::One => "The sandbox tried each target in one round".to_owned(),
        Rounds::Two(settle) => {
            format!("The sandbox tried each target again after only {}", Rounds::words(settle))
        }
    };
    Some(format!(
        "{made}, so that a network which opens later was not seen; run with `--settle {}s`",
        SETTLED.as_secs()
    ))
}

/// Returns the note on a profile that allows destinations; `None` if it allows none.
pub(super) fn profile(profile: &Profile) -> Option<String> {
    let allowed = abridged(&profile.allowed, MOST_ALLOWED, ", ");
    let besides = if allowed.is_empty() { String::new() } else { format!(" It allows {allowed}.") };
    (!profile.is_closed()).then(|| {
        format!(
            "The network was judged under the profile {}, which closes less than deny-all.{besides}",
            profile.kind
        )
    })
}

/// Returns the note that names requirements which this environment does not enforce; `None` if it enforces all.
pub(super) fn unenforced(findings: &[Finding]) -> Option<String> {
    let mut lenient: Vec<_> = findings
        .iter()
        .filter(|finding| {
            finding.enforcement != Enforcement::Blocks
                && finding.requirement.class != Class::Advisory
                && !finding.accepted
        })
        .map(|finding| finding.requirement.id)
        .collect();
    let mut told = BTreeSet::new();
    lenient.retain(|id| told.insert(*id));
    (!lenient.is_empty()).then(|| {
        format!("not enforced here: {}; enforce them with `--environment production`", lenient.join(", "))
    })
}
