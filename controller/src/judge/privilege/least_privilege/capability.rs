//! Names of capabilities for people.

use proto::CAPABILITIES;

/// The number of capabilities that are named before the rest is counted.
const NAMED: usize = 6;

/// Returns the capabilities of a mask by name, such as `NET_RAW, SYS_ADMIN`. One without a name goes by its number.
pub(super) fn listed(mask: u64) -> String {
    let held: Vec<_> = (0..u64::BITS).filter(|number| mask >> number & 1 == 1).map(name).collect();
    let named = held.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    match held.len().checked_sub(NAMED) {
        None | Some(0) => named,
        Some(more) => format!("{named} and {more} more"),
    }
}

fn name(number: u32) -> String {
    let known = usize::try_from(number).ok().and_then(|number| CAPABILITIES.get(number));
    known.map_or_else(|| format!("number {number}"), |name| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_named_and_the_rest_is_counted() {
        for (mask, text) in [
            (1 << 21, "SYS_ADMIN"),
            (1 << 13 | 1 << 40, "NET_RAW, CHECKPOINT_RESTORE"),
            (1 << 63, "number 63"),
            (0x3f, "CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, FSETID, KILL"),
            ((1 << 41) - 1, "CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, FSETID, KILL and 35 more"),
        ] {
            assert_eq!(listed(mask), text);
        }
    }
}
