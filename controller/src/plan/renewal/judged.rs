//! The groups of pods that runs have judged, so that a pod of one of them calls for no further run. Pods that live for a short while
//! are in the scene of one run and not in that of the next.

use std::collections::BTreeSet;

use super::{Change, Record, Scene, Watch};

/// The number of no watch, for the pods of earlier runs.
const EARLIER: Watch = Watch::MAX;

/// The judged pods of the runs since the last one that something else than a pod of a new group called for. Policies, classes and nodes
/// are as they were then.
#[derive(Clone, Debug, Default)]
pub(crate) struct JudgedGroups(Scene);

impl JudgedGroups {
    /// Returns true if there is no such pod.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.0.is_empty()
    }

    /// Takes the end of a run that was published and passed. `then` and `now` are the scenes before and after it, and `read` has the titles
    /// of the pods that it read. Returns the scene with which later ones are compared.
    pub(crate) fn passed(&mut self, mut then: Scene, now: &Scene, read: &BTreeSet<String>) -> Scene {
        then.0.retain(|key, record| {
            let is_pod = matches!(record, Record::Pod { .. });
            // Such a pod was gone before the run read the pods.
            !is_pod || read.contains(&key.1) || now.0.contains_key(key)
        });
        let keys = then.keys();
        for ((digest, place), key) in then.groups(&keys) {
            if read.contains(&key.1) {
                // A later pod of the group takes the place of an earlier one, whose node may be gone.
                self.0.show(EARLIER, format!("{digest} {place:?}"), then.0.get(key).cloned());
            }
        }
        then.0.extend(self.0.0.clone());
        then
    }

    /// Takes the changes that call for a run; none for a renewal.
    pub(crate) fn called_by(&mut self, changes: &[Change]) {
        let of_group = |change: &Change| matches!(change, Change::Group { .. });
        if changes.is_empty() || !changes.iter().all(of_group) {
            self.forget();
        }
    }

    /// Forgets the groups, so that each calls for a run once more.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::renewal::{NodeRecord, Used, changes};

    /// Returns a scene of the node one with these pods, each a name and a shape.
    fn scene(pods: &[(&str, &str)]) -> Scene {
        let mut scene = Scene::default();
        let node = NodeRecord { pool: "sandbox".into(), is_open: true, ..NodeRecord::default() };
        scene.show(0, "one".into(), Some(Record::Node(node)));
        for (name, shape) in pods {
            let pod = Record::Pod { shape: (*shape).into(), node: Some("one".into()) };
            scene.show(1, format!("pod/{name}"), Some(pod));
        }
        scene
    }

    fn read(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| format!("pod/{name}")).collect()
    }

    fn new_groups(known: &Scene, now: &Scene) -> usize {
        changes(known, now, &Used::default()).len()
    }

    #[test]
    fn pods_that_come_in_turn_call_for_one_run_each() {
        let mut judged = JudgedGroups::default();
        let (a, b) = (scene(&[("a-1", "a")]), scene(&[("b-1", "b")]));
        let known = judged.passed(a.clone(), &a, &read(&["a-1"]));
        assert_eq!(new_groups(&known, &b), 1);
        judged.called_by(&changes(&known, &b, &Used::default()));
        let known = judged.passed(b.clone(), &scene(&[]), &read(&["b-1"]));
        assert_eq!(new_groups(&known, &scene(&[("a-2", "a")])), 0);
        assert_eq!(new_groups(&known, &scene(&[("b-2", "b")])), 0);
        assert_eq!(new_groups(&known, &scene(&[("c-1", "c")])), 1);
    }

    #[test]
    fn a_run_that_something_else_called_for_and_one_that_did_not_pass_forget() {
        let forgets: [fn(&mut JudgedGroups); 3] = [
            |judged| judged.called_by(&[]),
            |judged| {
                let rebooted = Change::Rebooted { node: "one".into(), pool: "sandbox".into() };
                judged.called_by(&[rebooted]);
            },
            JudgedGroups::forget,
        ];
        for forget in forgets {
            let mut judged = JudgedGroups::default();
            let a = scene(&[("a-1", "a")]);
            _ = judged.passed(a.clone(), &a, &read(&["a-1"]));
            forget(&mut judged);
            let b = scene(&[("b-1", "b")]);
            let known = judged.passed(b.clone(), &b, &read(&["b-1"]));
            assert_eq!(new_groups(&known, &a), 1);
        }
    }

    #[test]
    fn a_pod_that_was_gone_before_the_run_read_it_is_new_when_it_returns() {
        let (then, gone) = (scene(&[("debug", "debug")]), scene(&[]));
        let known = JudgedGroups::default().passed(then.clone(), &gone, &read(&[]));
        assert_eq!(new_groups(&known, &then), 1);
        // A pod that lives on and was not read is not of this run's scope.
        let known = JudgedGroups::default().passed(then.clone(), &then, &read(&[]));
        assert_eq!(new_groups(&known, &then), 0);
    }
}
