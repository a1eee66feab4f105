//! The probe that this controller carries.

/// The static probe's bytes, where the build was given one.
const EMBEDDED: Option<&[u8]> = include!(concat!(env!("OUT_DIR"), "/embedded_probe.rs"));

/// The probe inside this controller.
pub(crate) const fn probe() -> Option<&'static [u8]> {
    EMBEDDED
}

/// The image that the nodes pull by default, where the build was given one.
pub(crate) const fn image() -> Option<&'static str> {
    option_env!("PODPROOF_IMAGE")
}

/// The digests that the image of the probe inside may have.
pub(crate) fn digests() -> Vec<String> {
    Vec::new()
}
