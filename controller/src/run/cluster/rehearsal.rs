//! The plan of a namespace as manifests, each with the cluster's answer to a dry run. Nothing is created.

use std::{fmt::Write, time::Duration};

use futures_util::{StreamExt, stream};
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use proto::listener::Port;
use serde::Serialize;
use tokio::time::Instant;

use super::{
    Target, connection,
    examining::{self, Rehearsed},
    manifest::{self, Admission, Common},
    plan_request,
    pods::{self, Rehearsals, Visits},
    readiness::Readiness,
    survey,
    survey::Surveyed,
};
use crate::{
    case::cluster::Group,
    plan::{self, cluster::Listening},
    run::{
        RunError,
        lookup::{self, LookupRequest},
        nonce,
    },
    support::printable::{self, line},
};

/// Time for the cluster's answer to one dry run.
const PATIENCE: Duration = Duration::from_secs(30);
/// The most dry runs that wait for their answers at once.
const AT_ONCE: usize = 16;
/// The lifetime of a pod that is applied by hand.
const LIFETIME: Duration = Duration::from_mins(10);
/// The placeholder of the owner's uid, which is known once the owner exists.
const UID: &str = "${OWNER_UID}";

/// The comment in place of pods where nothing asks for one.
const NO_WORKLOAD: &str =
    "# the namespace has no workload; --runtime-class NAME plans for pods that do not exist yet\n";

/// The comment on a run without attempts.
const NO_ATTEMPTS: &str = "# --no-network: nothing is attempted over the network, and requirements that need attempts stay inconclusive\n";

/// The manifests of a run that is not made, and its prospect.
#[derive(Debug)]
pub(crate) struct Rehearsal {
    /// The manifests, with the cluster's answers as comments.
    pub(crate) text: String,
    /// The prospect of a run with these pods.
    pub(crate) readiness: Readiness,
}

/// The text of a rehearsal, while it is written.
struct Draft<'a> {
    target: &'a Target,
    client: &'a Client,
    text: String,
    refused: usize,
}

/// Plans the probes of a namespace, and asks the cluster for each of them by a dry run. The pods by which the run would ask an
/// autoscaler for nodes come first.
pub(crate) async fn rehearse(
    target: &Target,
    network: &LookupRequest,
    attempts: bool,
) -> Result<Rehearsal, RunError> {
    let (needs, profiles) = lookup::looked_up(network).await?;
    let connection = connection(target).await?;
    let Surveyed { cluster, running, forwards, .. } = survey(target, &connection).await?;
    let needs = needs.within(&cluster.namespace, &forwards);
    let request = plan::cluster::Request { running, ..plan_request(target, needs.entries()) };
    let plan = plan::cluster::namespace(&cluster, &request)?;
    let mut draft = Draft { target, client: &connection.client, text: String::new(), refused: 0 };
    if let Some(patience) = target.wait_for_nodes {
        let homeless = plan::cluster::homeless(&cluster, &request);
        let purpose = format!(
            "asks for a node, for which the run waits up to {}, and is removed as soon as it runs",
            humantime::format_duration(patience)
        );
        // The objects of the wait have an owner of their own, as in a run.
        if !homeless.is_empty() {
            let purpose = |group: &Group| format!("{purpose}: like {}", represented(group));
            draft.pods(&homeless, Vec::new(), purpose).await?;
        }
    }
    let listens = if attempts { Listening::of(&cluster, &plan.groups).ports } else { Vec::new() };
    let purpose = |group: &Group| format!("pool {}: represents {}", group.pool, represented(group));
    // A remark counts the groups beyond the bound, which may be many times as many.
    let within = plan.groups.iter().enumerate().filter(|(position, _)| !plan.beyond.contains(position));
    let within: Vec<_> = within.map(|(_, group)| group.clone()).collect();
    draft.refused += plan.beyond.len();
    draft.pods(&within, listens, purpose).await?;
    let Draft { mut text, refused, .. } = draft;
    if !attempts {
        text.push_str(NO_ATTEMPTS);
    }
    for profile in &profiles {
        // Writing to a string does not fail.
        _ = writeln!(text, "# {}", line(profile));
    }
    let remarks = plan.beyond().into_iter().chain(plan::cluster::divided(&plan.groups));
    for remark in remarks.chain(plan.represented.remarks(&plan.groups)) {
        // Writing to a string does not fail.
        _ = writeln!(text, "# {}", line(&remark));
    }
    for uncovered in &plan.coverage.uncovered {
        // Writing to a string does not fail.
        _ = writeln!(text, "# no probe represents {}", line(uncovered));
    }
    let readiness = match (plan.groups.len(), refused) {
        (0, _) => {
            if cluster.pod_views.is_empty() {
                text.push_str(NO_WORKLOAD);
            }
            Readiness::Incomplete
        }
        (_, 0) => Readiness::Ready,
        _ => Readiness::Unable,
    };
    Ok(Rehearsal { text, readiness })
}

// === impl Draft ===

