//! `controller score`: judges saved evidence again, without a sandbox or a cluster.

use std::{
    fmt::Write as _,
    io::{self, Write},
    path::{Path, PathBuf},
    time::Instant,
};

use clap::{ArgGroup, Args};
use jiff::civil::Date;

use super::{
    args::{evidence, output, policy, sign},
    console::tell,
    evidence::{Opened, Reader, Unread},
    files::Files,
    signing::{Signing, signed_file, signed_policy},
    withdrawal::withdraw,
};
use crate::{
    case::{Case, environment::Source},
    judge::{exit::Exit, policy::Policy},
    report::{
        Format, Judging, Report, Verdict,
        attestation::{Gathered, verification_v1::NamedBy},
        deliver::{Delivery, Output},
    },
    support::{clock, digest::sha256, printable},
};

/// Judges saved evidence again, without a sandbox or a cluster
#[derive(Args, Debug)]
#[command(
    group = ArgGroup::new("proof").multiple(true),
    after_help = "Examples:\n  controller score evidence.json\n  controller score evidence.json --environment production \
    --output html=report.html\n  controller score archive/*.json\n\nEach file is judged for the \
    strongest of its run's environment, the variables and the policy file; only --environment weakens. The same policy file \
    and variables give the same report, byte for byte. For several files, the report is one line a file, and the worst \
    verdict decides the exit code; standard error shows the rate.\n\nExit codes: 0 ready, 1 not ready, 2 wrong usage, or a \
    file that is not intact saved evidence, too old, or of another place, 3 undetermined, 4 could not read or write"
)]
pub(super) struct Arguments {
    /// The files that `verify --save-evidence` wrote
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    policy: policy::Arguments,
    #[command(flatten)]
    evidence: evidence::Arguments,
    #[command(flatten)]
    output: output::Arguments,
    #[command(flatten)]
    sign: sign::Arguments,
    #[command(flatten)]
    life: sign::Life,
    /// Print no rate of judged cases
    #[arg(long, short, help_heading = "How to report")]
    quiet: bool,
}

/// Several files with a format that holds one report.
#[derive(Debug, thiserror::Error)]
#[error("several files are reported as text alone, one line a file")]
struct SeveralForms;

/// Several files and one signature.
#[derive(Debug, thiserror::Error)]
#[error("an attestation is about one file of evidence, and several were given")]
struct SeveralSigned;

/// Evidence that could not be judged.
#[derive(Debug)]
pub(super) enum NotJudged {
    Policy(policy::PolicyRefused),
    Evidence(Unread),
}

impl NotJudged {
    pub(super) fn tell(&self) -> Exit {
        match self {
            Self::Policy(refused) => refused.tell(),
            Self::Evidence(unread) => unread.tell(),
        }
    }
}

/// Returns the report of saved evidence under the requested policy. Each case is let go after its judgement.
pub(super) fn judged(
    mut opened: Opened,
    sources: &policy::Sources,
    today: Date,
) -> Result<Report, NotJudged> {
    let (policy, named_by) = policy_again(&mut opened, sources, today)?;
    judged_under(opened, &policy, named_by, None)
}

/// Returns the policy that judges saved evidence again, and the step that names its environment.
fn policy_again(
    opened: &mut Opened,
    sources: &policy::Sources,
    today: Date,
) -> Result<(Policy, NamedBy), NotJudged> {
    let record = &mut opened.record;
    let declared = sources.declared_again(&record.environment).map_err(NotJudged::Policy)?;
    let environment = declared.environment;
    let is_narrowed = record.is_narrowed_for(environment);
    record.environment = declared;
    let named_by = match record.environment.source {
        Source::Recorded(_) => NamedBy::Run,
        _ => NamedBy::Judgement,
    };
    let mut policy = sources.policy(environment, today);
    policy.only_production |= is_narrowed && !policy.require_whole;
    Ok((policy, named_by))
}

