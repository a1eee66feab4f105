//! The state of the run's pods, as the watches have shown it so far.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use k8s_openapi::api::core::v1::Event as ApiEvent;
use tokio::time::Instant;

use super::{PodState, Stage, state::Removal};

/// Messages of events for a node without the runtime handler (containerd, `internal/cri/config`; CRI-O,
/// `server/runtime_status.go`).
const NO_HANDLER: [&str; 2] = ["no runtime for", "failed to find runtime handler"];

/// The reason of events for a sandbox that the container runtime did not create (kubelet, `pkg/kubelet/events/event.go`), and
/// the number of attempts after which no further one is awaited. The kubelet pauses for some ten seconds between attempts, so
/// that a network plugin which has just started is not taken for a lasting failure.
const NO_SANDBOX: (&str, u32) = ("FailedCreatePodSandBox", 3);

/// The reason of events for an image or a container that could not be made, and the number of equal events after which no further
/// attempt is awaited. The kubelet gives such an event at each failed attempt and at its looks in between, and doubles its pause of ten
/// seconds between pulls (kubelet, `pkg/kubelet/events/event.go`, `pkg/kubelet/images/image_manager.go`).
const NO_CONTAINER: (&str, u32) = ("Failed", 3);

/// The time after which a missing permission is no moment of an API server that starts, or of a role that somebody replaces.
const LASTING: Duration = Duration::from_secs(10);
/// The time after which a refusal has nothing to do with the one before: kube-runtime begins a failed watch again within 30 s, and
/// some time of chance (`DefaultBackoff` in its `watcher.rs`).
const APART: Duration = Duration::from_secs(90);

/// Refusals of the watch, one after the other.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Refused {
    /// The API server's last message.
    why: String,
    first: Instant,
    last: Instant,
}

/// A warning of the cluster about a pod.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Warning {
    reason: String,
    message: String,
    /// The number of times that the cluster gave the warning.
    count: u32,
}

/// The known state of the run's pods.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// Set when the watch has listed the pods.
    pub(super) listed: bool,
    /// The version of the last event; `None` before the first one after a list.
    pub(super) version: Option<String>,
    /// Set when a pod of somebody else was shown.
    pub(super) strangers: bool,
    /// The refusals of the watch since its last event; `None` without one.
    refused: Option<Refused>,
    pub(super) pods: BTreeMap<String, PodState>,
    /// All pods that the watch has ever shown, with the reason why those that are gone have ended, as far as it was shown.
    ever: BTreeMap<String, Option<String>>,
    /// Set when the warnings were listed, or could not be.
    pub(super) warned: bool,
    /// Warnings about each pod, by the event's name.
    warnings: BTreeMap<String, BTreeMap<String, Warning>>,
}

impl Seen {
    /// Returns a view without pods at a version.
    #[cfg(test)]
    pub(super) fn at(version: &str, strangers: bool) -> Self {
        Self { version: Some(version.to_owned()), strangers, ..Self::default() }
    }

    /// Takes an error of the watch at a time: the message of a missing permission, or `None` for any other error.
    pub(super) fn fail(&mut self, refusal: Option<String>, now: Instant) {
        let before = self.refused.take();
        let before = before.filter(|before| now.duration_since(before.last) <= APART);
        let first = before.map_or(now, |before| before.first);
        self.refused = refusal.map(|why| Refused { why, first, last: now });
    }

    /// Takes an event for the permission to watch.
    pub(super) fn allow(&mut self) {
        self.refused = None;
    }

    /// Returns why the pods may not be watched; `None` if they may, as far as is known.
    fn forbidden(&self) -> Option<&str> {
        let lasting = self.refused.as_ref().filter(|it| it.last.duration_since(it.first) >= LASTING);
        lasting.map(|it| it.why.as_str())
    }

    pub(super) fn show(&mut self, pod: String, state: PodState) {
        self.ever.insert(pod.clone(), None);
        self.pods.insert(pod, state);
    }

