//! All that a judge may see: the probe's evidence, and facts from outside of the sandbox.

pub mod abridged;
pub mod breach;
pub mod circumstances;
pub mod cluster;
pub mod destination;
pub mod environment;
pub mod first_seconds;
pub mod host_process;
pub mod identity;
mod in_cluster;
pub mod ingress;
pub mod leftover;
pub mod limits;
pub mod policy;
pub mod profile;
pub mod rounds;
pub mod stopped;
pub mod visitor;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use breach::Breach;
use cluster::{Cluster, ControlPods, Coverage, Group, Labels, PodView, Shared};
use destination::Destination;
use host_process::HostProcess;
use identity::{FileDigest, Identity};
use ingress::Ingress;
use limits::{Doubt, Limits};
use profile::Profile;
use proto::{Attempt, BootId, Evidence, Introduction, Namespaces, Observation};
use rounds::Rounds;
use visitor::Visitor;

pub use crate::support::architecture::Architecture;
use crate::support::digest;

/// A probe's evidence with the facts around it.
#[derive(Clone, Debug)]
pub struct Case {
    /// The probe's delivery.
    pub collected: Collected,
    /// Facts from outside of the sandbox.
    pub surroundings: Surroundings,
}

/// A probe's delivery, as far as it was received.
#[derive(Clone, Debug, Default)]
pub struct Collected {
    /// The run's nonce, in hexadecimal digits; `None` if no conversation began.
    pub nonce: Option<String>,
    /// The probe's introduction; `None` if the probe never spoke.
    pub introduction: Option<Introduction>,
    /// The observations that were received.
    pub evidence: Evidence,
    /// Every breach of the protocol; empty if the evidence is complete and closed.
    pub breaches: Vec<Breach>,
}

/// Facts from outside of the sandbox.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The subject of the judgement.
    pub subject: Subject,
    /// The sandbox's declared limits; `None` without a sandbox.
    pub declared: Option<Limits>,
    /// Why the sandbox may have other limits than the declared ones; `None` if no reason is known.
    pub limits_doubt: Option<Doubt>,
    /// The sandbox's control group, as its configuration writes it; `None` if the configuration names none.
    pub cgroup_path: Option<String>,
    /// Paths of the machine that are mounted into the sandbox, without the probe's own file.
    pub host_paths: Vec<HostPath>,
    /// Mount points of files that are not the machine's: the probe, and files that an engine made.
    pub own_mounts: Vec<String>,
    /// The path of the sandbox's root file system on the machine, if it is not known whose files are there; `None` if it is known, and
    /// if a saved file lacks it.
    pub foreign_root: Option<String>,
    /// Annotations of the sandbox's configuration that gVisor reads; `None` without a sandbox, in a cluster, and if a saved file lacks
    /// them.
    pub annotations: Option<Labels>,
    /// Literal credentials in the sandbox's configuration, each as a fragment without its value; empty in a cluster. `None` if a
    /// saved file lacks them.
    pub credentials: Option<Vec<String>>,
    /// True if `no_new_privs` was set for the sandbox; `None` without a sandbox.
    pub no_new_privs: Option<bool>,
    /// The machine that runs the sandbox.
    pub machine: Box<Machine>,
    /// The probe's user beside the processes of a running pod or container; `None` for any other probe, and if a saved file lacks
    /// it.
    pub visitor: Option<Visitor>,
    /// True if the probe was asked to measure its processor time.
    pub measures_cpu: bool,
    /// The sandbox's process on the machine; `None` without a sandbox, in a cluster, and if it was not seen.
    pub host_process: Option<Box<HostProcess>>,
    /// The limits of the sandbox's own control group, as the machine's kernel enforces them.
    pub cgroup: Observation<Limits>,
    /// The destinations that the probe was asked to attempt.
    pub destinations: Vec<Destination>,
    /// Paths in the sandbox with a socket of the machine, or perhaps with one, that the probe was not asked to attempt; `None` if
    /// a saved file lacks them.
    pub untried_sockets: Option<Vec<String>>,
    /// The profile, which says which destinations may be reached.
    pub profile: Profile,
    /// The rounds of attempts that were asked for. A file from before there were two rounds has one.
    pub rounds: Rounds,
    /// Attempts from beside the sandbox, at the same time.
    pub control: Control,
    /// The probe's targets whose one-way datagrams arrived at the run's own listener.
    pub arrived: Vec<u32>,
    /// Attempts to reach the sandbox; `None` for a local run, and for a saved file that lacks them.
    pub ingress: Option<Ingress>,
    /// Facts about the cluster; `None` for a local run.
    pub in_cluster: Option<InCluster>,
}

