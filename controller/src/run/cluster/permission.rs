//! The permissions of a run, each with its purpose and with the loss without it. They are the source of `controller
//! rbac`, of the questions of `controller doctor`, and of deploy/.

mod live;
mod policies;
mod role;
mod watch;
mod without;

pub use live::LIVE;
pub use policies::TIERS;
use policies::policies_of;
pub use role::{Extent, Subject, roles};
pub use watch::{STARTUP_TAINT, WATCH};
pub use without::Without;

/// One permission of a run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Permission {
    /// The API group; empty for the core group.
    pub group: &'static str,
    /// The resource, with its subresource if it has one.
    pub resource: &'static str,
    /// The verbs that the run uses.
    pub verbs: &'static [&'static str],
    /// The place where it is needed.
    pub place: Place,
    /// The purpose, as a sentence that begins with "To".
    pub purpose: &'static str,
    /// The loss without the permission.
    pub without: Without,
}

/// The place where a permission is needed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// In the judged namespace.
    Namespace,
    /// In the judged namespace and in the control namespace.
    Both,
    /// In the whole cluster.
    Cluster,
    /// In a namespace of the cluster's own.
    Of(&'static str),
}

/// The permission to ask a probe.
pub const EXEC: Permission = Permission {
    group: "",
    resource: "pods/exec",
    verbs: &["create", "get"],
    place: Place::Both,
    purpose: "ask a probe for its evidence (`get` before Kubernetes 1.35, also `create` since). RBAC cannot limit it to probe pods: \
              it allows commands in every pod of the namespace",
    without: Without::NoRun,
};

