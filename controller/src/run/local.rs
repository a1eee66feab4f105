//! The launcher of `controller verify --local`: one sandbox of this machine.

mod attendance;
pub mod bundle;
pub mod container;
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

use attendance::Attendance;
use control::LocalControl;
use launch::{LaunchError, Launched};

use super::{
    RunError, RunRequest, collect,
    launcher::{Launch, Launcher, Session},
    nonce, tell_of,
};
use crate::{
    case::{
        Case, Collected, Control, Machine, Subject, Surroundings,
        breach::Breach,
        limits::{Doubt, Limits},
        stopped::Stopped,
    },
    image::embedded,
    plan::{
        Wanted,
        local::{self, LocalPlan, LocalPlanRequest},
        needs::Needs,
    },
    support::architecture::Architecture,
};

/// Exit codes from here on are the probe's own (sysexits.h) or a signal's; lower ones are the runtime's.
const PROBES_OWN: i32 = 64;
/// runsc's exit code when it fails (runsc/cmd/util, `Fatalf`).
const RUNTIME_FATAL: i32 = 128;

/// runc's exit code when its `exec` fails (runc, `exec.go`).
const EXEC_FAILED: i32 = 255;

/// Time for the search of a bundle's mounts for sockets. The probe waits meanwhile.
const SEARCH: Duration = Duration::from_secs(2);

/// A sandbox of this machine, as the command line names it.
#[derive(Debug)]
pub(crate) struct LocalLauncher {
    /// The words of `--runtime`; `None` for runsc on PATH.
    pub(crate) runtime: Option<Vec<String>>,
    /// The folder of `--bundle`; `None` for the controller's own bundle.
    pub(crate) bundle: Option<PathBuf>,
    /// The running container of `--container`; `None` for a sandbox of the run's own.
    pub(crate) container: Option<container::Wanted>,
    /// The path of `--probe`; `None` for the embedded probe.
    pub(crate) probe: Option<PathBuf>,
}

impl Launcher for LocalLauncher {
    async fn launch(
        &self,
        request: &RunRequest,
        needs: Needs,
        session: &mut Session,
    ) -> Result<Launch, RunError> {
        let Session { nonce, deadline, interrupt, progress } = session;

        // touches the machine: survey
        let probe = self.probe()?;
        let machine = survey::machine();
        let container = match &self.container {
            Some(wanted) => Some(container::find(wanted).await.map_err(LaunchError::from)?),
            None => None,
        };
        let network = match (&container, &self.bundle) {
            (Some(container), _) => Some(container.network),
            (None, bundle) => bundle.as_deref().map(bundle::network),
        };
        let control = LocalControl::listen(network, request.rounds).await?;

        // pure: plan
        let asked_for = self.plan_request(request, needs.otherwise, &control).map_err(RunError::Listen)?;
        let named = container.as_ref().map(|container| local::Container {
            runtime: container.runtime.shown(),
            id: container.runtime.id().to_owned(),
        });
        let asked_for = LocalPlanRequest { container: named, ..asked_for };
        let plan = local::plan(&asked_for, *nonce)?;

        // touches the machine: launch, collect, clean up
        progress.change(&format!("starting {}", title(&plan)));
        let (stream, mut launched) = launch::start(&plan, &probe, container)?;
        let sockets = survey::mounted_sockets(launched.host_paths(), SEARCH).await;
        let (plan, left_out) = plan.with_sockets(sockets.found);
        let attempts = control.begin_attempts(&plan, &launched);
        let mut collection = collect::begin_and_hold(stream, plan.assignment());
        let ending =
            Attendance::new(&mut launched, &mut collection, progress).finish(*deadline, interrupt).await;
        let collected = collection.finish();
        let last_lines = launched.last_lines();
        let (control, arrived) = control.result(&plan, attempts, ending.stopped.is_some()).await;
        let machine = Machine { runs_the_probe: ending.runs_the_probe, ..machine };
        let machine = machine.as_far_as_needed(&collected.evidence);
        let surroundings = Surroundings {
            control,
            arrived,
            host_process: ending.host_process.map(Box::new),
            untried_sockets: Some(left_out.into_iter().chain(sockets.untried).collect()),
            ..surroundings(plan, machine, &launched, ending.cgroup)
        };
        progress.change("cleaning up");
        let leftovers = launched.clean_up().await;
        let stopped = if interrupt.has_arrived().await { Some(Stopped::Interrupted) } else { ending.stopped };

        if let (None, Some(status)) = (stopped, ending.status)
            && collected.breaches == [Breach::Silent]
            && !is_the_probes(status)
        {
            tell_of(&leftovers);
            if self.container.is_some() {
                return Err(RunError::NotEntered { status, last_lines });
            }
            return Err(RunError::NotStarted { status, last_lines });
        }
        let collected = with_status(collected, ending.status);
        Ok(Launch {
            place: survey::place(),
            cases: vec![Case { collected, surroundings }],
            remarks: Vec::new(),
            leftovers,
            stopped,
            failure: None,
            answered: None,
        })
    }
}

