//! The UUID that a Linux kernel chooses at boot (random(4)).

use proto::{BootId, Observation};

use crate::vantage::{Vantage, understood};

pub(crate) fn observe(vantage: &Vantage) -> Observation<BootId> {
    understood(vantage.text("/proc/sys/kernel/random/boot_id"), |text| parse(&text))
}

fn parse(text: &str) -> Result<BootId, String> {
    BootId::parse(text.trim_end()).ok_or_else(|| "the boot id is no UUID".to_owned())
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn text_that_is_no_uuid_is_refused() {
        assert_eq!(parse("6c0f5f2e-5dd0-4c93-9a5b-0d3f3a2b1c4d\n").unwrap().uuid.len(), 36);
        assert!(parse("none\n").is_err());
    }
}
