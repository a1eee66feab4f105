//! The rehearsal of a pod's creation: a dry run, and other resources or users where the namespace refuses the usual ones.
//! Only a refusal costs further requests.

use k8s_openapi::api::core::v1::{LimitRange, Pod};
use kube::{Api, Client, api::ListParams};
use tokio::time::Instant;

use super::{NO_DRY_RUN, create::Refusal, dry_run};
use crate::{
    case::cluster::PodView,
    run::cluster::manifest::{self, Admission, Fitted},
};

/// A pod that the cluster would admit.
#[derive(Debug)]
pub(crate) struct Rehearsed {
    /// The pod, with the resources that the namespace admits.
    pub(crate) pod: Pod,
    /// The effect of admission on the pod.
    pub(crate) admission: Admission,
}

/// Asks the API server whether it would admit a pod. A refused pod is tried with the resources that the namespace's
/// LimitRanges admit, with those of a pod that it represents, and without a user of its own; `like` are the pods that it
/// represents.
pub(crate) async fn rehearse(
    client: &Client,
    namespace: &str,
    pod: &Pod,
    like: &[PodView],
    deadline: Instant,
) -> Result<Rehearsed, Refusal> {
    let pods = Api::<Pod>::namespaced(client.clone(), namespace);
    let why = match dry_run(&pods, pod, deadline).await {
        Ok(admitted) => {
            return Ok(Rehearsed { pod: pod.clone(), admission: manifest::admission(pod, &admitted, like)? });
        }
        Err(Refusal::Admission(why)) if !why.contains(NO_DRY_RUN) => why,
        Err(refusal) => return Err(refusal),
    };
    let of_ranges = within_ranges(client, namespace, pod).await;
    let rules = of_ranges.as_ref().map(|fitted| format!(" ({})", fitted.why)).unwrap_or_default();
    let of_workload = like_theirs(&pods, pod, like).await;
    let sized: Vec<_> = of_ranges.into_iter().chain(of_workload).collect();
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

/// Returns the pod as the namespace's LimitRanges admit it; `None` if they admit the usual pod or may not be read.
async fn within_ranges(client: &Client, namespace: &str, pod: &Pod) -> Option<Fitted> {
    let ranges = Api::<LimitRange>::namespaced(client.clone(), namespace);
    let ranges = ranges.list(&ListParams::default()).await.ok()?;
    manifest::within(pod, &ranges.items)
}

/// Returns the pod with the resources of the first existing pod that it represents.
async fn like_theirs(pods: &Api<Pod>, pod: &Pod, like: &[PodView]) -> Option<Fitted> {
    let name = like.iter().find_map(|pod_view| pod_view.origin.pod.as_deref())?;
    let theirs = pods.get_opt(name).await.ok().flatten()?;
    manifest::like(pod, &theirs)
}
