//! The nodes that the scheduler allows for a pod, by the rules that forbid a node: selectors, required affinity, taints
//! (kubernetes.io, "Assigning Pods to Nodes", "Taints and Tolerations").

mod daemon_sets;
mod for_now;

pub use daemon_sets::DaemonSets;
pub use for_now::is_of_a_component;

use super::{Class, Labels, Node, Requirement, Taint};

/// A pod's requirements for its node.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Placement {
    /// Labels that the node must have.
    pub node_selector: Labels,
    /// Terms of required node affinity, of which one must hold; an empty list requires nothing.
    pub affinity: Vec<Affinity>,
    /// Taints that do not repel the pod.
    pub tolerations: Vec<Toleration>,
}

/// A term of required node affinity, of which every requirement must hold.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Affinity {
    /// Requirements for the node's labels.
    pub labels: Vec<Requirement>,
    /// Requirements for the node's fields; its name is the only one.
    pub fields: Vec<Requirement>,
}

/// A toleration: a pattern of taints that do not repel a pod.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Toleration {
    /// The taint's key; `None` for every key.
    pub key: Option<String>,
    /// The operator: "Exists", or "Equal", which is the default.
    pub operator: Option<String>,
    /// The value for "Equal".
    pub value: Option<String>,
    /// The taint's effect; `None` for every effect.
    pub effect: Option<String>,
    /// The seconds for which a `NoExecute` taint is tolerated; `None` for ever.
    pub seconds: Option<i64>,
}

impl Placement {
    /// Returns the keys of the node labels by which pods of this placement choose their nodes.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        let of_affinity =
            self.affinity.iter().flat_map(|term| &term.labels).map(|requirement| &requirement.key);
        self.node_selector.keys().chain(of_affinity).map(String::as_str)
    }

    /// Returns true if pods of this placement and class can run on the node, apart from temporary hindrances.
    pub fn suits(&self, node: &Node, class: Option<&Class>) -> bool {
        let named = Labels::from([("metadata.name".to_owned(), node.name.clone())]);
        let has = |labels: &Labels| labels.iter().all(|(key, value)| node.labels.get(key) == Some(value));
        let term = |term: &Affinity| {
            term.labels.iter().all(|requirement| requirement.holds(&node.labels))
                && term.fields.iter().all(|requirement| requirement.holds(&named))
        };
        has(&self.node_selector)
            && class.is_none_or(|class| has(&class.node_selector))
            && (self.affinity.is_empty() || self.affinity.iter().any(term))
            && self.repelled_by(node, class).all(Taint::is_for_now)
    }

    /// Returns the current reason against a pod of this placement and class on the node; `None` if there is none.
    pub fn hindrance(&self, node: &Node, class: Option<&Class>) -> Option<String> {
        if !node.schedulable {
            return Some(format!("{} is cordoned", node.name));
        }
        if !node.ready {
            return Some(format!("{} is not ready", node.name));
        }
        if let Some(taint) = self.repelled_by(node, class).next() {
            return Some(format!("{} has the taint {}", node.name, taint.key));
        }
        (!self.suits(node, class))
            .then(|| format!("{} does not match the node selector or affinity", node.name))
    }

    /// Returns the current reason against a pod of this placement and class on the node, if temporary hindrances alone keep the pod
    /// away: a cordon, a kubelet that is not ready, or a taint of the cluster's own components.
    pub fn temporary_hindrance(&self, node: &Node, class: Option<&Class>) -> Option<String> {
        if self.suits(node, class) { self.hindrance(node, class) } else { None }
    }

    /// Returns the node's taints that neither the pod nor its class tolerates.
    fn repelled_by<'a>(
        &'a self,
        node: &'a Node,
        class: Option<&'a Class>,
    ) -> impl Iterator<Item = &'a Taint> {
        let of_class = class.map(|class| class.tolerations.as_slice()).unwrap_or_default();
        let borne = move |taint: &Taint| {
            !taint.repels()
                || self.tolerations.iter().chain(of_class).any(|toleration| toleration.bears(taint))
        };
        node.taints.iter().filter(move |taint| !borne(taint))
    }
}

impl Node {
    /// Returns true if the node has no temporary hindrance for pods.
    pub fn is_open(&self) -> bool {
        let is_closing = |taint: &Taint| taint.repels() && taint.is_for_now();
        self.ready && self.schedulable && !self.taints.iter().any(is_closing)
    }
}

impl Taint {
    /// Returns true if the taint keeps pods from the node.
    pub fn repels(&self) -> bool {
        self.effect != "PreferNoSchedule"
    }

    /// Returns true for a taint that a component of the cluster sets for a while.
    pub fn is_for_now(&self) -> bool {
        is_of_a_component(&self.key)
    }
}

impl Toleration {
    /// Returns the toleration of every taint with a key.
    pub fn of_key(key: &str) -> Self {
        Self { key: Some(key.to_owned()), operator: Some("Exists".to_owned()), ..Self::default() }
    }

