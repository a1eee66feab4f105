//! `/proc/sentry-meminfo`: a file that Linux's procfs lacks, and whose counts grow when it is read.

use proto::SentryMeminfo;

use super::{EVERYWHERE, Reading, Signal, Strength};
use crate::case::Case;

pub(super) const SIGNAL: Signal = Signal {
    id: "sentry-meminfo",
    strength: Strength::LiveProcfs,
    mechanism: "counts in a procfs file that grow when the file is read",
    platforms: "all",
    architectures: EVERYWHERE,
    seen_in: "2022-08 to 2026-08",
    source: "pkg/sentry/fsimpl/proc/tasks_files.go (sentryMeminfoData)",
    read,
};

fn read(case: &Case) -> Reading {
    Reading::of(&case.evidence().sentry_meminfo, reading)
}

fn reading(&SentryMeminfo { on_procfs, mallocs_first, mallocs_second }: &SentryMeminfo) -> Reading {
    let text = format!("{mallocs_first} allocations, then {mallocs_second}");
    match (on_procfs, mallocs_second > mallocs_first) {
        (true, true) => Reading::Gvisor(text),
        (true, false) => Reading::Unknown(format!("the counts do not grow: {text}")),
        (false, _) => Reading::Unknown(format!("the file is not of procfs: {text}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_growing_file_of_procfs_counts() {
        let meminfo =
            |on_procfs, mallocs_second| SentryMeminfo { on_procfs, mallocs_first: 17637, mallocs_second };
        assert!(matches!(reading(&meminfo(true, 17655)), Reading::Gvisor(_)));
        assert!(matches!(reading(&meminfo(true, 17637)), Reading::Unknown(_)));
        assert!(matches!(reading(&meminfo(false, 17655)), Reading::Unknown(_)));
    }
}
