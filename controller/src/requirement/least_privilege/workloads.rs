//! What the workloads that a probe stands for are given: the probe itself never has it.

use crate::{
    case::Case,
    cluster::{Container, Shape},
};

/// What is to be cited, or the first privilege that a workload has; `None` where there are no workloads to look at.
pub(super) fn privileges(case: &Case) -> Option<Result<(&'static str, String), String>> {
    case.survey.in_cluster.as_ref()?;
    Some(match case.shapes().iter().find_map(privilege) {
        Some(privilege) => Err(privilege),
        None => Ok(("cluster", "no workload asks for a privilege".to_owned())),
    })
}

fn privilege(shape: &Shape) -> Option<String> {
    let title = shape.origin.title();
    if let Some(namespace) = shape.host_namespaces.first() {
        return Some(format!("{title} shares the node's {namespace} namespace"));
    }
    if let Some(sysctl) = shape.sysctls.first() {
        return Some(format!("{title} sets the kernel's {sysctl}"));
    }
    let of_container = |container: &Container| {
        let name = &container.name;
        let added = container.added_capabilities.first();
        [
            container.privileged.then(|| format!("container {name} is privileged")),
            added.map(|capability| format!("container {name} adds the capability {capability}")),
            container.host_ports.first().map(|port| format!("container {name} takes the node's port {port}")),
            container
                .keeps_capabilities
                .then(|| format!("container {name} keeps capabilities: it does not drop ALL")),
            container.may_gain_privileges.then(|| format!("container {name} may gain privileges")),
            container.unmasked_proc.then(|| format!("container {name} has an unmasked /proc")),
        ]
        .into_iter()
        .flatten()
        .next()
    };
    if let Some(privilege) = shape.containers.iter().find_map(of_container) {
        return Some(format!("{title}: {privilege}"));
    }
    shape.root_allowed.as_ref().map(|container| format!("{title}: container {container} may run as root"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn each_privilege_of_a_workload_is_named() {
        type Change = fn(&mut Shape);
        assert!(privileges(&fixture::pod()).unwrap().is_ok());
        let changes: [(&str, Change); 8] = [
            ("does not drop ALL", |shape| shape.containers[0].keeps_capabilities = true),
            ("may gain", |shape| shape.containers[0].may_gain_privileges = true),
            ("network namespace", |shape| shape.host_namespaces = vec!["network".into()]),
            ("kernel's", |shape| shape.sysctls = vec!["net.core.somaxconn".into()]),
            ("privileged", |shape| shape.containers[0].privileged = true),
            ("SYS_ADMIN", |shape| shape.containers[0].added_capabilities = vec!["SYS_ADMIN".into()]),
            ("port 80", |shape| shape.containers[0].host_ports = vec![80]),
            ("as root", |shape| shape.root_allowed = Some("app".into())),
        ];
        for (words, change) in changes {
            let mut case = fixture::pod();
            change(fixture::shape(&mut case));
            let told = privileges(&case).unwrap().unwrap_err();
            assert!(told.contains(words), "{words}: {told}");
        }
    }
}
