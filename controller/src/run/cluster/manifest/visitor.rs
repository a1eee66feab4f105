//! The probe's ephemeral container in a running pod. The container passes the `restricted` Pod Security Standard, whatever the
//! pod's own settings are.

use k8s_openapi::api::core::v1::{Container, EphemeralContainer, Pod, PodSpec, SecurityContext};

use super::{
    Common,
    admission::{Admission, Alteration, admission},
    command, confined, holding, limits, runtime_default,
};
use crate::{
    case::cluster::Group,
    support::{names, uncommon_user::uncommon_user},
};

/// Returns the probe's container beside the container `target` of a running pod, whose processes it sees.
pub fn visitor(common: &Common, group: &Group, target: &str, user: i64) -> EphemeralContainer {
    EphemeralContainer {
        name: common.run.clone(),
        image: Some(common.image.reference.clone()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        command: Some(command(common, holding(common, group))),
        target_container_name: Some(target.to_owned()),
        security_context: Some(SecurityContext {
            run_as_non_root: Some(user != 0),
            run_as_user: Some(user),
            run_as_group: Some(user),
            seccomp_profile: Some(runtime_default()),
            ..confined()
        }),
        ..EphemeralContainer::default()
    }
}

/// Returns the user of a run's visitors.
pub fn own_user(common: &Common) -> i64 {
    uncommon_user(common.reception).into()
}

/// Compares the container that a pod was given with the container that was sent, like the only container of a probe pod.
pub fn admitted(sent: &EphemeralContainer, pod: &Pod) -> Result<Admission, Alteration> {
    let containers = pod.spec.iter().flat_map(|spec| spec.ephemeral_containers.iter().flatten());
    let found = containers.into_iter().find(|it| it.name == sent.name);
    let Some(found) = found else { return Err(Alteration::of("the probe's container was removed")) };
    if found.target_container_name != sent.target_container_name {
        return Err(Alteration::of("targetContainerName was changed"));
    }
    let admission = admission(&alone(sent), &alone(found), &[])?;
    // Only the pod's limits bind an ephemeral container.
    Ok(Admission { of_sandbox: limits::of_sandbox(pod), is_resized: limits::are_resized(pod), ..admission })
}

/// Returns a pod with this container alone.
fn alone(container: &EphemeralContainer) -> Pod {
    let it = container.clone();
    let container = Container {
        name: names::CONTAINER.to_owned(),
        image: it.image,
        image_pull_policy: it.image_pull_policy,
        command: it.command,
        args: it.args,
        working_dir: it.working_dir,
        env: it.env,
        env_from: it.env_from,
        security_context: it.security_context,
        volume_mounts: it.volume_mounts,
        volume_devices: it.volume_devices,
        ports: it.ports,
        resources: it.resources,
        lifecycle: it.lifecycle,
        liveness_probe: it.liveness_probe,
        readiness_probe: it.readiness_probe,
        startup_probe: it.startup_probe,
        stdin: it.stdin,
        stdin_once: it.stdin_once,
        tty: it.tty,
        termination_message_path: it.termination_message_path,
        termination_message_policy: it.termination_message_policy,
        resize_policy: it.resize_policy,
        restart_policy: it.restart_policy,
        restart_policy_rules: it.restart_policy_rules,
    };
    Pod { spec: Some(PodSpec { containers: vec![container], ..PodSpec::default() }), ..Pod::default() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proto::Nonce;

    use super::*;
    use crate::run::cluster::manifest::{Marks, PodImage};

    fn common() -> Common {
        Common {
            run: "podproof-0a1b2c3d".into(),
            image: PodImage { reference: "example.invalid/probe:1".into(), ..PodImage::default() },
            lifetime: Duration::from_secs(90),
            token: Nonce([7; 16]),
            reception: Nonce([0xff; 16]),
            listens: Vec::new(),
            marks: Marks::default(),
        }
    }

    /// Returns a pod that was given this container.
    fn given(container: EphemeralContainer) -> Pod {
        let spec = PodSpec { ephemeral_containers: Some(vec![container]), ..PodSpec::default() };
        Pod { spec: Some(spec), ..Pod::default() }
    }

    #[test]
    fn a_visitor_holds_with_the_runs_token_beside_its_target() {
        let group = Group { in_place: Some("web-1".into()), ..Group::default() };
        let it = visitor(&common(), &group, "web", 7);
        let token = "ff".repeat(16);
        assert_eq!(it.command.unwrap(), ["/probe", "hold", "10535/tcp", &token, "90"]);
        assert_eq!(it.target_container_name.as_deref(), Some("web"));
        assert_eq!(it.security_context.unwrap().run_as_user, Some(7));
    }

    #[test]
    fn defaults_of_the_api_server_are_no_change() {
        let sent = visitor(&common(), &Group::default(), "web", 7);
        let with_defaults = EphemeralContainer {
            termination_message_path: Some("/dev/termination-log".into()),
            termination_message_policy: Some("File".into()),
            ..sent.clone()
        };
        assert_eq!(admitted(&sent, &given(with_defaults)).unwrap().remarks, [""; 0]);
    }

    #[test]
    fn a_change_of_image_target_or_rights_is_refused() {
        let sent = visitor(&common(), &Group::default(), "web", 7);
        let changes: [fn(&mut EphemeralContainer); 4] = [
            |it| it.image = Some("example.invalid/other:1".into()),
            |it| it.target_container_name = Some("proxy".into()),
            |it| it.security_context.as_mut().unwrap().privileged = Some(true),
            |it| it.command = Some(vec!["/other".into()]),
        ];
        for change in changes {
            let mut container = sent.clone();
            change(&mut container);
            assert!(admitted(&sent, &given(container.clone())).is_err(), "{container:?}");
        }
    }
}
