//! The user of a probe that runs beside the processes that it judges.

/// The user of a probe in a running pod or in a running container.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Visitor {
    /// The user's id.
    pub user: u32,
    /// True if the user is the one of the container's own program.
    pub is_the_containers: bool,
    /// The names of the capabilities that the configuration of a local container lets its processes have, such as `CAP_SETUID`; none
    /// for a pod, whose specification is known.
    pub configured: Vec<String>,
}
