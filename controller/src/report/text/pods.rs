//! A namespace's part of the report: requirements by pools, and what each probe stands for.

use comfy_table::{Cell, Color};

use super::{Style, colour, table, trimmed};
use crate::report::{Report, ReportedFinding, ReportedSandbox, Subject, matrix::Matrix};

/// Columns beyond these do not fit a terminal; the other forms have them all.
const MOST_COLUMNS: usize = 4;
/// How many pods are named before the rest is counted.
const NAMED: usize = 4;

pub(super) fn are_judged(report: &Report) -> bool {
    report.sandboxes.iter().any(|sandbox| matches!(sandbox.subject, Subject::Pods { .. }))
}

/// One column a pool, the worst first; in a cell stands the worst of the pool's probes.
pub(super) fn matrix(report: &Report, style: Style) -> String {
    let matrix = Matrix::of(report);
    let shown = matrix.columns.get(..MOST_COLUMNS).unwrap_or(&matrix.columns);
    let mut rows: Vec<_> = matrix.rows.iter().collect();
    rows.sort_by_key(|row| row.area);
    let mut table = table(style);
    table.add_row(["", "requirement"].into_iter().chain(shown.iter().copied()));
    let mut area = None;
    for row in rows {
        let named = if area == Some(row.area) { "" } else { row.area.id() };
        area = Some(row.area);
        let cells = row.cells.iter().take(shown.len()).map(|finding| cell(*finding));
        table.add_row([Cell::new(named), Cell::new(row.id)].into_iter().chain(cells));
    }
    let more = matrix.columns.len() - shown.len();
    let more = if more == 0 { String::new() } else { format!("\n and {more} pools more, in --output html") };
    trimmed(&table) + &more
}

/// What a probe stands for; `None` for a sandbox of this machine.
pub(super) fn title(sandbox: &ReportedSandbox) -> Option<String> {
    let Subject::Pods { pool, node_kind, node, runtime_class, policies, represents, .. } = &sandbox.subject
    else {
        return None;
    };
    let class =
        runtime_class.as_ref().map_or("no RuntimeClass".to_owned(), |class| format!("RuntimeClass {class}"));
    let kind = node_kind.as_ref().map(|kind| format!(" ({kind})")).unwrap_or_default();
    let node = node.as_ref().map(|node| format!(" on node {node}")).unwrap_or_default();
    let policies = if policies.is_empty() { "no NetworkPolicy".to_owned() } else { policies.join(", ") };
    let represents = match represents.as_slice() {
        [] => "no pod yet".to_owned(),
        names => {
            let shown = names.get(..NAMED).unwrap_or(names);
            let more = names.len() - shown.len();
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            format!("{}{more}", shown.join(", "))
        }
    };
    Some(format!("pool {pool}{node}{kind}, {class}, bound by {policies}\n  stands for {represents}"))
}

fn cell(finding: Option<&ReportedFinding>) -> Cell {
    let Some(finding) = finding else { return Cell::new("").fg(Color::Grey) };
    Cell::new(format!("{} {}", finding.outcome.sign(), finding.outcome.word())).fg(colour(finding))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{case, fixture};

    #[test]
    fn a_probe_is_titled_by_its_place_and_the_kind_of_its_node_where_the_pool_has_several() {
        let titled = |kind: Option<&str>| {
            let mut case = fixture::pod();
            let case::Subject::Pods { node_kind, .. } = &mut case.surroundings.subject else {
                panic!("no pods")
            };
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
