//! The way of one running pod from a visit of the probe to the evidence. The probe runs in an ephemeral container, so that it
//! observes the sandbox that serves, and its attempts carry the pod's own address and identity.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{EphemeralContainer, Pod};
use tokio::time::{Instant, timeout_at};

use super::{
    manifest::{self, Admission, Common},
    placing::{StartBy, Unplaced},
    pods::{Failing, PodState, Refusal, Stage, Visits, Watch},
    probing::{Probed, Probing, Seat},
};
use crate::{
    case::{cluster::Group, visitor::Visitor},
    run::RunError,
};

/// The user of a visiting probe.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum VisitorsUser {
    /// A user of its own, which no process of the workload has.
    #[default]
    Own,
    /// The user of the container beside which the probe runs.
    OfTheContainer,
}

/// A running pod with a probe in it.
struct Visited {
    state: PodState,
    admission: Admission,
    visitor: Option<Visitor>,
    watch: Watch,
    /// The names of the pod's own containers by their ids.
    containers: BTreeMap<String, String>,
}

/// A probe's container that a running pod would get.
pub(super) struct Rehearsed {
    pub(super) container: EphemeralContainer,
    pub(super) admission: Admission,
}

impl Probing<'_> {
    /// Examines a running pod in place.
    pub(super) async fn examine(
        &self,
        visits: &Visits,
        group: &Group,
        pod: &str,
    ) -> Result<Probed, RunError> {
        self.say(group, &format!("visiting pod {pod}"));
        let (visited, ()) = tokio::join!(self.visited(visits, group, pod), async {
            if let Some(node) = &group.node {
                self.controls.on(node).await;
            }
        });
        let Visited { state, admission, visitor, watch, containers } = match visited {
            Ok(visited) => visited,
            Err(probed) => return Ok(*probed),
        };
        let seat = Seat { exec: visits.exec(pod), watch: &watch };
        let probed = self.converse(group, &seat, &state, Instant::now()).await;
        visits.end(pod).await;
        let mut probed = probed?;
        if let Some(pod) = &mut probed.pod {
            // The pod is older than the probe, and the probe's container has no limits of its own.
            pod.asked_after_ms = None;
            pod.limits = Some(admission.of_container);
            pod.containers = containers;
        }
        Ok(Probed { admission: Some(admission), visitor, ..probed })
    }

    /// Adds the probe's container to a pod, and waits until the container runs.
    async fn visited(&self, visits: &Visits, group: &Group, pod: &str) -> Result<Visited, Box<Probed>> {
        let failed = |refusal: Refusal| Box::new(Probed::failed(&refusal));
        let not_started = |why: String| failed(Refusal::NotStarted(format!("pod/{pod}: {why}")));
        let not_pulled = |why: String| failed(Refusal::NotPulled(format!("pod/{pod}: {why}")));
        let running = visits.pod(pod).await.map_err(failed)?;
        let container =
            container(self.common, group, &running, self.target.visitors_user).map_err(not_started)?;
        let watch = visits.watch(pod);
        let admission = visits.visit(pod, &container).await.map_err(failed)?;
        let by = StartBy::after(self.target.start_timeout, self.deadline);
        let decided = timeout_at(by.at(), watch.decided(pod, |what| self.say(group, what))).await;
        let state = decided.map_err(|_| match by.over(&watch.waits_for(pod), watch.failing(pod)) {
            Unplaced::Failed(why) => not_started(why),
            Unplaced::Refused(Refusal::NotPulled(why)) => not_pulled(why),
            Unplaced::Refused(refusal) => failed(refusal),
            Unplaced::Late(why) => {
                Box::new(Probed::late(format!("pod/{pod}: the probe did not start: {why}")))
            }
        })?;
        match state.stage {
            Stage::Running => {
                let visitor = visitor(&container, self.target.visitors_user);
                Ok(Visited { state, admission, visitor, watch, containers: names_by_id(&running) })
            }
            Stage::Failed(why) if state.failing == Some(Failing::Image) => Err(not_pulled(why)),
            Stage::Failed(why) | Stage::Waiting(why) => Err(not_started(why)),
        }
    }
}

