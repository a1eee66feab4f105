//! The place of a probe pod: the planned node, or another one that shows the same.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use tokio::time::{Instant, timeout_at};

use super::{
    manifest::{self, Admission, Elsewhere},
    pods::{Failing, PodState, Refusal, Stage},
    probing::Probing,
};
use crate::{
    case::cluster::{Group, Labels},
    plan,
};

/// The time that the scheduler gets for the planned node. A node in a rollout is often full for a moment.
const SCHEDULING: Duration = Duration::from_secs(3);

/// The end of the time in which a pod of the run must start.
#[derive(Clone, Copy, Debug)]
pub(super) struct StartBy {
    at: Instant,
    /// The time that a pod has; `None` if the end of the run comes first.
    within: Option<Duration>,
}

/// A probe pod that was created, with the effect of admission.
#[derive(Debug)]
pub(super) struct Created {
    pub(super) pod: Pod,
    pub(super) admission: Admission,
}

/// A probe pod that runs.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) name: String,
    pub(super) state: PodState,
    /// The moment when the pod was seen to run.
    pub(super) since: Instant,
    pub(super) admission: Admission,
    /// Why the pod is not where the scheduler was first asked to place it; `None` if it is.
    pub(super) moved: Option<String>,
}

/// Why a probe pod does not run.
#[derive(Debug)]
pub(super) enum Unplaced {
    /// The cluster refused the pod, or its image.
    Refused(Refusal),
    /// The pod failed, for this reason.
    Failed(String),
    /// The deadline came first; the pod waited for this.
    Late(String),
}

/// The end of a wait for a pod.
enum Awaited {
    Runs(PodState, Instant),
    Unscheduled(String),
}

impl StartBy {
    /// Returns the end of the time of a pod that is made now.
    pub(super) fn after(most: Duration, deadline: Instant) -> Self {
        let at = Instant::now() + most;
        if at < deadline { Self { at, within: Some(most) } } else { Self { at: deadline, within: None } }
    }

    pub(super) const fn at(&self) -> Instant {
        self.at
    }

    /// Returns why a pod is not waited for any longer, with the reason for which it waited. A pod whose container could not be made so
    /// far has failed, whatever time it had.
    pub(super) fn over(&self, waits: &str, failing: Option<Failing>) -> Unplaced {
        let why = match self.within {
            Some(within) => {
                format!("the pod did not start within {}: {waits}", humantime::format_duration(within))
            }
            None if failing.is_some() => waits.to_owned(),
            None => return Unplaced::Late(waits.to_owned()),
        };
        Unplaced::failed(why, failing)
    }
}

impl Unplaced {
    /// Returns a pod that failed for this reason.
    fn failed(why: String, failing: Option<Failing>) -> Self {
        match failing {
            Some(Failing::Image) => Self::Refused(Refusal::NotPulled(why)),
            Some(Failing::Container) | None => Self::Failed(why),
        }
    }
}

impl Probing<'_> {
    /// Waits until a probe pod runs. Moves the pod if the scheduler finds no place for it on the planned node.
    pub(super) async fn placed(&self, group: &Group, created: Created) -> Result<Placed, Unplaced> {
        let Created { pod, admission } = created;
        let name = pod.metadata.name.clone().unwrap_or_default();
        let why = match self.awaited(group, &name, true).await? {
            Awaited::Runs(state, since) => return Ok(Placed { name, state, since, admission, moved: None }),
            Awaited::Unscheduled(why) => why,
        };
        let Some(elsewhere) = self.elsewhere(group, &pod).await else {
            return match self.awaited(group, &name, false).await? {
                Awaited::Runs(state, since) => Ok(Placed { name, state, since, admission, moved: None }),
                Awaited::Unscheduled(why) => Err(Unplaced::Late(why)),
            };
        };
        self.fleet.remove(&name).await;
        let pod = elsewhere.applied(pod);
        let name = pod.metadata.name.clone().unwrap_or_default();
        let admission = self.fleet.create(&pod, &group.pod_views).await.map_err(Unplaced::Refused)?;
        match self.awaited(group, &name, false).await? {
            Awaited::Runs(state, since) => {
                let moved = told(group, &elsewhere, &state, &why);
                Ok(Placed { name, state, since, admission, moved })
            }
            Awaited::Unscheduled(why) => Err(Unplaced::Late(why)),
        }
    }

    /// Waits for a pod until it runs or its time to start is over. With `movable`, the wait ends if the scheduler finds no place.
    async fn awaited(&self, group: &Group, name: &str, movable: bool) -> Result<Awaited, Unplaced> {
        let watch = self.fleet.watch();
        let by = StartBy::after(self.target.start_timeout, self.deadline);
        let decided = async {
            tokio::select! {
                biased;
                state = watch.decided(name, |what| self.say(group, what)) => match state.stage {
                    Stage::Failed(why) => {
                        Err(Unplaced::failed(self.explained(name, &why).await, state.failing))
                    }
                    Stage::Waiting(_) | Stage::Running => Ok(Awaited::Runs(state, Instant::now())),
                },
                why = watch.unscheduled(name, SCHEDULING), if movable => Ok(Awaited::Unscheduled(why)),
            }
        };
        if let Ok(awaited) = Box::pin(timeout_at(by.at(), decided)).await {
            return awaited;
        }
        let failing = watch.failing(name);
        Err(by.over(&self.explained(name, &watch.waits_for(name)).await, failing))
    }

    /// Returns another place for a pod. Beside a pod that keeps its like away, the probe takes no place that a replica could
    /// have; on any other free node it would.
    async fn elsewhere(&self, group: &Group, pod: &Pod) -> Option<Elsewhere> {
        let planned = group.node.as_ref()?;
        let labels = pod.metadata.labels.clone().unwrap_or_default();
        if let Some(node) = kept_away(&self.fleet.api(), group, &labels).await {
            return Some(Elsewhere::Beside(node));
        }
        let others =
            plan::cluster::alternatives(self.cluster, &super::plan_request(self.target, Vec::new()), group);
        (!others.is_empty()).then(|| Elsewhere::AnyOf([vec![planned.clone()], others].concat()))
    }
}

