//! The admission of a run's pods, asked by dry runs.

use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use proto::Nonce;
use tokio::time::Instant;

use super::{Check, PATIENCE};
use crate::{
    case::cluster::{Group, PodView, Shared},
    run::cluster::{
        VisitorsUser,
        examining::{self, Rehearsed},
        manifest::{self, Common, Marks, PodImage},
        pods::{self, Rehearsals, Visits},
    },
};

/// The node of a control pod that is never created.
const NO_NODE: &str = "any";

/// Asks by a dry run if the namespaces would admit a probe and its control pods. Only a run shows that nodes can pull the
/// image.
pub(super) async fn admission(
    client: &Client,
    (namespace, control): (&str, Option<&str>),
    image: &PodImage,
    groups: &[&Group],
    marks: Marks,
) -> Vec<Check> {
    let common = Common {
        listens: Vec::new(),
        run: "podproof-doctor".to_owned(),
        image: image.clone(),
        lifetime: PATIENCE,
        // No pod listens, so that no token is needed.
        token: Nonce([0; 16]),
        reception: Nonce([0; 16]),
        marks,
    };
    let owner = |namespace: &str| {
        let mut owner = manifest::owner(&common.run, namespace);
        owner.metadata.uid = Some(common.run.clone());
        owner
    };
    let mut checks = Vec::new();
    let visits = Visits::begin(client, namespace, &common, Instant::now() + PATIENCE);
    for (index, group) in groups.iter().enumerate() {
        if let Some(pod) = &group.in_place {
            checks.push(visited(&visits, &common, group, pod).await);
            continue;
        }
        let probe = manifest::probe(&common, namespace, &owner(namespace), group, index);
        let check = admitted(client, namespace, ("a probe", &probe, &group.pod_views), image).await;
        if !checks.contains(&check) {
            checks.push(check);
        }
    }
    if let Some(control) = control {
        let pod = manifest::control(&common, control, &owner(control), NO_NODE, 0);
        checks.push(admitted(client, control, ("a control pod", &pod, &[]), image).await);
    }
    checks
}

/// Asks by a dry run if a running pod would get the probe's container.
async fn visited(visits: &Visits, common: &Common, group: &Group, pod: &str) -> Check {
    let what = format!("the admission of a probe in pod {pod}");
    match examining::rehearse(visits, (common, group), pod, VisitorsUser::Own).await {
        Ok(Rehearsed { admission, .. }) => {
            let remarks = admission.told().into_iter().map(|remark| format!("; {remark}"));
            Check::fine(&what, format!("the pod would get it{}", remarks.collect::<String>()))
        }
        Err(why) => Check::trouble(
            &what,
            true,
            why,
            "let the policy or webhook admit ephemeral containers, or run without `--live`",
        ),
    }
}

async fn admitted(
    client: &Client,
    namespace: &str,
    (role, pod, like): (&str, &Pod, &[Shared<PodView>]),
    image: &PodImage,
) -> Check {
    let what = format!("the admission of {role}");
    let rehearsals = Rehearsals::begin(client, namespace);
    match rehearsals.rehearse(pod, like, Instant::now() + PATIENCE).await {
        Ok(rehearsed) => {
            let remarks = rehearsed.admission.told().into_iter().map(|remark| format!("; {remark}"));
            let remarks: String = remarks.collect();
            Check::fine(
                &what,
                format!("namespace {namespace} admits it, with the image {}{remarks}", image.reference),
            )
        }
        Err(refusal @ pods::Refusal::Altered(_)) => Check::trouble(
            &what,
            true,
            refusal.to_string(),
            "exempt pods with the label podproof.dev/run from the webhook or policy that changes them",
        ),
        Err(refusal) => Check::trouble(
            &what,
            true,
            format!("namespace {namespace} refuses it: {refusal}"),
            "let the policy, webhook, LimitRange or quota admit pods with the label podproof.dev/run",
        ),
    }
}
