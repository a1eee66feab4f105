//! The explanation as tables for people.

use comfy_table::{ContentArrangement, Table, presets::NOTHING};

use super::{Answer, AnswerVerdict, Explained, ExplainedSide, Group, Workload, printable};

/// The heads of the columns.
const HEADS: [&str; 4] = ["DIRECTION", "PEER", "PORT", "BY"];
/// Names of pods that are listed before the rest is counted.
const LISTED: usize = 3;

impl Explained {
    /// Renders a table for each group of workloads.
    pub(crate) fn text(&self, width: u16) -> String {
        let mut sections: Vec<_> = self.groups.iter().map(|group| group.text(width)).collect();
        if self.groups.is_empty() {
            sections.push(format!("namespace {}: no workload was found", printable::text(&self.namespace)));
        }
        sections.extend(
            self.unread.iter().map(|unread| format!("more workloads may exist: {}", printable::text(unread))),
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
                table.add_row(row.map(|cell| printable::text(&cell)));
            }
        }
        let lines = table.lines().map(|line| line.trim_end().to_owned());
        let answers = self.answers.iter().map(|answer| printable::text(&answer.text()));
        let all = [printable::text(&workloads)].into_iter().chain(lines).chain(answers);
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
    fn rows(&self, direction: &str) -> Vec<[String; 4]> {
        let row = |peer: &str, port: &str, by: &str| [direction, peer, port, by].map(str::to_owned);
        let listed = |words: &[String]| if words.is_empty() { "any".to_owned() } else { words.join("\n") };
        if self.open {
            return vec![row("any", "any", "open: no policy binds it")];
        }
        let passes =
            self.passes.iter().map(|pass| row(&listed(&pass.peers), &listed(&pass.ports), &pass.rule));
        let denied = (!self.bound_by.is_empty()).then(|| {
            let rest = if self.passes.is_empty() { "everything" } else { "everything else" };
            row(rest, "any", &format!("denied: {}", self.bound_by.join(", ")))
        });
        let gaps = self
            .not_evaluated
            .iter()
            .map(|gap| row("not evaluated", "", &format!("{}: {}", gap.place, gap.why)));
        passes.chain(denied).chain(gaps).collect()
    }
}

impl Answer {
    fn text(&self) -> String {
        let words = match self.verdict {
            AnswerVerdict::Open => "open: no policy binds egress".to_owned(),
            AnswerVerdict::Allowed => format!("allowed by {}", self.by.join(", ")),
            AnswerVerdict::Denied => format!("denied by {}", self.by.join(", ")),
            AnswerVerdict::NotEvaluated => format!("not evaluated: {}", self.why.join("; ")),
        };
        format!("to {}: {words}", self.to)
    }
}
