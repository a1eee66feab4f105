//! `controller score`: judges saved evidence again, without a sandbox or a cluster.

use std::{
    fmt::Write as _,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    time::Instant,
};

use clap::Args;
use jiff::civil::Date;

use super::{
    args::{output, policy},
    console::tell,
};
use crate::{
    evidence::{record::Record, saved},
    judge::exit::Exit,
    report::{
        Format, Report, Verdict,
        deliver::{Delivery, Output},
    },
    support::clock,
};

/// Judges saved evidence again
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  controller score evidence.json\n  controller score evidence.json --environment production \
    --output html=report.html\n  controller score archive/*.json\n\nWithout --environment and --only a file is judged for \
    what its run was judged for, and under the same policy file the report is the same, byte for byte. Of several files, \
    each has a line, and the worst decides the exit code; the rate goes to standard error.\n\nExit codes: 0 ready, 1 not \
    ready, 2 wrong usage, or a file that is not whole saved evidence, 3 undetermined, 4 could not read or write"
)]
pub(super) struct Arguments {
    /// What `verify --save-evidence` kept
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    policy: policy::Arguments,
    #[command(flatten)]
    output: output::Arguments,
    /// Say nothing of the rate
    #[arg(long, short, help_heading = "How to report")]
    quiet: bool,
}

/// Why a file is not judged.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unread {
    #[error("failed to read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is refused", path.display())]
    Refused { path: PathBuf, source: saved::Error },
    #[error("several files have a line each, and no other form than text")]
    Forms,
}

impl Unread {
    pub(super) fn tell(&self) -> Exit {
        let (help, exit) = match self {
            Self::Read { .. } => ("name a file that can be read", Exit::CouldNotRun),
            Self::Refused { source: saved::Error::Newer { .. }, .. } => {
                ("judge it with the controller that wrote it, or a newer one", Exit::Usage)
            }
            Self::Refused { .. } => {
                ("take the file as `verify --save-evidence` wrote it, from where it was kept", Exit::Usage)
            }
            Self::Forms => ("give one file with --output", Exit::Usage),
        };
        tell(self, Some(help));
        exit
    }
}

/// Reads what was kept.
pub(super) fn read(path: &Path) -> Result<Record, Unread> {
    let bytes = fs::read(path).map_err(|source| Unread::Read { path: path.to_owned(), source })?;
    let refused = |source| Unread::Refused { path: path.to_owned(), source };
    saved::decode(&bytes).map(|(record, _)| record).map_err(refused)
}

/// A record's report, under the policy that was asked for.
pub(super) fn judged(
    record: &mut Record,
    sources: &policy::Sources,
    today: Date,
) -> Result<Report, policy::PolicyRefused> {
    record.environment = sources.declared_again(&record.environment)?;
    let mut policy = sources.policy(record.environment.environment, today);
    policy.only_production |= record.only_production;
    Ok(Report::of(record, &policy))
}

impl Arguments {
    pub(super) fn run(self) -> Exit {
        let Self { files, policy, output, quiet } = self;
        let delivery = match output.delivery() {
            Ok(delivery) => delivery,
            Err(refused) => return refused.tell(),
        };
        let sources = match policy.sources() {
            Ok(sources) => sources,
            Err(refused) => return refused.tell(),
        };
        match files.as_slice() {
            [file] => one(file, &sources, &delivery),
            files => several(files, &sources, &delivery, quiet),
        }
    }
}

fn one(file: &Path, sources: &policy::Sources, delivery: &Delivery) -> Exit {
    let today = clock::today();
    let mut record = match read(file) {
        Ok(record) => record,
        Err(unread) => return unread.tell(),
    };
    let report = match judged(&mut record, sources, today) {
        Ok(report) => report,
        Err(refused) => return refused.tell(),
    };
    let delivered = delivery.deliver(&report);
    if let Err(undelivered) = &delivered {
        tell(undelivered, Some("--output takes FORMAT=FILE, a file in a folder that can be written"));
    }
    Exit::of(None, delivered.is_ok(), report.verdict.into(), false)
}

/// One file after the other: nothing of a file is kept but its verdict.
fn several(files: &[PathBuf], sources: &policy::Sources, delivery: &Delivery, quiet: bool) -> Exit {
    if delivery.outputs != [Output { format: Format::Text, file: None }] {
        return Unread::Forms.tell();
    }
    let (begun, today) = (Instant::now(), clock::today());
    let mut out = io::BufWriter::new(io::stdout().lock());
    let (mut worst, mut cases, mut refusal) = (Verdict::Ready, 0_usize, None);
    for file in files {
        let mut record = match read(file) {
            Ok(record) => record,
            Err(unread) => {
                refusal.get_or_insert(unread.tell());
                continue;
            }
        };
        cases += record.cases.len();
        let report = match judged(&mut record, sources, today) {
            Ok(report) => report,
            Err(refused) => return refused.tell(),
        };
        if report.verdict.badness() < worst.badness() {
            worst = report.verdict;
        }
        if let Err(error) = writeln!(out, "{}", line(file, &report)) {
            tell(&error, Some("standard output must be open"));
            return Exit::CouldNotRun;
        }
    }
    let written = out.flush();
    if !quiet {
        rate(cases, begun);
    }
    // A file that was not judged is no verdict, and a verdict of the others would hide it.
    refusal.unwrap_or_else(|| Exit::of(None, written.is_ok(), worst.into(), false))
}

fn line(file: &Path, report: &Report) -> String {
    let findings = report.sandboxes.iter().flat_map(|sandbox| &sandbox.findings);
    let mut wanting: Vec<_> = findings.filter(|finding| finding.is_wanting()).map(|it| it.id).collect();
    wanting.sort_unstable();
    wanting.dedup();
    let mut line = format!("{}: {}, score {}", file.display(), report.verdict.words(), report.score);
    if !wanting.is_empty() {
        // Writing to a string does not fail.
        _ = write!(line, "; wanting: {}", wanting.join(", "));
    }
    line
}

fn rate(cases: usize, begun: Instant) {
    let took = begun.elapsed().as_secs_f64().max(f64::EPSILON);
    let count = u32::try_from(cases).map_or(f64::MAX, f64::from);
    // Where standard error is closed, there is nobody to tell.
    _ = writeln!(io::stderr(), "{cases} cases in {took:.2} s, {:.0} a second", count / took);
}
