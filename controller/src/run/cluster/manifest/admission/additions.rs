//! The effect of containers, volumes and mounts that admission adds. A mesh adds its proxy to every pod: an addition that the
//! workload's pods have too is part of what the probe represents.

use serde_json::Value;

use super::{comparison::Difference, effect::Effect};
use crate::{
    case::cluster::{Container, PodView, Shared},
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

/// Capabilities by which a container decides what its pod sends and receives (capabilities(7)).
const OF_THE_NETWORK: &[&str] = &["ALL", "BPF", "NET_ADMIN", "NET_RAW", "SYS_ADMIN"];

/// Judges a container that was added, changed or removed. A container of the workload's pods counts as the same if it has the same
/// name and may do at least as much.
pub(super) fn of_container(difference: &Difference, like: &[Shared<PodView>]) -> Effect {
    let (None, Some(container)) = (&difference.sent, &difference.admitted) else { return Effect::Sees };
    let theirs = all_have(like, |pod_view| {
        let mut others = pod_view.containers.iter();
        others.any(|other| Some(other.name.as_str()) == name(container) && may_as_much(other, container))
    });
    if theirs {
        Effect::Neither
    } else if rules_the_network(container) {
        // The probe's silence would be the work of this container.
        Effect::Binds
    } else if weakens(container) {
        Effect::Sees
    } else {
        Effect::Neither
    }
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
    is_privileged(container)
        || unmasks_proc(container)
        || takes_a_host_port(at("/ports"))
        || at("/volumeDevices").is_some()
        || at("/resources/claims").is_some()
        || amounts.any(|(name, _)| !SHARED_OUT.contains(&name.as_str()))
        || ["/resources/limits/cpu", "/resources/limits/memory"].iter().any(|limit| at(limit).is_none())
}

/// Returns true if a container can close the network of its pod to the probe, whatever binds the workload's pods.
fn rules_the_network(container: &Value) -> bool {
    is_privileged(container) || added(container).iter().any(|it| OF_THE_NETWORK.contains(&it.as_str()))
}

/// Returns true if a container of the workload's pods may do all that makes an added container differ.
fn may_as_much(theirs: &Container, container: &Value) -> bool {
    let has_limit = |kind: &str| container.pointer(&format!("/resources/limits/{kind}")).is_some();
    let held: Vec<_> = theirs.added_capabilities.iter().map(|it| capability(it)).collect();
    let holds = |it: &String| theirs.privileged || held.iter().any(|held| held == it || held == "ALL");
    let has_port = |port: &Value| {
        let port = port.get("hostPort").and_then(Value::as_i64).unwrap_or_default();
        port == 0 || theirs.host_ports.iter().any(|&theirs| i64::from(theirs) == port)
    };
    (theirs.privileged || !is_privileged(container))
        && added(container).iter().all(holds)
        && (theirs.unmasked_proc || !unmasks_proc(container))
        && entries(container.get("ports")).iter().all(has_port)
        && (theirs.memory.is_none() || has_limit("memory"))
        && (theirs.cpu_millis.is_none() || has_limit("cpu"))
}

fn is_privileged(container: &Value) -> bool {
    container.pointer("/securityContext/privileged") == Some(&Value::Bool(true))
}

fn unmasks_proc(container: &Value) -> bool {
    container.pointer("/securityContext/procMount").is_some_and(|mount| mount != "Default")
}

/// Returns the capabilities that a container adds.
fn added(container: &Value) -> Vec<String> {
    let list = entries(container.pointer("/securityContext/capabilities/add"));
    list.iter().filter_map(Value::as_str).map(capability).collect()
}

/// Returns a capability's name without its beginning `CAP_`, in capitals.
fn capability(name: &str) -> String {
    name.to_ascii_uppercase().trim_start_matches("CAP_").to_owned()
}

fn entries(list: Option<&Value>) -> &[Value] {
    list.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn name(entry: &Value) -> Option<&str> {
    entry.get("name").and_then(Value::as_str)
}
