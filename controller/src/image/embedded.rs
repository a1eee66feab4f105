//! The probe that this controller contains.

use super::Image;

/// The static probe's bytes; `None` if the build was given no probe.
const EMBEDDED: Option<&[u8]> = include!(concat!(env!("OUT_DIR"), "/embedded_probe.rs"));

/// Returns the embedded probe; `None` if there is none.
pub(crate) const fn probe() -> Option<&'static [u8]> {
    EMBEDDED
}

/// Returns the digests of the embedded probe's image: of its manifest, for a node that pulled it, and of its
/// configuration, for a node that imported it. The list is empty without an embedded probe.
pub(crate) fn digests() -> Vec<String> {
    let image = probe().and_then(|probe| Image::of_probe(probe).ok());
    let digests = |image: Image| vec![image.manifest_digest().to_owned(), image.config_digest().to_owned()];
    image.map(digests).unwrap_or_default()
}
