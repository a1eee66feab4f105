//! The word at gs:0, and the kernel's answers about the memory that it points to.

use proto::{GsPointer, Observation};

use crate::{sys, vantage::Vantage};

pub(crate) fn observe(vantage: &Vantage) -> Observation<GsPointer> {
    let word = match sys::gs_pointer() {
        None => return Observation::failed("not made for this architecture"),
        Some(Err(error)) => return Observation::unseen(&error),
        Some(Ok(None)) => return Observation::Absent,
        Some(Ok(Some(word))) => word,
    };
    let maps = vantage.text("/proc/self/maps");
    Observation::Seen(GsPointer {
        own_address: word.own_address,
        write: word.write,
        mincore: word.mincore,
        listed: maps.seen().map(|maps| lists(maps, word.address)),
    })
}

/// Returns true if one of the lines "from-to …" contains the address (`proc_pid_maps(5)`).
fn lists(maps: &str, address: u64) -> bool {
    let holds = |line: &str| {
        let (from, to) = line.split(' ').next()?.split_once('-')?;
        let (from, to) = (u64::from_str_radix(from, 16).ok()?, u64::from_str_radix(to, 16).ok()?);
        Some((from..to).contains(&address))
    };
    maps.lines().filter_map(holds).any(|holds| holds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_listed_between_a_lines_bounds() {
        let maps =
            "00400000-00452000 r-xp 00000000 08:02 173521 /probe\n7f0000000000-7f0000001000 rw-p 0 0:0 0\n";
        assert!(lists(maps, 0x40_0000) && lists(maps, 0x7f00_0000_0fff));
        assert!(!lists(maps, 0x45_2000) && !lists("", 0x40_0000));
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn linux_maps_nothing_at_gs_0() {
        assert_eq!(observe(&Vantage::live()), Observation::Absent);
    }
}
