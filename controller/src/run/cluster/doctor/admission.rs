//! The admission of a run's pods, asked by dry runs.

use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use proto::Nonce;
use tokio::time::Instant;

use super::{Check, PATIENCE, Weight};
use crate::{
    case::cluster::{Group, PodView, Shared},
    run::cluster::{
        Target, VisitorsUser,
        examining::{self, Rehearsed},
        manifest::{self, Common, PodImage},
        pods::{self, Rehearsals, Visits},
    },
};

/// The node of a control pod that is never created.
const NO_NODE: &str = "any";

/// Asks by a dry run if the namespaces would admit a probe and its control pods. Only a run shows that nodes can pull the
/// image.
pub(super) async fn admission(
    client: &Client,
    Target { namespace, control_namespace, marks, visitors_user, .. }: &Target,
    image: &PodImage,
    groups: &[&Group],
) -> Vec<Check> {
    let common = Common {
        listens: Vec::new(),
        run: "podproof-doctor".to_owned(),
        image: image.clone(),
        lifetime: PATIENCE,
        // No pod listens, so that no token is needed.
        token: Nonce([0; 16]),
        reception: Nonce([0; 16]),
        marks: marks.clone(),
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
            checks.push(visited(&visits, (&common, *visitors_user), group, pod).await);
            continue;
        }
        let probe = manifest::probe(&common, namespace, &owner(namespace), group, index);
        let check = admitted(client, namespace, ("a probe", &probe, &group.pod_views), image).await;
        if !checks.contains(&check) {
            checks.push(check);
        }
    }
    if let Some(control) = control_namespace {
        let pod = manifest::control(&common, control, &owner(control), NO_NODE, 0);
        checks.push(admitted(client, control, ("a control pod", &pod, &[]), image).await);
    }
    checks
}

/// Asks by a dry run if a running pod would get the probe's container.
async fn visited(
    visits: &Visits,
    (common, user): (&Common, VisitorsUser),
    group: &Group,
    pod: &str,
) -> Check {
    let what = format!("the admission of a probe in pod {pod}");
    match examining::rehearse(visits, (common, group), pod, user).await {
        Ok(Rehearsed { admission, .. }) => {
            let remarks = admission.told().into_iter().map(|remark| format!("; {remark}"));
            Check::fine(&what, format!("the pod would get it{}", remarks.collect::<String>()))
        }
        Err(why) => Check::trouble(
            &what,
            Weight::Fatal,
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
            let admits = format!(
                "namespace {namespace} admits it; only a run shows that the nodes can pull {}{remarks}",
                image.reference
            );
            Check::fine(&what, admits)
        }
        Err(refusal @ pods::Refusal::Altered(_)) => Check::trouble(
            &what,
            Weight::Fatal,
            refusal.to_string(),
            "exempt pods with the label podproof.dev/run from the webhook or policy that changes them",
        ),
        Err(refusal) => Check::trouble(
            &what,
            Weight::Fatal,
            format!("namespace {namespace} refuses it: {refusal}"),
            "let the policy, webhook, LimitRange or quota admit pods with the label podproof.dev/run",
        ),
    }
}