/// Every permission, in the order of the roles.
pub const ALL: &[Permission] = &[
    Permission {
        group: "",
        resource: "pods",
        verbs: &["create", "delete", "get", "list", "watch"],
        place: Place::Both,
        purpose: "launch the probe pods and list the workload's pods",
        without: Without::NoRun,
    },
    EXEC,
    Permission {
        group: "",
        resource: "pods",
        verbs: &["deletecollection"],
        place: Place::Both,
        purpose: "delete more than 32 pods of a run by one request",
        without: Without::Words("pods are deleted one by one, by a request for each"),
    },
    Permission {
        group: "",
        resource: "configmaps",
        verbs: &["create", "delete", "get", "list"],
        place: Place::Both,
        purpose: "own the objects of a run, so that they can be found and removed; other ConfigMaps are never read",
        without: Without::NoRun,
    },
    Permission {
        group: "",
        resource: "events",
        verbs: &["list", "watch"],
        place: Place::Both,
        purpose: "explain a pod that does not start",
        without: Without::Words("a pod that does not start is reported without the cluster's reasons"),
    },
    Permission {
        group: "",
        resource: "namespaces",
        verbs: &["get"],
        place: Place::Both,
        purpose: "tell a missing namespace from one without workloads, and read the labels by which policies choose namespaces",
        without: Without::Words(
            "a mistyped namespace looks like one without permissions, and policies that choose namespaces stay inconclusive",
        ),
    },
    Permission {
        group: "apps",
        resource: "deployments",
        verbs: &["list"],
        place: Place::Namespace,
        purpose: "read the pod templates of pods that do not exist yet",
        without: Without::Inconclusive(&["runtime-class-used", "coverage"]),
    },
    Permission {
        group: "apps",
        resource: "replicasets",
        verbs: &["list"],
        place: Place::Namespace,
        purpose: "find the Deployment of a pod",
        without: Without::Inconclusive(&["runtime-class-used", "coverage"]),
    },
    Permission {
        group: "apps",
        resource: "statefulsets",
        verbs: &["list"],
        place: Place::Namespace,
        purpose: "read the pod templates of pods that do not exist yet",
        without: Without::Inconclusive(&["runtime-class-used", "coverage"]),
    },
    Permission {
        group: "apps",
        resource: "daemonsets",
        verbs: &["list"],
        place: Place::Namespace,
        purpose: "read the pod templates of pods that do not exist yet",
        without: Without::Inconclusive(&["runtime-class-used", "coverage"]),
    },
    Permission {
        group: "batch",
        resource: "jobs",
        verbs: &["list"],
        place: Place::Namespace,
        purpose: "read the pod templates of pods that do not exist yet",
        without: Without::Inconclusive(&["runtime-class-used", "coverage"]),
    },
    Permission {
        group: "batch",
        resource: "cronjobs",
        verbs: &["list"],
        place: Place::Namespace,
        purpose: "read the pod templates of pods that do not exist yet",
        without: Without::Inconclusive(&["runtime-class-used", "coverage"]),
    },
    Permission {
        group: "",
        resource: "replicationcontrollers",
        verbs: &["list"],
        place: Place::Namespace,
        purpose: "read the pod templates of pods that do not exist yet",
        without: Without::Inconclusive(&["runtime-class-used", "coverage"]),
    },
    Permission {
        group: "",
        resource: "podtemplates",
        verbs: &["list"],
        place: Place::Namespace,
        purpose: "read the pod templates of pods that do not exist yet",
        without: Without::Inconclusive(&["runtime-class-used", "coverage"]),
    },
    templates_of("actions.github.com"),
    templates_of("agents.x-k8s.io"),
    templates_of("apps.kruise.io"),
    templates_of("apps.openshift.io"),
    templates_of("argoproj.io"),
    templates_of("batch.volcano.sh"),
    templates_of("build.openshift.io"),
    templates_of("extensions.agents.x-k8s.io"),
    templates_of("jobset.x-k8s.io"),
    templates_of("keda.sh"),
    templates_of("kubeflow.org"),
    templates_of("leaderworkerset.x-k8s.io"),
    templates_of("monitoring.coreos.com"),
    templates_of("operators.coreos.com"),
    templates_of("ray.io"),
    templates_of("serving.knative.dev"),
    templates_of("sparkoperator.k8s.io"),
    templates_of("tekton.dev"),
    templates_of("trainer.kubeflow.org"),
    Permission {
        group: "networking.k8s.io",
        resource: "networkpolicies",
        verbs: &["list"],
        place: Place::Both,
        purpose: "read the policies that bind the pods, and see that none binds the control pod",
        without: Without::Inconclusive(&[
            "network-policies-apply",
            "policies-enforced",
            "network-isolation",
            "closed-from-the-start",
            "api-server-blocked",
            "dns-contained",
            "metadata-blocked",
            "neighbours-blocked",
            "ingress-closed",
        ]),
    },
    Permission {
        group: "",
        resource: "services",
        verbs: &["list"],
        place: Place::Namespace,
        purpose: "keep the workload's traffic away from a probe pod",
        without: Without::NoRun,
    },
    Permission {
        group: "policy",
        resource: "poddisruptionbudgets",
        verbs: &["list"],
        place: Place::Namespace,
        purpose: "warn of a disruption budget that would count a probe pod",
        without: Without::Words("the run does not warn of such a budget"),
    },
    Permission {
        group: "autoscaling",
        resource: "horizontalpodautoscalers",
        verbs: &["list"],
        place: Place::Namespace,
        purpose: "warn of an autoscaler that would count a probe pod",
        without: Without::Words("the run does not warn of such an autoscaler"),
    },
    Permission {
        group: "",
        resource: "persistentvolumeclaims",
        verbs: &["list"],
        place: Place::Namespace,
        purpose: "find the volume behind a pod's claim",
        without: Without::InconclusiveWithClaims(&["filesystem-isolation", "host-sockets-absent"]),
    },
    Permission {
        group: "",
        resource: "persistentvolumes",
        verbs: &["list"],
        place: Place::Cluster,
        purpose: "find the volume behind a pod's claim",
        without: Without::InconclusiveWithClaims(&["filesystem-isolation", "host-sockets-absent"]),
    },
    Permission {
        group: "storage.k8s.io",
        resource: "storageclasses",
        verbs: &["list"],
        place: Place::Cluster,
        purpose: "tell whose files a claim without a volume will hold",
        without: Without::InconclusiveWithClaims(&["filesystem-isolation", "host-sockets-absent"]),
    },
    Permission {
        group: "storage.k8s.io",
        resource: "csidrivers",
        verbs: &["list"],
        place: Place::Cluster,
        purpose: "tell whose files the volume of an unknown CSI driver holds",
        without: Without::InconclusiveWithClaims(&["filesystem-isolation", "host-sockets-absent"]),
    },
    Permission {
        group: "resource.k8s.io",
        resource: "resourceclaims",
        verbs: &["list"],
        place: Place::Namespace,
        purpose: "name the DeviceClass of a device that a pod claims",
        without: Without::Words(
            "the device is named without its DeviceClass, and the policy file cannot accept it",
        ),
    },
    Permission {
        group: "resource.k8s.io",
        resource: "resourceclaimtemplates",
        verbs: &["list"],
        place: Place::Namespace,
        purpose: "name the DeviceClass of a device that a pod claims",
        without: Without::Words(
            "the device is named without its DeviceClass, and the policy file cannot accept it",
        ),
    },
    Permission {
        group: "",
        resource: "limitranges",
        verbs: &["list"],
        place: Place::Both,
        purpose: "read the default limits of a pod template's containers, and give the run's pods resources that a namespace admits",
        without: Without::Words("a pod template without its own limits counts as unlimited"),
    },
    Permission {
        group: "",
        resource: "resourcequotas",
        verbs: &["list"],
        place: Place::Namespace,
        purpose: "name the exhausted quota if a probe pod does not fit",
        without: Without::Words("the report shows only the API server's refusal"),
    },
    Permission {
        group: "",
        resource: "nodes",
        verbs: &["list"],
        place: Place::Cluster,
        purpose: "read the node pools, their nodes, and each node's kernel and addresses",
        without: Without::Inconclusive(&["coverage", "api-server-blocked"]),
    },
    Permission {
        group: "node.k8s.io",
        resource: "runtimeclasses",
        verbs: &["list"],
        place: Place::Cluster,
        purpose: "find the handler of a RuntimeClass",
        without: Without::Inconclusive(&["runtime-class-exists"]),
    },
    Permission {
        group: "",
        resource: "services",
        verbs: &["list"],
        place: Place::Of("kube-system"),
        purpose: "find the address of the cluster's DNS, which the probe tries",
        without: Without::Inconclusive(&["dns-contained"]),
    },
    Permission {
        group: "discovery.k8s.io",
        resource: "endpointslices",
        verbs: &["list"],
        place: Place::Of("kube-system"),
        purpose: "find the pods of the cluster's DNS, which the probe tries",
        without: Without::Inconclusive(&["dns-contained"]),
    },
    Permission {
        group: "",
        resource: "services",
        verbs: &["get"],
        place: Place::Of("default"),
        purpose: "find the address of the API server, which the probe tries",
        without: Without::Inconclusive(&["api-server-blocked"]),
    },
    Permission {
        group: "discovery.k8s.io",
        resource: "endpointslices",
        verbs: &["list"],
        place: Place::Of("default"),
        purpose: "find the API servers behind that address, which the probe tries",
        without: Without::Inconclusive(&["api-server-blocked"]),
    },
    policies_of("cilium.io"),
    policies_of("crd.antrea.io"),
    policies_of("crd.nsx.vmware.com"),
    policies_of("crd.projectcalico.org"),
    policies_of("k8s.ovn.org"),
    policies_of("kubeovn.io"),
    policies_of("metal-stack.io"),
    policies_of("network.openshift.io"),
    policies_of("networking.gke.io"),
    policies_of("networking.k8s.aws"),
    policies_of("nsx.vmware.com"),
    policies_of("policy.networking.k8s.io"),
    policies_of("projectcalico.org"),
    TIERS,
    policies_of("vpcresources.k8s.aws"),
];

/// Returns every permission of a run, with `live` also that of a run with `--live`.
pub fn all(live: bool) -> impl Iterator<Item = &'static Permission> {
    ALL.iter().chain(live.then_some(&LIVE))
}

/// Returns true for a permission for a group that not every cluster has.
pub fn is_optional(permission: &Permission) -> bool {
    permission.resource == "*" || *permission == TIERS
}

/// Returns the permission for objects that may hold pod templates, of a group that not every cluster has.
const fn templates_of(group: &'static str) -> Permission {
    Permission {
        group,
        resource: "*",
        verbs: &["list"],
        place: Place::Namespace,
        purpose: "read the pod templates in objects of this group, if the cluster has the group",
        without: Without::Inconclusive(&["runtime-class-used", "coverage"]),
    }
}
