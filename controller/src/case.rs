//! All that a judge may look at: what the probe saw, and what is known from outside of the sandbox.

pub mod breach;
pub mod circumstances;
pub mod cluster;
pub mod destination;
pub mod environment;
pub mod identity;
pub mod leftover;
pub mod limits;
pub mod profile;
pub mod stopped;

use std::{path::PathBuf, sync::Arc};

use breach::Breach;
use cluster::{Cluster, Coverage, Group, PodView};
use destination::Destination;
use identity::{FileDigest, Identity};
use limits::Limits;
use profile::Profile;
use proto::{Attempt, BootId, Evidence, Introduction, Namespaces, Observation, Observer};

/// Evidence and survey, side by side.
#[derive(Clone, Debug)]
pub struct Case {
    /// What the probe delivered.
    pub collected: Collected,
    /// What was known or looked up outside.
    pub surroundings: Surroundings,
}

/// What came over the stream.
#[derive(Clone, Debug, Default)]
pub struct Collected {
    /// The run's nonce, in hexadecimal digits; `None` where no conversation was begun.
    pub nonce: Option<String>,
    /// What the probe said of itself, if it spoke at all.
    pub introduction: Option<Introduction>,
    /// What it observed, as far as it was received.
    pub evidence: Evidence,
    /// Everything that was wrong with the delivery; empty where the evidence was closed and whole.
    pub breaches: Vec<Breach>,
}

/// What is known outside of the sandbox.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// What is judged.
    pub subject: Subject,
    /// The limits that the sandbox was given; `None` where there is no sandbox.
    pub declared: Option<Limits>,
    /// The control group that the sandbox was given, as its configuration writes it.
    pub cgroup_path: Option<String>,
    /// Paths of the machine that the sandbox was given, the probe's own file left out.
    pub host_paths: Vec<HostPath>,
    /// Where the sandbox was given mounts that are no path of the machine's own: the probe, and an engine's files.
    pub own_mounts: Vec<String>,
    /// Whether the sandbox was given `no_new_privs`; `None` where there is no sandbox.
    pub no_new_privs: Option<bool>,
    /// The machine that runs it.
    pub machine: Machine,
    /// Whether the probe was asked to measure the processor time that it gets.
    pub measures_cpu: bool,
    /// The limits of the sandbox's own control group, as the machine's kernel enforces them.
    pub cgroup: Observation<Limits>,
    /// What the probe was asked to attempt.
    pub destinations: Vec<Destination>,
    /// Where sockets of the machine's lie in the sandbox, or may lie, that it was not asked to attempt.
    pub untried_sockets: Vec<String>,
    /// What of it may be reached.
    pub profile: Profile,
    /// What was reached from beside the sandbox, at the same time.
    pub control: Control,
    /// The targets of the probe's whose datagrams arrived one way, as the run's own listener tells.
    pub arrived: Vec<u32>,
    /// What a cluster declares and knows; `None` for a run on this machine.
    pub in_cluster: Option<InCluster>,
}

/// What is known of a probe that runs in a cluster.
#[derive(Clone, Debug)]
pub struct InCluster {
    /// What the cluster declares of the namespace; a saved file has it once for all its cases.
    pub cluster: Arc<Cluster>,
    /// What the whole run covers; a saved file has it once, too.
    pub coverage: Arc<Coverage>,
    /// What this probe stands for.
    pub group: Group,
    /// What named the environment; `None` where nothing did.
    pub environment: Option<String>,
    /// The pod in which the probe ran.
    pub pod: Option<RanPod>,
}

/// What the control reached, by the targets of the probe's own assignment: in a cluster a pod without the workload's bonds,
/// on this machine the controller itself, which tries its own listener and what the user named.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Control {
    /// No control namespace was named, or there was nothing to try.
    NotAsked,
    /// There was no control, for this reason.
    Failed(String),
    /// It attempted these targets.
    Tried(Vec<Attempt>),
}

/// The pod in which a probe ran, by what the cluster says of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RanPod {
    /// Its name.
    pub name: String,
    /// Its node.
    pub node: Option<String>,
    /// Its container, with the runtime's scheme.
    pub container_id: String,
    /// Its image, by a digest of the manifest or of the configuration.
    pub image_id: String,
    /// The digests that the probe's image may have.
    pub known_digests: Vec<String>,
    /// How long after its container was seen to run the probe was asked, in milliseconds; `None` where a saved file does not
    /// tell.
    pub asked_after_ms: Option<u64>,
}

/// What is judged.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Subject {
    /// A sandbox of this machine, started by an OCI runtime.
    Sandbox {
        /// The runtime's program and its own arguments.
        runtime: Vec<String>,
        /// The user's bundle; `None` for a bundle with nothing in it but the probe.
        bundle: Option<PathBuf>,
    },
    /// No sandbox: the probe ran as a plain process.
    Unsandboxed,
    /// Pods of a cluster, which one probe stands for.
    Pods {
        /// Their namespace.
        namespace: String,
        /// The pool of their nodes.
        pool: String,
        /// The kind of their nodes, where their pool has several.
        node_kind: Option<String>,
        /// The node on which the probe was put, where one was chosen.
        node: Option<String>,
        /// Their RuntimeClass.
        runtime_class: Option<String>,
        /// The NetworkPolicies that select them.
        policies: Vec<String>,
        /// Pods, or templates where there is none; empty for what is to come.
        represents: Vec<String>,
    },
}

