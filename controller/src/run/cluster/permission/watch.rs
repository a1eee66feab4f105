//! The permissions of `controller watch`, besides those of its runs.

use super::{Permission, Place, Without};

/// The loss without a watch of a kind.
const UNSEEN: Without = Without::Words("changes of this kind are seen at the next run alone");

/// The permission to watch each kind whose changes call for a run. A run may watch pods anyway.
pub const WATCH: &[Permission] = &[
    watched("apps", "daemonsets", Place::Namespace),
    watched("apps", "deployments", Place::Namespace),
    watched("apps", "replicasets", Place::Namespace),
    watched("apps", "statefulsets", Place::Namespace),
    watched("batch", "cronjobs", Place::Namespace),
    watched("batch", "jobs", Place::Namespace),
    watched("", "podtemplates", Place::Namespace),
    watched("", "replicationcontrollers", Place::Namespace),
    watched("networking.k8s.io", "networkpolicies", Place::Both),
    watched("", "nodes", Place::Cluster),
    watched("node.k8s.io", "runtimeclasses", Place::Cluster),
    watched("cilium.io", "*", Place::Cluster),
    watched("crd.antrea.io", "*", Place::Cluster),
    watched("crd.nsx.vmware.com", "*", Place::Cluster),
    watched("crd.projectcalico.org", "*", Place::Cluster),
    watched("k8s.ovn.org", "*", Place::Cluster),
    watched("kubeovn.io", "*", Place::Cluster),
    watched("metal-stack.io", "*", Place::Cluster),
    watched("network.openshift.io", "*", Place::Cluster),
    watched("networking.gke.io", "*", Place::Cluster),
    watched("networking.k8s.aws", "*", Place::Cluster),
    watched("nsx.vmware.com", "*", Place::Cluster),
    watched("policy.networking.k8s.io", "*", Place::Cluster),
    watched("projectcalico.org", "*", Place::Cluster),
    watched("vpcresources.k8s.aws", "*", Place::Cluster),
];

/// The permissions to change the startup taint of nodes, besides [`WATCH`].
pub const STARTUP_TAINT: &[Permission] = &[
    Permission {
        group: "",
        resource: "nodes",
        verbs: &["get", "patch"],
        place: Place::Cluster,
        purpose: "remove the startup taint from proven nodes and put it back (`controller watch --remove-taint`). RBAC cannot limit \
                  it to one taint: it allows changes of labels, annotations, taints and other settings of every node",
        without: Without::Words("the taints of all nodes stay as they are"),
    },
    Permission {
        group: "events.k8s.io",
        resource: "events",
        verbs: &["create", "patch"],
        // Events of an object without a namespace are in this one (client-go, `tools/events`).
        place: Place::Of("default"),
        purpose: "record an event for each change of a node's taint",
        without: Without::Words("such an event is missing"),
    },
];

const fn watched(group: &'static str, resource: &'static str, place: Place) -> Permission {
    let purpose = "begin a run when an object of this kind changes (`controller watch`)";
    Permission { group, resource, verbs: &["watch"], place, purpose, without: UNSEEN }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{case::policy::kinds, run::cluster::permission::ALL};

    #[test]
    fn a_kind_that_is_watched_may_be_listed_at_the_same_place() {
        for Permission { group, resource, place, .. } in WATCH {
            let lists = |it: &&Permission| {
                (it.group, it.resource, it.place) == (*group, *resource, *place) && it.verbs.contains(&"list")
            };
            assert!(ALL.iter().any(|it| lists(&it)), "{resource}.{group}");
        }
    }

    #[test]
    fn the_policies_of_every_known_group_may_be_listed_and_watched() {
        for group in kinds::of_policies() {
            for (permissions, verb) in [(ALL, "list"), (WATCH, "watch")] {
                let may = |it: &&Permission| {
                    (it.group, it.resource, it.place) == (group, "*", Place::Cluster)
                        && it.verbs.contains(&verb)
                };
                assert_eq!(permissions.iter().filter(may).count(), 1, "{verb} {group}");
            }
        }
    }
}