impl Draft<'_> {
    /// Writes an owner, and a pod for each group. The dry runs overlap.
    async fn pods(
        &mut self,
        groups: &[Group],
        listens: Vec<Port>,
        purpose: impl Fn(&Group) -> String,
    ) -> Result<(), RunError> {
        let Target { namespace, image, marks, .. } = self.target;
        let run = plan::run_name(nonce()?);
        let common = Common {
            reception: nonce()?,
            listens,
            run: run.clone(),
            image: image.clone(),
            lifetime: LIFETIME,
            token: nonce()?,
            marks: marks.clone(),
        };
        let mut owner = manifest::owner(&run, namespace);
        let separator = if self.text.is_empty() { "" } else { "---\n" };
        if groups.is_empty() || groups.iter().any(|group| group.in_place.is_none()) {
            // Writing to a string does not fail.
            _ = write!(self.text, "{separator}# {run}: the owner of the pods below\n{}", document(&owner)?);
        }
        // A dry run wants the uid of an owner, and accepts one that nobody has.
        owner.metadata.uid = Some(run);
        let rehearsals = Rehearsals::begin(self.client, namespace);
        let draft = &*self;
        let (common, owner, rehearsals) = (&common, &owner, &rehearsals);
        let asked = stream::iter(groups.iter().enumerate()).map(|(index, group)| async move {
            if let Some(visited) = &group.in_place {
                return Answer::Visit(visited, Box::new(draft.visited(common, group, visited).await));
            }
            let pod = manifest::probe(common, namespace, owner, group, index);
            admitted(rehearsals, group, pod).await
        });
        let answers: Vec<_> = asked.buffered(AT_ONCE).collect().await;
        for (group, answer) in groups.iter().zip(answers) {
            let purpose = purpose(group);
            match answer {
                Answer::Visit(pod, rehearsed) => {
                    self.refused += usize::from(rehearsed.is_err());
                    self.text.push_str(&visit(&purpose, pod, *rehearsed)?);
                }
                Answer::Pod(mut pod, answer) => {
                    self.refused += usize::from(answer.is_err());
                    head(&mut self.text, &purpose, ("pod", &answer));
                    for reference in pod.metadata.owner_references.iter_mut().flatten() {
                        UID.clone_into(&mut reference.uid);
                    }
                    self.text.push_str(&document(&*pod)?);
                }
            }
        }
        Ok(())
    }

    async fn visited(&self, common: &Common, group: &Group, pod: &str) -> Result<Rehearsed, String> {
        if let Some(why) = &group.refused {
            return Err(why.clone());
        }
        let visits = Visits::begin(self.client, &self.target.namespace, common, Instant::now() + PATIENCE);
        examining::rehearse(&visits, (common, group), pod, self.target.visitors_user).await
    }
}

async fn admitted<'a>(rehearsals: &Rehearsals, group: &Group, pod: Pod) -> Answer<'a> {
    if let Some(why) = &group.refused {
        return Answer::Pod(Box::new(pod), Err(why.clone()));
    }
    match rehearsals.rehearse(&pod, &group.pod_views, Instant::now() + PATIENCE).await {
        Ok(rehearsed) => Answer::Pod(Box::new(rehearsed.pod), Ok(rehearsed.admission)),
        Err(refusal) => Answer::Pod(Box::new(pod), Err(refusal.to_string())),
    }
}

/// The cluster's answer to a dry run.
enum Answer<'a> {
    /// The answer to a visit of the pod with this name.
    Visit(&'a str, Box<Result<Rehearsed, String>>),
    /// The pod as the cluster would admit it, or as it was refused.
    Pod(Box<Pod>, Result<Admission, String>),
}

/// Returns a manifest. The gate of all output would escape harmful characters in a form that YAML does not know, so an object with
/// such characters is written as JSON, with the escapes of YAML.
fn document(object: &impl Serialize) -> Result<String, RunError> {
    let yaml = serde_saphyr::to_string(object)?;
    if printable::page(&yaml) == yaml {
        return Ok(yaml);
    }
    Ok(serde_json::to_string_pretty(object).map_or(yaml, |json| printable::yaml(&json) + "\n"))
}

/// Returns the patch of a running pod, with the cluster's answer and the trace that stays.
fn visit(purpose: &str, pod: &str, rehearsed: Result<Rehearsed, String>) -> Result<String, RunError> {
    let mut text = String::new();
    let (answer, container) = match rehearsed {
        Ok(Rehearsed { container, admission }) => (Ok(admission), Some(container)),
        Err(why) => (Err(why), None),
    };
    head(&mut text, purpose, ("ephemeral container", &answer));
    if let Some(container) = container {
        let told = format!(
            "a patch of the ephemeral containers of pod {pod}; the ended container stays in the pod's status until the pod goes"
        );
        // Writing to a string does not fail.
        _ = write!(text, "# {}\n{}", line(&told), document(&pods::patch_of(&container))?);
    }
    Ok(text)
}

fn represented(group: &Group) -> String {
    let represents = group.represents();
    if represents.is_empty() { "no pod yet".to_owned() } else { represents.join(", ") }
}

/// Writes the comments above a pod or a container: its purpose, and the cluster's answer.
fn head(text: &mut String, purpose: &str, (what, answer): (&str, &Result<Admission, String>)) {
    let answer = match answer {
        Ok(admission) => {
            let remarks = admission.told().into_iter().map(|remark| format!("; {remark}"));
            format!("the cluster would admit this {what}{}", remarks.collect::<String>())
        }
        Err(why) => format!("refused: {why}"),
    };
    // Writing to a string does not fail.
    _ = write!(text, "---\n# {}\n# {}\n", line(purpose), line(&answer));
}
