//! `/proc/self/status`, field by field: gVisor's file lacks lines that parsers of the whole file require.

use proto::Observation;

use crate::vantage::Vantage;

/// Returns the text of `/proc/self/status`.
pub(crate) fn read(vantage: &Vantage) -> Observation<String> {
    vantage.text("/proc/self/status")
}

/// Returns the value of one line, such as "0" of "Seccomp:\t0"; `None` if the file has no such line.
pub(crate) fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let status = "Seccomp_filters:\t1\nSeccomp:\t2\n";
        assert_eq!(field(status, "Seccomp"), Some("2"));
        assert_eq!(field(status, "NoNewPrivs"), None);
    }
}
