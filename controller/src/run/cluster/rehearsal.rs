//! The plan of a namespace as manifests, each with the cluster's answer to a dry run. Nothing is created.

use std::{fmt::Write, time::Duration};

use tokio::time::Instant;

use super::{
    Target, connection,
    examining::{self, Rehearsed},
    manifest::{self, Admission, Common},
    plan_request,
    pods::{self, Visits},
    readiness::Readiness,
    survey,
    survey::Surveyed,
};
use crate::{
    case::cluster::Group,
    plan,
    run::{RunError, nonce},
    support::printable::line,
};

/// Time for the cluster's answer to one dry run.
const PATIENCE: Duration = Duration::from_secs(30);
/// The lifetime of a pod that is applied by hand.
const LIFETIME: Duration = Duration::from_mins(10);
/// The placeholder of the owner's uid, which is known once the owner exists.
const UID: &str = "${OWNER_UID}";

/// The manifests of a run that is not made, and its prospect.
#[derive(Debug)]
pub(crate) struct Rehearsal {
    /// The manifests, with the cluster's answers as comments.
    pub(crate) text: String,
    /// The prospect of a run with these pods.
    pub(crate) readiness: Readiness,
}

/// Plans the probes of a namespace, and asks the cluster for each of them by a dry run.
pub(crate) async fn rehearse(target: &Target) -> Result<Rehearsal, RunError> {
    let connection = connection(target).await?;
    let Surveyed { cluster, running, .. } = survey(target, &connection).await?;
    let request = plan::cluster::Request { running, ..plan_request(target, Vec::new()) };
    let plan = plan::cluster::namespace(&cluster, &request)?;
    let run = plan::run_name(nonce()?);
    let common = Common {
        reception: nonce()?,
        listens: plan::cluster::Listening::of(&cluster, &plan.groups).ports,
        run: run.clone(),
        image: target.image.clone(),
        lifetime: LIFETIME,
        token: nonce()?,
        marks: target.marks.clone(),
    };
    let mut owner = manifest::owner(&run, &target.namespace);
    let mut text = format!("# {run}: the owner of the pods below\n{}", serde_saphyr::to_string(&owner)?);
    // A dry run wants the uid of an owner, and accepts one that nobody has.
    owner.metadata.uid = Some(run);
    let mut refused = 0;
    for (index, group) in plan.groups.iter().enumerate() {
        if let (Some(pod), None) = (&group.in_place, &group.refused) {
            let visits =
                Visits::begin(&connection.client, &target.namespace, &common, Instant::now() + PATIENCE);
            let rehearsed = examining::rehearse(&visits, (&common, group), pod, target.visitors_user).await;
            refused += usize::from(rehearsed.is_err());
            text.push_str(&visit(group, pod, rehearsed)?);
            continue;
        }
        let mut pod = manifest::probe(&common, &target.namespace, &owner, group, index);
        let answer = if let Some(why) = &group.refused {
            Err(why.clone())
        } else {
            let (deadline, like) = (Instant::now() + PATIENCE, &group.pod_views);
            match pods::rehearse(&connection.client, &target.namespace, &pod, like, deadline).await {
                Ok(rehearsed) => {
                    pod = rehearsed.pod;
                    Ok(rehearsed.admission)
                }
                Err(refusal) => Err(refusal.to_string()),
            }
        };
        refused += usize::from(answer.is_err());
        head(&mut text, group, &answer);
        for reference in pod.metadata.owner_references.iter_mut().flatten() {
            UID.clone_into(&mut reference.uid);
        }
        text.push_str(&serde_saphyr::to_string(&pod)?);
    }
    if let Some(remark) = plan.beyond() {
        // Writing to a string does not fail.
        _ = writeln!(text, "# {}", line(&remark));
    }
    for uncovered in &plan.coverage.uncovered {
        // Writing to a string does not fail.
        _ = writeln!(text, "# no probe represents {}", line(uncovered));
    }
    let readiness = match (plan.groups.len(), refused) {
        (0, _) => {
            text.push_str(
                "# the namespace has no workload; --runtime-class NAME plans for pods that do not exist yet\n",
            );
            Readiness::Incomplete
        }
        (_, 0) => Readiness::Ready,
        _ => Readiness::Unable,
    };
    Ok(Rehearsal { text, readiness })
}

/// Returns the patch of a running pod, with the cluster's answer and the trace that stays.
fn visit(group: &Group, pod: &str, rehearsed: Result<Rehearsed, String>) -> Result<String, RunError> {
    let mut text = String::new();
    let (answer, patch) = match rehearsed {
        Ok(Rehearsed { container, admission }) => (Ok(admission), Some(pods::patch_of(&container))),
        Err(why) => (Err(why), None),
    };
    head(&mut text, group, &answer);
    let told = line(&format!(
        "the patch of the ephemeral containers of pod {pod}; the ended container stays in the pod's status until the pod goes"
    ));
    // Writing to a string does not fail.
    _ = writeln!(text, "# {told}");
    if let Some(patch) = patch {
        text.push_str(&serde_saphyr::to_string(&patch)?);
    }
    Ok(text)
}

fn head(text: &mut String, group: &Group, answer: &Result<Admission, String>) {
    let represents = group.represents();
    let represents = if represents.is_empty() { "no pod yet".to_owned() } else { represents.join(", ") };
    let answer = match answer {
        Ok(admission) => {
            let remarks = admission.told().into_iter().map(|remark| format!("; {remark}"));
            format!("the cluster would admit this pod{}", remarks.collect::<String>())
        }
        Err(why) => format!("refused: {why}"),
    };
    // Writing to a string does not fail.
    let pool = line(&format!("pool {}: represents {represents}", group.pool));
    _ = write!(text, "---\n# {pool}\n# {}\n", line(&answer));
}
