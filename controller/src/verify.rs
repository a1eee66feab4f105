//! `controller verify --local`, as a list of phases. Whatever happens after the launch, cleaning up happens too. A
//! namespace's phases are [`namespace`]'s.

mod beside;
pub(crate) mod namespace;
pub(crate) mod network;
mod run;

use std::{borrow::Cow, io, path::PathBuf, process::ExitStatus, time::Duration};

use proto::{Nonce, Observation};
use tokio::time::Instant;

use beside::Beside;
use run::Run;

use crate::{
    breach::Breach,
    case::{Case, Collected, Control, Machine, Subject, Survey},
    cluster::Unreadable,
    collect,
    deliver::Undelivered,
    embedded,
    environment::Declared,
    exit::{Exit, Stopped},
    file,
    interrupt::Interrupt,
    launch::{self, Launched},
    leftover::Leftover,
    limits::Limits,
    plan::{self, Plan, Wanted},
    policy::Policy,
    progress::Progress,
    record::Record,
    report::{self, Report},
    survey,
};

/// Exit codes from here on are the probe's own (sysexits.h) or a signal's; those below are the runtime's.
const PROBES_OWN: i32 = 64;
/// runsc's exit code when it fails (runsc/cmd/util, `Fatalf`).
const RUNTIME_FATAL: i32 = 128;

/// How long what a bundle mounts may be looked through. The probe waits meanwhile.
const LOOKING: Duration = Duration::from_secs(2);

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) runtime: Option<Vec<String>>,
    pub(crate) bundle: Option<PathBuf>,
    pub(crate) probe: Option<PathBuf>,
    pub(crate) network: network::Request,
    pub(crate) measures_cpu: bool,
    pub(crate) timeout: Duration,
    pub(crate) quiet: bool,
    pub(crate) declared: Declared,
    pub(crate) policy: Policy,
}