    fn bears(&self, taint: &Taint) -> bool {
        let effect = self.effect.as_ref().is_none_or(|effect| *effect == taint.effect);
        let key = self.key.as_ref().filter(|key| !key.is_empty()).is_none_or(|key| *key == taint.key);
        let exists = self.operator.as_deref() == Some("Exists");
        effect && key && (exists || self.value.as_deref().unwrap_or_default() == taint.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node() -> Node {
        Node {
            name: "one".into(),
            labels: Labels::from([("pool".into(), "sandbox".into())]),
            taints: vec![Taint {
                key: "sandbox.gke.io/runtime".into(),
                value: "gvisor".into(),
                effect: "NoSchedule".into(),
            }],
            ..Node::default()
        }
    }

    fn toleration(operator: &str, value: Option<&str>) -> Toleration {
        Toleration {
            key: Some("sandbox.gke.io/runtime".into()),
            operator: Some(operator.into()),
            value: value.map(str::to_owned),
            ..Toleration::default()
        }
    }

    #[test]
    fn a_taint_repels_pods_without_a_toleration() {
        let mut placement = Placement::default();
        assert!(!placement.suits(&node(), None));
        let class = Class { tolerations: vec![toleration("Exists", None)], ..Class::default() };
        assert!(placement.suits(&node(), Some(&class)));
        placement.tolerations = vec![toleration("Equal", Some("gvisor"))];
        assert!(placement.suits(&node(), None));
        placement.tolerations = vec![toleration("Equal", Some("kata"))];
        assert!(!placement.suits(&node(), None));
    }

    #[test]
    fn a_temporary_hindrance_leaves_a_node_suitable() {
        let suits = |change: fn(&mut Node)| {
            let mut node = Node { taints: Vec::new(), ready: true, schedulable: true, ..node() };
            change(&mut node);
            let placement = Placement::default();
            (placement.suits(&node, None), placement.hindrance(&node, None).unwrap_or_default())
        };
        let mut pressed = Node { ready: true, schedulable: true, ..node() };
        pressed.taints[0].key = "node.kubernetes.io/disk-pressure".into();
        assert!(Placement::default().suits(&pressed, None));
        let why = "one has the taint node.kubernetes.io/disk-pressure".to_owned();
        assert_eq!(Placement::default().hindrance(&pressed, None), Some(why));
        assert_eq!(suits(|_| ()), (true, String::new()));
        assert_eq!(suits(|node| node.schedulable = false), (true, "one is cordoned".to_owned()));
        assert_eq!(suits(|node| node.ready = false), (true, "one is not ready".to_owned()));
    }

    /// Returns true if the node is open, and the temporary hindrance of a pod that tolerates nothing.
    fn state(change: impl FnOnce(&mut Node)) -> (bool, Option<String>) {
        let mut node = Node { taints: Vec::new(), ready: true, schedulable: true, ..node() };
        change(&mut node);
        (node.is_open(), Placement::default().temporary_hindrance(&node, None))
    }

    fn tainted(node: &mut Node, key: &str, effect: &str) {
        node.taints.push(Taint { key: key.into(), value: String::new(), effect: effect.into() });
    }

    #[test]
    fn a_node_is_closed_by_temporary_hindrances_alone() {
        let closed = |why: &str| (false, Some(why.to_owned()));
        assert_eq!(state(|node| node.schedulable = false), closed("one is cordoned"));
        assert_eq!(state(|node| node.ready = false), closed("one is not ready"));
        let pressure = |effect| state(move |node| tainted(node, "node.kubernetes.io/disk-pressure", effect));
        assert_eq!(pressure("NoSchedule"), closed("one has the taint node.kubernetes.io/disk-pressure"));
        assert_eq!(pressure("PreferNoSchedule"), (true, None));
        assert_eq!(state(|node| tainted(node, "team", "NoSchedule")), (true, None));
    }

    #[test]
    fn a_cordoned_node_with_a_taint_of_its_owner_has_no_temporary_hindrance() {
        let both = state(|node| {
            node.schedulable = false;
            tainted(node, "team", "NoSchedule");
        });
        assert_eq!(both, (false, None));
    }

    #[test]
    fn the_selectors_of_pod_and_class_must_both_match() {
        let mut node = node();
        node.taints.clear();
        let elsewhere = Labels::from([("pool".into(), "plain".into())]);
        assert!(Placement::default().suits(&node, None));
        assert!(!Placement { node_selector: elsewhere.clone(), ..Placement::default() }.suits(&node, None));
        let class = Class { node_selector: elsewhere, ..Class::default() };
        assert!(!Placement::default().suits(&node, Some(&class)));
    }

    #[test]
    fn one_whole_term_of_the_affinity_is_enough() {
        let mut node = node();
        node.taints.clear();
        let requirement = |key: &str, value: &str| Requirement {
            key: key.into(),
            operator: "In".into(),
            values: vec![value.into()],
        };
        let here = Affinity { fields: vec![requirement("metadata.name", "one")], ..Affinity::default() };
        let not_here = Affinity { labels: vec![requirement("pool", "plain")], ..here.clone() };
        let with = |affinity| Placement { affinity, ..Placement::default() };
        assert!(with(vec![not_here.clone(), here]).suits(&node, None));
        assert!(!with(vec![not_here]).suits(&node, None));
    }
}
