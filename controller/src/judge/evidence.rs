//! Requirements on the evidence itself, and on its coverage.

pub(super) mod coverage;
pub(super) mod environment_declared;
pub(super) mod probe_integrity;
