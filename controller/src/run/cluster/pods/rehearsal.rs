//! The rehearsal of a pod's creation: a dry run, and other resources or users where the namespace refuses the usual ones.
//! Only a refusal costs further requests.

use std::{
    cell::Cell,
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use k8s_openapi::api::core::v1::{LimitRange, Pod};
use kube::{Api, Client, api::ListParams};
use tokio::{sync::OnceCell, time::Instant};

use super::{NO_DRY_RUN, create::Refusal, dry_run};
use crate::{
    case::{
        cluster::{PodView, Shared},
        policy::OF_ONE_POD,
    },
    run::cluster::manifest::{self, Admission, Fitted},
    support::{digest::sha256, names::BATCH_LABEL},
};

/// The rehearsals of one run in a namespace. Pods that differ in name and node alone are rehearsed once: each pod that is created
/// is compared with the pod that was sent, whether it was rehearsed or not.
pub(crate) struct Rehearsals {
    client: Client,
    namespace: String,
    /// The effect of admission on each kind of pod that was admitted as it is.
    known: Mutex<BTreeMap<String, Arc<OnceCell<Admission>>>>,
}

/// A pod that the cluster would admit.
#[derive(Debug)]
pub(crate) struct Rehearsed {
    /// The pod, with the resources that the namespace admits.
    pub(crate) pod: Pod,
    /// The effect of admission on the pod.
    pub(crate) admission: Admission,
}

impl Rehearsals {
    pub(crate) fn begin(client: &Client, namespace: &str) -> Self {
        Self { client: client.clone(), namespace: namespace.to_owned(), known: Mutex::default() }
    }

    /// Asks the API server whether it would admit a pod, unless it has admitted one of the same kind as it is. `like` are the
    /// pods that the pod represents.
    pub(crate) async fn rehearse(
        &self,
        pod: &Pod,
        like: &[Shared<PodView>],
        deadline: Instant,
    ) -> Result<Rehearsed, Refusal> {
        let known = self.of_kind(pod);
        let asked = Cell::new(None);
        let admission = known.get_or_try_init(|| async {
            let rehearsed = Box::pin(self.ask(pod, like, deadline)).await;
            // A pod that the namespace admits with other resources is sent with them, and each may need others.
            let as_it_is = rehearsed.as_ref().ok().filter(|it| it.admission.fitted.is_none());
            let admission = as_it_is.map(|it| it.admission.clone());
            asked.set(Some(rehearsed));
            admission.ok_or(())
        });
        let admission = admission.await.cloned().unwrap_or_default();
        asked.into_inner().unwrap_or_else(|| Ok(Rehearsed { pod: pod.clone(), admission }))
    }

    /// Asks the API server whether it would admit a pod. A refused pod is tried with the resources that the namespace's
    /// LimitRanges admit, with those of a pod that it represents, with less processor time, and without a user of its own; `like`
    /// are the pods that it represents.
    async fn ask(
        &self,
        pod: &Pod,
        like: &[Shared<PodView>],
        deadline: Instant,
    ) -> Result<Rehearsed, Refusal> {
        let Self { client, namespace, .. } = self;
        let pods = Api::<Pod>::namespaced(client.clone(), namespace);
        let why = match dry_run(&pods, pod, deadline).await {
            Ok(admitted) => {
                return Ok(Rehearsed {
                    pod: pod.clone(),
                    admission: manifest::admission(pod, &admitted, like)?,
                });
            }
            Err(Refusal::Admission(why)) if !why.contains(NO_DRY_RUN) => why,
            Err(refusal) => return Err(refusal),
        };
        let of_ranges = within_ranges(client, namespace, pod).await;
        let rules = of_ranges.as_ref().map(|fitted| format!(" ({})", fitted.why)).unwrap_or_default();
        let of_workload = like_theirs(&pods, pod, like).await;
        let sized: Vec<_> = of_ranges.into_iter().chain(of_workload).chain([manifest::small(pod)]).collect();
        let unnamed = manifest::without_user(Fitted { pod: pod.clone(), why: String::new() });
        let both = sized.clone().into_iter().map(manifest::without_user);
        for Fitted { pod, why } in sized.into_iter().chain([unnamed]).chain(both) {
            if let Ok(admitted) = dry_run(&pods, &pod, deadline).await {
                let mut admission = manifest::admission(&pod, &admitted, like)?;
                admission.fitted = Some(why);
                return Ok(Rehearsed { pod, admission });
            }
        }
        Err(Refusal::Admission(why + &rules))
    }

    fn of_kind(&self, pod: &Pod) -> Arc<OnceCell<Admission>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(kind(pod)).or_default())
    }
}

