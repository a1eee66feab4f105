//! The state of a watch as others see it: its metrics, and if it is ready.

use std::{
    fmt::Write,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    judge::exit::Exit,
    run::cluster::{connect::Made, publish::Published, watching::Unwatched},
};

/// The results that runs are counted by.
const RESULTS: [&str; 4] = ["ready", "not-ready", "undetermined", "failed"];

/// The state of a watch, which the loop writes and the server reads.
#[derive(Clone, Debug, Default)]
pub(super) struct Board(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// True while this replica holds the Lease.
    acts: bool,
    /// The results of the last runs since this replica holds the Lease.
    shown: Shown,
    /// Counts the watches that are missing for now.
    unwatched: Unwatched,
    /// The number of runs by their result, in the order of [`RESULTS`].
    runs: [u64; RESULTS.len()],
    /// Counts the requests of the watch itself.
    made: Made,
}

/// The results of the last runs of a replica. Another replica's runs make it stale.
#[derive(Debug, Default)]
struct Shown {
    /// The metrics of the last report, as the format `prometheus` has them.
    report: String,
    /// The seconds since 1970 at which the report is too old to be shown.
    until: i64,
    /// The seconds since 1970 at which the published proof ends; `None` without one.
    expires: Option<i64>,
    /// The duration of the last run.
    took: Option<Duration>,
}

impl Board {
    /// Notes if this replica holds the Lease.
    pub(super) fn acts(&self, acts: bool) {
        let mut state = self.state();
        state.acts = acts;
        if !acts {
            state.shown = Shown::default();
            state.unwatched = Unwatched::default();
        }
    }

    /// Notes the counter of the missing watches.
    pub(super) fn watches(&self, unwatched: Unwatched) {
        self.state().unwatched = unwatched;
    }

    /// Notes the end of a run; `None` for a run without a report.
    pub(super) fn ended(&self, exit: Option<Exit>, took: Duration) {
        let result = match exit {
            Some(Exit::Ready | Exit::Leftovers) => 0,
            Some(Exit::NotReady) => 1,
            Some(Exit::Undetermined) => 2,
            _ => 3,
        };
        let mut state = self.state();
        state.shown.took = Some(took);
        if let Some(count) = state.runs.get_mut(result) {
            *count += 1;
        }
    }

    /// Notes the report of a run, and the proof that it published. The report is shown until the proof ends; without a proof, until a
    /// given time, in seconds since 1970.
    pub(super) fn reported(&self, report: String, published: Option<&Published>, until: u64) {
        let expires = published.map(|published| published.expires.as_second());
        let mut state = self.state();
        state.shown.report = report;
        state.shown.until = expires.unwrap_or_else(|| seconds(until));
        state.shown.expires = expires.or(state.shown.expires);
    }

    /// Notes the counter of the watch's own requests.
    pub(super) fn asks(&self, made: &Made) {
        self.state().made = made.clone();
    }

