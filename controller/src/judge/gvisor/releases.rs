//! The releases of gVisor that the signals fit, by features and the dates of their commits.

use proto::{Answer, Call};

use crate::case::{Case, Citation};

/// A feature that releases have from a date on.
struct Novelty {
    /// The day of the commit; the next weekly release has the feature.
    date: &'static str,
    /// The function that tells if a case shows the feature; `None` if the feature could not be observed.
    shown: fn(&Case) -> Option<bool>,
}

/// All features in the order of their dates. Commits of github.com/google/gvisor.
const NOVELTIES: &[Novelty] = &[
    // 60698ceed: /proc/sentry-meminfo.
    Novelty { date: "2022-08-25", shown: |case| in_procfs(case, "sentry-meminfo") },
    // /proc/sysrq-trigger.
    Novelty { date: "2023-08-24", shown: |case| in_procfs(case, "sysrq-trigger") },
    // d9fa8c2e8: AT_HWCAP.
    Novelty {
        date: "2024-12-10",
        shown: |case| Some(case.evidence().auxiliary_vector.seen()?.hwcap.is_some()),
    },
    // 74b20fcff: the kernel log has two fewer lines.
    Novelty {
        date: "2025-05-29",
        shown: |case| {
            let log = case.evidence().kernel_log.seen()?;
            // A seccomp profile inside may keep the log from the probe.
            matches!(log.read_all, Answer::Value(_)).then_some(log.lines < 14)
        },
    },
    // f01a2fea1: /proc/sys/kernel/osrelease.
    Novelty { date: "2026-01-15", shown: |case| in_procfs(case, "sys/kernel/osrelease") },
    // ee08a593a: the kernel calls itself 4.19.0-gvisor.
    Novelty {
        date: "2026-04-27",
        shown: |case| Some(case.evidence().kernel_name.seen()?.release.contains("gvisor")),
    },
    // 1e693aa6e: /proc/gvisor.
    Novelty { date: "2026-06-23", shown: |case| in_procfs(case, "gvisor") },
    // openat2 exists; first observed in a release of 2026-09.
    Novelty { date: "2026-08-31", shown: |case| answers_otherwise(case, Call::Openat2) },
];

const ENOSYS: Answer = Answer::Errno(38);

fn in_procfs(case: &Case, entry: &str) -> Option<bool> {
    let tree = case.evidence().procfs_tree.seen()?;
    let has = |entries: &[String]| entries.iter().any(|it| it == entry);
    (has(&tree.present) || has(&tree.missing)).then(|| has(&tree.present))
}

fn answers_otherwise(case: &Case, call: Call) -> Option<bool> {
    Some(case.evidence().call_answers.seen()?.of(call)? != ENOSYS)
}

/// Returns the range for the report: from the newest feature that shows to the oldest that is missing.
pub(super) fn cited(case: &Case) -> Citation {
    let shown = |wanted: bool| {
        NOVELTIES
            .iter()
            .filter(move |novelty| (novelty.shown)(case) == Some(wanted))
            .map(|novelty| novelty.date)
    };
    let text = match (shown(true).next_back(), shown(false).next()) {
        (Some(since), Some(before)) if before <= since => {
            format!(
                "the signals fit no single release: some are new in {since}, and some of {before} are missing"
            )
        }
        (Some(since), Some(before)) => format!("from {since} to {before}"),
        (Some(since), None) => format!("from {since} on"),
        (None, Some(before)) => format!("before {before}"),
        (None, None) => "unknown".to_owned(),
    };
    Citation { source: "releases", text }
}

#[cfg(test)]
mod tests {
    use proto::Observation;

    use super::*;
    use crate::fixture;

    #[test]
    fn the_range_ends_before_the_first_missing_feature() {
        let mut case = fixture::gvisor();
        assert_eq!(cited(&case).text, "from 2023-08-24 to 2024-12-10");
        case.collected.evidence.auxiliary_vector = Observation::TimedOut;
        assert_eq!(cited(&case).text, "from 2023-08-24 to 2025-05-29");
        if let Observation::Seen(name) = &mut case.collected.evidence.kernel_name {
            name.release = "4.19.0-gvisor".into();
        }
        assert!(cited(&case).text.starts_with("the signals fit no single release"));
        assert_eq!(cited(&fixture::silent()).text, "unknown");
    }

    #[test]
    fn a_refused_kernel_log_changes_nothing() {
        let mut case = fixture::gvisor();
        let before = cited(&case).text;
        if let Observation::Seen(log) = &mut case.collected.evidence.kernel_log {
            (log.read_all, log.lines) = (Answer::Errno(1), 0);
        }
        assert_eq!(cited(&case).text, before);
    }

    #[test]
    fn the_features_are_in_the_order_of_their_dates() {
        assert!(NOVELTIES.is_sorted_by_key(|novelty| novelty.date));
    }
}
