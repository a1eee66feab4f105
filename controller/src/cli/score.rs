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

/// Judges saved evidence again, without a sandbox or a cluster
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  controller score evidence.json\n  controller score evidence.json --environment production \
    --output html=report.html\n  controller score archive/*.json\n\nWithout --environment and --only, each file is judged \
    for the environment of its run. The same policy file then gives the same report, byte for byte. For several files, the \
    report is one line a file, and the worst verdict decides the exit code; standard error shows the rate.\n\nExit codes: 0 \
    ready, 1 not ready, 2 wrong usage, or a file that is not intact saved evidence, 3 undetermined, 4 could not read or \
    write"
)]
pub(super) struct Arguments {
    /// The files that `verify --save-evidence` wrote
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    policy: policy::Arguments,
    #[command(flatten)]
    output: output::Arguments,
    /// Print no rate of judged cases
    #[arg(long, short, help_heading = "How to report")]
    quiet: bool,
}

/// A file that could not be judged.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unread {
    #[error("failed to read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is refused", path.display())]
    Refused { path: PathBuf, source: saved::Error },
    #[error("several files are reported as text alone, one line a file")]
    Forms,
}

impl Unread {
    pub(super) fn tell(&self) -> Exit {
        let (help, exit) = match self {
            Self::Read { .. } => ("name a readable file", Exit::CouldNotRun),
            Self::Refused { source: saved::Error::Newer { .. }, .. } => {
                ("judge the file with the controller that wrote it, or with a newer one", Exit::Usage)
            }
            Self::Refused { .. } => ("restore the file as `verify --save-evidence` wrote it", Exit::Usage),
            Self::Forms => ("give one file at a time with --output", Exit::Usage),
        };
        tell(self, Some(help));
        exit
    }
}

/// Reads a file of saved evidence.
pub(super) fn read(path: &Path) -> Result<Record, Unread> {
    let bytes = fs::read(path).map_err(|source| Unread::Read { path: path.to_owned(), source })?;
    let refused = |source| Unread::Refused { path: path.to_owned(), source };
    saved::decode(&bytes).map(|(record, _)| record).map_err(refused)
}

/// Returns the report of a record under the requested policy.
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
        tell(undelivered, Some("--output takes FORMAT=FILE, a file in an existing, writable folder"));
    }
    Exit::of(None, delivered.is_ok(), report.verdict.into(), false)
}

/// Judges one file after the other, and keeps only the worst verdict.
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
    // A file that could not be judged outweighs every verdict: the verdict of the other files would hide it.
    refusal.unwrap_or_else(|| Exit::of(None, written.is_ok(), worst.into(), false))
}

fn line(file: &Path, report: &Report) -> String {
    let findings = report.sandboxes.iter().flat_map(|sandbox| &sandbox.findings);
    let mut gaps: Vec<_> = findings.filter(|finding| finding.is_wanting()).map(|it| it.id).collect();
    gaps.sort_unstable();
    gaps.dedup();
    let mut line = format!("{}: {}, score {}", file.display(), report.verdict.words(), report.score);
    if !gaps.is_empty() {
        // Writing to a string does not fail.
        _ = write!(line, "; unmet or inconclusive: {}", gaps.join(", "));
    }
    line
}

fn rate(cases: usize, begun: Instant) {
    let took = begun.elapsed().as_secs_f64().max(f64::EPSILON);
    let count = u32::try_from(cases).map_or(f64::MAX, f64::from);
    // If standard error is closed, nobody reads the rate.
    _ = writeln!(io::stderr(), "{cases} cases in {took:.2} s, {:.0} a second", count / took);
}
