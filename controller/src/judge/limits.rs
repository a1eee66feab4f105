//! Requirements for limits of memory and processor time.

pub(super) mod limits_declared;
pub(super) mod limits_enforced;
pub(super) mod resource_limits;
