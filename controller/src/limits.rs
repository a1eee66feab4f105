//! Limits as a sandbox is given them.

use serde::{Deserialize, Serialize};

/// Memory and processor time.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Limits {
    /// In bytes.
    pub memory: Option<u64>,
    /// In thousandths of a processor.
    pub cpu_millis: Option<u64>,
}
