//! Requirements by pools: the table that a reader looks at first.

use std::collections::{BTreeMap, BTreeSet};

use super::{Area, Report, ReportedFinding, rank::Rank};

/// A row for each requirement and a column for each pool, the worst pool first.
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
    /// The worst finding of the pool's probes, for each column: first one that blocks.
    pub(super) cells: Vec<Option<&'a ReportedFinding>>,
}

/// Columns of pools whose outcomes differ.
#[derive(Debug)]
pub(super) struct Differing<'a> {
    /// The first pool of each column, by its place in the matrix, and the number of further pools with the same outcomes.
    pub(super) shown: Vec<(usize, &'a str, usize)>,
    /// The number of pools that no shown column counts.
    pub(super) left: usize,
}

impl<'a> Matrix<'a> {
    pub(super) fn of(report: &'a Report) -> Self {
        let (mut columns, mut ids) = (Vec::new(), Vec::new());
        let (mut pools, mut known) = (BTreeSet::new(), BTreeSet::new());
        let mut worst: BTreeMap<(&str, &str), &ReportedFinding> = BTreeMap::new();
        for sandbox in &report.sandboxes {
            let column = sandbox.subject.column();
            if pools.insert(column) {
                columns.push(column);
            }
            for finding in &sandbox.findings {
                if known.insert(finding.id) {
                    ids.push((finding.id, finding.area));
                }
                let cell = worst.entry((column, finding.id)).or_insert(finding);
                if Rank::of(finding) < Rank::of(cell) {
                    *cell = finding;
                }
            }
        }
        let cells = |id| columns.iter().map(|&column| worst.get(&(column, id)).copied()).collect();
        let rows = ids.into_iter().map(|(id, area)| Row { id, area, cells: cells(id) }).collect();
        Self { columns, rows }
    }

    /// Returns a column for each combination of outcomes, at most so many.
    pub(super) fn differing(&self, most: usize) -> Differing<'a> {
        let outcomes = |column: usize| -> Vec<_> {
            let cell = |row: &Row<'_>| {
                let finding = row.cells.get(column).copied().flatten();
                finding.map(|finding| (finding.outcome, finding.enforcement))
            };
            self.rows.iter().map(cell).collect()
        };
        let mut places = BTreeMap::new();
        let mut all: Vec<(usize, &'a str, usize)> = Vec::new();
        for (column, pool) in self.columns.iter().enumerate() {
            let place = *places.entry(outcomes(column)).or_insert(all.len());
            match all.get_mut(place) {
                Some((_, _, more)) => *more += 1,
                None => all.push((column, pool, 0)),
            }
        }
        let left = all.split_off(most.min(all.len()));
        Differing { shown: all, left: left.iter().map(|(_, _, more)| more + 1).sum() }
    }
}
