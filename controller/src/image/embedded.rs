//! The probes that this controller contains: one for each architecture, as far as the build was given them.

use std::collections::BTreeMap;

use super::{Image, Images};
use crate::support::architecture::Architecture;

/// The bytes of the static probes.
const EMBEDDED: &[(Architecture, &[u8])] = include!(concat!(env!("OUT_DIR"), "/embedded_probes.rs"));

/// Returns the embedded probe of an architecture; `None` if there is none.
pub(crate) fn probe(architecture: Architecture) -> Option<&'static [u8]> {
    probes().find_map(|(of, probe)| (of == architecture).then_some(probe))
}

/// Returns every embedded probe with its architecture.
pub(crate) fn probes() -> impl Iterator<Item = (Architecture, &'static [u8])> {
    EMBEDDED.iter().copied()
}

/// Returns for each embedded probe the digests of its image: of the manifest and of the index, for a node that pulled them, and
/// of the configuration, for a node that imported the image.
pub(crate) fn digests() -> BTreeMap<Architecture, Vec<String>> {
    let images = probes().filter_map(|(_, probe)| Image::of_probe(probe).ok()).collect();
    let Ok(images) = Images::of(images) else { return BTreeMap::new() };
    let index = images.index().map(|index| index.digest().to_owned());
    let digests = |image: &Image| {
        let own = [image.manifest_digest(), image.config_digest()].map(str::to_owned);
        (image.architecture(), own.into_iter().chain(index.clone()).collect())
    };
    images.iter().map(digests).collect()
}
