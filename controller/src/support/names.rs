//! Names and numbers that the product gives its objects, and by which the cluster and the product recognise them.

/// The product's name, as a field manager and in the names of created objects.
pub const PRODUCT: &str = "podproof";
/// The domain of the labels and annotations of the product.
pub const DOMAIN: &str = "podproof.dev";
/// The label of every created object, with the name of its run.
pub const RUN_LABEL: &str = "podproof.dev/run";
/// The label of every created pod, with its role, such as "probe" or "control".
pub const ROLE_LABEL: &str = "podproof.dev/role";
/// The label of a probe pod of a large run, with the batch of pods that are removed together.
pub const BATCH_LABEL: &str = "podproof.dev/batch";
/// Returns true for the key of a label that the product gives its pods, whatever a workload's pods have there.
pub fn is_own_label(key: &str) -> bool {
    [RUN_LABEL, ROLE_LABEL, BATCH_LABEL].contains(&key)
}

/// The role of the pods that listen.
pub const LISTENER_ROLE: &str = "listener";
/// The role of the pods that make the same attempts as the probes.
pub const CONTROL_ROLE: &str = "control";
/// The ending of the name of a probe pod that was moved to another place.
pub const AGAIN: &str = "-again";
/// The ending of the name of a probe pod that takes the place of another one before that is asked. It may be moved, too.
pub const ANEW: &str = "-anew";
/// Returns the name of one of a run's probe pods.
pub fn probe_pod(run: &str, index: usize) -> String {
    format!("{run}-{index}")
}

/// The annotation that tells people why an object exists.
pub const NOTE_ANNOTATION: &str = "podproof.dev/note";
/// A readiness gate that nobody sets: a probe pod is never ready, so no Service sends it traffic.
pub const READINESS_GATE: &str = "podproof.dev/never-ready";
/// The service account of pods that name none (kubernetes.io, "Configure Service Accounts for Pods"), and of the product's pods.
pub const DEFAULT_ACCOUNT: &str = "default";
/// The name of the only container in the product's pods.
pub const CONTAINER: &str = "probe";
/// The prefix of annotations that change gVisor's settings for a pod (gVisor, `pkg/shim/v1/utils/annotations.go`).
pub const GVISOR_ANNOTATIONS: &str = "dev.gvisor.";
/// The port of the control pod's listener, by TCP and UDP.
pub const LISTENER_PORT: u16 = 8_790;
/// The id of the user and the group `nobody`, inside and outside of sandboxes (`user_namespaces(7)`).
pub const NOBODY: u32 = 65534;
