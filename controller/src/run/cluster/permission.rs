//! The permissions that a run needs, what for, and what is lost without them: the source of `controller rbac`, of what
//! `controller doctor` asks, and of deploy/.

mod role;

pub use role::{Subject, roles};

/// One permission.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Permission {
    /// The API group; empty for the core.
    pub group: &'static str,
    /// The resource, with its subresource.
    pub resource: &'static str,
    /// What is done with it.
    pub verbs: &'static [&'static str],
    /// Where.
    pub place: Place,
    /// What it is for.
    pub purpose: &'static str,
    /// What is lost without it.
    pub without: Without,
}

/// Where a permission is needed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// In the namespace that is judged.
    Namespace,
    /// There, and in the control's namespace.
    Both,
    /// In the whole cluster.
    Cluster,
    /// In a namespace of the cluster's own.
    Of(&'static str),
}

/// What is lost without a permission.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Without {
    /// Nothing can be launched; the run ends with exit code 4.
    NoRun,
    /// These requirements are inconclusive, by their ids.
    Inconclusive(&'static [&'static str]),
    /// These requirements are inconclusive for pods with a claim for a volume, by their ids.
    InconclusiveWithClaims(&'static [&'static str]),
    /// Only words.
    Words(&'static str),
}

/// Every permission, in the order of the roles.
pub const ALL: &[Permission] = &[
    Permission {
        group: "",
        resource: "pods",
        verbs: &["create", "delete", "get", "list", "watch"],
        place: Place::Both,
        purpose: "launch the probes and see what runs",
        without: Without::NoRun,
    },
    Permission {
        group: "",
        resource: "pods/exec",
        verbs: &["create", "get"],
        place: Place::Both,
        purpose: "ask a probe for its evidence (get before Kubernetes 1.35, create too since). RBAC cannot limit it to the \
                  probes: whoever has it can run commands in every pod of the namespace",
        without: Without::NoRun,
    },
    Permission {
        group: "",
        resource: "configmaps",
        verbs: &["create", "delete", "get", "list"],
        place: Place::Both,
        purpose: "own what a run makes, so that it can be found and removed; none is read but the run's own",
        without: Without::NoRun,
    },
    Permission {
        group: "",
        resource: "events",
        verbs: &["list", "watch"],
        place: Place::Both,
        purpose: "explain a pod that does not start",
        without: Without::Words("a pod that does not start is named without the cluster's reasons"),
    },
    Permission {
        group: "",
        resource: "namespaces",
        verbs: &["get"],
        place: Place::Namespace,
        purpose: "tell a namespace that does not exist from one without workloads",
        without: Without::Words("a mistyped namespace looks like one without permissions"),
    },
    Permission {
        group: "apps",
        resource: "deployments",
        verbs: &["list"],
        place: Place::Namespace,
        purpose: "know the templates of pods to come",
        without: Without::Inconclusive(&["runtime-class-used", "coverage"]),
    },
    Permission {
        group: "apps",
        resource: "replicasets",
        verbs: &["list"],
        place: Place::Namespace,
        purpose: "know which Deployment a pod belongs to",
        without: Without::Inconclusive(&["runtime-class-used", "coverage"]),
    },
    Permission {
        group: "apps",
        resource: "statefulsets",
        verbs: &["list"],
        place: Place::Namespace,
        purpose: "know the templates of pods to come",
        without: Without::Inconclusive(&["runtime-class-used", "coverage"]),
    },
    Permission {
        group: "apps",
        resource: "daemonsets",
        verbs: &["list"],
        place: Place::Namespace,
        purpose: "know the templates of pods to come",
        without: Without::Inconclusive(&["runtime-class-used", "coverage"]),
    },
    Permission {
        group: "batch",
        resource: "jobs",
        verbs: &["list"],
        place: Place::Namespace,
        purpose: "know the templates of pods to come",
        without: Without::Inconclusive(&["runtime-class-used", "coverage"]),
    },
    Permission {
        group: "batch",
        resource: "cronjobs",
        verbs: &["list"],
        place: Place::Namespace,
        purpose: "know the templates of pods to come",
        without: Without::Inconclusive(&["runtime-class-used", "coverage"]),
    },
    Permission {
        group: "",
        resource: "replicationcontrollers",
        verbs: &["list"],
        place: Place::Namespace,
        purpose: "know the templates of pods to come",
        without: Without::Inconclusive(&["runtime-class-used", "coverage"]),
    },
    Permission {
        group: "networking.k8s.io",
        resource: "networkpolicies",
        verbs: &["list"],
        place: Place::Both,
        purpose: "know what binds the pods, and that nothing shuts the control off",
        without: Without::Inconclusive(&[
            "network-policies-apply",
            "policies-enforced",
            "network-isolation",
            "closed-from-the-start",
            "dns-contained",
            "metadata-blocked",
        ]),
    },
    Permission {
        group: "",
        resource: "services",
        verbs: &["list"],
        place: Place::Namespace,
        purpose: "keep the workload's traffic away from a probe",
        without: Without::NoRun,
    },
    Permission {
        group: "policy",
        resource: "poddisruptionbudgets",
        verbs: &["list"],
        place: Place::Namespace,
        purpose: "warn of a budget that would count a probe",
        without: Without::Words("such a budget is not warned about"),
    },
    Permission {
        group: "autoscaling",
        resource: "horizontalpodautoscalers",
        verbs: &["list"],
        place: Place::Namespace,
        purpose: "warn of an autoscaler that would count a probe",
        without: Without::Words("such an autoscaler is not warned about"),
    },
    Permission {
        group: "",
        resource: "persistentvolumeclaims",
        verbs: &["list"],
        place: Place::Namespace,
        purpose: "know what is behind a pod's claim for a volume",
        without: Without::InconclusiveWithClaims(&["filesystem-isolation", "host-sockets-absent"]),
    },
    Permission {
        group: "",
        resource: "persistentvolumes",
        verbs: &["list"],
        place: Place::Cluster,
        purpose: "know what is behind a pod's claim for a volume",
        without: Without::InconclusiveWithClaims(&["filesystem-isolation", "host-sockets-absent"]),
    },
    Permission {
        group: "",
        resource: "limitranges",
        verbs: &["list"],
        place: Place::Namespace,
        purpose: "know the limits that a template's containers are given",
        without: Without::Words("a template without limits of its own counts as one without limits"),
    },
    Permission {
        group: "",
        resource: "resourcequotas",
        verbs: &["list"],
        place: Place::Namespace,
        purpose: "say what is used up where a probe finds no room",
        without: Without::Words("only the API server's refusal is shown"),
    },
    Permission {
        group: "",
        resource: "nodes",
        verbs: &["list"],
        place: Place::Cluster,
        purpose: "know the pools and their nodes, and which kernel each runs",
        without: Without::Inconclusive(&["coverage"]),
    },
    Permission {
        group: "node.k8s.io",
        resource: "runtimeclasses",
        verbs: &["list"],
        place: Place::Cluster,
        purpose: "know the handler behind a RuntimeClass",
        without: Without::Inconclusive(&["runtime-class-exists"]),
    },
    Permission {
        group: "",
        resource: "services",
        verbs: &["list"],
        place: Place::Of("kube-system"),
        purpose: "find the cluster's DNS, to try it",
        without: Without::Inconclusive(&["api-server-blocked"]),
    },
    Permission {
        group: "",
        resource: "services",
        verbs: &["get"],
        place: Place::Of("default"),
        purpose: "find the API server's address, to try it",
        without: Without::Inconclusive(&["api-server-blocked"]),
    },
    policies_of("cilium.io"),
    policies_of("crd.antrea.io"),
    policies_of("crd.projectcalico.org"),
    policies_of("k8s.ovn.org"),
    policies_of("networking.gke.io"),
    policies_of("policy.networking.k8s.io"),
    policies_of("projectcalico.org"),
];

