//! `/etc/passwd`: its size, its digest and the number of its accounts. No line of the file is carried.

use proto::{AccountList, Observation};
use sha2::{Digest, Sha256};

use crate::vantage::Vantage;

/// Programs that end a login at once (shells(5), nologin(8)).
const NO_LOGIN: &[&str] = &["nologin", "false", "true", "sync", "halt", "shutdown"];

pub(crate) fn observe(vantage: &Vantage) -> Observation<AccountList> {
    vantage.bytes("/etc/passwd").map(|bytes| parse(&bytes))
}

fn parse(bytes: &[u8]) -> AccountList {
    let text = String::from_utf8_lossy(bytes);
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let shells: Vec<_> = text.lines().filter_map(shell).collect();
    AccountList {
        size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        sha256: Sha256::digest(bytes).into(),
        accounts: count(shells.len()),
        login_shells: count(shells.iter().filter(|shell| can_log_in(shell)).count()),
    }
}

/// Returns the last of an account's seven fields (passwd(5)); `None` if the line is no account.
fn shell(line: &str) -> Option<&str> {
    let fields: Vec<_> = line.split(':').collect();
    match fields.as_slice() {
        [name, _, _, _, _, _, shell] if !name.is_empty() && !name.starts_with('#') => Some(shell),
        _ => None,
    }
}

/// Returns true if the shell permits a login; an empty shell means /bin/sh (passwd(5)).
fn can_log_in(shell: &str) -> bool {
    !shell.rsplit('/').next().is_some_and(|program| NO_LOGIN.contains(&program))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/:/usr/sbin/nologin\n\
        sync:x:4:65534:sync:/bin:/bin/sync\nempty:x:5:5:::\n# comment\nbroken\n";

    #[test]
    fn accounts_and_login_shells_are_counted() {
        let list = parse(PASSWD);
        assert_eq!((list.accounts, list.login_shells), (4, 2));
        assert_eq!(list.size, PASSWD.len() as u64);
    }

    #[test]
    fn no_name_and_no_line_is_kept() {
        let kept = format!("{:?}", parse(PASSWD));
        assert!(!kept.contains("root") && !kept.contains("bash"), "{kept}");
    }
}
