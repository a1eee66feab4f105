//! The launcher of `controller verify --namespace`: a probe pod for each group of a namespace's pods.

#[cfg(test)]
mod answering;
mod asking;
mod awaiting;
mod cases;
pub(crate) mod connect;
mod controls;
pub(crate) mod doctor;
mod examining;
pub(crate) mod lease;
pub mod manifest;
mod pages;
mod patience;
pub mod permission;
mod placing;
pub(crate) mod pods;
mod probing;
pub(crate) mod publish;
pub(crate) mod readiness;
pub(crate) mod recording;
mod rehearsal;
mod remarks;
mod results;
mod review;
mod schedule;
mod second_reading;
pub(crate) mod server_time;
pub(crate) mod startup_taint;
pub(crate) mod survey;
pub(crate) mod watching;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use tokio::time::timeout_at;

use connect::{Connection, Login};
pub(crate) use examining::VisitorsUser;
use manifest::{Common, Marks, PodImage};
use pods::{Fleet, Visits};
use probing::{Probed, Probing};
pub(crate) use rehearsal::rehearse;
use results::Results;
use schedule::Schedule;
use second_reading::second_reading;
pub use survey::pod_view;
use survey::{OtherKinds, Scope, Surveyed};

use super::{
    RunError, RunRequest,
    launcher::{Launch, Launcher, Session},
    nonce, tell_of,
};
use crate::{
    case::{
        Control,
        circumstances::Place,
        cluster::{Access, Cluster, Labels, Unreadable},
        rounds::Rounds,
    },
    plan::{
        self,
        cluster::{Listening, Live, MostProbes, Nodes, Plan, Probes},
        needs::{Entry, Needs},
    },
};

/// The lifetime of a pod beyond the run's timeout, in case the controller does not remove the pod.
const BACKSTOP: Duration = Duration::from_mins(1);

/// A namespace of a cluster, and the probes that it gets.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// How the run logs in to the cluster.
    pub(crate) login: Login,
    /// The namespace whose pods are judged.
    pub(crate) namespace: String,
    /// The namespace of the control pods; `None` for a run without control pods.
    pub(crate) control_namespace: Option<String>,
    /// The label that names a node's pool; `None` for the providers' labels.
    pub(crate) pool_label: Option<String>,
    /// Pools that must have a probe.
    pub(crate) expected_pools: Vec<String>,
    /// The nodes that get a probe.
    pub(crate) nodes: Nodes,
    /// Kind and name of the only workload to probe; `None` for every workload.
    pub(crate) like: Option<(String, String)>,
    /// RuntimeClass and labels of pods that do not exist yet; `None` without them.
    pub(crate) to_come: Option<(String, Labels)>,
    /// The probe's image.
    pub(crate) image: PodImage,
    /// The architectures for which the image has a probe.
    pub(crate) probes: Probes,
    /// Labels and annotations of the run's pods.
    pub(crate) marks: Marks,
    /// The running pods to examine in place; `None` for probe pods alone.
    pub(crate) live: Option<Live>,
    /// The user of a probe in a running pod.
    pub(crate) visitors_user: VisitorsUser,
    /// The time that each pod of the run has to start.
    pub(crate) start_timeout: Duration,
    /// The number of probes that may run at once; `None` for a number that follows the plan.
    pub(crate) parallel: Option<usize>,
    /// The number of probes that a run makes.
    pub(crate) most_probes: MostProbes,
    /// The time to wait for a node where none can run a workload's pods; `None` for no wait.
    pub(crate) wait_for_nodes: Option<Duration>,
    /// The key of the taint that a watch removes from proven nodes, and that probes tolerate; `None` without one.
    pub(crate) startup_taint: Option<String>,
    /// The namespace of the proof whose place is looked at before the first pod is made; `None` for no look.
    pub(crate) keeper: Option<String>,
}

impl Target {
    /// Returns the target of a run without attempts, which needs no control pods.
    pub(crate) fn without_control_pods(self) -> Self {
        Self { control_namespace: None, ..self }
    }
}

/// The launcher of probe pods in one namespace.
#[derive(Clone, Debug)]
pub(crate) struct ClusterLauncher {
    /// The namespace, and the probes that it gets.
    pub(crate) target: Target,
}

/// The surveyed cluster, before probes are launched in it.
struct Ground<'a> {
    connection: &'a Connection,
    cluster: &'a Cluster,
    /// The label that names a node's pool; `None` for the providers' labels.
    pool_label: Option<&'a str>,
    kinds: &'a OtherKinds,
    needs: &'a Needs,
    listening: &'a Listening,
}