/// Policies of a kind that not every cluster has.
const fn policies_of(group: &'static str) -> Permission {
    Permission {
        group,
        resource: "*",
        verbs: &["list"],
        place: Place::Cluster,
        purpose: "see whether policies of this kind bind the pods or the control, where the cluster has it",
        without: Without::Inconclusive(&[
            "network-isolation",
            "policies-enforced",
            "closed-from-the-start",
            "dns-contained",
            "metadata-blocked",
        ]),
    }
}

// === impl Without ===

impl Without {
    /// Returns the ids of the requirements that are inconclusive without the permission.
    pub const fn requirements(self) -> &'static [&'static str] {
        match self {
            Self::Inconclusive(requirements) | Self::InconclusiveWithClaims(requirements) => requirements,
            Self::NoRun | Self::Words(_) => &[],
        }
    }

    /// As a sentence's end.
    pub fn words(self) -> String {
        match self {
            Self::NoRun => "nothing can be launched (exit code 4)".to_owned(),
            Self::Inconclusive(requirements) => format!("inconclusive: {}", requirements.join(", ")),
            Self::InconclusiveWithClaims(requirements) => {
                format!("inconclusive: {}, where a pod has a claim", requirements.join(", "))
            }
            Self::Words(words) => words.to_owned(),
        }
    }
}
