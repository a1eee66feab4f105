//! The properties by which an object is known to be a run's own. Anybody may set the run's label, so the label alone shows
//! nothing: a workload's pod copies the labels of its template.

use k8s_openapi::{
    api::core::v1::{ConfigMap, EphemeralContainer, Pod},
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};

use crate::{
    run::local::bundle::PROBE,
    support::names::{AGAIN, ANEW, CONTAINER, NOTE_ANNOTATION, PRODUCT, ROLE_LABEL, RUN_LABEL},
};

/// The number of hexadecimal digits in the name of a run.
const DIGITS: usize = 8;

/// Returns the name of the run that created a ConfigMap; `None` if no run created it. A run's ConfigMap has the name of its run
/// and the run's note, cannot be changed, and contains nothing.
pub(crate) fn run_of_owner(owner: &ConfigMap) -> Option<&str> {
    let run = run_of(&owner.metadata)?;
    let is_named_so = owner.metadata.name.as_deref() == Some(run);
    let is_empty = owner.data.is_none() && owner.binary_data.is_none();
    let is_owned = owner.metadata.owner_references.as_ref().is_some_and(|owners| !owners.is_empty());
    (is_named_so && is_empty && !is_owned && owner.immutable == Some(true)).then_some(run)
}

/// Returns the name of the run that created a pod; `None` if no run created it. A run's pod is controlled by the run's
/// ConfigMap, has a name that begins with the run's, a role and the run's note, and runs the probe.
pub(crate) fn run_of_pod(pod: &Pod) -> Option<&str> {
    let run = run_of(&pod.metadata)?;
    let labels = pod.metadata.labels.as_ref()?;
    let suffix = pod.metadata.name.as_deref()?.strip_prefix(run)?.strip_prefix('-')?;
    let suffix = suffix.strip_suffix(AGAIN).unwrap_or(suffix);
    let suffix = suffix.strip_suffix(ANEW).unwrap_or(suffix);
    let (role, number) = suffix.rsplit_once('-').unwrap_or(("probe", suffix));
    let has_role = labels.get(ROLE_LABEL).is_some_and(|label| label == role);
    let is_numbered = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let owners = pod.metadata.owner_references.as_deref()?;
    let is_controlled = owners.iter().any(|owner| is_the_runs(owner, run));
    let containers = pod.spec.as_ref().map(|spec| spec.containers.as_slice()).unwrap_or_default();
    let runs_the_probe = containers.iter().any(|container| {
        let program = container.command.as_ref().and_then(|command| command.first());
        container.name == CONTAINER && program.is_some_and(|program| program == PROBE)
    });
    (has_role && is_numbered && is_controlled && runs_the_probe).then_some(run)
}

fn is_the_runs(owner: &OwnerReference, run: &str) -> bool {
    owner.api_version == "v1"
        && owner.kind == "ConfigMap"
        && owner.name == run
        && owner.controller == Some(true)
}

/// Returns the name of a run from the label of an object that has the run's note.
fn run_of(metadata: &ObjectMeta) -> Option<&str> {
    let run = metadata.labels.as_ref()?.get(RUN_LABEL)?;
    let has_note = metadata.annotations.as_ref().is_some_and(|it| it.contains_key(NOTE_ANNOTATION));
    (is_name(run) && has_note).then_some(run)
}

/// Returns true for a name that a run may have.
fn is_name(run: &str) -> bool {
    let digits = run.strip_prefix(PRODUCT).and_then(|rest| rest.strip_prefix('-'));
    let is_hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    digits.is_some_and(|digits| digits.len() == DIGITS && digits.bytes().all(is_hexadecimal))
}

/// Returns the name of the run that added an ephemeral container to a running pod; `None` if no run did. Such a container has the
/// run's name and runs the probe.
pub(crate) fn visit_of(container: &EphemeralContainer) -> Option<&str> {
    let program = container.command.as_ref().and_then(|command| command.first());
    (is_name(&container.name) && program.is_some_and(|program| program == PROBE))
        .then_some(container.name.as_str())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proto::Nonce;

    use super::*;
    use crate::{
        case::cluster::{Group, Labels},
        run::cluster::manifest::{self, Common, Elsewhere, Marks, PodImage},
    };

    const RUN: &str = "podproof-0a1b2c3d";

    fn common() -> Common {
        Common {
            listens: Vec::new(),
            run: RUN.into(),
            image: PodImage { reference: "example.invalid/probe:1".into(), ..PodImage::default() },
            lifetime: Duration::from_secs(90),
            token: Nonce([7; 16]),
            reception: Nonce([7; 16]),
            marks: Marks::default(),
        }
    }

    fn owner() -> ConfigMap {
        manifest::owner(RUN, "shop")
    }

    fn pod() -> Pod {
        manifest::probe(&common(), "shop", &owner(), &Group::default(), 12)
    }

    #[test]
    fn every_object_of_a_run_is_known() {
        assert_eq!(run_of_owner(&owner()), Some(RUN));
        let listener = manifest::listener(&common(), "shop", &owner(), "one", 0);
        let control = manifest::control(&common(), "shop", &owner(), "one", 3);
        let mut anew = pod();
        anew.metadata.name = anew.metadata.name.map(|name| name + ANEW);
        let elsewhere = Elsewhere::AnyOf(vec!["two".into()]);
        let moved = [pod(), anew.clone()].map(|pod| elsewhere.applied(pod));
        for pod in [pod(), anew, listener, control].into_iter().chain(moved) {
            assert_eq!(run_of_pod(&pod), Some(RUN), "{:?}", pod.metadata.name);
        }
    }

    #[test]
    fn a_pod_that_merely_bears_the_label_is_not_the_runs() {
        let changes: [fn(&mut Pod); 9] = [
            |pod| pod.metadata.owner_references = None,
            |pod| pod.metadata.owner_references.as_mut().unwrap()[0].kind = "ReplicaSet".into(),
            |pod| pod.metadata.owner_references.as_mut().unwrap()[0].name = "podproof-0a1b2c3e".into(),
            |pod| pod.metadata.owner_references.as_mut().unwrap()[0].controller = None,
            |pod| pod.metadata.annotations = None,
            |pod| pod.metadata.name = Some("web-5d4f8".into()),
            |pod| drop(pod.metadata.labels.as_mut().unwrap().remove(ROLE_LABEL)),
            |pod| pod.spec.as_mut().unwrap().containers[0].command = Some(vec!["/app".into()]),
            |pod| drop(pod.metadata.labels.as_mut().unwrap().insert(RUN_LABEL.into(), "canary".into())),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut pod = pod();
            change(&mut pod);
            assert_eq!(run_of_pod(&pod), None, "change {number}");
        }
    }

    #[test]
    fn a_config_map_that_merely_bears_the_label_is_not_the_runs() {
        let changes: [fn(&mut ConfigMap); 5] = [
            |owner| owner.metadata.name = Some("settings".into()),
            |owner| owner.metadata.annotations = None,
            |owner| owner.immutable = None,
            |owner| owner.data = Some(Labels::from([("key".into(), "value".into())])),
            |owner| drop(owner.metadata.labels.as_mut().unwrap().insert(RUN_LABEL.into(), "canary".into())),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut owner = owner();
            change(&mut owner);
            assert_eq!(run_of_owner(&owner), None, "change {number}");
        }
    }
}
