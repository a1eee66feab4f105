//! The effect of an annotation that admission adds, changes or removes.

use super::effect::Effect;
use crate::support::names::GVISOR_ANNOTATIONS;

/// Prefixes of annotations with which network plugins give a pod another network: Multus, GKE, OVN, Kube-OVN, Calico,
/// Cilium.
const NETWORKS: &[&str] = &[
    "k8s.v1.cni.cncf.io/",
    "v1.multus-cni.io/",
    "networking.gke.io/",
    "k8s.ovn.org/",
    "ovn.kubernetes.io/",
    "cni.projectcalico.org/",
    "policy.cilium.io/",
    "cni.cilium.io/",
    "ipam.cilium.io/",
    "network.cilium.io/",
];
/// Annotations under those prefixes in which a plugin reports the network that a pod got (Multus, `pkg/types`; OVN-Kubernetes,
/// `go-controller/pkg/util/pod_annotation.go`; Calico, `libcalico-go/lib/backend/k8s/conversion/constants.go`).
const REPORTS: &[&str] = &[
    "cni.projectcalico.org/containerID",
    "cni.projectcalico.org/podIP",
    "cni.projectcalico.org/podIPs",
    "k8s.ovn.org/pod-networks",
    "k8s.v1.cni.cncf.io/network-status",
    "k8s.v1.cni.cncf.io/networks-status",
];
/// Prefixes of annotations that change a sandbox: gVisor, the Container Device Interface, CRI-O, Kata and crun.
const SANDBOXES: &[&str] =
    &[GVISOR_ANNOTATIONS, "cdi.k8s.io/", "io.kubernetes.cri-o.", "io.katacontainers.", "run.oci."];
/// Ends of the domains of annotations for plugins of the container runtime (NRI; CRI-O, "annotations").
const PLUGINS: &[&str] = &["nri.io", "nri.containerd.io", "noderesource.dev", "crio.io"];
/// The prefix of AppArmor's annotations before Kubernetes 1.30, and the profile that every runtime has.
const APP_ARMOR: (&str, &str) = ("container.apparmor.security.beta.kubernetes.io/", "runtime/default");

/// Returns the effect of an annotation; `admitted` is its value in the admitted pod, `None` if it was removed.
pub(super) fn effect(key: &str, admitted: Option<&str>) -> Effect {
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| key.starts_with(prefix));
    let domain = key.split('/').next().unwrap_or_default();
    let (app_armor, usual) = APP_ARMOR;
    if begins(NETWORKS) && !REPORTS.contains(&key) {
        Effect::Binds
    } else if begins(SANDBOXES)
        || PLUGINS.iter().any(|plugin| domain.ends_with(plugin))
        || (key.starts_with(app_armor) && admitted != Some(usual))
    {
        Effect::Sees
    } else if domain.ends_with("kubernetes.io") {
        Effect::Usual
    } else {
        Effect::Neither
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_annotations_for_networks_and_sandboxes_have_an_effect() {
        for (key, value, expected) in [
            ("k8s.v1.cni.cncf.io/networks", "other", Effect::Binds),
            ("cni.projectcalico.org/ipAddrs", "[]", Effect::Binds),
            ("cni.projectcalico.org/podIP", "10.0.0.1", Effect::Neither),
            ("k8s.ovn.org/pod-networks", "{}", Effect::Neither),
            ("dev.gvisor.flag.net-raw", "true", Effect::Sees),
            ("cdi.k8s.io/gpu", "vendor.example/gpu=0", Effect::Sees),
            ("devices.nri.io/container.probe", "[]", Effect::Sees),
            ("mounts.noderesource.dev/container.probe", "[]", Effect::Sees),
            ("cpu-quota.crio.io", "disable", Effect::Sees),
            ("container.apparmor.security.beta.kubernetes.io/probe", "unconfined", Effect::Sees),
            ("container.apparmor.security.beta.kubernetes.io/probe", "runtime/default", Effect::Usual),
            ("kubernetes.io/limit-ranger", "set", Effect::Usual),
            ("openshift.io/scc", "restricted-v2", Effect::Neither),
            ("sidecar.istio.io/status", "{}", Effect::Neither),
        ] {
            assert_eq!(effect(key, Some(value)), expected, "{key}");
        }
    }
}