impl Launcher for ClusterLauncher {
    async fn launch(
        &self,
        request: &RunRequest,
        needs: Needs,
        session: &mut Session,
    ) -> Result<Launch, RunError> {
        // touches the cluster: survey
        let surveyed = async {
            let connection = connection(&self.target).await?;
            demand_place(&connection, &self.target).await?;
            session.progress.change(&format!("surveying {}", connection.server));
            let (surveyed, outside) =
                tokio::join!(survey(&self.target, &connection), connection.addresses_outside());
            let mut surveyed = surveyed?;
            if needs.list_destinations() {
                let policies = &surveyed.cluster.policies;
                surveyed.cluster.peers = survey::peers::read(&connection.client, policies).await;
            }
            Ok::<_, RunError>((connection, surveyed, outside))
        };
        let (connection, surveyed, (api_server, untried)) = tokio::select! {
            biased;
            () = session.interrupt.arrival() => return Err(RunError::Interrupted),
            surveyed = timeout_at(session.deadline, surveyed) => surveyed.map_err(|_| RunError::NoAnswer)??,
        };

        // pure: plan
        let Surveyed { mut cluster, kinds, forwards, running, room_unknown } = surveyed;
        if let Some(unreadable) = blind(&cluster) {
            return Err(RunError::Blind(unreadable));
        }
        let awaited =
            awaiting::nodes(&self.target, &connection, &mut cluster, request.timeout, session).await?;
        let needs = needs.within(&cluster.namespace, &forwards).with_api_server(&api_server);
        let asked_for = plan::cluster::Request { running, ..plan_request(&self.target, needs.entries()) };
        let planned = plan::cluster::namespace(&cluster, &asked_for);
        let mut plan = planned.inspect_err(|_| tell_of(&awaited.leftovers))?;

        // touches the cluster: launch, collect, read a second time, clean up
        let listening = match request.rounds {
            Rounds::None => Listening::default(),
            Rounds::One | Rounds::Two(_) => Listening::of(&cluster, &plan.groups),
        };
        let launchable = plan.groups.iter().filter(|group| group.refused.is_none()).count();
        let asked = schedule::Asked {
            parallel: self.target.parallel,
            timeout: request.timeout,
            grows: request.timeout_grows,
            rounds: request.rounds,
        };
        let schedule = Schedule::of(launchable, asked);
        session.deadline += schedule.timeout.saturating_sub(request.timeout);
        let scheduled = schedule.remark(launchable, asked);
        if let Some(remark) = &scheduled {
            session.progress.change(remark);
        }
        let mut results = if launchable > 0 {
            let ground = Ground {
                connection: &connection,
                cluster: &cluster,
                pool_label: self.target.pool_label.as_deref(),
                kinds: &kinds,
                needs: &needs,
                listening: &listening,
            };
            let probed = Box::pin(self.probes((request, schedule), &ground, &plan, session)).await;
            probed.inspect_err(|_| tell_of(&awaited.leftovers))?
        } else {
            let probed = plan.groups.iter().map(Probed::refused).collect();
            Results::unlaunched(probed)
        };

        // pure: changes during the run
        let mut reached = Vec::new();
        if let Some(second_reading) = results.second_reading.take() {
            reached = plan::cluster::reached(&second_reading.services, &plan.groups);
            plan::cluster::apply_second_reading(&mut cluster, &mut plan, &asked_for, second_reading);
        }
        let (stopped, failure) = results.end();
        Ok(Launch {
            place: Place::Cluster {
                server: connection.server,
                version: cluster.version.as_ref().ok().cloned(),
                namespace: cluster.namespace.clone(),
            },
            remarks: awaited
                .remarks
                .into_iter()
                .chain(scheduled)
                .chain(untried)
                .chain(self.target.login.remark())
                .chain([format!("the run made {}", connection.pace.made())])
                .chain(remarks::of(&cluster, &plan, &listening, &results.probed))
                .chain(reached)
                .chain(remarks::on_traces(&results.visited))
                .chain(remarks::on_memory(&results.visited, room_unknown.as_deref()))
                .collect(),
            cases: cases::cases(request, &needs, &Arc::new(cluster), plan, results.probed),
            leftovers: [awaited.leftovers, results.leftovers].concat(),
            stopped,
            failure,
            answered: connection.pace.answered(),
        })
    }
}

