//! The plan of a namespace as manifests, each with the cluster's answer to a dry run. Nothing is created.

use std::{fmt::Write, time::Duration};

use tokio::time::Instant;

use super::{
    Target, connection,
    manifest::{self, Admission, Common},
    plan_request, pods,
    readiness::Readiness,
    survey,
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
    let cluster = survey(target, &connection).await?.cluster;
    let plan = plan::cluster::namespace(&cluster, &plan_request(target, Vec::new()))?;
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
