//! The facts of a run's cases that an attestation binds, gathered case by case.

use std::collections::{BTreeMap, BTreeSet};

use crate::{case::Case, evidence::record::Record, report::proof::Pools};

/// The facts of a run's cases.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gathered {
    /// The nodes with a probe.
    pub(super) pools: Pools,
    /// The names of the images that ran, by their digests.
    pub(super) images: BTreeMap<String, String>,
    /// The nonces of the conversations with probes.
    pub(super) nonces: BTreeSet<String>,
    /// The boot id of the machine, as the first case has it.
    pub(super) boot_id: Option<String>,
}

impl Gathered {
    pub(crate) fn of(record: &Record) -> Self {
        let mut gathered = Self::default();
        record.cases.iter().for_each(|case| gathered.add(case));
        gathered
    }

    /// Adds the facts of a case.
    pub(crate) fn add(&mut self, case: &Case) {
        self.pools.add(case);
        self.nonces.extend(case.collected.nonce.clone());
        if self.boot_id.is_none() {
            self.boot_id = case.surroundings.machine.boot_id.seen().map(|boot| boot.uuid.clone());
        }
        // A running pod that was examined in place has a workload's image; a probe pod has the probe's.
        let noun = if case.is_in_place() { "image" } else { "probe image" };
        let pod = case.surroundings.in_cluster.as_ref().and_then(|known| known.pod.as_ref());
        if let Some((digest, id)) = pod.and_then(|pod| Some((digest(&pod.image_id)?, &pod.image_id))) {
            self.images.insert(digest.to_owned(), format!("{noun} {id}"));
        }
    }
}

/// Returns the SHA-256 at the end of an image's id; `None` if the id has none.
fn digest(id: &str) -> Option<&str> {
    let (_, digits) = id.rsplit_once("sha256:")?;
    (digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_an_image_is_at_the_end_of_its_id() {
        let digits = "0a".repeat(32);
        for id in [format!("sha256:{digits}"), format!("registry.example/probe@sha256:{digits}")] {
            assert_eq!(digest(&id), Some(digits.as_str()));
        }
        for id in ["", "registry.example/probe:1", "sha256:0a"] {
            assert_eq!(digest(id), None, "{id}");
        }
    }
}
