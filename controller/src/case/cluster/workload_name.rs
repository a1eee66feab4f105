//! The name of a workload or a pod, as people write it.

/// Parses KIND/NAME; the kind may be abbreviated as for kubectl.
pub fn kind_and_name(text: &str) -> Result<(String, String), String> {
    let wanted = "give KIND/NAME, such as deployment/web or pod/web-1";
    let (kind, name) = text.split_once('/').filter(|(_, name)| !name.is_empty()).ok_or(wanted)?;
    let kind = match kind.to_lowercase().trim_end_matches('s') {
        "deploy" | "deployment" | "deployments.app" => "deployment",
        "st" | "sts" | "statefulset" => "statefulset",
        "d" | "ds" | "daemonset" => "daemonset",
        "r" | "rs" | "replicaset" => "replicaset",
        "po" | "pod" => "pod",
        "job" => "job",
        "cj" | "cronjob" => "cronjob",
        "rc" | "replicationcontroller" => "replicationcontroller",
        _ => return Err(wanted.to_owned()),
    };
    Ok((kind.to_owned(), name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workloads_kind_may_be_abbreviated_as_for_kubectl() {
        for kind in ["deploy", "deployment", "deployments", "Deployment"] {
            assert_eq!(kind_and_name(&format!("{kind}/web")), Ok(("deployment".into(), "web".into())));
        }
        assert_eq!(kind_and_name("pods/web-1"), Ok(("pod".into(), "web-1".into())));
        for wrong in ["web", "deployment/", "thing/web"] {
            assert!(kind_and_name(wrong).is_err(), "{wrong}");
        }
    }
}