/// Facts about a probe in a cluster.
#[derive(Clone, Debug)]
pub struct InCluster {
    /// The declarations of the namespace; a saved file contains them once for all cases.
    pub cluster: Arc<Cluster>,
    /// The coverage of the whole run; a saved file contains it once, too.
    pub coverage: Arc<Coverage>,
    /// The group that this probe represents.
    pub group: Group,
    /// The source of the environment; `None` if nothing named it.
    pub environment: Option<String>,
    /// The pod in which the probe ran; `None` if it never ran.
    pub pod: Option<RanPod>,
    /// The control pods on the probe's node; `None` if there are none, or if a saved file lacks them.
    pub control_pods: Option<ControlPods>,
}

/// The control's attempts, numbered by the probe's own targets. In a cluster, the control pod makes them, which no
/// workload policy binds. Locally, the controller makes them and tries its own listener and the user's targets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Control {
    /// No control namespace was named, or there was no target to try.
    NotAsked,
    /// The control failed for this reason.
    Failed(String),
    /// The control attempted these targets.
    Tried(Vec<Attempt>),
}

/// The pod in which a probe ran, as the cluster's API describes it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RanPod {
    /// The pod's name.
    pub name: String,
    /// The pod's node; `None` if the cluster did not tell.
    pub node: Option<String>,
    /// The container's id, with the runtime's scheme.
    pub container_id: String,
    /// The image's digest, of its manifest or of its configuration.
    pub image_id: String,
    /// The digests that the probe's image may have.
    pub known_digests: Vec<String>,
    /// The time between the moment when the container was seen to run and the question to the probe, in milliseconds; `None`
    /// if a saved file lacks it.
    pub asked_after_ms: Option<u64>,
    /// The labels that the pod had when the probe had answered; `None` if a saved file lacks them.
    pub labels: Option<Labels>,
    /// The labels that the pod had when it began to run; `None` if they are the same, or if a saved file lacks them.
    pub earlier_labels: Option<Labels>,
    /// The name of the pod's service account; empty if a saved file lacks it.
    pub service_account: String,
    /// The limits of the probe's own container, as they were admitted; `None` if a saved file lacks them.
    pub limits: Option<Limits>,
    /// The names of an examined pod's containers by their ids, without the runtime's scheme; empty for a probe pod, and if a saved
    /// file lacks them.
    pub containers: BTreeMap<String, String>,
}

/// The subject of the judgement.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Subject {
    /// A sandbox on this machine, started by an OCI runtime.
    Sandbox {
        /// The runtime's program and its own arguments.
        runtime: Vec<String>,
        /// The user's bundle; `None` for a bundle that contains only the probe.
        bundle: Option<PathBuf>,
    },
    /// A container that a runtime of this machine already ran, examined in place.
    Container {
        /// The runtime's program and its arguments, by which the container was found.
        runtime: Vec<String>,
        /// The container's id.
        id: String,
    },
    /// No sandbox: the probe ran as a plain process.
    Unsandboxed,
    /// Pods of a cluster that one probe represents, in a pod of its own or in one of them.
    Pods {
        /// The pods' namespace.
        namespace: String,
        /// The pool of the pods' nodes.
        pool: String,
        /// The kind of the pods' nodes; `None` if their pool has a single kind.
        node_kind: Option<String>,
        /// The probe's node; `None` if no node was chosen.
        node: Option<String>,
        /// The pods' RuntimeClass; `None` if they name none.
        runtime_class: Option<String>,
        /// The NetworkPolicies that select the pods.
        policies: Vec<String>,
        /// The represented pods, or pod templates if there is no pod; empty for pods that do not exist yet.
        represents: Vec<String>,
        /// The running pod that was examined in place; `None` for a probe pod.
        in_place: Option<String>,
    },
}

