//! The confinement of each container of a run, which passes the `restricted` Pod Security Standard.

use k8s_openapi::api::core::v1::{Capabilities, SeccompProfile, SecurityContext};

/// Returns the security context of each container of the run.
pub(super) fn confined() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), add: None }),
        privileged: Some(false),
        read_only_root_filesystem: Some(true),
        run_as_non_root: Some(true),
        ..SecurityContext::default()
    }
}

/// Returns the runtime's own filter of system calls.
pub(super) fn runtime_default() -> SeccompProfile {
    SeccompProfile { type_: "RuntimeDefault".to_owned(), ..SeccompProfile::default() }
}