impl LocalLauncher {
    fn probe(&self) -> Result<Cow<'static, [u8]>, RunError> {
        match &self.probe {
            Some(path) => std::fs::read(path)
                .map(Cow::Owned)
                .map_err(|source| RunError::ReadProbe { path: path.clone(), source }),
            None => embedded::probe(Architecture::OWN).map(Cow::Borrowed).ok_or(RunError::NoProbe),
        }
    }

    fn plan_request(
        &self,
        request: &RunRequest,
        wanted: Wanted,
        control: &LocalControl,
    ) -> io::Result<LocalPlanRequest> {
        Ok(LocalPlanRequest {
            runtime: self.runtime.clone(),
            bundle: self.bundle.clone(),
            container: None,
            wanted,
            rounds: request.rounds,
            measures_cpu: request.measures_cpu,
            rootless: !nix::unistd::geteuid().is_root(),
            installed: launch::installed_runsc(),
            network: control.network(),
            loopback_listener: control.loopback_port()?.unwrap_or_default(),
            listener: control.planned(),
        })
    }
}

fn surroundings(
    plan: LocalPlan,
    machine: Machine,
    launched: &Launched,
    cgroup: Observation<Limits>,
) -> Surroundings {
    let bundle = launched.bundle();
    Surroundings {
        subject: plan.subject,
        declared: bundle.map(|bundle| bundle.limits),
        limits_doubt: bundle.and_then(|bundle| bundle.is_in_a_pod.then_some(Doubt::OfItsPod)),
        cgroup_path: bundle.and_then(|bundle| bundle.cgroup.clone()),
        host_paths: launched.host_paths().to_vec(),
        own_mounts: bundle.map(|bundle| bundle.own_mounts.clone()).unwrap_or_default(),
        foreign_root: bundle.and_then(|bundle| bundle.foreign_root.clone()),
        annotations: bundle.map(|bundle| bundle.annotations.clone()),
        credentials: Some(bundle.map(|bundle| bundle.credentials.clone()).unwrap_or_default()),
        no_new_privs: bundle.map(|bundle| bundle.no_new_privs),
        machine: Box::new(machine),
        visitor: launched.visitor(),
        measures_cpu: plan.measures_cpu,
        host_process: None,
        cgroup,
        destinations: plan.destinations,
        untried_sockets: Some(Vec::new()),
        profile: plan.profile,
        rounds: plan.rounds,
        control: Control::NotAsked,
        arrived: Vec::new(),
        ingress: None,
        in_cluster: None,
    }
}

/// Returns true if the exit status of a silent sandbox is the probe's, rather than the runtime's.
fn is_the_probes(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    match status.code() {
        Some(0) => true,
        Some(code) => code >= PROBES_OWN && ![RUNTIME_FATAL, 126, 127, EXEC_FAILED].contains(&code),
        None => status.signal().is_some(),
    }
}

/// Adds the exit status of a failed probe to its breaches: the status tells why the evidence was not closed.
fn with_status(mut collected: Collected, status: Option<ExitStatus>) -> Collected {
    if let Some(status) = status
        && !status.success()
        && !collected.breaches.is_empty()
    {
        collected.breaches.push(Breach::Ended(status.to_string()));
    }
    collected
}

fn title(plan: &LocalPlan) -> String {
    match &plan.subject {
        Subject::Sandbox { runtime, .. } => format!("a sandbox with {}", runtime.join(" ")),
        Subject::Container { id, .. } => format!("the probe in the container {id}"),
        Subject::Unsandboxed | Subject::Pods { .. } => "the probe without a sandbox".to_owned(),
    }
}
