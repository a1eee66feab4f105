//! The machine that runs the sandbox, and the limits that the sandbox has.

use proto::{BootId, Namespaces, Observation};

use super::form::{each, observed, saved_enum, saved_struct};
use crate::case::{self, identity, limits};

saved_struct! {
    /// The machine's description of itself.
    Machine for case::Machine {
        boot_id: Observation<BootId>,
        #[serde(default = "not_kept")]
        kernel_release: Observation<String>,
        #[serde(default = "not_kept")]
        namespaces: Observation<Namespaces>,
        #[serde(default = "not_kept")]
        runs_the_probe: Observation<bool>,
        memory_total: Observation<u64>,
        account_list: Observation<FileDigest> => observed,
        #[serde(default = "not_kept")]
        shadow: Observation<FileDigest> => observed,
        #[serde(default)]
        shadow_size: Option<u64>,
        #[serde(default)]
        identities: Vec<Identity> => each,
    }
}

saved_struct! {
    /// The limits of memory, processor time and processes.
    #[derive(Default)]
    Limits for limits::Limits {
        memory: Option<u64>,
        cpu_millis: Option<u64>,
        #[serde(default)]
        pids: Option<u64>,
    }
}

saved_enum! {
    /// Why a sandbox may have other limits than the declared ones.
    Doubt for limits::Doubt {
        Resized, "resized";
        OfItsPod, "of-its-pod";
    }
}

saved_struct! {
    /// The size and the digest of a file.
    FileDigest for identity::FileDigest {
        size: u64,
        sha256: [u8; 32],
    }
}

saved_struct! {
    /// The digest of an identifier of the machine.
    Identity for identity::Identity {
        path: String,
        sha256: Observation<[u8; 32]>,
    }
}

/// Stands in for an observation that older files of this version lack.
fn not_kept<T>() -> Observation<T> {
    Observation::failed("the file does not hold it")
}
