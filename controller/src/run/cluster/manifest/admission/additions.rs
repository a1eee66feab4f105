//! The effect of containers, volumes and mounts that admission adds. A mesh adds its proxy to every pod: an addition that the
//! workload's pods have too is part of what the probe represents.

use serde_json::Value;

use super::{comparison::Difference, effect::Effect};
use crate::{
    case::cluster::{PodView, Shared},
    run::local::bundle::PROBE,
};

/// Kinds of volumes that hold the pod's own files.
const OWN_VOLUMES: &[&str] =
    &["configMap", "downwardAPI", "emptyDir", "image", "projected", "secret", "name"];
/// Resources that a node shares out by itself. A driver gives out every other one, together with files of the node.
const SHARED_OUT: &[&str] = &["cpu", "memory", "ephemeral-storage"];
/// Folders whose files the probe reads to recognise its sandbox.
const LOOKED_AT: &[&str] = &["/proc", "/sys", "/dev", "/etc"];
/// Folders of certificates below them, where webhooks put the authorities of an organisation.
const CERTIFICATES: &[&str] = &["/etc/ssl", "/etc/pki"];

/// Judges a container that was added, changed or removed.
pub(super) fn of_container(difference: &Difference, like: &[Shared<PodView>]) -> Effect {
    let (None, Some(container)) = (&difference.sent, &difference.admitted) else { return Effect::Sees };
    let theirs = all_have(like, |pod_view| {
        pod_view.containers.iter().any(|other| Some(other.name.as_str()) == name(container))
    });
    if theirs || !weakens(container) { Effect::Neither } else { Effect::Sees }
}

/// Judges a volume that was added, changed or removed.
pub(super) fn of_volume(difference: &Difference, like: &[Shared<PodView>]) -> Effect {
    let (None, Some(volume)) = (&difference.sent, &difference.admitted) else { return Effect::Sees };
    let theirs = all_have(like, |pod_view| {
        pod_view.volumes.iter().any(|other| Some(other.name.as_str()) == name(volume))
    });
    let own =
        volume.as_object().is_some_and(|volume| volume.keys().all(|key| OWN_VOLUMES.contains(&key.as_str())));
    if theirs || own { Effect::Neither } else { Effect::Sees }
}

/// Judges mounts of the probe's own container. A mount over the program or over what it reads would speak in its place.
pub(super) fn of_mounts(difference: &Difference) -> Effect {
    let covers = |path: &String| {
        let path = path.trim_end_matches('/');
        let within = |folders: &[&str]| {
            let mut folders = folders.iter().filter_map(|folder| path.strip_prefix(folder));
            folders.any(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let looked_at = within(LOOKED_AT) && !within(CERTIFICATES);
        path.is_empty() || path.contains("..") || path == PROBE || looked_at
    };
    let paths = paths(difference.admitted.as_ref());
    if difference.sent.is_some() || paths.iter().any(covers) { Effect::Sees } else { Effect::Neither }
}

/// Returns the mount points that a difference gives the probe's container.
pub(super) fn mount_points(difference: &Difference) -> Vec<String> {
    match difference.segments().as_slice() {
        ["spec", "containers", "volumeMounts"] => paths(difference.admitted.as_ref()),
        _ => Vec::new(),
    }
}

/// Returns true if a list of ports takes a port of the node.
pub(super) fn takes_a_host_port(ports: Option<&Value>) -> bool {
    entries(ports).iter().any(|port| port.get("hostPort").is_some_and(|port| *port != 0))
}

fn paths(mounts: Option<&Value>) -> Vec<String> {
    let path = |mount: &Value| mount.get("mountPath").and_then(Value::as_str).unwrap_or_default().to_owned();
    entries(mounts).iter().map(path).collect()
}

/// Returns true if there are pods, and each has the addition.
fn all_have(like: &[Shared<PodView>], has: impl Fn(&PodView) -> bool) -> bool {
    let mut pods =
        like.iter().map(|pod_view| &**pod_view).filter(|pod_view| !pod_view.origin.is_template()).peekable();
    pods.peek().is_some() && pods.all(has)
}

/// Returns true if a container gives its pod more than the workload's pods need have, or takes the pod's limits away.
fn weakens(container: &Value) -> bool {
    let at = |path: &str| container.pointer(path);
    let resources = |kind: &str| at(kind).and_then(Value::as_object).into_iter().flatten();
    let mut amounts = resources("/resources/limits").chain(resources("/resources/requests"));
    at("/securityContext/privileged") == Some(&Value::Bool(true))
        || at("/securityContext/procMount").is_some_and(|mount| mount != "Default")
        || takes_a_host_port(at("/ports"))
        || at("/volumeDevices").is_some()
        || at("/resources/claims").is_some()
        || amounts.any(|(name, _)| !SHARED_OUT.contains(&name.as_str()))
        || ["/resources/limits/cpu", "/resources/limits/memory"].iter().any(|limit| at(limit).is_none())
}

fn entries(list: Option<&Value>) -> &[Value] {
    list.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn name(entry: &Value) -> Option<&str> {
    entry.get("name").and_then(Value::as_str)
}
