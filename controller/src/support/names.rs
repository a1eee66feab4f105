//! Every string by which the cluster knows what is ours.

/// The product, as a field manager and in the names of what is created.
pub const PRODUCT: &str = "podproof";
/// On everything that is created: the run it belongs to.
pub const RUN_LABEL: &str = "podproof.dev/run";
/// On every pod that is created: what it is for, "probe" or "control".
pub const ROLE_LABEL: &str = "podproof.dev/role";
/// Says why something exists, to whoever finds it.
pub const NOTE_ANNOTATION: &str = "podproof.dev/note";
/// A readiness gate that nobody sets: a probe is never ready, so no Service sends it traffic.
pub const READINESS_GATE: &str = "podproof.dev/never-ready";
/// The only container of our pods.
pub const CONTAINER: &str = "probe";
/// The prefix of the annotations by which a pod changes gVisor's settings (gVisor, `pkg/shim/v1/utils/annotations.go`).
pub const GVISOR_ANNOTATIONS: &str = "dev.gvisor.";
/// Where a control listens, by TCP and UDP.
pub const LISTENER_PORT: u16 = 8_790;
/// Nobody's user and group, in a sandbox and without one (`user_namespaces(7)`).
pub const NOBODY: u32 = 65534;
