//! Requirements by pools: what a reader looks at first.

use super::{Area, Report, ReportedFinding, ReportedOutcome};

/// A row for each requirement, a column for each pool, the worst pool first.
#[derive(Debug)]
pub(super) struct Matrix<'a> {
    pub(super) columns: Vec<&'a str>,
    pub(super) rows: Vec<Row<'a>>,
}

/// A requirement's row.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) id: &'static str,
    pub(super) area: Area,
    /// The worst of the pool's probes, for each column.
    pub(super) cells: Vec<Option<&'a ReportedFinding>>,
}

impl<'a> Matrix<'a> {
    pub(super) fn of(report: &'a Report) -> Self {
        let mut columns: Vec<&str> = Vec::new();
        let mut ids: Vec<(&'static str, Area)> = Vec::new();
        for sandbox in &report.sandboxes {
            let column = sandbox.subject.column();
            if !columns.contains(&column) {
                columns.push(column);
            }
            for finding in &sandbox.findings {
                if !ids.contains(&(finding.id, finding.area)) {
                    ids.push((finding.id, finding.area));
                }
            }
        }
        let row = |(id, area)| Row {
            id,
            area,
            cells: columns.iter().map(|column| worst(report, column, id)).collect(),
        };
        let rows = ids.into_iter().map(row).collect();
        Self { columns, rows }
    }
}

fn worst<'a>(report: &'a Report, column: &str, id: &str) -> Option<&'a ReportedFinding> {
    let of_it = report.sandboxes.iter().filter(|sandbox| sandbox.subject.column() == column);
    let findings = of_it.filter_map(|sandbox| sandbox.findings.iter().find(|finding| finding.id == id));
    findings.min_by_key(|finding| match finding.outcome {
        ReportedOutcome::Unmet => 0,
        ReportedOutcome::Inconclusive => 1,
        ReportedOutcome::Met => 2,
        ReportedOutcome::NotApplicable => 3,
    })
}