    /// Takes the pods of a list for all pods that exist.
    pub(super) fn list(&mut self, pods: BTreeMap<String, PodState>) {
        self.listed = true;
        self.ever.extend(pods.keys().map(|name| (name.clone(), None)));
        for (name, state) in std::mem::replace(&mut self.pods, pods) {
            if !self.pods.contains_key(&name) {
                self.ever.insert(name, end(state));
            }
        }
    }

    /// Takes the removal of a pod with its last state; without one, the last that was shown counts.
    pub(super) fn remove(&mut self, pod: String, last: Option<PodState>) {
        let shown = self.pods.remove(&pod);
        self.ever.insert(pod, last.and_then(end).or_else(|| shown.and_then(end)));
    }

    /// Returns the reason why a pod that is gone has ended; `None` if it is not known.
    pub(super) fn end_of(&self, pod: &str) -> Option<&str> {
        self.ever.get(pod)?.as_deref()
    }

    /// Returns true if a pod does not run yet.
    pub(super) fn waits(&self) -> bool {
        self.pods.values().any(|state| matches!(state.stage, Stage::Waiting(_)))
    }

    pub(super) fn warn(&mut self, pod: String, event: String, api: ApiEvent) {
        self.warnings.entry(pod).or_default().insert(event, warning(api));
    }

    /// Returns true if a pod is deleted or gone; false if the watch never showed it.
    pub(super) fn is_deleted(&self, pod: &str) -> bool {
        match self.pods.get(pod) {
            Some(state) => state.removal > Removal::No,
            None => self.ever.contains_key(pod),
        }
    }

    /// Returns the version at which all shown pods were the run's own; `None` if somebody else's were among them, or if no
    /// version is known.
    pub(super) fn own_at(&self) -> Option<&str> {
        self.version.as_deref().filter(|_| !self.strangers)
    }

    pub(super) fn stopped(&self, but: &BTreeSet<String>) -> BTreeSet<String> {
        let stopped = self.pods.iter().filter(|(_, state)| state.removal == Removal::Stopped);
        stopped.map(|(name, _)| name.clone()).filter(|name| !but.contains(name)).collect()
    }

    /// Returns the pod's state, corrected by an event if the status lacks the failure.
    pub(super) fn verdict(&self, pod: &str) -> Option<PodState> {
        if let Some(why) = self.forbidden() {
            let stage = Stage::Failed(format!("the pods may not be watched: {why}"));
            return Some(PodState {
                stage,
                unscheduled: None,
                failing: None,
                removal: Removal::No,
                node: None,
                addresses: Vec::new(),
                container: None,
                labels: BTreeMap::new(),
                service_account: String::new(),
            });
        }
        let mut state = self.pods.get(pod)?.clone();
        if let Stage::Waiting(what) = &state.stage {
            let fails = || (state.failing.is_some() && self.fails_repeatedly(pod)).then(|| what.clone());
            if let Some(why) = self.hopeless(pod).or_else(fails) {
                state.stage = Stage::Failed(why);
            }
        }
        Some(state)
    }

    /// Returns true if the container of a pod could not be made several times.
    fn fails_repeatedly(&self, pod: &str) -> bool {
        let (reason, most) = NO_CONTAINER;
        let mut warnings = self.warnings.get(pod).into_iter().flat_map(BTreeMap::values);
        warnings.any(|it| it.reason == reason && it.count >= most)
    }

    /// Returns the warning after which the pod will not run; `None` if it may still run.
    fn hopeless(&self, pod: &str) -> Option<String> {
        let (reason, most) = NO_SANDBOX;
        let warnings = || self.warnings.get(pod).into_iter().flat_map(BTreeMap::values);
        let attempts: u32 = warnings().filter(|it| it.reason == reason).map(|it| it.count).sum();
        let told = self.told(pod);
        let lasting = |text: &&String| {
            NO_HANDLER.iter().any(|words| text.contains(words))
                || attempts >= most && text.starts_with(reason)
        };
        told.iter().find(lasting).cloned()
    }

