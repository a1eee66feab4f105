//! Requirements for the evidence itself and its coverage.

pub(super) mod coverage;
pub(super) mod environment_declared;
pub(super) mod probe_integrity;