/// Why a run could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("this controller was built without a probe")]
    NoProbe,
    #[error("failed to read the probe {}", path.display())]
    ReadProbe { path: PathBuf, source: io::Error },
    #[error("failed to draw random numbers")]
    Random(#[source] getrandom::Error),
    #[error("failed to watch for signals")]
    Signals(#[source] io::Error),
    #[error("failed to listen")]
    Witness(#[source] io::Error),
    #[error(transparent)]
    Name(#[from] network::Error),
    #[error("failed to plan the run")]
    Plan(#[from] plan::Error),
    #[error("failed to launch the probe")]
    Launch(#[from] launch::Error),
    #[error("the runtime did not start the sandbox ({status}){}", quoted(last_lines))]
    NotStarted { status: ExitStatus, last_lines: Vec<String> },
    #[error("failed to plan the probes")]
    Probes(#[from] plan::namespace::Error),
    #[error("failed to look at the namespace")]
    Survey(#[from] survey::kubernetes::Error),
    #[error("failed to launch the probes")]
    Pods(#[from] launch::pods::Error),
    #[error("without a permission no probe is launched: {0}")]
    Blind(Unreadable),
    #[error("failed to look for what was left in namespace {namespace}")]
    Find { namespace: String, source: Box<kube::Error> },
    #[error("failed to write a manifest")]
    Manifest(#[from] serde_saphyr::SerializeError),
    #[error("the API server did not answer in time")]
    NoAnswer,
    #[error("it was interrupted")]
    Interrupted,
    #[error("no probe could be started{}", listed(reasons))]
    NoneLaunched { reasons: Vec<launch::pods::Refusal> },
    #[error("failed to put the evidence into its form")]
    Encode(#[from] serde_json::Error),
    #[error("failed to save the evidence")]
    Save(#[from] file::Error),
    #[error("failed to write the report")]
    Deliver(#[from] Undelivered),
}

/// Runs all phases, hands the report and what it was made of to `write`, and says how it ended.
pub(crate) async fn local(
    request: Request,
    write: impl FnOnce(&Report, &Record) -> Result<(), Error>,
) -> Result<(Exit, Option<Error>), Error> {
    let deadline = Instant::now() + request.timeout;
    let progress = Progress::new(request.quiet);
    let (wanted, looked_up) = network::looked_up(&request.network).await?;
    let result = phases(&request, wanted, deadline, &progress).await;
    progress.finish();
    let Some((case, leftovers, stopped)) = result? else { return Ok((Exit::Interrupted, None)) };

    // pure: judge, report
    let timed_out = (stopped == Some(Stopped::TimedOut)).then(report::timed_out);
    let remarks = looked_up.into_iter().chain(timed_out).chain(report::left_behind(&leftovers)).collect();
    let record = Record {
        environment: request.declared,
        only_production: request.policy.only_production,
        remarks,
        cases: vec![case],
    };
    let report = Report::of(&record, &request.policy);

    // touches the world: write
    let written = write(&report, &record);
    let exit = Exit::of(stopped, written.is_ok(), report.verdict, !leftovers.is_empty());
    Ok((exit, written.err()))
}

/// `None` where the run was interrupted; nothing is judged then.
async fn phases(
    request: &Request,
    wanted: Wanted,
    deadline: Instant,
    progress: &Progress,
) -> Result<Option<(Case, Vec<Leftover>, Option<Stopped>)>, Error> {
    // touches the machine: look
    let mut interrupt = Interrupt::watch().map_err(Error::Signals)?;
    let probe = probe(request)?;
    let machine = survey::machine();
    let beside = Beside::listen(request).await?;

    // pure: plan
    let plan = plan::local(&plan_request(request, wanted, &beside).map_err(Error::Witness)?, nonce()?)?;

    // touches the machine: launch, collect, clean up
    progress.change(&format!("starting {}", name(&plan)));
    let (stream, mut launched) = launch::start(&plan, &probe)?;
    let sockets = survey::mounted_sockets(launched.host_paths(), LOOKING).await;
    let plan = plan.with_sockets(sockets.found);
    let trying = beside.tries(&plan, &launched);
    let mut collection = collect::begin(stream, plan.assignment());
    let ending = Run::new(&mut launched, &mut collection, progress).finish(deadline, &mut interrupt).await;
    let collected = collection.finish();
    let last_lines = launched.last_lines();
    let (control, arrived) = beside.heard(&plan, trying, ending.stopped.is_some()).await;
    let machine = Machine { runs_the_probe: ending.runs_the_probe, ..machine };
    let machine = machine.as_far_as_needed(&collected.evidence);
    let survey = Survey {
        control,
        arrived,
        untried_sockets: sockets.untried,
        ..surveyed(plan, machine, &launched, ending.cgroup)
    };
    progress.change("cleaning up");
    let leftovers = launched.clean_up().await;
    let stopped = if interrupt.has_arrived().await { Some(Stopped::Interrupted) } else { ending.stopped };

    match (stopped, ending.status) {
        (Some(Stopped::Interrupted), _) => {
            warn_of(&leftovers);
            Ok(None)
        }
        (None, Some(status)) if collected.breaches == [Breach::Silent] && !probes_own(status) => {
            warn_of(&leftovers);
            Err(Error::NotStarted { status, last_lines })
        }
        (stopped, status) => {
            let collected = with_status(collected, status);
            Ok(Some((Case { collected, survey }, leftovers, stopped)))
        }
    }
}

/// Where there is no report to name them in.
fn warn_of(leftovers: &[Leftover]) {
    for Leftover { what, remedy } in leftovers {
        tracing::warn!("left behind: {what}; remove it with `{remedy}`");
    }
}

fn probe(request: &Request) -> Result<Cow<'static, [u8]>, Error> {
    match &request.probe {
        Some(path) => std::fs::read(path)
            .map(Cow::Owned)
            .map_err(|source| Error::ReadProbe { path: path.clone(), source }),
        None => embedded::probe().map(Cow::Borrowed).ok_or(Error::NoProbe),
    }
}

fn nonce() -> Result<Nonce, Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(Error::Random)?;
    Ok(Nonce(bytes))
}

fn plan_request(request: &Request, wanted: Wanted, beside: &Beside) -> io::Result<plan::Request> {
    Ok(plan::Request {
        runtime: request.runtime.clone(),
        bundle: request.bundle.clone(),
        wanted,
        measures_cpu: request.measures_cpu,
        rootless: !nix::unistd::geteuid().is_root(),
        installed: launch::installed_runsc(),
        network: beside.network(),
        loopback_witness: beside.loopback_port()?,
        witness: beside.planned(),
    })
}

fn surveyed(plan: Plan, machine: Machine, launched: &Launched, cgroup: Observation<Limits>) -> Survey {
    let bundle = launched.bundle();
    Survey {
        subject: plan.subject,
        declared: bundle.map(|bundle| bundle.limits),
        cgroup_path: bundle.and_then(|bundle| bundle.cgroup.clone()),
        host_paths: launched.host_paths().to_vec(),
        own_mounts: bundle.map(|bundle| bundle.own_mounts.clone()).unwrap_or_default(),
        no_new_privs: bundle.map(|bundle| bundle.no_new_privs),
        machine,
        measures_cpu: plan.measures_cpu,
        cgroup,
        destinations: plan.destinations,
        untried_sockets: Vec::new(),
        profile: plan.profile,
        control: Control::NotAsked,
        arrived: Vec::new(),
        in_cluster: None,
    }
}

/// Whether an exit status before the probe's first word is the probe's, and not the runtime's.
fn probes_own(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    match status.code() {
        Some(0) => true,
        Some(code) => code >= PROBES_OWN && code != RUNTIME_FATAL && code != 126 && code != 127,
        None => status.signal().is_some(),
    }
}

/// A probe that was ended says itself why it could not close its evidence.
fn with_status(mut collected: Collected, status: Option<ExitStatus>) -> Collected {
    if let Some(status) = status
        && !status.success()
        && !collected.breaches.is_empty()
    {
        collected.breaches.push(Breach::Ended(status.to_string()));
    }
    collected
}

fn name(plan: &Plan) -> String {
    match &plan.subject {
        Subject::Sandbox { runtime, .. } => format!("a sandbox with {}", runtime.join(" ")),
        Subject::Unsandboxed | Subject::Pods { .. } => "the probe without a sandbox".to_owned(),
    }
}

fn quoted(lines: &[String]) -> String {
    lines.iter().fold(String::new(), |quoted, line| quoted + "\n  | " + line)
}

fn listed(reasons: &[launch::pods::Refusal]) -> String {
    let mut told: Vec<_> = reasons.iter().map(ToString::to_string).collect();
    told.dedup();
    quoted(&told)
}
