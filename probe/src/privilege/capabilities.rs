//! The capability sets of the probe's process (capabilities(7)).

use proto::{Capabilities, Observation};

use crate::{
    process_status::{self, field},
    vantage::{Vantage, understood},
};

pub(crate) fn observe(vantage: &Vantage) -> Observation<Capabilities> {
    understood(process_status::read(vantage), |status| parse(&status))
}

/// Reads the lines of a process's `status`.
pub(super) fn parse(status: &str) -> Result<Capabilities, String> {
    let set = |name: &str| {
        let digits = field(status, name).ok_or_else(|| format!("there is no line {name}"))?;
        u64::from_str_radix(digits, 16).map_err(|_| format!("{name} is no set: {digits}"))
    };
    Ok(Capabilities {
        inheritable: set("CapInh")?,
        permitted: set("CapPrm")?,
        effective: set("CapEff")?,
        bounding: set("CapBnd")?,
        ambient: field(status, "CapAmb").map(|_| set("CapAmb")).transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of runsc 0.0~20221219 of Debian bookworm, which shows no ambient set.
    const GVISOR: &str = "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n\
        CapBnd:\t00000000a80425fb\nSeccomp:\t0\n";

    #[test]
    fn an_ambient_set_that_is_not_shown_is_none() {
        let sets = parse(GVISOR).unwrap();
        assert_eq!(sets.bounding, 0xa804_25fb);
        assert_eq!(sets.ambient, None);
        assert_eq!(parse(&format!("{GVISOR}CapAmb:\t0000000000000400\n")).unwrap().ambient, Some(0x400));
    }

    #[test]
    fn a_missing_or_damaged_set_is_refused() {
        assert!(parse("CapInh:\t0000000000000000\n").is_err());
        assert!(parse(&GVISOR.replace("CapEff:\t0", "CapEff:\tx")).is_err());
    }
}