impl ClusterLauncher {
    async fn probes(
        &self,
        (request, schedule): (&RunRequest, Schedule),
        ground: &Ground<'_>,
        plan: &Plan,
        Session { nonce: run, deadline, interrupt, progress }: &mut Session,
    ) -> Result<Results, RunError> {
        let (target, deadline) = (&self.target, *deadline);
        let Ground { connection, cluster, needs, .. } = *ground;
        let common = Common {
            run: plan::run_name(*run),
            image: target.image.clone(),
            lifetime: schedule.timeout + BACKSTOP,
            token: nonce()?,
            reception: nonce()?,
            listens: ground.listening.ports.clone(),
            marks: target.marks.clone(),
        };
        let begin = |namespace: &String| Fleet::begin(&connection.client, namespace, &common.run, deadline);
        let fleet = begin(&target.namespace).for_groups(plan.groups.len());
        let control_fleet = control_namespace(target).map(begin);
        let visits = Visits::begin(&connection.client, &target.namespace, &common, deadline);
        let times = (deadline, target.start_timeout);
        let controls = controls::Controls::new(
            control_fleet,
            (&common, target.probes.digests(None)),
            request.rounds,
            times,
        );
        let probing = Probing {
            fleet: &fleet,
            visits: &visits,
            controls: &controls,
            common: &common,
            cluster,
            target,
            needs,
            rounds: request.rounds,
            measures_cpu: request.measures_cpu,
            deadline,
            progress,
            waiting: plan.groups.len().into(),
        };
        let turn = |(index, group)| {
            let probed = Box::pin(probing.probe(index, group));
            async move { (index, probed.await) }
        };
        // No group waits for the end of another one that came before it in the plan.
        let all = stream::iter(plan.groups.iter().enumerate())
            .map(turn)
            .buffer_unordered(schedule.parallel)
            .collect::<BTreeMap<_, _>>();
        let (probed, mut interrupted) = tokio::select! {
            biased;
            () = interrupt.arrival() => (Ok(Vec::new()), true),
            probed = all => (probed.into_values().collect::<Result<Vec<_>, _>>(), false),
        };
        // The second reading comes before the removal, which may keep the API server busy.
        progress.change("reading the cluster again");
        let made = fleet.made().into_iter().chain(controls.made_in(&target.namespace)).collect();
        let second_reading = tokio::select! {
            biased;
            () = std::future::ready(()), if interrupted => None,
            () = interrupt.arrival() => None,
            read = second_reading(ground, &made, deadline) => Some(read),
        };
        interrupted |= second_reading.is_none();
        progress.change("cleaning up");
        let (own, visited, controls) = tokio::join!(fleet.clean_up(), visits.clean_up(), controls.clean_up());
        interrupted |= interrupt.has_arrived().await;
        let leftovers: Vec<_> = own.into_iter().chain(visited).chain(controls).collect();
        let probed = probed.inspect_err(|_| tell_of(&leftovers))?;
        Ok(Results { probed, second_reading, visited: visits.pods(), leftovers, interrupted })
    }
}

/// Returns the reading without which nothing is launched. Pods tell which probes are needed, and Services tell whether one of
/// them would send a probe traffic.
fn blind(cluster: &Cluster) -> Option<Unreadable> {
    let pods = cluster.unread_pod_views.iter().find(|unreadable| unreadable.what == Access::pods());
    let services = cluster.selecting.first().and_then(|services| services.as_ref().err());
    pods.or(services).cloned()
}

async fn connection(target: &Target) -> Result<Connection, RunError> {
    Ok(connect::connect(&target.login).await?)
}

/// Refuses a run whose proof has no place that may be read. A look that fails otherwise refuses nothing: the place is read again when the
/// proof is published.
async fn demand_place(connection: &Connection, target: &Target) -> Result<(), RunError> {
    let Some(keeper) = &target.keeper else { return Ok(()) };
    match publish::look(&connection.client, keeper, &target.namespace).await {
        Err(error) if error.is_refused() => Err(error.into()),
        _ => Ok(()),
    }
}

async fn survey(target: &Target, connection: &Connection) -> Result<Surveyed, RunError> {
    let scope = Scope {
        namespace: &target.namespace,
        control: target.control_namespace.as_deref(),
        pool_label: target.pool_label.as_deref(),
    };
    let mut surveyed = Box::pin(survey::cluster(&connection.client, &scope)).await?;
    if target.live.is_some() {
        let pods = &surveyed.cluster.pod_views;
        let marked = survey::room::mark(&connection.client, &target.namespace, pods, &mut surveyed.running);
        surveyed.room_unknown = marked.await;
    }
    Ok(surveyed)
}

/// Returns the namespace of the control pods, or what the run knows of them without one.
fn control_namespace(target: &Target) -> Result<&String, Control> {
    match &target.control_namespace {
        Some(control) if *control == target.namespace => {
            Err(Control::Failed(manifest::CONTROL_IN_JUDGED.to_owned()))
        }
        Some(control) => Ok(control),
        None => Err(Control::NotAsked),
    }
}

fn plan_request(target: &Target, entries: Vec<Entry>) -> plan::cluster::Request {
    plan::cluster::Request {
        nodes: target.nodes.clone(),
        like: target.like.clone(),
        to_come: target.to_come.clone(),
        expected_pools: target.expected_pools.clone(),
        most_probes: target.most_probes,
        entries,
        live: target.live.clone(),
        running: BTreeMap::new(),
        probes: target.probes.clone(),
        startup_taint: target.startup_taint.clone(),
    }
}
