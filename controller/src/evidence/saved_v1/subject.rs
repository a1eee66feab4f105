//! The subject of a case, and the pod in which its probe ran.

use std::{collections::BTreeMap, net::IpAddr, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::{
    form::{optional, saved_struct},
    machine::Limits,
};
use crate::case::{self, cluster};

/// The sandbox or the pods that are judged.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", tag = "kind")]
pub(super) enum Subject {
    Sandbox {
        runtime: Vec<String>,
        bundle: Option<PathBuf>,
    },
    Container {
        runtime: Vec<String>,
        id: String,
    },
    /// The braces let serde refuse a further key, which it ignores beside a unit variant.
    Unsandboxed {},
    Pods {
        namespace: String,
        pool: String,
        node_kind: Option<String>,
        node: Option<String>,
        runtime_class: Option<String>,
        policies: Vec<String>,
        #[serde(rename = "stands_for")]
        represents: Vec<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        in_place: Option<String>,
    },
}

saved_struct! {
    /// The pod in which a probe ran.
    RanPod for case::RanPod {
        name: String,
        node: Option<String>,
        container_id: String,
        image_id: String,
        known_digests: Vec<String>,
        #[serde(default)]
        asked_after_ms: Option<u64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        labels: Option<BTreeMap<String, String>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        earlier_labels: Option<BTreeMap<String, String>>,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        service_account: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limits: Option<Limits> => optional,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        containers: BTreeMap<String, String>,
    }
}

saved_struct! {
    /// The control pods on the probe's node.
    ControlPods for cluster::ControlPods {
        listener: OwnPod => Into::into,
        control: OwnPod => Into::into,
    }
}

saved_struct! {
    /// A control pod, as policies select it.
    OwnPod for cluster::OwnPod {
        labels: BTreeMap<String, String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        later_labels: Option<BTreeMap<String, String>>,
        service_account: String,
        addresses: Vec<IpAddr>,
    }
}

// === impl Subject ===

impl From<case::Subject> for Subject {
    fn from(subject: case::Subject) -> Self {
        use case::Subject;
        match subject {
            Subject::Sandbox { runtime, bundle } => Self::Sandbox { runtime, bundle },
            Subject::Container { runtime, id } => Self::Container { runtime, id },
            Subject::Unsandboxed => Self::Unsandboxed {},
            Subject::Pods {
                namespace,
                pool,
                node_kind,
                node,
                runtime_class,
                policies,
                represents,
                in_place,
            } => {
                Self::Pods { namespace, pool, node_kind, node, runtime_class, policies, represents, in_place }
            }
        }
    }
}

impl From<Subject> for case::Subject {
    fn from(subject: Subject) -> Self {
        match subject {
            Subject::Sandbox { runtime, bundle } => Self::Sandbox { runtime, bundle },
            Subject::Container { runtime, id } => Self::Container { runtime, id },
            Subject::Unsandboxed {} => Self::Unsandboxed,
            Subject::Pods {
                namespace,
                pool,
                node_kind,
                node,
                runtime_class,
                policies,
                represents,
                in_place,
            } => {
                Self::Pods { namespace, pool, node_kind, node, runtime_class, policies, represents, in_place }
            }
        }
    }
}
