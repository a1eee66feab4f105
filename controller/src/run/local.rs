//! The driver of `controller verify --local`, as a list of phases. Cleaning up happens whatever happens after the launch.
//! [`super::cluster`] has the phases of a namespace.

mod attendance;
pub mod bundle;
mod control;
pub mod launch;
mod leftovers;
mod listener;
mod runtime;
mod scratch;
pub mod survey;
mod tail;
use std::{borrow::Cow, io, path::PathBuf, process::ExitStatus, time::Duration};

use proto::Observation;
use tokio::time::Instant;

use attendance::Run;
use control::LocalControl;

use super::{Error, collect, interrupt::Interrupt, lookup, nonce, progress::Progress, warn_of};
use crate::{
    case::{
        Case, Collected, Control, Machine, Subject, Surroundings, breach::Breach, environment::Declared,
        leftover::Leftover, limits::Limits,
    },
    evidence::record::Record,
    image::embedded,
    judge::{
        exit::{Exit, Stopped},
        policy::Policy,
    },
    plan::{self, Wanted, local::LocalPlan},
    report::{self, Report},
};
use launch::Launched;

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
    pub(crate) network: lookup::Request,
    pub(crate) measures_cpu: bool,
    pub(crate) timeout: Duration,
    pub(crate) quiet: bool,
    pub(crate) declared: Declared,
    pub(crate) policy: Policy,
}

/// Runs all phases, hands the report and what it was made of to `write`, and says how it ended.
pub(crate) async fn local(
    request: Request,
    write: impl FnOnce(&Report, &Record) -> Result<(), Error>,
) -> Result<(Exit, Option<Error>), Error> {
    let deadline = Instant::now() + request.timeout;
    let progress = Progress::new(request.quiet);
    let (wanted, looked_up) = lookup::looked_up(&request.network).await?;
    let result = phases(&request, wanted, deadline, &progress).await;
    progress.finish();
    let Some((case, leftovers, stopped)) = result? else { return Ok((Exit::Interrupted, None)) };

    // pure: judge, report
    let timed_out = (stopped == Some(Stopped::TimedOut)).then(report::timed_out);
    let remarks = looked_up.into_iter().chain(timed_out).chain(report::left_behind(&leftovers)).collect();
    let record = Record {
        environment: request.declared,
        circumstances: None,
        only_production: request.policy.only_production,
        remarks,
        cases: vec![case],
    };
    let report = Report::of(&record, &request.policy);

    // touches the world: write
    let written = write(&report, &record);
    let exit = Exit::of(stopped, written.is_ok(), report.verdict.into(), !leftovers.is_empty());
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
    let beside = LocalControl::listen(request).await?;

    // pure: plan
    let plan = plan::local::plan(&plan_request(request, wanted, &beside).map_err(Error::Listen)?, nonce()?)?;

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
    let surroundings = Surroundings {
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
            Ok(Some((Case { collected, surroundings }, leftovers, stopped)))
        }
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

fn plan_request(
    request: &Request,
    wanted: Wanted,
    beside: &LocalControl,
) -> io::Result<plan::local::LocalPlanRequest> {
    Ok(plan::local::LocalPlanRequest {
        runtime: request.runtime.clone(),
        bundle: request.bundle.clone(),
        wanted,
        measures_cpu: request.measures_cpu,
        rootless: !nix::unistd::geteuid().is_root(),
        installed: launch::installed_runsc(),
        network: beside.network(),
        loopback_listener: beside.loopback_port()?,
        listener: beside.planned(),
    })
}

fn surveyed(
    plan: LocalPlan,
    machine: Machine,
    launched: &Launched,
    cgroup: Observation<Limits>,
) -> Surroundings {
    let bundle = launched.bundle();
    Surroundings {
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

fn name(plan: &LocalPlan) -> String {
    match &plan.subject {
        Subject::Sandbox { runtime, .. } => format!("a sandbox with {}", runtime.join(" ")),
        Subject::Unsandboxed | Subject::Pods { .. } => "the probe without a sandbox".to_owned(),
    }
}