/// A part of the machine's file system inside the sandbox.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HostPath {
    /// The path on the machine.
    pub source: String,
    /// The path in the sandbox.
    pub destination: String,
}

/// Facts about the machine that runs a sandbox.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The kernel's boot id.
    pub boot_id: Observation<BootId>,
    /// The kernel's release, from uname(2).
    pub kernel_release: Observation<String>,
    /// The machine's own namespaces.
    pub namespaces: Observation<Namespaces>,
    /// True if a process of the machine runs the probe's file: then the machine's kernel runs the probe.
    pub runs_the_probe: Observation<bool>,
    /// The machine's memory in bytes.
    pub memory_total: Observation<u64>,
    /// The digest of `/etc/passwd`.
    pub account_list: Observation<FileDigest>,
    /// The digest of `/etc/shadow`.
    pub shadow: Observation<FileDigest>,
    /// The size of `/etc/shadow` in bytes, which every user may read; `None` if it is unknown.
    pub shadow_size: Option<u64>,
    /// Digests of the machine's identifiers, as far as they can be read.
    pub identities: Vec<Identity>,
}

/// An observation that a judgement rests on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Citation {
    /// The source: the id of an observer or of a signal of gVisor's kernel, or another source's name, such as "machine",
    /// "bundle", "cluster" or "control".
    pub source: &'static str,
    /// The observation in words.
    pub text: String,
}

// === impl Case ===

impl Case {
    /// Returns the probe's evidence.
    pub fn evidence(&self) -> &Evidence {
        &self.collected.evidence
    }

    /// Returns the architecture of the probe; `None` for an unknown one, and if the probe never spoke.
    pub fn architecture(&self) -> Option<Architecture> {
        Architecture::of_machine(&self.collected.introduction.as_ref()?.architecture)
    }

    /// Returns true if the sandbox's image contains only the probe.
    pub fn is_of_our_image(&self) -> bool {
        self.surroundings.in_cluster.is_some()
            || matches!(self.surroundings.subject, Subject::Sandbox { bundle: None, .. })
    }

    /// Returns the name of the running pod that the probe examined in place; `None` for any other probe.
    pub fn examined_pod(&self) -> Option<&str> {
        self.surroundings.in_cluster.as_ref()?.group.in_place.as_deref()
    }

    /// Returns true if the probe examined a running container in place, beside the container's own processes.
    pub fn examined_container(&self) -> bool {
        matches!(self.surroundings.subject, Subject::Container { .. })
    }

    /// Returns true if the probe ran beside processes that it judges: in a running pod or in a running container.
    pub fn is_in_place(&self) -> bool {
        self.examined_pod().is_some() || self.examined_container()
    }

    /// Returns the pods and templates that the probe represents; none for a local run.
    pub fn pod_views(&self) -> &[Shared<PodView>] {
        self.surroundings
            .in_cluster
            .as_ref()
            .map(|known| known.group.pod_views.as_slice())
            .unwrap_or_default()
    }
}

// === impl Machine ===

impl Machine {
    /// Removes identities of which the sandbox shows nothing: nobody needs to keep them.
    #[must_use]
    pub fn as_far_as_needed(mut self, evidence: &Evidence) -> Self {
        let shown = evidence.identifiers.seen().map(|it| it.identifiers.as_slice()).unwrap_or_default();
        let is_shown = |identity: &Identity| {
            let digest = identity.sha256.seen();
            shown.iter().any(|it| it.path == identity.path || Some(&it.sha256) == digest)
        };
        self.identities.retain(is_shown);
        self
    }
}

