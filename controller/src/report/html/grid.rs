//! The matrix of the page: requirements by sandboxes, those that are alike in one column.

use std::collections::{BTreeSet, HashMap};

use super::{
    super::{Area, Report, ReportedFinding, rank::Rank},
    requirements::Requirement,
};

/// The most sandboxes that have a column of their own; of more, those that are alike share a column.
const SEPARATE: usize = 12;
/// The most columns; the sandboxes of the rest are counted.
const MOST_COLUMNS: usize = 60;
/// The most columns whose cells have words besides the signs.
const SPACIOUS: usize = 6;

/// The matrix of the page.
#[derive(Debug)]
pub(super) struct Grid<'a> {
    pub(super) columns: Vec<Column>,
    pub(super) areas: Vec<(Area, Vec<Row<'a>>)>,
    /// The number of sandboxes that have no column.
    pub(super) left_out: usize,
    /// The sandboxes of the most frequent kind; empty where all sandboxes are alike.
    pub(super) common: BTreeSet<usize>,
}

/// Sandboxes whose findings have the same outcomes and the same effects.
#[derive(Clone, Debug)]
pub(super) struct Column {
    /// Positions in the report; never empty.
    pub(super) sandboxes: Vec<usize>,
    /// True if no other column has more sandboxes, and others differ.
    pub(super) common: bool,
}

/// The cells of a requirement.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) id: &'static str,
    pub(super) cells: Vec<Option<Cell<'a>>>,
    /// True if every sandbox has the same outcome with the same effect.
    pub(super) same: bool,
}

/// A finding, and the fragment of the page that tells of the finding.
#[derive(Debug)]
pub(super) struct Cell<'a> {
    pub(super) finding: &'a ReportedFinding,
    pub(super) anchor: String,
}

impl<'a> Grid<'a> {
    pub(super) fn of(report: &'a Report, requirements: &[Requirement<'a>]) -> Self {
        let profile = |sandbox: usize| -> Vec<Option<Rank>> {
            let of = |requirement: &Requirement<'a>| Some(Rank::of(finding(report, requirement, sandbox)?));
            requirements.iter().map(of).collect()
        };
        let profiles: Vec<_> = (0..report.sandboxes.len()).map(profile).collect();
        let mut columns = columns(&profiles);
        let same = |place: usize| {
            let first = profiles.first().and_then(|profile| profile.get(place));
            profiles.iter().all(|profile| profile.get(place) == first)
        };
        let common = columns.iter().filter(|column| column.common).flat_map(|column| &column.sandboxes);
        let common = common.copied().collect();
        let shown = columns.len().min(MOST_COLUMNS);
        let left_out = columns.split_off(shown).iter().map(|column| column.sandboxes.len()).sum();
        let mut areas: Vec<(Area, Vec<Row<'a>>)> = Vec::new();
        let mut rows: Vec<_> = requirements.iter().enumerate().collect();
        rows.sort_by_key(|(_, requirement)| requirement.area());
        for (place, requirement) in rows {
            let cell = |column: &Column| {
                let sandbox = *column.sandboxes.first()?;
                let finding = finding(report, requirement, sandbox)?;
                Some(Cell { finding, anchor: requirement.anchor(sandbox) })
            };
            let row =
                Row { id: requirement.id(), cells: columns.iter().map(cell).collect(), same: same(place) };
            match areas.last_mut() {
                Some((area, rows)) if *area == requirement.area() => rows.push(row),
                _ => areas.push((requirement.area(), vec![row])),
            }
        }
        Self { columns, areas, left_out, common }
    }

    /// Returns true if cells have words besides the signs.
    pub(super) const fn is_spacious(&self) -> bool {
        self.columns.len() <= SPACIOUS
    }

    /// Returns true if the sandboxes are of several kinds.
    pub(super) fn differs(&self) -> bool {
        !self.common.is_empty()
    }
}

fn finding<'a>(
    report: &'a Report,
    requirement: &Requirement<'a>,
    sandbox: usize,
) -> Option<&'a ReportedFinding> {
    requirement.number(sandbox)?;
    let mut findings = report.sandboxes.get(sandbox)?.findings.iter().map(AsRef::as_ref);
    findings.find(|finding: &&ReportedFinding| finding.id == requirement.id())
}

/// Returns the columns in the order of the report, in which the worst comes first.
fn columns(profiles: &[Vec<Option<Rank>>]) -> Vec<Column> {
    let mut kinds: HashMap<&[Option<Rank>], Vec<usize>> = HashMap::new();
    for (sandbox, profile) in profiles.iter().enumerate() {
        kinds.entry(profile).or_default().push(sandbox);
    }
    let most = kinds.values().map(Vec::len).max().unwrap_or(0);
    let common =
        kinds.values().filter(|sandboxes| sandboxes.len() == most).min().cloned().unwrap_or_default();
    let differ = kinds.len() > 1;
    let column = |sandboxes: Vec<usize>| {
        let is_common = sandboxes.first().is_some_and(|first| common.contains(first));
        Column { sandboxes, common: differ && is_common }
    };
    let mut columns: Vec<_> = if profiles.len() <= SEPARATE {
        (0..profiles.len()).map(|sandbox| column(vec![sandbox])).collect()
    } else {
        kinds.into_values().map(column).collect()
    };
    columns.sort_by_key(|column| column.sandboxes.first().copied());
    columns
}
