//! The kernel log, by syslog(2).

use proto::{Answer, KernelLog, Observation};

use crate::{sys, text::cut};

const READ_ALL: i32 = 3;
const SIZE_UNREAD: i32 = 9;
const SIZE_BUFFER: i32 = 10;
const UNKNOWN: i32 = 99;

/// The number of bytes that are read from the log's end; gVisor's log has a fiftieth of this size.
const BUFFER: usize = 1 << 16;
/// The number of bytes of a line that are carried.
const LINE: usize = 200;

pub(crate) fn observe() -> Observation<KernelLog> {
    let mut buffer = vec![0; BUFFER];
    let read_all = sys::kernel_log(READ_ALL, &mut buffer);
    let read = match read_all {
        Answer::Value(length) => {
            buffer.get(..usize::try_from(length).unwrap_or_default()).unwrap_or_default()
        }
        Answer::Errno(_) => &[],
    };
    let text = String::from_utf8_lossy(read);
    let (lines, first_line, last_line) = parse(&text);
    Observation::Seen(KernelLog {
        read_all,
        size_unread: sys::kernel_log(SIZE_UNREAD, &mut []),
        size_buffer: sys::kernel_log(SIZE_BUFFER, &mut []),
        unknown_action: sys::kernel_log(UNKNOWN, &mut []),
        lines,
        first_line,
        last_line,
    })
}

/// Returns the number of lines, the first line and the last line.
fn parse(log: &str) -> (u32, String, String) {
    let count = u32::try_from(log.lines().count()).unwrap_or(u32::MAX);
    let line = |line: Option<&str>| cut(line.unwrap_or_default(), LINE);
    (count, line(log.lines().next()), line(log.lines().next_back()))
}

#[cfg(test)]
mod tests {
    use super::parse;

    /// The log of runsc 0.0~20240729 of Debian trixie, shortened.
    const GVISOR: &str = "<6>[   0.000000] Starting gVisor...\n\
        <6>[   0.356152] Gathering forks...\n\
        <6>[   3.268116] Setting up VFS...\n\
        <6>[   4.023478] Ready!\n";

    #[test]
    fn only_the_first_and_the_last_line_are_kept() {
        let (lines, first, last) = parse(GVISOR);
        assert_eq!(lines, 4);
        assert_eq!(first, "<6>[   0.000000] Starting gVisor...");
        assert_eq!(last, "<6>[   4.023478] Ready!");
    }

    #[test]
    fn an_empty_log_has_no_lines() {
        assert_eq!(parse(""), (0, String::new(), String::new()));
    }
}
