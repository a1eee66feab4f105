//! syslog(2): gVisor offers two of the actions to any caller, and answers the others like a kernel without the call.

use proto::{Answer, KernelLog};

use super::{EVERYWHERE, Reading, Signal, Strength};
use crate::case::Case;

pub(super) const SIGNAL: Signal = Signal {
    id: "syslog-actions",
    strength: Strength::Supporting,
    mechanism: "existing actions of syslog(2)",
    platforms: "all",
    architectures: EVERYWHERE,
    seen_in: "2022-12 to 2026-09",
    source: "pkg/sentry/syscalls/linux/sys_syslog.go",
    read,
};

const ENOSYS: Answer = Answer::Errno(38);
/// The buffer's size in bytes (`logBufLen`).
const BUFFER: Answer = Answer::Value(1 << 17);

fn read(case: &Case) -> Reading {
    Reading::of(&case.evidence().kernel_log, reading)
}

fn reading(log: &KernelLog) -> Reading {
    let text = format!(
        "read {}, unread {}, size {}, unknown {}",
        log.read_all, log.size_unread, log.size_buffer, log.unknown_action
    );
    match (log.read_all, log.size_unread, log.size_buffer, log.unknown_action) {
        (Answer::Value(1..), ENOSYS, BUFFER, ENOSYS) => Reading::Gvisor(text),
        _ => Reading::Unknown(format!("unlike gVisor's: {text}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn only_gvisors_actions_are_gvisors() {
        let log = |case: &Case| case.evidence().kernel_log.seen().unwrap().clone();
        assert!(matches!(reading(&log(&fixture::gvisor())), Reading::Gvisor(_)));
        assert!(matches!(reading(&log(&fixture::runc())), Reading::Unknown(_)));
        // A seccomp profile that refuses the call as a whole.
        let refused = KernelLog { read_all: ENOSYS, size_buffer: ENOSYS, ..log(&fixture::gvisor()) };
        assert!(matches!(reading(&refused), Reading::Unknown(_)));
    }
}
