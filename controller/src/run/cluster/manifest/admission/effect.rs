//! The effect of one difference between a pod that was sent and the admitted pod.

use serde_json::Value;

use super::{additions, annotations, comparison::Difference};
use crate::{
    case::cluster::{PodView, Shared},
    support::names,
};

/// The effect of a difference. A field that no rule knows changes what the probe sees.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Effect {
    /// None, and every pod has the difference: the API server and its own plugins fill the field in.
    Usual,
    /// None on policies and evidence.
    Neither,
    /// Other policies may bind the pod.
    Binds,
    /// The probe may see another sandbox than the workload's pods have.
    Sees,
    /// The run's objects may stay behind, or somebody may take the probe for a pod of the workload.
    Escapes,
}

impl Effect {
    pub(super) fn of(difference: &Difference, like: &[Shared<PodView>]) -> Self {
        let Difference { sent, admitted, .. } = difference;
        match difference.segments().as_slice() {
            ["status", ..] => Self::Usual,
            ["metadata", rest @ ..] => of_metadata(rest, sent.as_ref(), admitted.as_ref()),
            ["spec", "securityContext", rest @ ..] => of_pods_context(rest, sent.as_ref(), admitted.as_ref()),
            ["spec", "containers" | "initContainers"] => additions::of_container(difference, like),
            ["spec", "volumes"] => additions::of_volume(difference, like),
            ["spec", "containers", "securityContext", rest @ ..] => {
                of_containers_context(rest, sent.as_ref(), admitted.as_ref())
            }
            ["spec", "containers", rest @ ..] => of_own_container(rest, difference),
            ["spec", rest @ ..] => of_specification(rest, sent.as_ref(), admitted.as_ref()),
            _ => Self::Sees,
        }
    }
}

fn of_metadata(path: &[&str], sent: Option<&Value>, admitted: Option<&Value>) -> Effect {
    match path {
        ["creationTimestamp" | "generation" | "managedFields" | "resourceVersion" | "uid"] => Effect::Usual,
        ["labels", key] if names::is_own_label(key) => Effect::Escapes,
        // The judge compares the policies of the pod's labels with those of the workload's.
        ["labels", _] if sent.is_none() => Effect::Neither,
        ["labels", _] | ["namespace"] => Effect::Binds,
        ["annotations", key] => annotations::effect(key, admitted.and_then(Value::as_str)),
        _ => Effect::Escapes,
    }
}

/// Judges the pod's own fields. Selectors, affinity and the node only decide where the pod runs, which the run reads from
/// the running pod.
fn of_specification(path: &[&str], sent: Option<&Value>, admitted: Option<&Value>) -> Effect {
    let is = |text: &str| admitted.and_then(Value::as_str) == Some(text);
    match path {
        // Defaults of the API server (`pkg/apis/core/v1/defaults.go`), and fields that its plugins fill in:
        // `ServiceAccount`, `Priority`, `DefaultTolerationSeconds` and `RuntimeClass`.
        ["dnsPolicy"] if is("ClusterFirst") => Effect::Usual,
        ["schedulerName"] if is("default-scheduler") => Effect::Usual,
        ["serviceAccount" | "serviceAccountName"] if sent.is_none() && is("default") => Effect::Usual,
        ["imagePullSecrets" | "priority" | "preemptionPolicy"]
        | ["nodeSelector" | "overhead" | "tolerations", ..] => Effect::Usual,
        ["hostUsers"] => Effect::Sees,
        _ if sent.is_none() && admitted == Some(&Value::Bool(false)) => Effect::Usual,
        ["hostNetwork" | "serviceAccount" | "serviceAccountName"] => Effect::Binds,
        ["activeDeadlineSeconds" | "restartPolicy"] => Effect::Escapes,
        ["readinessGates"] => {
            if keeps_every(sent, admitted) {
                Effect::Neither
            } else {
                Effect::Escapes
            }
        }
        [
            "affinity"
            | "dnsConfig"
            | "dnsPolicy"
            | "enableServiceLinks"
            | "nodeName"
            | "priorityClassName"
            | "resources"
            | "schedulerName"
            | "schedulingGates"
            | "terminationGracePeriodSeconds"
            | "topologySpreadConstraints",
            ..,
        ] => Effect::Neither,
        _ => Effect::Sees,
    }
}