// === impl RanPod ===

impl RanPod {
    /// Returns true if the pod ran the probe's image.
    pub fn has_a_known_image(&self) -> bool {
        digest::is_one_of(&self.image_id, &self.known_digests)
    }
}

// === impl Subject ===

impl Subject {
    /// True for a sandbox with a configuration of the user's. The controller's own bundle has none, and pods are read apart.
    pub const fn has_a_users_configuration(&self) -> bool {
        matches!(self, Self::Sandbox { bundle: Some(_), .. } | Self::Container { .. })
    }

    /// Returns the name that distinguishes a subject in its run and identifies it in another run.
    pub fn name(&self) -> String {
        match self {
            Self::Sandbox { runtime, bundle: None } => format!("a sandbox of {}", runtime.join(" ")),
            Self::Sandbox { runtime, bundle: Some(folder) } => {
                format!("the bundle {} in {}", folder.display(), runtime.join(" "))
            }
            Self::Container { runtime, id } => format!("the running container {id} of {}", runtime.join(" ")),
            Self::Unsandboxed => "this machine without a sandbox".to_owned(),
            Self::Pods { namespace, pool, node_kind, node, runtime_class, policies, in_place, .. } => {
                let pod = in_place.as_ref().map(|pod| format!("running pod {pod}, ")).unwrap_or_default();
                let kind = node_kind.as_ref().map(|kind| format!(" ({kind})")).unwrap_or_default();
                let node = node.as_ref().map(|node| format!(" on node {node}")).unwrap_or_default();
                let class = runtime_class
                    .as_ref()
                    .map_or("no RuntimeClass".to_owned(), |class| format!("RuntimeClass {class}"));
                let bound =
                    if policies.is_empty() { "no NetworkPolicy".to_owned() } else { policies.join(", ") };
                format!("namespace {namespace}, {pod}pool {pool}{node}{kind}, {class}, bound by {bound}")
            }
        }
    }

    /// Returns the pods or templates that a probe represents; none for a local run.
    pub fn represents(&self) -> &[String] {
        match self {
            Self::Pods { represents, .. } => represents,
            Self::Sandbox { .. } | Self::Container { .. } | Self::Unsandboxed => &[],
        }
    }

    /// Returns true if the runtime's arguments set a flag, by the rules of Go's flags (pkg.go.dev/flag); the last one
    /// counts.
    pub fn is_told(&self, flag: &str) -> bool {
        let Self::Sandbox { runtime, .. } = self else { return false };
        let value = |word: &String| {
            let word = word.strip_prefix('-')?;
            match word.strip_prefix('-').unwrap_or(word).strip_prefix(flag)? {
                "" => Some(true),
                rest => Some(["1", "t", "T", "true", "TRUE", "True"].contains(&rest.strip_prefix('=')?)),
            }
        };
        runtime.iter().filter_map(value).next_back().unwrap_or(false)
    }

    /// Returns a short name for a column: the pool of pods.
    pub fn column(&self) -> &str {
        match self {
            Self::Pods { pool, .. } => pool,
            Self::Sandbox { .. } => "sandbox",
            Self::Container { .. } => "container",
            Self::Unsandboxed => "machine",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_is_parsed_by_the_rules_of_go() {
        let told = |words: &[&str]| {
            let words = words.iter().map(|&word| word.to_owned()).collect();
            Subject::Sandbox { runtime: words, bundle: None }.is_told("ignore-cgroups")
        };
        for yes in [&["runsc", "--ignore-cgroups"][..], &["runsc", "-ignore-cgroups=true"]] {
            assert!(told(yes), "{yes:?}");
        }
        for no in [
            &["runsc"][..],
            &["runsc", "--ignore-cgroups=false"],
            &["runsc", "--ignore-cgroups", "--ignore-cgroups=0"],
            &["ignore-cgroups"],
            &["runsc", "--ignore-cgroups-of=others"],
        ] {
            assert!(!told(no), "{no:?}");
        }
    }
}
