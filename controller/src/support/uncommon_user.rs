//! A user of the probe's own, who is safe from a workload's processes: only a privileged process may trace another user's
//! (`ptrace(2)`).

use proto::Nonce;

/// The first id of users that no image and no namespace's range is likely to have.
pub(crate) const FIRST_USER: u32 = 1 << 30;

/// Returns the id of a user that no other run has, so that two runs in one pod do not disturb each other either.
pub(crate) fn uncommon_user(Nonce([a, b, c, d, ..]): Nonce) -> u32 {
    FIRST_USER | (u32::from_le_bytes([a, b, c, d]) & (FIRST_USER - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_uncommon_user_is_high_and_fits_a_signed_user_id() {
        for byte in [0, 0x7f, 0xff] {
            let user = uncommon_user(Nonce([byte; 16]));
            assert!(user >= FIRST_USER && i32::try_from(user).is_ok(), "{user}");
        }
    }
}
