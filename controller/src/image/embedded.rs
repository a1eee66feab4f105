//! The probe that this controller carries.

use super::Image;

/// The static probe's bytes, where the build was given one.
const EMBEDDED: Option<&[u8]> = include!(concat!(env!("OUT_DIR"), "/embedded_probe.rs"));

/// The probe inside this controller.
pub(crate) const fn probe() -> Option<&'static [u8]> {
    EMBEDDED
}

/// The digests that the image of the probe inside has: of its manifest where a node pulled it, of its configuration where
/// it was imported. None where there is no probe inside.
pub(crate) fn digests() -> Vec<String> {
    let image = probe().and_then(|probe| Image::of_probe(probe).ok());
    let digests = |image: Image| vec![image.manifest_digest().to_owned(), image.config_digest().to_owned()];
    image.map(digests).unwrap_or_default()
}
