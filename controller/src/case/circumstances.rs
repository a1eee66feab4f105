//! Circumstances of a run: its place, its time and its versions.

/// The place, the time and the controller of a run. The probes' versions are part of their sandboxes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Circumstances {
    /// The run's name, which every object of the run bears: `podproof-` and eight hexadecimal digits.
    pub run: String,
    /// The start of the run, in seconds since 1970 (UTC).
    pub started_at: u64,
    /// The controller's version.
    pub controller: String,
    /// The machine or the cluster.
    pub place: Place,
}

/// The machine or the cluster in which a run took place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Place {
    /// The machine that ran the controller.
    Machine {
        /// The host name, as uname(2) has it.
        host: String,
        /// The kernel's release, as uname(2) has it.
        kernel: String,
    },
    /// A namespace of a cluster.
    Cluster {
        /// The URL of the API server.
        server: String,
        /// The version of the API server, such as `v1.35.4`; `None` if the server did not tell it.
        version: Option<String>,
        /// The namespace whose pods were judged.
        namespace: String,
    },
}