/// Returns a digest of all parts of a pod besides its name and its place.
fn kind(pod: &Pod) -> String {
    let mut kind = pod.clone();
    kind.metadata.name = None;
    let is_of_one = |key: &str| OF_ONE_POD.contains(&key) || key == BATCH_LABEL;
    kind.metadata.labels.get_or_insert_default().retain(|key, _| !is_of_one(key));
    if let Some(spec) = &mut kind.spec {
        spec.affinity = None;
        spec.node_name = None;
    }
    // Only a pod that cannot be written has an empty text, and such a pod is not sent.
    sha256(&serde_json::to_vec(&kind).unwrap_or_default())
}

/// Returns the pod as the namespace's LimitRanges admit it; `None` if they admit the usual pod or may not be read.
async fn within_ranges(client: &Client, namespace: &str, pod: &Pod) -> Option<Fitted> {
    let ranges = Api::<LimitRange>::namespaced(client.clone(), namespace);
    let ranges = ranges.list(&ListParams::default()).await.ok()?;
    manifest::within(pod, &ranges.items)
}

/// Returns the pod with the resources of the first existing pod that it represents.
async fn like_theirs(pods: &Api<Pod>, pod: &Pod, like: &[Shared<PodView>]) -> Option<Fitted> {
    let name = like.iter().find_map(|pod_view| pod_view.origin.pod.as_deref())?;
    let theirs = pods.get_opt(name).await.ok().flatten()?;
    manifest::like(pod, &theirs)
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    use serde_json::{Value, json};

    use super::*;
    use crate::run::cluster::answering::{client, list, status};

    fn pod(name: &str, node: &str, class: &str) -> Pod {
        let term = json!({ "matchFields": [{ "key": "metadata.name", "operator": "In", "values": [node] }] });
        let required =
            json!({ "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": [term] } });
        let spec = json!({
            "containers": [], "runtimeClassName": class, "affinity": { "nodeAffinity": required },
        });
        serde_json::from_value(json!({ "metadata": { "name": name }, "spec": spec })).unwrap()
    }

    async fn rehearsed(pods: &[Pod], answer: fn(&str) -> (u16, Value)) -> (usize, Vec<bool>) {
        let (client, log) = client(answer);
        let rehearsals = Rehearsals::begin(&client, "shop");
        let deadline = Instant::now() + Duration::from_secs(9);
        let mut admitted = Vec::new();
        for pod in pods {
            admitted.push(rehearsals.rehearse(pod, &[], deadline).await.is_ok());
        }
        let dry_runs = log.requests().iter().filter(|request| request.starts_with("POST ")).count();
        (dry_runs, admitted)
    }

    #[tokio::test]
    async fn pods_that_differ_in_name_and_node_alone_are_rehearsed_once() {
        let pods = [pod("a-0", "one", "gvisor"), pod("a-1", "two", "gvisor"), pod("a-2", "one", "kata")];
        assert_eq!(rehearsed(&pods, |_| (201, Value::Null)).await, (2, vec![true; 3]));
    }

    #[tokio::test]
    async fn a_pod_for_which_a_quota_has_no_room_gets_less_processor_time() {
        let mut large = pod("a-0", "one", "gvisor");
        let resources = json!({ "limits": { "cpu": "500m", "memory": "128Mi" } });
        let container = json!({ "name": "probe", "resources": resources });
        large.spec.as_mut().unwrap().containers = vec![serde_json::from_value(container).unwrap()];
        let asked = AtomicUsize::new(0);
        let (client, _) = client(move |request| match request.split(' ').next() {
            Some("GET") => list(&[], None),
            _ if asked.fetch_add(1, Ordering::Relaxed) == 0 => status(403, "exceeded quota: small"),
            _ => (201, Value::Null),
        });
        let rehearsals = Rehearsals::begin(&client, "shop");
        let rehearsed =
            rehearsals.rehearse(&large, &[], Instant::now() + Duration::from_secs(9)).await.unwrap();
        let limits = rehearsed.pod.spec.unwrap().containers.remove(0).resources.unwrap().limits.unwrap();
        assert_eq!((limits["cpu"].0.as_str(), limits["memory"].0.as_str()), ("250m", "128Mi"));
        assert!(rehearsed.admission.fitted.is_some_and(|why| why.contains("250m CPU")));
    }

    #[tokio::test]
    async fn each_pod_of_a_refused_kind_is_rehearsed() {
        let pods = [pod("a-0", "one", "gvisor"), pod("a-1", "two", "gvisor")];
        let one = rehearsed(&pods[..1], |_| status(403, "exceeded quota")).await;
        let two = rehearsed(&pods, |_| status(403, "exceeded quota")).await;
        assert_eq!(two, (2 * one.0, vec![false, false]));
    }
}