/// Returns the report of saved evidence under a policy. Each case is let go after its judgement, and its facts are gathered.
pub(super) fn judged_under(
    mut opened: Opened,
    policy: &Policy,
    named_by: NamedBy,
    mut gathered: Option<&mut Gathered>,
) -> Result<Report, NotJudged> {
    let source = opened.record.environment.source.clone();
    let mut judging = Judging::under(policy);
    while let Some(case) = opened.next() {
        let mut case = case.map_err(NotJudged::Evidence)?;
        if named_by == NamedBy::Judgement {
            name(&mut case, &source);
        }
        if let Some(gathered) = &mut gathered {
            gathered.add(&case);
        }
        judging.add(&case);
    }
    Ok(judging.report(&opened.record))
}

/// Names the source of the environment in a case of a run for which nothing named the environment.
fn name(case: &mut Case, source: &Source) {
    if let Some(known) = &mut case.surroundings.in_cluster {
        known.environment.get_or_insert_with(|| source.to_string());
    }
}

impl Arguments {
    pub(super) fn run(self) -> Exit {
        let Self { files, policy, evidence, output, sign, life, quiet } = self;
        let delivery = match output.delivery() {
            Ok(delivery) => delivery,
            Err(refused) => return refused.tell(),
        };
        let sources = match policy.sources() {
            Ok(sources) => sources,
            Err(refused) => return refused.tell(),
        };
        let (first, of_command) = (files.first().map_or(Path::new(""), PathBuf::as_path), Files::default());
        let of_command = files.iter().fold(of_command, |it, file| it.reads("the evidence", Some(file)));
        let of_command = of_command.reads("the policy file", policy.path().as_deref()).delivers(&delivery);
        if let Err(shared) = sign.files(first, of_command).check() {
            return shared.tell();
        }
        match files.as_slice() {
            [file] if sign.are_given() => {
                let signer = match sign.signer(file, life) {
                    Ok(signer) => signer,
                    Err(refused) => return refused.tell(),
                };
                one(file, &sources, Reader::new(evidence), &delivery, signer)
            }
            [file] => one(file, &sources, Reader::new(evidence), &delivery, None),
            _ if sign.are_given() => {
                tell(&SeveralSigned, Some("sign one file at a time"));
                Exit::Usage
            }
            files => several(files, &sources, Reader::new(evidence), &delivery, quiet),
        }
    }
}

fn one(
    file: &Path,
    sources: &policy::Sources,
    mut reader: Reader,
    delivery: &Delivery,
    signer: Option<sign::Signer>,
) -> Exit {
    let now = clock::now();
    let read = Reader::read(file).and_then(|bytes| {
        let digest = signer.as_ref().map(|_| sha256(&bytes)).unwrap_or_default();
        Ok((reader.open_bytes(file, bytes)?, digest))
    });
    let (mut opened, digest) = match read {
        Ok(read) => read,
        Err(unread) => return unjudged(delivery, &unread),
    };
    let probe = opened.provenance.probe.clone();
    let mut gathered = Gathered::default();
    let judged = policy_again(&mut opened, sources, clock::today()).and_then(|(policy, named_by)| {
        let gathering = signer.is_some().then_some(&mut gathered);
        let report = judged_under(opened, &policy, named_by, gathering)?;
        Ok((report, named_by, policy.require_whole))
    });
    let (report, named_by, require_whole) = match judged {
        Ok(judged) => judged,
        Err(NotJudged::Evidence(unread)) => return unjudged(delivery, &unread),
        Err(NotJudged::Policy(refused)) => return refused.tell(),
    };
    let delivered = delivery.deliver(&report);
    if let Err(undelivered) = &delivered {
        tell(undelivered, Some("--output takes FORMAT=FILE, a file in an existing, writable folder"));
    }
    let attested = signer.map(|signer| {
        let policy = signed_policy(sources);
        let signing = Signing { signer, policy, named_by, require_whole, judged_at: now };
        signing.sign(&report, &gathered, signed_file(file, digest), probe)
    });
    let attested = attested.transpose();
    if let Err(error) = &attested {
        tell(error, Some(error.help()));
    }
    Exit::of(None, delivered.is_ok() && attested.is_ok(), report.verdict.into(), false)
}

/// Withdraws the reports of other evidence, and tells why there is none of this.
fn unjudged(delivery: &Delivery, unread: &Unread) -> Exit {
    withdraw(delivery.files());
    unread.tell()
}