    /// Returns why the watch is not ready; `None` while it acts and a proof is published that has not ended.
    pub(super) fn lacks(&self, now: u64) -> Option<&'static str> {
        let state = self.state();
        match state.shown.expires {
            _ if !state.acts => Some("another replica holds the Lease"),
            Some(expires) if seconds(now) < expires => None,
            Some(_) => Some("the published proof has expired"),
            None => Some("no proof is published yet"),
        }
    }

    /// Returns all metrics in the text format of `OpenMetrics` 1.0, as they are at a time in seconds since 1970. A report that is too old
    /// is left out: its verdict may hold no more.
    pub(super) fn metrics(&self, now: u64) -> String {
        let State { acts, shown, unwatched, runs, made } = &*self.state();
        let Shown { report, until, expires, took } = shown;
        let mut text = if seconds(now) < *until { report.clone() } else { String::new() };
        let is_without_report = text.is_empty();
        let mut metric = |name: &str, kind: &str, help: &str, series: &[(String, String)]| {
            // Writing to a string does not fail.
            _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
            for (labelled, value) in series {
                _ = writeln!(text, "{labelled} {value}");
            }
        };
        let one = |name: &str, value: String| vec![(name.to_owned(), value)];
        if is_without_report {
            let version = format!("podproof_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
            metric(
                "podproof_build_info",
                "gauge",
                "The version of the controller.",
                &one(&version, "1".into()),
            );
        }
        let name = "podproof_watch_acts";
        metric(
            name,
            "gauge",
            "1 while this replica holds the Lease.",
            &one(name, u8::from(*acts).to_string()),
        );
        let name = "podproof_watch_unwatched";
        let help =
            "The watches that are missing for now: the API server refuses them, or did not tell its kinds.";
        metric(name, "gauge", help, &one(name, unwatched.count().to_string()));
        if let Some(expires) = expires {
            let name = "podproof_proof_expiry_timestamp_seconds";
            let help = "The end of the published proof, in seconds since 1970.";
            metric(name, "gauge", help, &one(name, expires.to_string()));
        }
        if let Some(took) = took {
            let name = "podproof_watch_run_duration_seconds";
            metric(
                name,
                "gauge",
                "The duration of the last run.",
                &one(name, took.as_secs_f64().to_string()),
            );
        }
        let of_result = |(result, count): (&&str, &u64)| {
            (format!("podproof_watch_runs_total{{result=\"{result}\"}}"), count.to_string())
        };
        let runs: Vec<_> = RESULTS.iter().zip(runs).map(of_result).collect();
        metric("podproof_watch_runs", "counter", "The runs by their result.", &runs);
        let requests = one("podproof_watch_requests_total", made.total().to_string());
        metric(
            "podproof_watch_requests",
            "counter",
            "The requests to the API server by the watch itself, without its runs.",
            &requests,
        );
        text.push_str("# EOF\n");
        text
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns a time as the proof has it; the latest one for a time that is too late for that.
fn seconds(time: u64) -> i64 {
    i64::try_from(time).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ObjectReference;

    use super::*;
    use crate::fixture;

    /// The variable that names the file for the metrics, which Prometheus' own parser then reads.
    const FILE: &str = "PODPROOF_WATCH_METRICS";

    fn published(expires: i64) -> Published {
        let expires = jiff::Timestamp::from_second(expires).unwrap();
        Published {
            object: ObjectReference::default(),
            is_news: true,
            written: true,
            expires,
            left: Duration::ZERO,
            life: Duration::ZERO,
        }
    }

    #[test]
    fn a_watch_is_ready_while_it_acts_and_its_proof_lives() {
        let board = Board::default();
        assert_eq!(board.lacks(5), Some("another replica holds the Lease"));
        board.acts(true);
        assert_eq!(board.lacks(5), Some("no proof is published yet"));
        board.reported(String::new(), Some(&published(10)), 0);
        assert_eq!(board.lacks(9), None);
        assert_eq!(board.lacks(10), Some("the published proof has expired"));
    }

    /// Returns a board after a run with a report of one line, whose proof ends at ten; without a proof, the report ends at twenty.
    fn after_a_report(has_proof: bool) -> Board {
        let board = Board::default();
        board.acts(true);
        board.ended(Some(Exit::Ready), Duration::from_secs(40));
        let proof = published(10);
        board.reported("podproof_verdict 1\n".into(), has_proof.then_some(&proof), 20);
        board
    }

    #[test]
    fn a_report_is_shown_until_its_proof_ends() {
        let board = after_a_report(true);
        let shown = |now| board.metrics(now).contains("podproof_verdict");
        assert_eq!([9, 10].map(shown), [true, false]);
        assert!(board.metrics(10).contains("podproof_proof_expiry_timestamp_seconds 10"));
    }

    #[test]
    fn a_report_without_a_proof_is_shown_for_the_life_of_one() {
        let board = after_a_report(false);
        assert_eq!([19, 20].map(|now| board.metrics(now).contains("podproof_verdict")), [true, false]);
    }

    #[test]
    fn a_replica_without_the_lease_shows_no_run() {
        let board = after_a_report(true);
        board.acts(false);
        let metrics = board.metrics(5);
        for name in ["podproof_verdict", "podproof_proof_expiry", "podproof_watch_run_duration"] {
            assert!(!metrics.contains(name), "{metrics}");
        }
        assert!(metrics.contains("podproof_watch_runs_total{result=\"ready\"} 1"), "{metrics}");
        board.acts(true);
        assert_eq!(board.lacks(5), Some("no proof is published yet"));
    }

    /// Returns the metrics after a run in a cluster.
    fn after_a_run() -> String {
        let mut case = fixture::pod();
        fixture::in_cluster(&mut case);
        let board = Board::default();
        board.acts(true);
        board.ended(Some(Exit::Ready), Duration::from_secs(40));
        board.reported(fixture::report(&case).metrics(), Some(&published(10)), 0);
        board.metrics(5)
    }

    #[test]
    fn the_metrics_after_a_run_have_those_of_its_report_and_one_end() {
        let metrics = after_a_run();
        if let Some(file) = std::env::var_os(FILE) {
            std::fs::write(file, &metrics).unwrap();
        }
        let families = |name: &str| metrics.matches(&format!("# TYPE {name} ")).count();
        assert_eq!(["podproof_build_info", "podproof_verdict", "podproof_watch_runs"].map(families), [1; 3]);
        assert!(metrics.ends_with("# EOF\n") && metrics.matches("# EOF").count() == 1, "{metrics}");
    }

    #[test]
    fn each_family_of_the_metrics_is_described_once() {
        let board = Board::default();
        board.ended(Some(Exit::NotReady), Duration::from_millis(1500));
        board.ended(None, Duration::from_millis(1500));
        board.reported(String::new(), Some(&published(10)), 0);
        insta::assert_snapshot!(board.metrics(5).replace(env!("CARGO_PKG_VERSION"), "VERSION"));
    }
}
