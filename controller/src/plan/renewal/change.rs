//! The changes between two scenes that call for a new run.

use std::{collections::BTreeSet, fmt};

use super::{Declared, NodeRecord, Scene, Used};

/// A change that calls for a new run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Change {
    /// A node of a used pool became ready, was uncordoned, or lost a temporary taint; or it was another one for a while.
    NodeOpen { node: String, pool: String },
    /// A node of a used pool runs with another boot id.
    Rebooted { node: String, pool: String },
    /// A node of a used pool is another object of the same name.
    Registered { node: String, pool: String },
    /// A node of a used pool has another container runtime, or other handlers.
    Runtime { node: String, pool: String },
    /// A node of a used pool may take pods that it refused before.
    Offer { node: String, pool: String },
    /// A RuntimeClass or a policy is new, another one, or gone.
    Declared { kind: Declared, title: String },
    /// A pod or a pod template is of a group that no run has judged.
    Group { title: String },
}

/// Returns the changes from one scene to a later one that call for a new run. Nodes count in the used pools, and while they have the
/// startup taint. A pod, a template or a node that is gone calls for none: the proof stays true without it.
pub(crate) fn changes(then: &Scene, now: &Scene, used: &Used) -> Vec<Change> {
    let nodes = now.nodes().filter(|(_, node)| used.has(&node.pool) || node.startup.is_tainted);
    let mut found: Vec<_> = nodes.filter_map(|(name, node)| of_node(name, then.node(name), node)).collect();
    let (before, after) = (then.declared(), now.declared());
    let keys: BTreeSet<_> = before.keys().chain(after.keys()).copied().collect();
    for key in keys.into_iter().filter(|key| before.get(key) != after.get(key)) {
        if let Some(&(kind, _)) = after.get(key).or_else(|| before.get(key)) {
            found.push(Change::Declared { kind, title: key.1.clone() });
        }
    }
    // By the same labels in both scenes: a further one comes with a template or a pod of a new shape.
    let keys = then.keys();
    let known = then.groups(&keys);
    let new = now.groups(&keys).into_iter().filter(|(group, _)| !known.contains_key(group));
    found.extend(new.map(|(_, (_, title))| Change::Group { title: title.clone() }));
    found
}

/// A node that is not open gets no new pods, and no probe. It counts as soon as it is open.
fn of_node(name: &str, before: Option<&NodeRecord>, after: &NodeRecord) -> Option<Change> {
    let (node, pool) = (name.to_owned(), after.pool.clone());
    let became_open = |before: &NodeRecord| before.opened != after.opened || before.pool != after.pool;
    match before {
        _ if !after.is_open => None,
        Some(before) if before.bound.boot_id != after.bound.boot_id => Some(Change::Rebooted { node, pool }),
        Some(before) if before.bound.uid != after.bound.uid => Some(Change::Registered { node, pool }),
        Some(before) if before.bound.runtime != after.bound.runtime => Some(Change::Runtime { node, pool }),
        Some(before) if after.offer.is_wider(&before.offer) => Some(Change::Offer { node, pool }),
        Some(before) if became_open(before) => Some(Change::NodeOpen { node, pool }),
        Some(_) => None,
        None => Some(Change::NodeOpen { node, pool }),
    }
}

impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NodeOpen { node, pool } => {
                write!(formatter, "node {node} of pool {pool} became ready for new pods")
            }
            Self::Rebooted { node, pool } => write!(formatter, "node {node} of pool {pool} was rebooted"),
            Self::Registered { node, pool } => {
                write!(formatter, "node {node} of pool {pool} registered again")
            }
            Self::Runtime { node, pool } => {
                write!(formatter, "node {node} of pool {pool} has another container runtime")
            }
            Self::Offer { node, pool } => {
                write!(formatter, "node {node} of pool {pool} has other labels or fewer taints")
            }
            Self::Declared { title, .. } => write!(formatter, "{title} changed"),
            Self::Group { title } => write!(formatter, "{title} is of a new group"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{
        renewal::{Offer, Record, Shape},
        startup_taint::{Bound, Startup},
    };

    const NODES: usize = 0;
    const OTHERS: usize = 1;

    fn node(pool: &str, is_open: bool, boot_id: &str, runtime: &str) -> Record {
        let bound = Bound { boot_id: boot_id.into(), uid: "u1".into(), runtime: runtime.into() };
        Record::Node(NodeRecord { pool: pool.into(), is_open, bound, ..NodeRecord::default() })
    }

    fn pod(shape: &str, node: Option<&str>) -> Record {
        Record::Pod { shape: shape.into(), node: node.map(Into::into) }
    }

    fn show(scene: &mut Scene, watch: usize, title: &str, record: Record) {
        scene.show(watch, title.into(), Some(record));
    }

    fn scene() -> Scene {
        let mut scene = Scene::default();
        show(&mut scene, NODES, "one", node("sandbox", true, "boot-1", "containerd runsc"));
        show(&mut scene, OTHERS, "NetworkPolicy deny", Record::Declared(Declared::Policy, "1".into()));
        show(&mut scene, OTHERS, "RuntimeClass gvisor", Record::Declared(Declared::RuntimeClass, "1".into()));
        show(&mut scene, OTHERS, "pod web-1", pod("web", Some("one")));
        show(&mut scene, OTHERS, "deployment web", Record::Template("web".into()));
        scene
    }

    /// Returns the changes after these objects were shown, one after the other.
    fn after(shown: &[(usize, &str, Record)]) -> Vec<Change> {
        let then = scene();
        let mut now = then.clone();
        for (watch, title, record) in shown {
            show(&mut now, *watch, title, record.clone());
        }
        changes(&then, &now, &Used(Some(["sandbox".to_owned()].into())))
    }

    fn of_one(change: impl Fn(String, String) -> Change) -> Vec<Change> {
        vec![change("one".into(), "sandbox".into())]
    }

    #[test]
    fn a_heartbeat_is_no_change() {
        assert_eq!(after(&[(NODES, "one", node("sandbox", true, "boot-1", "containerd runsc"))]), []);
    }

    #[test]
    fn a_node_that_is_not_open_calls_for_no_run() {
        assert_eq!(after(&[(NODES, "one", node("sandbox", false, "boot-2", "containerd runsc"))]), []);
    }

    #[test]
    fn another_boot_id_calls_for_a_run() {
        let changed = after(&[(NODES, "one", node("sandbox", true, "boot-2", "containerd runsc"))]);
        assert_eq!(changed, of_one(|node, pool| Change::Rebooted { node, pool }));
    }

    #[test]
    fn a_node_that_registers_again_calls_for_a_run() {
        let bound = Bound { boot_id: "boot-1".into(), uid: "u2".into(), runtime: "containerd runsc".into() };
        let record = NodeRecord { pool: "sandbox".into(), is_open: true, bound, ..NodeRecord::default() };
        let changed = after(&[(NODES, "one", Record::Node(record))]);
        assert_eq!(changed, of_one(|node, pool| Change::Registered { node, pool }));
    }

    #[test]
    fn another_handler_of_a_node_calls_for_a_run() {
        let changed = after(&[(NODES, "one", node("sandbox", true, "boot-1", "containerd runc"))]);
        assert_eq!(changed, of_one(|node, pool| Change::Runtime { node, pool }));
    }

    #[test]
    fn a_node_that_becomes_open_again_calls_for_a_run() {
        let [away, back] = [false, true].map(|ready| node("sandbox", ready, "boot-1", "containerd runsc"));
        let changed = after(&[(NODES, "one", away), (NODES, "one", back)]);
        assert_eq!(changed, of_one(|node, pool| Change::NodeOpen { node, pool }));
    }

    #[test]
    fn a_node_that_may_take_other_pods_calls_for_a_run() {
        let offer = |labels: &str, taints: &[&str]| Offer {
            labels: labels.into(),
            taints: taints.iter().map(|&taint| taint.to_owned()).collect(),
            ..Offer::default()
        };
        let with = |offer: Offer| {
            let bound = Bound { boot_id: "boot-1".into(), uid: "u1".into(), runtime: "runsc".into() };
            Record::Node(NodeRecord {
                pool: "sandbox".into(),
                is_open: true,
                bound,
                offer: offer.into(),
                ..NodeRecord::default()
            })
        };
        let used = Used(Some(["sandbox".to_owned()].into()));
        let counts = |before: Offer, after: Offer| {
            let mut then = Scene::default();
            show(&mut then, NODES, "one", with(before));
            let mut now = then.clone();
            show(&mut now, NODES, "one", with(after));
            changes(&then, &now, &used) == of_one(|node, pool| Change::Offer { node, pool })
        };
        let plain = || offer("a", &["batch"]);
        assert!(counts(plain(), offer("b", &["batch"])));
        assert!(counts(plain(), offer("a", &["other"])));
        assert!(!counts(plain(), offer("a", &["batch", "other"])));
        assert!(!counts(plain(), plain()));
        // The taint may have kept the node from the run.
        let mut then = Scene::default();
        show(&mut then, NODES, "one", with(plain()));
        let mut now = then.clone();
        show(&mut now, NODES, "one", with(offer("a", &["batch", "other"])));
        show(&mut now, NODES, "one", with(plain()));
        assert_eq!(changes(&then, &now, &used), of_one(|node, pool| Change::NodeOpen { node, pool }));
    }

    #[test]
    fn a_new_node_counts_in_a_used_pool_alone() {
        let joined = |pool| after(&[(NODES, "two", node(pool, true, "boot-9", "containerd runsc"))]).len();
        assert_eq!((joined("sandbox"), joined("batch")), (1, 0));
    }

    #[test]
    fn a_new_node_with_the_startup_taint_counts_in_every_pool() {
        let startup = Startup { is_tainted: true, removed: None };
        let record = NodeRecord { pool: "batch".into(), is_open: true, startup, ..NodeRecord::default() };
        assert_eq!(after(&[(NODES, "two", Record::Node(record))]).len(), 1);
    }

    #[test]
    fn every_node_counts_while_no_pool_is_known() {
        let (then, mut now) = (scene(), scene());
        show(&mut now, NODES, "two", node("batch", true, "boot-9", "containerd runsc"));
        assert_eq!(changes(&then, &now, &Used::default()).len(), 1);
    }

    #[test]
    fn another_policy_calls_for_a_run() {
        for (title, version) in [("NetworkPolicy deny", "2"), ("NetworkPolicy allow", "1")] {
            let changed = after(&[(OTHERS, title, Record::Declared(Declared::Policy, version.into()))]);
            assert_eq!(changed, [Change::Declared { kind: Declared::Policy, title: title.into() }]);
        }
    }

    #[test]
    fn a_deleted_policy_calls_for_a_run() {
        let (then, mut now) = (scene(), scene());
        now.hide(OTHERS, "NetworkPolicy deny");
        assert_eq!(changes(&then, &now, &Used::default()).len(), 1);
    }

    #[test]
    fn another_runtime_class_calls_for_a_run() {
        let record = Record::Declared(Declared::RuntimeClass, "2".into());
        assert_eq!(after(&[(OTHERS, "RuntimeClass gvisor", record)]).len(), 1);
    }

    #[test]
    fn a_further_pod_of_a_group_is_no_change() {
        assert_eq!(after(&[(OTHERS, "pod web-2", pod("web", Some("one")))]), []);
    }

    #[test]
    fn a_pod_without_a_node_is_no_change() {
        assert_eq!(after(&[(OTHERS, "pod new", pod("new", None))]), []);
    }

    #[test]
    fn a_pod_of_a_group_in_another_pool_calls_for_a_run() {
        let joined = node("batch", true, "boot-9", "containerd runsc");
        let changed = after(&[(NODES, "two", joined), (OTHERS, "pod web-2", pod("web", Some("two")))]);
        assert_eq!(changed, [Change::Group { title: "pod web-2".into() }]);
    }

    /// Returns true if a pod on the node two of the pool `default` calls for a run after a pod of its shape on the node one.
    fn counts_on_two(one: Offer, two: Offer) -> bool {
        let on = |offer: Offer| {
            let offer = offer.into();
            Record::Node(NodeRecord { pool: "default".into(), is_open: true, offer, ..NodeRecord::default() })
        };
        let mut then = Scene::default();
        show(&mut then, NODES, "one", on(one));
        show(&mut then, NODES, "two", on(two));
        let keys = ["pool".to_owned()].into();
        show(&mut then, OTHERS, "deployment web", Record::Template(Shape { keys, digest: "web".into() }));
        show(&mut then, OTHERS, "pod agent-1", pod("agent", Some("one")));
        let mut now = then.clone();
        show(&mut now, OTHERS, "pod agent-1", pod("agent", Some("two")));
        changes(&then, &now, &Used::default()) == [Change::Group { title: "pod agent-1".into() }]
    }

    #[test]
    fn a_pod_on_another_kind_of_node_without_a_pool_calls_for_a_run() {
        let labelled = |key: &str, value: &str| {
            let setup = [(key.to_owned(), value.to_owned())].into();
            Offer { setup, ..Offer::default() }
        };
        let tainted = || Offer { taints: ["team:NoSchedule".to_owned()].into(), ..Offer::default() };
        assert!(counts_on_two(labelled("pool", "a"), labelled("pool", "b")));
        assert!(counts_on_two(Offer::default(), tainted()));
        assert!(!counts_on_two(labelled("other", "a"), labelled("other", "b")));
        assert!(!counts_on_two(tainted(), tainted()));
    }

    #[test]
    fn a_template_of_a_new_shape_calls_for_a_run() {
        let changed = after(&[(OTHERS, "deployment api", Record::Template("api".into()))]);
        assert_eq!(changed, [Change::Group { title: "deployment api".into() }]);
    }

    #[test]
    fn objects_that_a_new_list_lacks_are_gone() {
        let (then, mut now) = (scene(), scene());
        assert!(now.list(OTHERS, [("pod web-1".to_owned(), pod("web", Some("one")))].into()));
        let titles: Vec<_> = changes(&then, &now, &Used::default()).iter().map(ToString::to_string).collect();
        assert_eq!(titles, ["NetworkPolicy deny changed", "RuntimeClass gvisor changed"]);
    }
}