/// Judges one file after the other, and keeps only the worst verdict.
fn several(
    files: &[PathBuf],
    sources: &policy::Sources,
    mut reader: Reader,
    delivery: &Delivery,
    quiet: bool,
) -> Exit {
    if delivery.outputs != [Output { format: Format::Text, file: None }] {
        tell(&SeveralForms, Some("give one file at a time with --output"));
        return Exit::Usage;
    }
    let (begun, today) = (Instant::now(), clock::today());
    let mut out = io::BufWriter::new(io::stdout().lock());
    let (mut worst, mut cases, mut refusal) = (Verdict::Ready, 0_usize, None);
    for file in files {
        let opened = reader.open(file).map_err(NotJudged::Evidence);
        let report = match opened.and_then(|opened| judged(opened, sources, today)) {
            Ok(report) => report,
            Err(unread @ NotJudged::Evidence(_)) => {
                refusal.get_or_insert(unread.tell());
                continue;
            }
            Err(refused) => return refused.tell(),
        };
        cases += report.sandboxes.len();
        if report.verdict.badness() < worst.badness() {
            worst = report.verdict;
        }
        if let Err(error) = writeln!(out, "{}", printable::line(&line(file, &report))) {
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
    let mut line =
        format!("{}: {}, score {}; {}", file.display(), report.headline(), report.score, report.origin());
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

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::Parser;

    use super::*;
    use crate::{
        evidence::saved::{self, Provenance},
        fixture,
    };

    #[derive(Parser)]
    struct Alone {
        #[command(flatten)]
        score: Arguments,
    }

    /// Returns the exit code of a command on a file of evidence, and true if the file is as it was.
    fn run(arguments: &[&str]) -> (Exit, bool) {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        let provenance = Provenance { controller: "0.1.0".into(), probe: None, saved_at: 0 };
        let saved = saved::encode(&fixture::record(vec![fixture::gvisor()]), &provenance).unwrap();
        fs::write(place("evidence.json"), &saved).unwrap();
        std::os::unix::fs::symlink("evidence.json", place("link.json")).unwrap();
        let words = arguments.iter().map(|word| word.replace("DIR", folder.path().to_str().unwrap()));
        let file = place("evidence.json").to_str().unwrap().to_owned();
        let words = ["score".to_owned(), file].into_iter().chain(words);
        let exit = Alone::try_parse_from(words).unwrap().score.run();
        (exit, fs::read(place("evidence.json")).unwrap() == saved)
    }

    #[test]
    fn no_report_replaces_the_evidence() {
        for path in ["DIR/evidence.json", "DIR/./evidence.json", "DIR/link.json"] {
            assert_eq!(run(&["--output", &format!("json={path}")]), (Exit::Usage, true), "{path}");
        }
    }

    #[test]
    fn no_report_replaces_another() {
        let (exit, _) = run(&["--output", "json=DIR/r", "--output", "junit=DIR/./r"]);
        assert_eq!(exit, Exit::Usage);
    }

    /// Returns the exit code of a command on missing evidence, and true if the report of an earlier command stays.
    fn run_without_evidence(arguments: &[&str]) -> (Exit, bool) {
        let folder = tempfile::tempdir().unwrap();
        let report = folder.path().join("report");
        fs::write(&report, "of earlier evidence").unwrap();
        let output = format!("json={}", report.display());
        let words = ["score", "/no/such/evidence.json", "--output", &output];
        let exit = Alone::try_parse_from(words.iter().chain(arguments)).unwrap().score.run();
        (exit, report.exists())
    }

    #[test]
    fn evidence_that_is_not_judged_leaves_no_earlier_report() {
        assert_eq!(run_without_evidence(&[]), (Exit::CouldNotRun, false));
    }

    #[test]
    fn a_refused_command_line_touches_no_report() {
        assert_eq!(run_without_evidence(&["--policy", "/no/such/podproof.toml"]), (Exit::Usage, true));
    }

    #[test]
    fn reports_in_files_of_their_own_are_written() {
        let (exit, is_kept) = run(&["--output", "json=DIR/one", "--output", "junit=DIR/two"]);
        assert!(exit != Exit::Usage && is_kept, "{exit:?}");
    }
}
