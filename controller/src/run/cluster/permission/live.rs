//! The permission to examine running pods in place.

use super::{Permission, Place, Without};

/// The permission of a run with `--live`, besides all others.
pub const LIVE: Permission = Permission {
    group: "",
    resource: "pods/ephemeralcontainers",
    verbs: &["patch"],
    place: Place::Namespace,
    purpose: "add the probe to a running pod as an ephemeral container (`--live`). RBAC cannot limit it to the probe: it allows any \
              container in every running pod of the namespace, within Pod Security",
    without: Without::NoRun,
};
