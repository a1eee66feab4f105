//! `/etc/shadow`: its size, its digest and the number of its passwords. No line of the file is carried.

use proto::{Observation, Shadow};
use sha2::{Digest, Sha256};

use crate::vantage::Vantage;

pub(crate) fn observe(vantage: &Vantage) -> Observation<Shadow> {
    vantage.bytes("/etc/shadow").map(|bytes| parse(&bytes))
}

fn parse(bytes: &[u8]) -> Shadow {
    let text = String::from_utf8_lossy(bytes);
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let passwords: Vec<_> = text.lines().filter_map(password).collect();
    Shadow {
        size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        sha256: Sha256::digest(bytes).into(),
        accounts: count(passwords.len()),
        passwords: count(passwords.iter().filter(|password| !is_locked(password)).count()),
    }
}

/// Returns the second of an account's nine fields (shadow(5)); `None` if the line is no account.
fn password(line: &str) -> Option<&str> {
    let fields: Vec<_> = line.split(':').collect();
    match fields.as_slice() {
        [name, password, _, _, _, _, _, _, _] if !name.is_empty() && !name.starts_with('#') => Some(password),
        _ => None,
    }
}

/// Returns true if the password begins with a character that crypt(3) never makes. An empty password is unlocked: it lets
/// anybody in (shadow(5)).
fn is_locked(password: &str) -> bool {
    password.starts_with(['!', '*'])
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHADOW: &[u8] = b"root:$y$j9T$salt$hash:19700:0:99999:7:::\ndaemon:*:19700:0:99999:7:::\n\
        locked:!$6$salt$hash:19700::::::\nopen::19700::::::\nnone:!:19700::::::\n# comment\nbroken:x\n";

    #[test]
    fn accounts_and_passwords_are_counted() {
        let shadow = parse(SHADOW);
        assert_eq!((shadow.accounts, shadow.passwords), (5, 2));
        assert_eq!(shadow.size, SHADOW.len() as u64);
    }

    #[test]
    fn no_name_and_no_hash_is_kept() {
        let kept = format!("{:?}", parse(SHADOW));
        assert!(!kept.contains("root") && !kept.contains("salt"), "{kept}");
    }
}
