//! Annotations of pods that a run reads. Every other annotation changes no verdict.

pub(crate) mod givers;
pub(crate) mod injection;
pub(crate) mod networks;

use super::Labels;
use crate::support::names::GVISOR_ANNOTATIONS;

/// The beginning of the annotations that name a container's AppArmor profile.
const PROFILES: &str = "container.apparmor.security.beta.kubernetes.io/";
/// The profile that confines nothing.
const UNCONFINED: &str = "unconfined";
/// Annotations by which an agent writes secrets into a pod (developer.hashicorp.com, "Vault Agent Injector annotations").
const AGENTS: &[&str] = &["vault.hashicorp.com/agent-inject"];

/// Returns the annotations that a run reads, each with the part of its value that counts, so that the pods of one workload are alike.
pub(crate) fn read(all: &Labels) -> Labels {
    let others = all
        .iter()
        .filter(|(key, value)| is_unconfining(key, value) || is_agents(key, value))
        .map(|(key, value)| (key.clone(), value.clone()));
    let networks = networks::annotations(all).into_iter().map(|(key, value)| {
        let value = if networks::OF_ONE_POD.contains(&key.as_str()) { String::new() } else { value };
        (key, value)
    });
    let given = givers::giving(all).into_iter().chain(injection::carried(all));
    gvisor(all).into_iter().chain(given).chain(others).chain(networks).collect()
}

/// Returns the annotations that gVisor reads.
pub(crate) fn gvisor(all: &Labels) -> Labels {
    let kept = all.iter().filter(|(key, _)| key.starts_with(GVISOR_ANNOTATIONS));
    kept.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Returns true if an annotation takes the AppArmor profile from a container.
pub(crate) fn unconfines(all: &Labels, container: &str) -> bool {
    all.get(&format!("{PROFILES}{container}")).is_some_and(|profile| profile == UNCONFINED)
}

/// Returns the annotations by which an agent writes secrets into the pod.
pub(crate) fn of_agents(all: &Labels) -> impl Iterator<Item = &str> {
    all.iter().filter(|(key, value)| is_agents(key, value)).map(|(key, _)| key.as_str())
}

fn is_unconfining(key: &str, value: &str) -> bool {
    key.starts_with(PROFILES) && value == UNCONFINED
}

fn is_agents(key: &str, value: &str) -> bool {
    AGENTS.contains(&key) && value == "true"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_of(key: &str, value: &str) -> Option<String> {
        read(&Labels::from([(key.to_owned(), value.to_owned())])).remove(key)
    }

    #[test]
    fn an_annotation_that_a_judge_reads_counts() {
        for (key, value, counts) in [
            ("dev.gvisor.spec.mount.a.type", "bind", "bind"),
            ("k8s.v1.cni.cncf.io/networks", "open-net", "open-net"),
            ("v1.multus-cni.io/default-network", "kube-system/open", "kube-system/open"),
            ("netdevices.nri.io/pod", "- name: eth1", "- name: eth1"),
            ("mounts.nri.io/container.app", "- source: /", "- source: /"),
            ("devices.noderesource.dev", "- path: /dev/kvm", "- path: /dev/kvm"),
            ("cdi.k8s.io/gpu", "vendor.example/gpu=0", "vendor.example/gpu=0"),
            ("io.kubernetes.cri-o.Devices", "/dev/fuse", "/dev/fuse"),
            ("k8s.v1.cni.cncf.io/network-status", r#"[{"name":"a","default":true},{"name":"lan"}]"#, "lan"),
            ("vpc.amazonaws.com/pod-eni", r#"[{"privateIp":"10.0.0.5"}]"#, ""),
            ("container.apparmor.security.beta.kubernetes.io/app", "unconfined", "unconfined"),
            ("sidecar.istio.io/inject", "true", "true"),
            ("dapr.io/enabled", "false", "false"),
            ("vault.hashicorp.com/agent-inject", "true", "true"),
        ] {
            assert_eq!(read_of(key, value).as_deref(), Some(counts), "{key}={value}");
        }
    }

    #[test]
    fn the_state_of_a_pod_and_an_annotation_of_others_count_for_nothing() {
        for (key, value) in [
            ("kubectl.kubernetes.io/restartedAt", "2026-01-01T00:00:00Z"),
            ("cni.projectcalico.org/podIP", "10.244.0.5/32"),
            ("k8s.v1.cni.cncf.io/network-status", r#"[{"name":"a","default":true}]"#),
            ("container.apparmor.security.beta.kubernetes.io/app", "runtime/default"),
            ("dapr.io/enabled", "true"),
            ("cpu-quota.crio.io", "disable"),
            ("required-plugins.noderesource.dev/pod", "[]"),
        ] {
            assert_eq!(read_of(key, value), None, "{key}={value}");
        }
    }
}