    /// Returns one warning of each reason. The messages of one reason often differ in a generated name alone.
    pub(super) fn told(&self, pod: &str) -> Vec<String> {
        let warnings = self.warnings.get(pod).into_iter().flat_map(BTreeMap::values);
        let by_reason: BTreeMap<_, _> = warnings.map(|it| (&it.reason, &it.message)).collect();
        by_reason.into_iter().map(|(reason, message)| format!("{reason}: {message}")).collect()
    }
}

/// Returns why a pod has ended; `None` if it had not.
fn end(state: PodState) -> Option<String> {
    match state.stage {
        Stage::Failed(why) => Some(why),
        Stage::Waiting(_) | Stage::Running => None,
    }
}

/// Returns an event as a warning. A series counts in a field of its own.
fn warning(event: ApiEvent) -> Warning {
    let count = event.series.and_then(|series| series.count).max(event.count).unwrap_or(1);
    Warning {
        reason: event.reason.unwrap_or_default(),
        message: event.message.unwrap_or_default(),
        count: u32::try_from(count).unwrap_or(1),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn seen(warnings: &[(&str, &str, u32)]) -> Seen {
        seen_of(&json!({ "phase": "Pending" }), warnings)
    }

    fn seen_of(status: &Value, warnings: &[(&str, &str, u32)]) -> Seen {
        let pod = json!({ "metadata": {}, "spec": { "containers": [] }, "status": status });
        let warnings = warnings.iter().enumerate().map(|(index, &(reason, message, count))| {
            (index.to_string(), Warning { reason: reason.into(), message: message.into(), count })
        });
        Seen {
            pods: [("probe".to_owned(), PodState::of(&serde_json::from_value(pod).unwrap()))].into(),
            warnings: [("probe".to_owned(), warnings.collect())].into(),
            ..Seen::default()
        }
    }

    #[test]
    fn a_pod_that_was_never_shown_is_not_taken_for_deleted() {
        let mut seen = seen(&[]);
        let pod = |deleted: bool| {
            let metadata = if deleted {
                json!({ "name": "probe", "deletionTimestamp": "2026-01-01T00:00:00Z" })
            } else {
                json!({ "name": "probe" })
            };
            let pod = json!({ "metadata": metadata, "spec": { "containers": [] } });
            PodState::of(&serde_json::from_value(pod).unwrap())
        };
        seen.show("probe".into(), pod(false));
        assert!(!seen.is_deleted("probe") && !seen.is_deleted("another"));
        seen.show("probe".into(), pod(true));
        assert!(seen.is_deleted("probe"));
        seen.pods.clear();
        assert!(seen.is_deleted("probe"));
    }

    fn state(name: &str, deleted: Option<&str>) -> PodState {
        let pod = json!({ "metadata": { "name": name, "deletionTimestamp": deleted }, "spec": { "containers": [] } });
        PodState::of(&serde_json::from_value(pod).unwrap())
    }

    #[test]
    fn a_pod_that_is_gone_keeps_the_reason_of_its_end() {
        let [runs, deleted] = [None, Some("2026-01-01T00:00:00Z")].map(|at| state("probe", at));
        let why = Some("somebody deleted it");
        for (shown, last, expected) in [
            (&runs, Some(&deleted), why),
            (&deleted, None, why),
            (&deleted, Some(&runs), why),
            (&runs, Some(&runs), None),
        ] {
            let mut seen = seen(&[]);
            seen.show("probe".into(), shown.clone());
            seen.remove("probe".into(), last.cloned());
            assert_eq!(seen.end_of("probe"), expected, "{shown:?} {last:?}");
        }
        let mut seen = seen(&[]);
        seen.show("probe".into(), deleted);
        seen.list(BTreeMap::from([("another".to_owned(), runs)]));
        assert_eq!([seen.end_of("probe"), seen.end_of("another")], [why, None]);
    }

    fn stage(warnings: &[(&str, &str, u32)]) -> Stage {
        seen(warnings).verdict("probe").unwrap().stage
    }

    #[test]
    fn a_sandbox_that_is_refused_repeatedly_fails_with_the_last_reason() {
        let (reason, _) = NO_SANDBOX;
        assert_eq!(stage(&[]), Stage::Waiting("Pending".into()));
        assert_eq!(stage(&[(reason, "no network yet", 2)]), Stage::Waiting("Pending".into()));
        let failed = Stage::Failed(format!("{reason}: b failed"));
        assert_eq!(stage(&[(reason, "a failed", 2), (reason, "b failed", 1)]), failed);
        assert_eq!(stage(&[(reason, "b failed", 3)]), failed);
        assert_eq!(stage(&[("FailedMount", "m", 9)]), Stage::Waiting("Pending".into()));
    }

    #[test]
    fn an_image_that_cannot_be_pulled_repeatedly_fails_with_the_status_as_the_reason() {
        let waiting = json!({ "waiting": { "reason": "ImagePullBackOff", "message": "not found" } });
        let container = json!({ "name": "probe", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": waiting });
        let status = json!({ "phase": "Pending", "containerStatuses": [container] });
        let stage = |count| {
            let warnings = [("Failed", "Failed to pull image", 2), ("Failed", "Error: ErrImagePull", count)];
            seen_of(&status, &warnings).verdict("probe").unwrap().stage
        };
        let what = "ImagePullBackOff: not found";
        assert_eq!(stage(2), Stage::Waiting(what.into()));
        assert_eq!(stage(3), Stage::Failed(what.into()));
    }

    #[test]
    fn a_container_that_is_being_made_after_failures_is_awaited() {
        assert_eq!(stage(&[("Failed", "Error: ErrImagePull", 9)]), Stage::Waiting("Pending".into()));
    }

    /// Returns the stage of the pod after refusals at these seconds.
    fn refused_at(seen: &mut Seen, seconds: &[u64], begun: Instant) -> Stage {
        for &second in seconds {
            seen.fail(Some("forbidden".into()), begun + Duration::from_secs(second));
        }
        seen.verdict("probe").unwrap().stage
    }

    #[test]
    fn a_missing_permission_fails_the_pods_once_it_lasts() {
        let (mut seen, begun) = (seen(&[]), Instant::now());
        assert!(matches!(refused_at(&mut seen, &[0, 3, 9], begun), Stage::Waiting(_)));
        let failed = Stage::Failed("the pods may not be watched: forbidden".into());
        assert_eq!(refused_at(&mut seen, &[10], begun), failed);
    }

    #[test]
    fn an_event_or_another_error_ends_a_refusal() {
        let begun = Instant::now();
        let ends: [fn(&mut Seen, Instant); 2] = [|seen, _| seen.allow(), |seen, now| seen.fail(None, now)];
        for end in ends {
            let mut seen = seen(&[]);
            refused_at(&mut seen, &[0, 12], begun);
            end(&mut seen, begun + Duration::from_secs(13));
            assert!(matches!(refused_at(&mut seen, &[14], begun), Stage::Waiting(_)));
        }
    }

    #[test]
    fn refusals_far_apart_do_not_last() {
        let stage = refused_at(&mut seen(&[]), &[0, 200], Instant::now());
        assert!(matches!(stage, Stage::Waiting(_)), "{stage:?}");
    }

    #[test]
    fn pods_are_the_runs_own_at_a_version_until_a_stranger_is_shown() {
        let mut seen = seen(&[]);
        assert_eq!(seen.own_at(), None);
        seen.version = Some("71".into());
        assert_eq!(seen.own_at(), Some("71"));
        seen.strangers = true;
        assert_eq!(seen.own_at(), None);
    }

    #[test]
    fn one_reason_is_told_once() {
        let (reason, _) = NO_SANDBOX;
        let seen = seen(&[(reason, "a failed", 1), (reason, "b failed", 1), ("FailedMount", "m", 9)]);
        assert_eq!(seen.told("probe"), [format!("{reason}: b failed"), "FailedMount: m".to_owned()]);
    }
}
