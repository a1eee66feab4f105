//! A namespace's part of the report: requirements by pools, and what each probe stands for.

use comfy_table::{Cell, Color};

use super::{Style, outcome, table, trimmed};
use crate::{
    case::Subject,
    report::{Report, ReportedFinding, ReportedOutcome, ReportedSandbox},
};

/// Columns beyond these do not fit a terminal; JSON has them all.
const MOST_COLUMNS: usize = 8;
/// How many pods are named before the rest is counted.
const NAMED: usize = 4;

pub(super) fn are_judged(report: &Report) -> bool {
    report.sandboxes.iter().any(|sandbox| matches!(sandbox.subject, Subject::Pods { .. }))
}

/// One column a pool, the worst first; in a cell stands the worst of the pool's probes.
pub(super) fn matrix(report: &Report, style: Style) -> String {
    let mut pools: Vec<&str> = Vec::new();
    for pool in report.sandboxes.iter().filter_map(pool) {
        if !pools.contains(&pool) {
            pools.push(pool);
        }
    }
    let shown = pools.get(..MOST_COLUMNS).unwrap_or(&pools);
    let mut table = table(style);
    table.add_row(["requirement"].into_iter().chain(shown.iter().copied()));
    let Some(first) = report.sandboxes.first() else { return String::new() };
    for id in first.findings.iter().map(|finding| finding.id) {
        let cells = shown.iter().map(|pool| cell(worst(report, pool, id)));
        table.add_row([Cell::new(id)].into_iter().chain(cells));
    }
    if pools.len() > shown.len() {
        table.add_row([format!("and {} pools more, in --output json", pools.len() - shown.len())]);
    }
    trimmed(&table)
}

/// What a probe stands for; `None` for a sandbox of this machine.
pub(super) fn title(sandbox: &ReportedSandbox) -> Option<String> {
    let Subject::Pods { pool, node_kind, node, runtime_class, policies, stands_for, .. } = &sandbox.subject
    else {
        return None;
    };
    let class =
        runtime_class.as_ref().map_or("no RuntimeClass".to_owned(), |class| format!("RuntimeClass {class}"));
    let kind = node_kind.as_ref().map(|kind| format!(" ({kind})")).unwrap_or_default();
    let node = node.as_ref().map(|node| format!(" on node {node}")).unwrap_or_default();
    let policies = if policies.is_empty() { "no NetworkPolicy".to_owned() } else { policies.join(", ") };
    let stands_for = match stands_for.as_slice() {
        [] => "no pod yet".to_owned(),
        names => {
            let shown = names.get(..NAMED).unwrap_or(names);
            let more = names.len() - shown.len();
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            format!("{}{more}", shown.join(", "))
        }
    };
    Some(format!("pool {pool}{node}{kind}, {class}, bound by {policies}\n  stands for {stands_for}"))
}

fn pool(sandbox: &ReportedSandbox) -> Option<&str> {
    match &sandbox.subject {
        Subject::Pods { pool, .. } => Some(pool),
        Subject::Sandbox { .. } | Subject::Unsandboxed => None,
    }
}

fn worst<'a>(report: &'a Report, of_pool: &str, id: &str) -> Option<&'a ReportedFinding> {
    let of_pool = report.sandboxes.iter().filter(|sandbox| pool(sandbox) == Some(of_pool));
    let findings = of_pool.filter_map(|sandbox| sandbox.findings.iter().find(|finding| finding.id == id));
    findings.min_by_key(|finding| match finding.outcome {
        ReportedOutcome::Unmet => 0,
        ReportedOutcome::Inconclusive => 1,
        ReportedOutcome::Met => 2,
        ReportedOutcome::NotApplicable => 3,
    })
}

fn cell(finding: Option<&ReportedFinding>) -> Cell {
    let Some(finding) = finding else { return Cell::new("").fg(Color::Grey) };
    let (sign, word, colour) = outcome(finding);
    Cell::new(format!("{sign} {word}")).fg(colour)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn a_probe_is_titled_by_its_place_and_the_kind_of_its_node_where_the_pool_has_several() {
        let titled = |kind: Option<&str>| {
            let mut case = fixture::pod();
            let Subject::Pods { node_kind, .. } = &mut case.survey.subject else { panic!("no pods") };
            *node_kind = kind.map(str::to_owned);
            title(&fixture::report(&case).sandboxes[0]).unwrap()
        };
        assert!(
            titled(None).starts_with("pool sandbox on node one, RuntimeClass gvisor"),
            "{}",
            titled(None)
        );
        let titled = titled(Some("amd64, kernel 6.1"));
        assert!(titled.starts_with("pool sandbox on node one (amd64, kernel 6.1), RuntimeClass"), "{titled}");
    }
}