/// Asks the cluster by a dry run if a running pod would get the probe's container. Returns the reason if it would not.
pub(super) async fn rehearse(
    visits: &Visits,
    (common, group): (&Common, &Group),
    pod: &str,
    user: VisitorsUser,
) -> Result<Rehearsed, String> {
    let running = visits.pod(pod).await.map_err(|refusal| refusal.to_string())?;
    let container = container(common, group, &running, user)?;
    let admission = visits.rehearse(pod, &container).await.map_err(|refusal| refusal.to_string())?;
    Ok(Rehearsed { container, admission })
}

/// Returns the probe's container for a pod, beside the first container that runs; or the reason why there is none.
fn container(
    common: &Common,
    group: &Group,
    pod: &Pod,
    user: VisitorsUser,
) -> Result<EphemeralContainer, String> {
    if pod.metadata.deletion_timestamp.is_some() {
        return Err("somebody deleted it".to_owned());
    }
    let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    let running = statuses.into_iter().find(|it| it.state.as_ref().is_some_and(|it| it.running.is_some()));
    let target = running.ok_or("none of its containers runs")?.name.as_str();
    let user = match user {
        VisitorsUser::Own => manifest::own_user(common),
        VisitorsUser::OfTheContainer => user_of(pod, target).ok_or_else(|| {
            format!("the user of its container {target} is not known; run without `--live-uid`")
        })?,
    };
    Ok(manifest::visitor(common, group, target, user))
}

/// Returns the user of the probe's container, as it was sent. A change of the user is refused.
fn visitor(container: &EphemeralContainer, user: VisitorsUser) -> Option<Visitor> {
    let id = container.security_context.as_ref().and_then(|own| own.run_as_user)?;
    Some(Visitor {
        user: u32::try_from(id).ok()?,
        is_the_containers: user == VisitorsUser::OfTheContainer,
        configured: Vec::new(),
    })
}

/// Returns the names of a pod's containers by their ids. The kubelet writes `SCHEME://ID`.
fn names_by_id(pod: &Pod) -> BTreeMap<String, String> {
    let status = pod.status.iter();
    let statuses = status.flat_map(|status| [&status.init_container_statuses, &status.container_statuses]);
    let named = statuses.flat_map(|statuses| statuses.iter().flatten()).filter_map(|status| {
        let (_, id) = status.container_id.as_ref()?.split_once("://")?;
        Some((id.to_owned(), status.name.clone()))
    });
    named.collect()
}

/// Returns the user of a container: as the kubelet tells it (Kubernetes 1.31 and later), or as the pod declares it.
fn user_of(pod: &Pod, container: &str) -> Option<i64> {
    let mut statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    let status = statuses.find(|status| status.name == container);
    let told = status.and_then(|status| Some(status.user.as_ref()?.linux.as_ref()?.uid));
    let spec = pod.spec.as_ref()?;
    let own = spec.containers.iter().find(|it| it.name == container)?.security_context.as_ref();
    let of_pod = spec.security_context.as_ref();
    told.or_else(|| own?.run_as_user).or_else(|| of_pod?.run_as_user)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn user(of_pod: &Value, of_container: &Value, told: &Value) -> Option<i64> {
        let pod = json!({
            "metadata": {},
            "spec": {
                "securityContext": of_pod,
                "containers": [{ "name": "web", "securityContext": of_container }],
            },
            "status": { "containerStatuses": [{
                "name": "web", "image": "", "imageID": "", "ready": true, "restartCount": 0, "user": told,
            }] },
        });
        user_of(&serde_json::from_value(pod).unwrap(), "web")
    }

    #[test]
    fn a_containers_id_has_no_scheme() {
        let status = |id: &str| json!({ "name": "web", "image": "", "imageID": "", "ready": true, "restartCount": 0, "containerID": id });
        let pod = json!({ "metadata": {}, "status": { "containerStatuses": [status("containerd://0a1b"), status("")] } });
        let named = names_by_id(&serde_json::from_value(pod).unwrap());
        assert_eq!(named, BTreeMap::from([("0a1b".to_owned(), "web".to_owned())]));
    }

    #[test]
    fn the_kubelets_word_counts_before_the_containers_and_the_pods() {
        let (pod, container) = (json!({ "runAsUser": 1 }), json!({ "runAsUser": 2 }));
        let told = json!({ "linux": { "uid": 3, "gid": 3 } });
        assert_eq!(user(&pod, &container, &told), Some(3));
        assert_eq!(user(&pod, &container, &json!({})), Some(2));
        assert_eq!(user(&pod, &json!({}), &json!({})), Some(1));
        assert_eq!(user(&json!({}), &json!({}), &json!({})), None);
    }
}
