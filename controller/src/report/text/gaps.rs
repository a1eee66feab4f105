//! Requirements that block or warn, each with reason, place and fix in full.

use comfy_table::Cell;

use super::{Style, colour, pairs, table, trimmed};
use crate::report::gaps::Gap;

/// Reasons of a requirement that are written before the rest is counted, the more generous number first.
const REASONS: [usize; 2] = [3, 1];

/// Renders each gap in a section, within so many lines. If the room does not suffice, the last gaps have a line each.
pub(super) fn render(gaps: &[Gap<'_>], style: Style, room: usize) -> Vec<String> {
    let mut sections = Vec::new();
    for most in REASONS {
        sections = gaps.iter().map(|gap| section(gap, style, most)).collect();
        if lines(&sections) <= room {
            return sections;
        }
    }
    let mut kept: Vec<String> = Vec::new();
    let mut short = gaps.iter().map(|gap| title(gap, style)).rev().collect::<Vec<_>>();
    for section in sections {
        let tail = short.len();
        if lines(&kept) + lines(std::slice::from_ref(&section)) + tail + 2 > room {
            break;
        }
        short.pop();
        kept.push(section);
    }
    short.reverse();
    short.push("   Reasons and fixes of these: `--output html=report.html`, or `--verbose`.".to_owned());
    kept.push(short.join("\n"));
    kept
}

/// A blank line follows each section.
fn lines(sections: &[String]) -> usize {
    sections.iter().map(|section| section.lines().count() + 1).sum()
}

fn section(gap: &Gap<'_>, style: Style, most: usize) -> String {
    let most = if style.verbose { gap.reasons.len() } else { most };
    format!("{}\n{}", title(gap, style), pairs(&gap.rows(most), style))
}

fn title(gap: &Gap<'_>, style: Style) -> String {
    let mut table = table(style);
    let words = format!("{}: {}, {}", gap.finding.id, gap.outcome(), gap.effect());
    let tone = colour(gap.finding);
    table.add_row([Cell::new(gap.finding.outcome.sign()).fg(tone), Cell::new(words).fg(tone)]);
    trimmed(&table)
}
