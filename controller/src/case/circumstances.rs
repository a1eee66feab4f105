//! Circumstances of a run: where it took place, when, and by which versions.

/// Where and when a run took place, and which controller made it. The probes' versions stand with their sandboxes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Circumstances {
    /// The run's name, which every object bears that the run creates: `podproof-` and eight hexadecimal digits.
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
        /// The version of the API server, such as `v1.35.4`; `None` where it did not tell.
        version: Option<String>,
        /// The namespace whose pods were judged.
        namespace: String,
    },
}