/// A part of the machine's file system inside the sandbox.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HostPath {
    /// Where it lies on the machine.
    pub source: String,
    /// Where it lies in the sandbox.
    pub destination: String,
}

/// What the machine says of itself.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Its kernel's boot id.
    pub boot_id: Observation<BootId>,
    /// Its kernel's release, as uname(2) has it.
    pub kernel_release: Observation<String>,
    /// The namespaces of its own.
    pub namespaces: Observation<Namespaces>,
    /// Whether one of its processes runs the probe's file: then its kernel is what runs the probe.
    pub runs_the_probe: Observation<bool>,
    /// Its memory, in bytes.
    pub memory_total: Observation<u64>,
    /// Its `/etc/passwd`.
    pub account_list: Observation<FileDigest>,
    /// Its `/etc/shadow`.
    pub shadow: Observation<FileDigest>,
    /// How large that is, which everybody may know; `None` where it is not known.
    pub shadow_size: Option<u64>,
    /// What it is known by, where that may be told.
    pub identities: Vec<Identity>,
}

/// One observation that a judgement rests on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Citation {
    /// Who saw it: an observer's id, or "machine" or "bundle" for what was seen outside.
    pub source: &'static str,
    /// What was seen.
    pub text: String,
}

// === impl Case ===

impl Case {
    /// What the probe observed.
    pub fn evidence(&self) -> &Evidence {
        &self.collected.evidence
    }

    /// Whether the probe can observe it at all. A file that was saved before there was such an observer is judged by what its
    /// probe knew.
    pub fn probe_knows(&self, observer: Observer) -> bool {
        let introduction = self.collected.introduction.as_ref();
        introduction.is_some_and(|introduction| introduction.observers.contains(&observer))
    }

    /// Whether nothing is in the sandbox's image but the probe.
    pub fn is_of_our_image(&self) -> bool {
        self.surroundings.in_cluster.is_some()
            || matches!(self.surroundings.subject, Subject::Sandbox { bundle: None, .. })
    }

    /// The pods and templates that the probe stands for; none on this machine.
    pub fn pod_views(&self) -> &[PodView] {
        self.surroundings
            .in_cluster
            .as_ref()
            .map(|known| known.group.pod_views.as_slice())
            .unwrap_or_default()
    }
}

// === impl Machine ===

impl Machine {
    /// The same without identities of which the sandbox shows nothing: nobody needs to keep them.
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

// === impl InCluster ===

impl InCluster {
    /// Whether there is no workload, and no class was named for what is to come.
    pub fn is_of_nothing(&self) -> bool {
        self.group.pod_views.is_empty() && self.group.runtime_class.is_none()
    }
}

// === impl Subject ===

impl Subject {
    /// By which it is told from the others of a run, and found again in another run.
    pub fn name(&self) -> String {
        match self {
            Self::Sandbox { runtime, bundle: None } => format!("a sandbox of {}", runtime.join(" ")),
            Self::Sandbox { runtime, bundle: Some(folder) } => {
                format!("the bundle {} in {}", folder.display(), runtime.join(" "))
            }
            Self::Unsandboxed => "this machine without a sandbox".to_owned(),
            Self::Pods { namespace, pool, node_kind, node, runtime_class, policies, .. } => {
                let kind = node_kind.as_ref().map(|kind| format!(" ({kind})")).unwrap_or_default();
                let node = node.as_ref().map(|node| format!(" on node {node}")).unwrap_or_default();
                let class = runtime_class
                    .as_ref()
                    .map_or("no RuntimeClass".to_owned(), |class| format!("RuntimeClass {class}"));
                let bound =
                    if policies.is_empty() { "no NetworkPolicy".to_owned() } else { policies.join(", ") };
                format!("namespace {namespace}, pool {pool}{node}{kind}, {class}, bound by {bound}")
            }
        }
    }

    /// The pods or templates that a probe stands for; none on this machine.
    pub fn represents(&self) -> &[String] {
        match self {
            Self::Pods { represents, .. } => represents,
            Self::Sandbox { .. } | Self::Unsandboxed => &[],
        }
    }

    /// Whether the runtime was given a flag, as Go's flags are written (pkg.go.dev/flag); the last one counts.
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

    /// A few words, for a column: the pool of pods.
    pub fn column(&self) -> &str {
        match self {
            Self::Pods { pool, .. } => pool,
            Self::Sandbox { .. } => "sandbox",
            Self::Unsandboxed => "machine",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_is_read_as_the_runtime_reads_it() {
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
