//! Requirements by pools, for a run with several sandboxes.

use comfy_table::{Cell, Color, ColumnConstraint};

use super::{Style, colour, pairs, table, trimmed};
use crate::report::{Report, ReportedFinding, gaps, matrix::Matrix};

/// Columns that a person compares at a glance; the page has all pools.
const MOST_COLUMNS: usize = 4;
/// The width of a cell with its two spaces: the longest outcome and its sign.
const CELL: usize = 18;

/// Renders a column for each combination of outcomes, the worst first, as far as the columns fit. A cell holds the worst
/// finding of the pool's probes.
pub(super) fn matrix(report: &Report, style: Style) -> String {
    let matrix = Matrix::of(report);
    let mut rows: Vec<_> = matrix.rows.iter().collect();
    rows.sort_by_key(|row| row.area);
    // A space stands on both sides of a column, and two before an id.
    let taken = rows.iter().map(|row| row.id.len()).max().unwrap_or(0) + 4;
    let fitting = usize::from(style.width).saturating_sub(taken) / CELL;
    let differing = matrix.differing(fitting.clamp(1, MOST_COLUMNS));
    let mut table = table(style);
    let heads = differing.shown.iter().map(|(_, pool, more)| match more {
        0 => (*pool).to_owned(),
        more => format!("{pool} and {more} more"),
    });
    table.add_row(["pool".to_owned()].into_iter().chain(heads));
    let mut area = None;
    for row in rows {
        if area != Some(row.area) {
            area = Some(row.area);
            table.add_row([row.area.id()]);
        }
        let cells =
            differing.shown.iter().map(|(column, ..)| cell(row.cells.get(*column).copied().flatten()));
        table.add_row([Cell::new(format!("  {}", row.id))].into_iter().chain(cells));
    }
    if let Some(column) = table.column_mut(0) {
        column.set_constraint(ColumnConstraint::ContentWidth);
    }
    let left = match differing.left {
        0 => String::new(),
        1 => "\n 1 more pool has other outcomes; `--output html=report.html` has all".to_owned(),
        left => format!("\n {left} more pools have other outcomes; `--output html=report.html` has all"),
    };
    trimmed(&table) + &left
}

/// Renders the place of each probe and the pods that the probe represents. Empty for a local run, and for more probes than
/// a person reads.
pub(super) fn probes(report: &Report, style: Style) -> String {
    let places: Vec<_> = report.sandboxes.iter().filter_map(gaps::place).collect();
    if places.len() > style.listed() {
        return String::new();
    }
    pairs(&places.into_iter().map(|place| ("probes", place)).collect::<Vec<_>>(), style)
}

fn cell(finding: Option<&ReportedFinding>) -> Cell {
    let Some(finding) = finding else { return Cell::new("").fg(Color::Grey) };
    Cell::new(format!("{} {}", finding.outcome.sign(), finding.outcome.word())).fg(colour(finding))
}
