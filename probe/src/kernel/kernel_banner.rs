//! The text of `/proc/version`.

use proto::{KernelBanner, Observation};

use crate::{text::printable, vantage::Vantage};

pub(crate) fn observe(vantage: &Vantage) -> Observation<KernelBanner> {
    vantage.text("/proc/version").map(|text| KernelBanner { text: printable(text.trim_end()) })
}
