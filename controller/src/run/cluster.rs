//! `controller verify --namespace`, as a list of phases. Whatever happens after the launch, cleaning up happens too.

mod asking;
mod cases;
pub(crate) mod connect;
mod controls;
pub(crate) mod doctor;
pub mod manifest;
pub mod permission;
pub(crate) mod pods;
mod probing;
mod rehearsal;
pub(crate) mod survey;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use tokio::time::{Instant, timeout_at};

use probing::{Probed, Probing};
pub(crate) use rehearsal::rehearse;

use super::{Error, lookup, nonce};
use super::{interrupt::Interrupt, progress::Progress};
use crate::{
    case::{
        cluster::{Access, Bonds, Cluster, Labels, SecondReading, Unreadable},
        environment::Declared,
        leftover::Leftover,
    },
    evidence::record::Record,
    judge::{
        exit::{Exit, Stopped},
        policy::Policy,
    },
    plan::{
        self, Wanted,
        cluster::{Nodes, Plan},
    },
    report::{self, Report},
};
use connect::Connection;
use manifest::Common;
use pods::Fleet;
use survey::{OtherKinds, Scope};

/// How long the API server may take to say what has changed, beside what it takes to remove the probes.
const AGAIN: Duration = Duration::from_secs(10);
/// How much longer than the run a pod may live, if nobody is left to remove it.
const BACKSTOP: Duration = Duration::from_mins(1);

/// Which cluster, and what of it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) kubeconfig: Option<std::path::PathBuf>,
    pub(crate) context: Option<String>,
    pub(crate) namespace: String,
    pub(crate) control_namespace: Option<String>,
    pub(crate) pool_label: Option<String>,
    pub(crate) expected_pools: Vec<String>,
    pub(crate) nodes: Nodes,
    pub(crate) like: Option<(String, String)>,
    pub(crate) to_come: Option<(String, Labels)>,
    /// What the nodes pull, and the digests that it may have.
    pub(crate) image: String,
    pub(crate) digests: Vec<String>,
    pub(crate) parallel: usize,
}

/// What was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) target: Target,
    pub(crate) network: lookup::Request,
    pub(crate) measures_cpu: bool,
    pub(crate) timeout: Duration,
    pub(crate) quiet: bool,
    pub(crate) declared: Declared,
    pub(crate) policy: Policy,
}

/// Where probes are launched, and what was read of it before.
struct Ground<'a> {
    connection: &'a Connection,
    cluster: &'a Cluster,
    kinds: &'a OtherKinds,
    wanted: &'a Wanted,
}

/// How the probes of a run fared.
struct Run {
    probed: Vec<Probed>,
    /// What was read once more when they had been asked; `None` where nobody was.
    later: Option<SecondReading>,
    leftovers: Vec<Leftover>,
    stopped: Option<Stopped>,
}

/// Runs all phases, hands the report and what it was made of to `write`, and says how it ended.
pub(crate) async fn verify(
    request: Request,
    write: impl FnOnce(&Report, &Record) -> Result<(), Error>,
) -> Result<(Exit, Option<Error>), Error> {
    let deadline = Instant::now() + request.timeout;
    let progress = Progress::new(request.quiet);
    let (wanted, looked_up) = lookup::looked_up(&request.network).await?;
    let result = Box::pin(phases(&request, &wanted, deadline, &progress)).await;
    progress.finish();
    let (cluster, plan, run) = result?;
    if run.stopped == Some(Stopped::Interrupted) {
        super::warn_of(&run.leftovers);
        return Ok((Exit::Interrupted, None));
    }

    // pure: judge, report
    let timed_out =
        run.stopped == Some(Stopped::TimedOut) || run.probed.iter().any(|probed| probed.timed_out);
    let failures: Vec<_> = run.probed.iter().filter_map(|probed| probed.failure.clone()).collect();
    let none_ran = !failures.is_empty() && failures.len() == run.probed.len();
    let counted = plan::cluster::counted_by(&cluster, &plan.groups);
    let cases = cases::cases(&request, &wanted.profile, &cluster, plan, run.probed);
    let remarks = looked_up.into_iter().chain(timed_out.then(report::timed_out)).chain(counted);
    let record = Record {
        environment: request.declared,
        circumstances: None,
        only_production: request.policy.only_production,
        remarks: remarks.chain(report::left_behind(&run.leftovers)).collect(),
        cases,
    };
    let report = Report::of(&record, &request.policy);

    // touches the world: write
    let written = write(&report, &record);
    let stopped = match (none_ran, timed_out) {
        (true, false) => Some(Stopped::NotStarted),
        (_, true) => Some(Stopped::TimedOut),
        (false, false) => None,
    };
    let exit = Exit::of(stopped, written.is_ok(), report.verdict.into(), !run.leftovers.is_empty());
    let failed =
        (exit == Exit::CouldNotRun && written.is_ok()).then(|| Error::NoneLaunched { reasons: failures });
    Ok((exit, written.err().or(failed)))
}