/// Judges the pod's security context. Identities that are added weaken nothing; root and its groups are no identity of a
/// workload.
fn of_pods_context(path: &[&str], sent: Option<&Value>, admitted: Option<&Value>) -> Effect {
    match path {
        [
            "fsGroup"
            | "fsGroupChangePolicy"
            | "seLinuxChangePolicy"
            | "supplementalGroups"
            | "supplementalGroupsPolicy",
        ] => Effect::Neither,
        _ => of_context(path, sent, admitted),
    }
}

fn of_containers_context(path: &[&str], sent: Option<&Value>, admitted: Option<&Value>) -> Effect {
    match path {
        ["capabilities", "drop"] if keeps_every(sent, admitted) => Effect::Neither,
        ["procMount"] if admitted.and_then(Value::as_str) == Some("Default") => Effect::Usual,
        _ => of_context(path, sent, admitted),
    }
}

fn of_context(path: &[&str], sent: Option<&Value>, admitted: Option<&Value>) -> Effect {
    let text = admitted.and_then(Value::as_str);
    match path {
        ["seLinuxOptions", ..] => Effect::Neither,
        ["runAsUser"] if admitted.is_some_and(|user| *user != 0) => Effect::Neither,
        ["runAsGroup"] if admitted.is_some() => Effect::Neither,
        ["runAsNonRoot" | "readOnlyRootFilesystem"] if admitted == Some(&Value::Bool(true)) => {
            Effect::Neither
        }
        ["privileged" | "allowPrivilegeEscalation"] if admitted == Some(&Value::Bool(false)) => Effect::Usual,
        ["seccompProfile" | "appArmorProfile", "type"]
            if sent.is_none() && text == Some("RuntimeDefault") =>
        {
            Effect::Neither
        }
        _ => Effect::Sees,
    }
}

/// Judges the fields of the probe's own container.
fn of_own_container(path: &[&str], difference: &Difference) -> Effect {
    let Difference { sent, admitted, .. } = difference;
    match path {
        ["imagePullPolicy" | "resizePolicy" | "terminationMessagePath" | "terminationMessagePolicy"] => {
            Effect::Usual
        }
        ["env" | "envFrom" | "lifecycle" | "livenessProbe" | "readinessProbe" | "startupProbe", ..] => {
            Effect::Neither
        }
        ["image"] if has_the_same_name(sent.as_ref(), admitted.as_ref()) => Effect::Neither,
        ["ports"] if !additions::takes_a_host_port(admitted.as_ref()) => Effect::Neither,
        // The run judges the admitted limits. Without a limit, it cannot show that the workload's limits hold.
        ["resources", "limits" | "requests", "cpu" | "memory" | "ephemeral-storage"] => {
            let loses = admitted.is_none() && path.get(1) == Some(&"limits");
            if loses { Effect::Sees } else { Effect::Neither }
        }
        ["volumeMounts"] => additions::of_mounts(difference),
        ["stdin" | "stdinOnce" | "tty"] if *admitted == Some(Value::Bool(false)) => Effect::Usual,
        _ => Effect::Sees,
    }
}

/// Returns true if the images differ in their registry and folder alone, or by a digest that was added, with which the tag may be left
/// out (Kyverno, `mutateDigest`; Connaisseur). The digest of the running image shows what ran.
fn has_the_same_name(sent: Option<&Value>, admitted: Option<&Value>) -> bool {
    let last = |image: Option<&Value>| {
        let image = image.and_then(Value::as_str)?;
        Some(image.rsplit('/').next().unwrap_or(image).to_owned())
    };
    let (Some(sent), Some(admitted)) = (last(sent), last(admitted)) else { return false };
    let pinned = admitted.split_once('@').map(|(named, _)| named);
    let untagged = sent.split_once(':').map_or(&*sent, |(name, _)| name);
    sent == admitted || (!sent.contains('@') && pinned.is_some_and(|it| it == sent || it == untagged))
}

/// Returns true if a list still has each of its entries.
fn keeps_every(sent: Option<&Value>, admitted: Option<&Value>) -> bool {
    let entries = |list: Option<&Value>| list.and_then(Value::as_array).cloned().unwrap_or_default();
    let admitted = entries(admitted);
    entries(sent).iter().all(|entry| admitted.contains(entry))
}
