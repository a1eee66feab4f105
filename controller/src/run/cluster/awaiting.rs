//! The wait for nodes that do not exist yet (`--wait-for-nodes`). A pool at zero nodes grows once a pod asks for a node there. A pod
//! that asks as the workload's pods do is made before the plan, and removed when it runs.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, timeout_at};

use super::{
    BACKSTOP, Target,
    connect::Connection,
    manifest::{self, Common},
    plan_request,
    pods::{Failing, Fleet, PodState, Stage},
    survey,
};
use crate::{
    case::{
        cluster::{Cluster, Group},
        leftover::Leftover,
    },
    plan,
    run::{RunError, launcher::Session, nonce, tell_of},
};

/// The result of a wait.
#[derive(Debug, Default)]
pub(super) struct Awaited {
    /// A sentence for each pod that waited.
    pub(super) remarks: Vec<String>,
    /// Objects that could not be removed.
    pub(super) leftovers: Vec<Leftover>,
}

/// Waits for a node for each kind of pods that no node can run, and reads the nodes again. `lifetime` is the longest time that the
/// run may take.
pub(super) async fn nodes(
    target: &Target,
    connection: &Connection,
    cluster: &mut Cluster,
    lifetime: Duration,
    session: &mut Session,
) -> Result<Awaited, RunError> {
    let Some(patience) = target.wait_for_nodes else { return Ok(Awaited::default()) };
    let groups = plan::cluster::homeless(cluster, &plan_request(target, Vec::new()));
    if groups.is_empty() {
        return Ok(Awaited::default());
    }
    // The objects of the wait have a name of their own, because they are removed before the run's objects are made.
    let common = Common {
        run: plan::run_name(nonce()?),
        image: target.image.clone(),
        lifetime: lifetime + BACKSTOP,
        token: nonce()?,
        reception: nonce()?,
        listens: Vec::new(),
        marks: target.marks.clone(),
    };
    let deadline = session.deadline.min(Instant::now() + patience);
    let fleet = Fleet::begin(&connection.client, &target.namespace, &common.run, deadline);
    session.progress.change("waiting for nodes that an autoscaler adds");
    let waits = groups
        .iter()
        .enumerate()
        .map(|(index, group)| node(&fleet, &common, (index, group), deadline, patience));
    let remarks = tokio::select! {
        biased;
        () = session.interrupt.arrival() => None,
        remarks = join_all(waits) => Some(remarks),
    };
    let (leftovers, read) =
        tokio::join!(fleet.clean_up(), survey::nodes_again(&connection.client, target.pool_label.as_deref()));
    cluster.nodes = read;
    if let Some(remarks) = remarks {
        return Ok(Awaited { remarks, leftovers });
    }
    tell_of(&leftovers);
    Err(RunError::Interrupted)
}

/// Waits until a pod of a group runs, and says where, or why it does not.
async fn node(
    fleet: &Fleet,
    common: &Common,
    (index, group): (usize, &Group),
    deadline: Instant,
    patience: Duration,
) -> String {
    let title = group.represents().first().cloned().unwrap_or_default();
    let time = humantime::format_duration(patience);
    let why = match placed(fleet, common, group, index, deadline).await {
        Ok(node) => return format!("no node could run {title}; node {node} came when a pod asked for it"),
        Err(why) => why,
    };
    format!("no node came for {title} within {time}: {why}")
}

/// Returns the node on which a pod of the group runs.
async fn placed(
    fleet: &Fleet,
    common: &Common,
    group: &Group,
    index: usize,
    deadline: Instant,
) -> Result<String, String> {
    let owner = fleet.owner().await.map_err(|refusal| refusal.to_string())?;
    let pod = manifest::probe(common, fleet.namespace(), owner, group, index);
    fleet.create(&pod, &group.pod_views).await.map_err(|refusal| refusal.to_string())?;
    let name = pod.metadata.name.unwrap_or_default();
    let watch = fleet.watch();
    match timeout_at(deadline, watch.decided(&name, |_| ())).await {
        // The node came, and the run's own pods will tell that it cannot pull the image.
        Ok(PodState { failing: Some(Failing::Image), node: Some(node), .. }) => Ok(node),
        Ok(state) => match (state.stage, state.node) {
            (Stage::Failed(why), _) => Err(why),
            (Stage::Running | Stage::Waiting(_), node) => Ok(node.unwrap_or_default()),
        },
        Err(_) => Err(watch.state(&name).and_then(|state| state.unscheduled).unwrap_or_else(|| {
            let warnings = watch.warnings(&name);
            if warnings.is_empty() { "the pod still waits".to_owned() } else { warnings.join("; ") }
        })),
    }
}