async fn phases(
    request: &Request,
    wanted: &Wanted,
    deadline: Instant,
    progress: &Progress,
) -> Result<(Arc<Cluster>, Plan, Run), Error> {
    let mut interrupt = Interrupt::watch().map_err(Error::Signals)?;

    // touches the cluster: look
    let surveyed = async {
        let connection = connection(&request.target).await?;
        progress.change(&format!("reading what {} declares", connection.server));
        let cluster = survey(&request.target, &connection).await?;
        Ok::<_, Error>((connection, cluster))
    };
    let (connection, (mut cluster, kinds)) = tokio::select! {
        biased;
        () = interrupt.arrival() => return Err(Error::Interrupted),
        surveyed = timeout_at(deadline, surveyed) => surveyed.map_err(|_| Error::NoAnswer)??,
    };

    // pure: plan
    if let Some(unreadable) = blind(&cluster) {
        return Err(Error::Blind(unreadable));
    }
    let asked_for = plan_request(&request.target);
    let mut plan = plan::cluster::namespace(&cluster, &asked_for)?;

    // touches the cluster: launch, collect, look again, clean up
    let launchable = plan.groups.iter().any(|group| group.refused.is_none());
    let mut run = if launchable {
        let ground = Ground { connection: &connection, cluster: &cluster, kinds: &kinds, wanted };
        probes(request, &ground, &plan, (deadline, progress), &mut interrupt).await?
    } else {
        let probed = plan.groups.iter().map(Probed::refused).collect();
        Run { probed, later: None, leftovers: Vec::new(), stopped: None }
    };

    // pure: what changed meanwhile
    if let Some(later) = run.later.take() {
        plan::cluster::apply_second_reading(&mut cluster, &mut plan, &asked_for, later);
    }
    Ok((Arc::new(cluster), plan, run))
}

/// Which pods there are must be known to launch a probe for them; which Services, so that none sends it traffic.
fn blind(cluster: &Cluster) -> Option<Unreadable> {
    let pods = cluster.unread_pod_views.iter().find(|unreadable| unreadable.what == Access::pods());
    let services = cluster.selecting.first().and_then(|services| services.as_ref().err());
    pods.or(services).cloned()
}

pub(crate) async fn connection(target: &Target) -> Result<Connection, Error> {
    Ok(connect::connect(target.kubeconfig.as_deref(), target.context.as_deref()).await?)
}

pub(crate) async fn survey(target: &Target, connection: &Connection) -> Result<(Cluster, OtherKinds), Error> {
    let scope = Scope {
        namespace: &target.namespace,
        control: target.control_namespace.as_deref(),
        pool_label: target.pool_label.as_deref(),
    };
    Ok(Box::pin(survey::cluster(&connection.client, &scope)).await?)
}

pub(crate) fn plan_request(target: &Target) -> plan::cluster::Request {
    plan::cluster::Request {
        nodes: target.nodes.clone(),
        like: target.like.clone(),
        to_come: target.to_come.clone(),
        expected_pools: target.expected_pools.clone(),
        architecture: architecture(),
    }
}

/// As Go names this program's own, which is also its probe's.
const fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }
}

async fn probes(
    request: &Request,
    ground: &Ground<'_>,
    plan: &Plan,
    (deadline, progress): (Instant, &Progress),
    interrupt: &mut Interrupt,
) -> Result<Run, Error> {
    let target = &request.target;
    let Ground { connection, cluster, wanted, .. } = *ground;
    let common = Common {
        run: plan::run_name(nonce()?),
        image: target.image.clone(),
        lifetime: request.timeout + BACKSTOP,
        token: nonce()?,
    };
    let begin = |namespace: &String| Fleet::begin(&connection.client, namespace, &common.run, deadline);
    let fleet = begin(&target.namespace);
    let controls = controls::Controls::new(target.control_namespace.as_ref().map(begin), &common, deadline);
    let probing = Probing {
        fleet: &fleet,
        controls: &controls,
        common: &common,
        cluster,
        target,
        wanted,
        measures_cpu: request.measures_cpu,
        deadline,
        progress,
    };
    let all = stream::iter(plan.groups.iter().enumerate())
        .map(|(index, group)| probing.probe(index, group))
        .buffered(target.parallel)
        .collect::<Vec<_>>();
    let (probed, mut stopped) = tokio::select! {
        biased;
        () = interrupt.arrival() => (Ok(Vec::new()), Some(Stopped::Interrupted)),
        probed = all => (probed.into_iter().collect::<Result<Vec<_>, _>>(), None),
    };
    progress.change("looking again, and cleaning up");
    let made = fleet.made().into_iter().chain(controls.made_in(&target.namespace)).collect();
    let soon = deadline.min(Instant::now() + AGAIN);
    let (later, mine, controls) =
        tokio::join!(later(ground, &made, soon), fleet.clean_up(), controls.clean_up());
    if interrupt.has_arrived().await {
        stopped = Some(Stopped::Interrupted);
    }
    let leftovers = mine.into_iter().chain(controls).collect();
    Ok(Run { probed: probed?, later: Some(later), leftovers, stopped })
}

/// What is read once more; what does not answer in time is not known.
async fn later(ground: &Ground<'_>, made: &BTreeSet<String>, deadline: Instant) -> SecondReading {
    let Ground { connection, cluster, kinds, .. } = ground;
    let again = survey::later(&connection.client, &cluster.namespace, kinds, made);
    timeout_at(deadline, again).await.unwrap_or_else(|_| {
        let unread =
            |what| Unreadable { what, forbidden: false, message: "the run's time was over".to_owned() };
        let bonds = Bonds {
            labels: Err(unread(Access::get("namespaces"))),
            policies: Err(unread(Access::list("networkpolicies"))),
        };
        SecondReading { pods: Err(unread(Access::pods())), bonds }
    })
}
