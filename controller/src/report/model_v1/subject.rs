//! The judged sandbox or pods.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use crate::case;

/// The judged sandbox or pods.
#[derive(Clone, Debug, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Subject {
    /// A sandbox of this machine, started by an OCI runtime.
    Sandbox {
        /// The runtime's program and its arguments.
        runtime: Vec<String>,
        /// The user's bundle; `null` for a bundle that holds the probe alone.
        bundle: Option<PathBuf>,
    },
    /// A container that a runtime of this machine already ran, examined in place.
    Container {
        /// The runtime's program and the arguments by which the container was found.
        runtime: Vec<String>,
        /// The container's id.
        id: String,
    },
    /// A plain process of this machine, without a sandbox.
    Unsandboxed,
    /// Pods of a cluster, which one probe represents.
    Pods {
        /// The namespace of the pods.
        namespace: String,
        /// The pool of the pods' nodes.
        pool: String,
        /// The kind of the pods' nodes; `null` where the pool has one kind.
        node_kind: Option<String>,
        /// The node on which the probe was placed; `null` where the scheduler chose.
        node: Option<String>,
        /// The pods' RuntimeClass; `null` where the pods name none.
        runtime_class: Option<String>,
        /// The NetworkPolicies that select the pods.
        policies: Vec<String>,
        /// The pods that the probe represents, or pod templates where no pod exists; empty for pods that do not exist yet.
        #[serde(rename = "stands_for")]
        represents: Vec<String>,
        /// The running pod that was examined in place; absent where a probe pod represents the pods.
        #[serde(skip_serializing_if = "Option::is_none")]
        running_pod: Option<String>,
    },
}

impl Subject {
    /// Returns the name that tells the subject from the others of a run, and finds the subject in another run.
    pub fn name(&self) -> String {
        match self {
            Self::Sandbox { runtime, bundle: None } => format!("a sandbox of {}", runtime.join(" ")),
            Self::Sandbox { runtime, bundle: Some(folder) } => {
                format!("the bundle {} in {}", folder.display(), runtime.join(" "))
            }
            Self::Container { runtime, id } => format!("the running container {id} of {}", runtime.join(" ")),
            Self::Unsandboxed => "this machine without a sandbox".to_owned(),
            Self::Pods { namespace, .. } => {
                format!("namespace {namespace}, {}", self.place().unwrap_or_default())
            }
        }
    }

    /// Returns the namespace of pods; `None` for a local sandbox.
    pub fn namespace(&self) -> Option<&str> {
        match self {
            Self::Pods { namespace, .. } => Some(namespace),
            Self::Sandbox { .. } | Self::Container { .. } | Self::Unsandboxed => None,
        }
    }

    /// Returns pool, node, RuntimeClass and policies of pods; `None` for a local sandbox.
    pub fn place(&self) -> Option<String> {
        let Self::Pods { pool, node_kind, node, runtime_class, policies, running_pod, .. } = self else {
            return None;
        };
        let pod = running_pod.as_ref().map(|pod| format!("running pod {pod}, ")).unwrap_or_default();
        let kind = node_kind.as_ref().map(|kind| format!(" ({kind})")).unwrap_or_default();
        let node = node.as_ref().map(|node| format!(" on node {node}")).unwrap_or_default();
        let class = runtime_class
            .as_ref()
            .map_or("no RuntimeClass".to_owned(), |class| format!("RuntimeClass {class}"));
        let bound = if policies.is_empty() { "no NetworkPolicy".to_owned() } else { policies.join(", ") };
        Some(format!("{pod}pool {pool}{node}{kind}, {class}, bound by {bound}"))
    }

    /// Returns the pods or pod templates that a probe represents; empty for a local sandbox.
    pub fn represents(&self) -> &[String] {
        match self {
            Self::Pods { represents, .. } => represents,
            Self::Sandbox { .. } | Self::Container { .. } | Self::Unsandboxed => &[],
        }
    }

    /// Returns a few words for the head of a column: the pool of pods.
    pub fn column(&self) -> &str {
        match self {
            Self::Pods { pool, .. } => pool,
            Self::Sandbox { .. } => "sandbox",
            Self::Container { .. } => "container",
            Self::Unsandboxed => "machine",
        }
    }
}

impl From<&case::Subject> for Subject {
    fn from(subject: &case::Subject) -> Self {
        match subject.clone() {
            case::Subject::Sandbox { runtime, bundle } => Self::Sandbox { runtime, bundle },
            case::Subject::Container { runtime, id } => Self::Container { runtime, id },
            case::Subject::Unsandboxed => Self::Unsandboxed,
            case::Subject::Pods {
                namespace,
                pool,
                node_kind,
                node,
                runtime_class,
                policies,
                represents,
                in_place,
            } => Self::Pods {
                namespace,
                pool,
                node_kind,
                node,
                runtime_class,
                policies,
                represents,
                running_pod: in_place,
            },
        }
    }
}
