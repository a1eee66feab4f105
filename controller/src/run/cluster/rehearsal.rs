//! The plan of a namespace as manifests, each with what the cluster would say to it. Nothing is created.

use std::{fmt::Write, time::Duration};

use tokio::time::Instant;

use super::{Target, connection, plan_request, survey};
use super::{
    manifest::{self, Common},
    pods,
};
use crate::{
    case::cluster::Group,
    judge::exit::Exit,
    plan,
    run::{Error, nonce},
};

/// How long the cluster may take to say whether it would admit the pods.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a pod that was applied by hand lives.
const LIFETIME: Duration = Duration::from_mins(10);
/// Where the owner's uid goes, which is known once the owner is there.
const UID: &str = "${OWNER_UID}";

/// The text, and the exit code that it comes to.
pub(crate) async fn rehearse(target: &Target) -> Result<(String, Exit), Error> {
    let connection = connection(target).await?;
    let (cluster, _) = survey(target, &connection).await?;
    let plan = plan::cluster::namespace(&cluster, &plan_request(target))?;
    let run = plan::run_name(nonce()?);
    let common =
        Common { run: run.clone(), image: target.image.clone(), lifetime: LIFETIME, token: nonce()? };
    let mut owner = manifest::owner(&run, &target.namespace);
    let mut text = format!("# {run}: the owner of the pods below\n{}", serde_saphyr::to_string(&owner)?);
    // The dry run wants a uid, and does not look whether it is anybody's.
    owner.metadata.uid = Some(run);
    let api = kube::Api::namespaced(connection.client.clone(), &target.namespace);
    let mut refused = 0;
    for (index, group) in plan.groups.iter().enumerate() {
        let mut pod = manifest::probe(&common, &target.namespace, &owner, group, index);
        let answer = match &group.refused {
            Some(why) => Err(why.clone()),
            None => match pods::dry_run(&api, &pod, Instant::now() + PATIENCE).await {
                Ok(admitted) => manifest::altered(&pod, &admitted).map_or(Ok(()), Err),
                Err(refusal) => Err(refusal.to_string()),
            },
        };
        refused += usize::from(answer.is_err());
        head(&mut text, group, &answer);
        for reference in pod.metadata.owner_references.iter_mut().flatten() {
            UID.clone_into(&mut reference.uid);
        }
        text.push_str(&serde_saphyr::to_string(&pod)?);
    }
    for uncovered in &plan.coverage.uncovered {
        // Writing to a string does not fail.
        _ = writeln!(text, "# no probe stands for {uncovered}");
    }
    let exit = match (plan.groups.len(), refused) {
        (0, _) => {
            text.push_str(
                "# the namespace has no workload; --runtime-class NAME plans for what is to come\n",
            );
            Exit::Undetermined
        }
        (_, 0) => Exit::Ready,
        _ => Exit::CouldNotRun,
    };
    Ok((text, exit))
}

fn head(text: &mut String, group: &Group, answer: &Result<(), String>) {
    let represents = group.represents();
    let represents = if represents.is_empty() { "no pod yet".to_owned() } else { represents.join(", ") };
    let answer = match answer {
        Ok(()) => "the cluster would admit it".to_owned(),
        Err(why) => format!("refused: {}", why.replace('\n', " ")),
    };
    // Writing to a string does not fail.
    _ = write!(text, "---\n# pool {}: stands for {represents}\n# {answer}\n", group.pool);
}
