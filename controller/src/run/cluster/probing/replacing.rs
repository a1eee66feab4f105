//! The replacement of a probe's pod that was not asked yet: by a younger one, or by one on a node with room for the control pods.

use k8s_openapi::api::core::v1::Pod;
use tokio::time::{Duration, Instant, timeout_at};

use super::Probing;
use crate::{
    case::{cluster::Group, first_seconds::HARDLY, rounds::Rounds},
    plan,
    run::cluster::{
        manifest::Elsewhere,
        placing::{Placed, kept_away},
        plan_request,
        pods::{PodState, Stage},
        schedule::turn,
    },
    support::names,
};

/// The other pod that a group's probe gets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Replacement {
    /// A younger one: the first seconds of the pod have passed.
    Younger,
    /// One on another node of the same pool and kind: this node had no room for the control pods.
    Off { full: String, others: Vec<String> },
}

impl Probing<'_> {
    /// Returns the pod to ask: a replacement of the first one, which stays until the replacement runs. The first one is asked
    /// itself if it will do, if nothing replaces it in time, and if it has ended, since its end is a finding.
    pub(super) async fn settled(
        &self,
        index: usize,
        group: &Group,
        first: Placed,
    ) -> (Placed, Option<Replacement>) {
        let Some(by) = self.deadline.checked_sub(turn(self.rounds)).filter(|by| *by > Instant::now()) else {
            return (first, None);
        };
        let Some(replacement) = self.replacement(group, &first).await else { return (first, None) };
        self.say(group, replacement.reason());
        let Ok(Ok(second)) = timeout_at(by, self.pod_of(index, group, Some(&replacement))).await else {
            return (first, None);
        };
        if self.running(&first).is_none() {
            return (first, None);
        }
        self.fleet.remove(&first.name).await;
        (second, Some(replacement))
    }

    async fn replacement(&self, group: &Group, placed: &Placed) -> Option<Replacement> {
        let node = placed.state.node.as_ref()?;
        let listener = self.controls.on(node).await;
        let state = self.running(placed)?;
        if listener.lacks_room && kept_away(&self.fleet.api(), group, &state.labels).await.is_none() {
            let others = self.others(group, node);
            return (!others.is_empty()).then(|| Replacement::Off { full: node.clone(), others });
        }
        let age = Instant::now().duration_since(placed.since);
        // Silence shows nothing without control pods, early or late.
        (listener.is_there() && are_missed(age, self.rounds)).then_some(Replacement::Younger)
    }

    /// Returns the state of a pod that still runs.
    fn running(&self, placed: &Placed) -> Option<PodState> {
        self.fleet.watch().state(&placed.name).filter(|state| state.stage == Stage::Running)
    }

    /// Returns the other nodes on which a group's probe shows the same, but for this one.
    fn others(&self, group: &Group, but: &str) -> Vec<String> {
        let mut others =
            plan::cluster::alternatives(self.cluster, &plan_request(self.target, Vec::new()), group);
        others.retain(|node| node != but);
        others
    }
}

// === impl Replacement ===

impl Replacement {
    /// Returns the reason as a sentence's end.
    pub(super) const fn reason(&self) -> &'static str {
        match self {
            Self::Younger => {
                "its pod is too old to show its first seconds, so that another one takes its place"
            }
            Self::Off { .. } => {
                "its node has no room for the control pods, so that another one takes its place"
            }
        }
    }

    /// Returns the group and its probe's pod as they are placed. The scheduler chooses among other nodes.
    pub(super) fn applied(&self, group: &Group, mut pod: Pod) -> (Group, Pod) {
        pod.metadata.name = pod.metadata.name.map(|name| name + names::ANEW);
        match self {
            Self::Younger => (group.clone(), pod),
            Self::Off { others, .. } => {
                (Group { node: None, ..group.clone() }, Elsewhere::AnyOf(others.clone()).applied(pod))
            }
        }
    }

    /// Says where the probe is instead; `None` if it is where it was planned, and if admission sent it to a node that it did not
    /// ask for.
    pub(super) fn remark(&self, state: &PodState) -> Option<String> {
        let Self::Off { full, others } = self else { return None };
        let ran = state.node.as_ref().filter(|node| others.contains(node))?;
        Some(format!(
            "node {full} had no room for the control pods; the probe ran on node {ran} of the same pool and kind"
        ))
    }
}

/// Returns true if a pod that has run for so long, and was not asked, is too old to show its first seconds.
fn are_missed(age: Duration, rounds: Rounds) -> bool {
    rounds != Rounds::None && age > HARDLY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_is_too_old_once_its_first_seconds_have_passed() {
        let late = HARDLY + Duration::from_millis(1);
        for (age, rounds, expected) in [
            (Duration::ZERO, Rounds::One, false),
            (HARDLY, Rounds::default(), false),
            (late, Rounds::default(), true),
            (late, Rounds::One, true),
            (late, Rounds::None, false),
        ] {
            assert_eq!(are_missed(age, rounds), expected, "{age:?} {rounds:?}");
        }
    }
}