/// Returns the planned node if a pod of the group there keeps pods with these labels away.
pub(super) async fn kept_away(api: &Api<Pod>, group: &Group, labels: &Labels) -> Option<String> {
    let planned = group.node.as_ref()?;
    let there = group.pod_views.iter().find(|pod_view| pod_view.node.as_ref() == Some(planned))?;
    let theirs = api.get_opt(there.origin.pod.as_deref()?).await.ok().flatten()?;
    manifest::repels(&theirs, labels).then(|| planned.clone())
}

/// Says that a probe is placed beside a pod that keeps its like away.
pub(super) fn beside(node: &str) -> String {
    format!(
        "a required anti-affinity of the workload keeps pods with its labels away from node {node}; the probe is placed there \
         without the scheduler, beside a pod of the workload, so that it takes no replica's place"
    )
}

/// Says why a pod runs at another place that it asked for; `None` if it runs on the planned node after all, and if admission sent it
/// to a node that it did not ask for, where its evidence counts for nothing.
fn told(group: &Group, elsewhere: &Elsewhere, state: &PodState, why: &str) -> Option<String> {
    let planned = group.node.as_deref().unwrap_or_default();
    let ran = state.node.as_ref()?;
    match elsewhere {
        Elsewhere::Beside(node) => (node == ran).then(|| beside(node)),
        Elsewhere::AnyOf(nodes) => (ran != planned && nodes.contains(ran)).then(|| {
            format!(
                "node {planned} had no room for the probe ({why}); the probe ran on node {ran} of the same pool and kind"
            )
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pod_that_fails_until_the_end_of_the_run_is_not_late() {
        let by = StartBy { at: Instant::now(), within: None };
        assert!(
            matches!(by.over("CreateContainerError", Some(Failing::Container)), Unplaced::Failed(why) if why == "CreateContainerError")
        );
        assert!(matches!(by.over("ContainerCreating", None), Unplaced::Late(_)));
    }

    /// Returns the remark on a probe for node `one` that was moved and runs on this node.
    fn moved(elsewhere: &Elsewhere, ran: &str) -> Option<String> {
        let group = Group { node: Some("one".into()), ..Group::default() };
        let pod = json!({ "metadata": {}, "spec": { "nodeName": ran, "containers": [] } });
        told(&group, elsewhere, &PodState::of(&serde_json::from_value(pod).unwrap()), "full")
    }

    #[test]
    fn a_probe_on_another_node_that_it_asked_for_was_moved() {
        let nodes = Elsewhere::AnyOf(vec!["one".into(), "two".into()]);
        assert!(moved(&nodes, "two").is_some_and(|it| it.contains("the probe ran on node two")));
        assert_eq!(moved(&nodes, "one"), None);
        assert_eq!(moved(&Elsewhere::Beside("one".into()), "one"), Some(beside("one")));
    }

    #[test]
    fn a_probe_on_a_node_that_it_did_not_ask_for_was_not_moved_by_the_run() {
        for elsewhere in [Elsewhere::AnyOf(vec!["one".into(), "two".into()]), Elsewhere::Beside("one".into())]
        {
            assert_eq!(moved(&elsewhere, "three"), None);
        }
    }

    fn over(failing: Option<Failing>) -> Unplaced {
        let by = StartBy { at: Instant::now(), within: Some(Duration::from_mins(1)) };
        by.over("401 Unauthorized", failing)
    }

    #[test]
    fn a_pod_that_lacks_its_image_is_told_from_another_late_pod() {
        let Unplaced::Refused(Refusal::NotPulled(why)) = over(Some(Failing::Image)) else {
            panic!("another failure")
        };
        assert_eq!(why, "the pod did not start within 1m: 401 Unauthorized");
        assert!(matches!(over(Some(Failing::Container)), Unplaced::Failed(_)));
    }
}
