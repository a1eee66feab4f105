//! The auxiliary vector of the initial stack (getauxval(3)); addresses are left out.

use proto::{AuxiliaryVector, Observation};

use crate::{sys, text::printable};

pub(crate) fn observe() -> Observation<AuxiliaryVector> {
    let entries = sys::auxiliary_vector();
    if entries.is_empty() {
        return Observation::Absent;
    }
    Observation::Seen(parse(&entries, sys::platform().as_deref()))
}

fn parse(entries: &[(u64, u64)], platform: Option<&str>) -> AuxiliaryVector {
    AuxiliaryVector {
        tags: entries.iter().map(|&(tag, _)| tag).collect(),
        hwcap: entries.iter().find_map(|&(tag, value)| (tag == libc::AT_HWCAP).then_some(value)),
        platform: platform.map(printable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_keep_their_order_and_addresses_are_dropped() {
        let entries = [(libc::AT_PHDR, 0x40_0040), (libc::AT_PAGESZ, 4096), (libc::AT_HWCAP, 0)];
        let vector = parse(&entries, None);
        assert_eq!(vector.tags, [libc::AT_PHDR, libc::AT_PAGESZ, libc::AT_HWCAP]);
        assert_eq!((vector.hwcap, vector.platform), (Some(0), None));
    }

    #[test]
    fn the_running_kernels_vector_is_found_on_the_stack() {
        let Observation::Seen(vector) = observe() else { panic!("no auxiliary vector") };
        assert!(vector.tags.contains(&libc::AT_PAGESZ), "{vector:?}");
    }
}
