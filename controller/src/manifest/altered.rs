//! Whether the pod that was admitted is the one that was sent. A webhook may add defaults; what it must not change is what
//! makes the probe stand for its group, and what would let another program speak for it.

use k8s_openapi::api::core::v1::{Container, Pod};

/// What a webhook changed, if it changed anything that matters.
pub fn altered(sent: &Pod, admitted: &Pod) -> Option<String> {
    if sent.metadata.labels != admitted.metadata.labels {
        return Some("the labels were changed, and with them what binds it".to_owned());
    }
    let gvisors = |pod: &Pod| {
        let mut annotations = pod.metadata.annotations.clone().unwrap_or_default();
        annotations.retain(|key, _| key.starts_with(crate::names::GVISOR_ANNOTATIONS));
        annotations
    };
    if gvisors(sent) != gvisors(admitted) {
        return Some("annotations that change gVisor's settings were changed".to_owned());
    }
    let (Some(sent), Some(admitted)) = (&sent.spec, &admitted.spec) else {
        return Some("the specification was removed".to_owned());
    };
    let mut added = admitted.containers.iter().chain(admitted.init_containers.iter().flatten());
    if let Some(container) = added.find(|it| sent.containers.iter().all(|own| own.name != it.name)) {
        return Some(format!("the container {} was added", container.name));
    }
    let same = |field: &str, same: bool| (!same).then(|| format!("{field} was changed"));
    let shares = |spec: &k8s_openapi::api::core::v1::PodSpec| {
        [spec.host_network, spec.host_pid, spec.host_ipc].map(Option::unwrap_or_default)
    };
    same("the RuntimeClass", sent.runtime_class_name == admitted.runtime_class_name)
        .or_else(|| same("the use of host namespaces", shares(sent) == shares(admitted)))
        .or_else(|| same("the list of volumes", admitted.volumes.as_ref().is_none_or(Vec::is_empty)))
        .or_else(|| same("the readiness gate", sent.readiness_gates == admitted.readiness_gates))
        .or_else(|| {
            let (sent, admitted) = (sent.containers.first()?, admitted.containers.first()?);
            container(sent, admitted)
        })
}

fn container(sent: &Container, admitted: &Container) -> Option<String> {
    let environment = |container: &Container| {
        container.env.iter().flatten().count() + container.env_from.iter().flatten().count()
    };
    let limits = |container: &Container| container.resources.as_ref().and_then(|it| it.limits.clone());
    let rights = |container: &Container| {
        let context = container.security_context.clone().unwrap_or_default();
        (context.privileged, context.capabilities, context.allow_privilege_escalation)
    };
    [
        ("image", sent.image == admitted.image),
        ("command", sent.command == admitted.command && sent.args == admitted.args),
        ("environment", environment(sent) == environment(admitted)),
        ("limits", limits(sent) == limits(admitted)),
        ("security context", rights(sent) == rights(admitted)),
        ("mounts", admitted.volume_mounts.as_ref().is_none_or(Vec::is_empty)),
    ]
    .into_iter()
    .find(|&(_, same)| !same)
    .map(|(field, _)| format!("the probe's {field} was changed"))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::EnvVar;

    use super::*;
    use crate::{cluster::Group, manifest};

    fn pod() -> Pod {
        let common = manifest::Common {
            run: "podproof-1".into(),
            image: "example.invalid/probe:1".into(),
            lifetime: std::time::Duration::from_secs(9),
        };
        manifest::probe(&common, "shop", &manifest::owner("podproof-1", "shop"), &Group::default(), 0)
    }

    #[test]
    fn defaults_are_no_change() {
        let mut admitted = pod();
        admitted.metadata.uid = Some("7".into());
        admitted.spec.as_mut().unwrap().scheduler_name = Some("default-scheduler".into());
        assert_eq!(altered(&pod(), &admitted), None);
    }

    #[test]
    fn each_change_that_matters_is_named() {
        type Change = fn(&mut Pod);
        let changes: [(&str, Change); 6] = [
            ("labels", |pod| drop(pod.metadata.labels.as_mut().unwrap().insert("a".into(), "b".into()))),
            ("settings", |pod| {
                pod.metadata
                    .annotations
                    .as_mut()
                    .unwrap()
                    .insert("dev.gvisor.flag.net-raw".into(), "true".into());
            }),
            ("container sidecar", |pod| {
                let sidecar = Container { name: "sidecar".into(), ..Container::default() };
                pod.spec.as_mut().unwrap().containers.push(sidecar);
            }),
            ("RuntimeClass", |pod| pod.spec.as_mut().unwrap().runtime_class_name = Some("runc".into())),
            ("image", |pod| pod.spec.as_mut().unwrap().containers[0].image = Some("other".into())),
            ("environment", |pod| {
                pod.spec.as_mut().unwrap().containers[0].env = Some(vec![EnvVar::default()]);
            }),
        ];
        for (word, change) in changes {
            let mut admitted = pod();
            change(&mut admitted);
            let told = altered(&pod(), &admitted).unwrap_or_default();
            assert!(told.contains(word), "{word}: {told}");
        }
    }
}
