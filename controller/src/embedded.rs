//! The probe that this controller carries.

/// The static probe's bytes, where the build was given one.
const EMBEDDED: Option<&[u8]> = include!(concat!(env!("OUT_DIR"), "/embedded_probe.rs"));

/// The probe inside this controller.
pub(crate) const fn probe() -> Option<&'static [u8]> {
    EMBEDDED
}
