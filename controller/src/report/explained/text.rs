//! The explanation as tables for people.

use comfy_table::{ContentArrangement, Table, presets::NOTHING};

use super::{Answer, AnswerVerdict, Effect, Explained, ExplainedPass, ExplainedSide, Group, Workload};
use crate::support::printable;

/// The heads of the columns.
const HEADS: [&str; 4] = ["DIRECTION", "PEER", "PORT", "BY"];
/// Names of pods that are listed before the rest is counted.
const LISTED: usize = 3;

impl Explained {
    /// Renders a table for each group of workloads.
    pub(crate) fn text(&self, width: u16) -> String {
        let mut sections: Vec<_> = self.groups.iter().map(|group| group.text(width)).collect();
        if self.groups.is_empty() {
            sections.push(format!("namespace {}: no workload was found", printable::line(&self.namespace)));
        }
        sections.extend(
            self.unread.iter().map(|unread| format!("more workloads may exist: {}", printable::line(unread))),
        );
        sections.join("\n\n") + "\n"
    }
}

impl Group {
    fn text(&self, width: u16) -> String {
        let workloads = self.workloads.iter().map(Workload::text).collect::<Vec<_>>().join(", ");
        let mut table = Table::new();
        table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        table.force_no_tty();
        table.set_header(HEADS);
        for (direction, side) in [("egress", &self.egress), ("ingress", &self.ingress)] {
            for row in side.rows(direction) {
                table.add_row(row);
            }
        }
        let lines = table.lines().map(|line| line.trim_end().to_owned());
        let answers = self.answers.iter().map(|answer| printable::line(&answer.text()));
        let all = [printable::line(&workloads)].into_iter().chain(lines).chain(answers);
        all.collect::<Vec<_>>().join("\n")
    }
}

impl Workload {
    fn text(&self) -> String {
        let mut parts: Vec<_> = self.pods.iter().take(LISTED).cloned().collect();
        if let Some(more) = self.pods.len().checked_sub(LISTED).filter(|&more| more > 0) {
            parts.push(format!("{more} more"));
        }
        let bare = self.pods.iter().all(|pod| self.name == format!("pod/{pod}"));
        match (self.template, parts.is_empty() || bare) {
            (_, true) => self.name.clone(),
            (true, false) => format!("{} (template; pods {})", self.name, parts.join(", ")),
            (false, false) => format!("{} (pods {})", self.name, parts.join(", ")),
        }
    }
}

impl ExplainedSide {
    /// Returns the cells of the table, each without harmful characters. Items of a list have a line each.
    fn rows(&self, direction: &str) -> Vec<[String; 4]> {
        let row = |peer: &[String], port: &[String], by: &str| {
            let listed = |words: &[String]| {
                let lines: Vec<_> = words.iter().map(|word| printable::line(word)).collect();
                if lines.is_empty() { "any".to_owned() } else { lines.join("\n") }
            };
            [direction.to_owned(), listed(peer), listed(port), printable::line(by)]
        };
        let only = |words: &str| [words.to_owned()];
        if self.open {
            return vec![row(&[], &[], "open: no policy binds it")];
        }
        let passes = self.passes.iter().map(|pass| row(&pass.peers, &pass.ports, &pass.by()));
        let rest = if self.passes.is_empty() { "everything" } else { "everything else" };
        let denied = match (self.bound_by.is_empty(), self.passes.is_empty()) {
            (false, _) => Some(row(&only(rest), &[], &format!("denied: {}", self.bound_by.join(", ")))),
            (true, false) => Some(row(&only(rest), &[], "open: no policy binds it")),
            (true, true) => None,
        };
        let gaps = self
            .not_evaluated
            .iter()
            .map(|gap| row(&only("not evaluated"), &only(""), &format!("{}: {}", gap.place, gap.why)));
        passes.chain(denied).chain(gaps).collect()
    }
}

impl ExplainedPass {
    fn by(&self) -> String {
        match self.effect {
            Effect::Allow => self.rule.clone(),
            Effect::Deny => format!("denied: {}", self.rule),
            Effect::Pass => format!("left to the next tier: {}", self.rule),
            Effect::Log => format!("logged: {}", self.rule),
        }
    }
}

impl Answer {
    fn text(&self) -> String {
        let words = match self.verdict {
            AnswerVerdict::Open => "open: no policy binds egress".to_owned(),
            AnswerVerdict::Allowed => format!("allowed by {}", self.by.join(", ")),
            AnswerVerdict::Denied => format!("denied by {}", self.by.join(", ")),
            AnswerVerdict::DeniedIfKnown => {
                format!("denied by {}, if the network knows this kind of policy", self.by.join(", "))
            }
            AnswerVerdict::NotEvaluated => format!("not evaluated: {}", self.why.join("; ")),
        };
        format!("to {}: {words}", self.to)
    }
}
