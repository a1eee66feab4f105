//! What the reader should know of a whole run, in sentences.

use std::collections::BTreeSet;

use crate::{
    case::{Case, Subject, cluster::Coverage, leftover::Leftover},
    judge::{finding::Finding, policy::Enforcement, requirement::Class},
};

/// What a run that did not end in time is told with.
pub fn timed_out() -> String {
    "the run did not end in time; what had not been seen by then is inconclusive".to_owned()
}

/// What could not be removed, and how to.
pub fn left_behind(leftovers: &[Leftover]) -> Vec<String> {
    let left =
        |leftover: &Leftover| format!("left behind: {}; remove it with `{}`", leftover.what, leftover.remedy);
    leftovers.iter().map(left).collect()
}

pub(super) fn judged(case: &Case) -> Vec<String> {
    let text = match &case.surroundings.subject {
        Subject::Sandbox { runtime, bundle: None } => format!(
            "judged: a sandbox that this machine's `{}` made for the probe alone, not your containers",
            runtime.join(" ")
        ),
        Subject::Sandbox { runtime, bundle: Some(folder) } => {
            format!(
                "judged: the bundle {}, run by `{}`, with the probe as its program",
                folder.display(),
                runtime.join(" ")
            )
        }
        Subject::Unsandboxed => {
            "judged: this machine without a sandbox, because there is no runsc on PATH and no \
                                 --runtime; install runsc, or name a runtime"
                .to_owned()
        }
        Subject::Pods { namespace, .. } => {
            format!("judged: the namespace {namespace}, by a probe for each kind of pod")
        }
    };
    let coverage = case.surroundings.in_cluster.as_ref().map(|known| covered(&known.coverage));
    [text].into_iter().chain(coverage.into_iter().flatten()).collect()
}

fn covered(coverage: &Coverage) -> Vec<String> {
    let nodes = (coverage.nodes > 0).then(|| {
        format!("{} of {} nodes of the used pools were seen", coverage.nodes_planned, coverage.nodes)
    });
    let unused =
        coverage.unused_pools.iter().map(|pool| format!("pool {pool} is not used by this namespace"));
    let uncovered = coverage.uncovered.iter().map(|it| format!("no probe stands for {it}"));
    nodes.into_iter().chain(unused).chain(uncovered).collect()
}

/// A verdict that did not enforce everything says so, and how to ask for it.
pub(super) fn unenforced(findings: &[Finding]) -> Option<String> {
    let mut lenient: Vec<_> = findings
        .iter()
        .filter(|finding| {
            finding.enforcement != Enforcement::Blocks && finding.requirement.class != Class::Advisory
        })
        .map(|finding| finding.requirement.id)
        .collect();
    let mut told = BTreeSet::new();
    lenient.retain(|id| told.insert(*id));
    (!lenient.is_empty()).then(|| {
        format!("not enforced here: {}; enforce them with `--environment production`", lenient.join(", "))
    })
}
