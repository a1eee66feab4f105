//! Seccomp mode and `no_new_privs`, as `/proc/self/status` shows them.

use proto::{Observation, Seccomp};

use crate::{
    process_status::{self, field},
    vantage::{Vantage, understood},
};

pub(crate) fn observe(vantage: &Vantage) -> Observation<Seccomp> {
    understood(process_status::read(vantage), |status| parse(&status))
}

/// Reads the lines of a process's `status`.
pub(super) fn parse(status: &str) -> Result<Seccomp, String> {
    let number = |name: &str| {
        let digits = field(status, name)?;
        Some(digits.parse::<u32>().map_err(|_| format!("{name} is no number: {digits}")))
    };
    let mode = number("Seccomp").transpose()?;
    let no_new_privs = number("NoNewPrivs").transpose()?.map(|flag| flag != 0);
    Ok(Seccomp { mode, no_new_privs })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_line_is_none_and_a_damaged_one_is_refused() {
        assert_eq!(parse("Seccomp:\t0\n"), Ok(Seccomp { mode: Some(0), no_new_privs: None }));
        assert_eq!(
            parse("NoNewPrivs:\t1\nSeccomp:\t2\n"),
            Ok(Seccomp { mode: Some(2), no_new_privs: Some(true) })
        );
        assert_eq!(parse(""), Ok(Seccomp { mode: None, no_new_privs: None }));
        assert!(parse("Seccomp:\tx\n").is_err());
    }
}
