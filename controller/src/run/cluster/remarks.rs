//! Remarks of a run in a cluster: everything that a reader should know besides the findings.

use super::{manifest::Admission, probing::Probed};
use crate::{
    case::cluster::Cluster,
    plan::{
        self,
        cluster::{Listening, Plan},
    },
};

/// Returns everything that a reader should know besides: objects that counted a probe, ports of the listener that were not
/// tried, other places, and harmless changes by admission.
pub(super) fn of(cluster: &Cluster, plan: &Plan, listening: &Listening, probed: &[Probed]) -> Vec<String> {
    let mut remarks = plan::cluster::counted_by(cluster, &plan.groups);
    remarks.extend(plan.beyond());
    remarks.extend(plan::cluster::divided(&plan.groups));
    remarks.extend(listening.remark());
    remarks.extend(plan::cluster::remarks_on_labels(&plan.groups));
    remarks.extend(plan::cluster::displaced(cluster, &plan.groups));
    remarks.extend(plan.represented.remarks(&plan.groups));
    remarks.extend(plan::cluster::remarks_on_admission(cluster));
    remarks.extend(probed.iter().filter_map(|probed| probed.moved.clone()));
    remarks.extend(on_replaced(probed.iter().filter(|probed| probed.replaces).count()));
    let unanswered = probed.iter().filter_map(|it| plan::cluster::unanswered(&it.destinations, &it.control));
    let admission = probed.iter().filter_map(|probed| probed.admission.as_ref()).flat_map(Admission::told);
    for remark in unanswered.chain(admission) {
        if !remarks.contains(&remark) {
            remarks.push(remark);
        }
    }
    remarks
}

/// Says how many pods were replaced before they were asked.
fn on_replaced(pods: usize) -> Option<String> {
    let pods = match pods {
        0 => return None,
        1 => "1 probe pod was".to_owned(),
        several => format!("{several} probe pods were"),
    };
    Some(format!(
        "{pods} replaced: the first seconds had passed before the control pods were ready, as on busy nodes"
    ))
}

/// Names the pods that were examined in place, and the trace that stays in them.
pub(super) fn on_traces(visited: &[String]) -> Option<String> {
    (!visited.is_empty()).then(|| {
        format!(
            "examined in place: {}; in the status of each pod, the probe's ended container stays until the pod goes",
            visited.iter().map(|pod| format!("pod/{pod}")).collect::<Vec<_>>().join(", ")
        )
    })
}

/// Says that the memory of the examined pods was not known.
pub(super) fn on_memory(visited: &[String], unknown: Option<&str>) -> Option<String> {
    let why = unknown.filter(|_| !visited.is_empty())?;
    Some(format!(
        "the memory that is left to the examined pods is not known, so that a pod near its limit was not left alone ({why})"
    ))
}
