//! Where the scheduler may put a pod, by the rules that forbid a node: selectors, required affinity, taints
//! (kubernetes.io, "Assigning Pods to Nodes", "Taints and Tolerations").

use super::{Class, Labels, Node, Requirement, Taint};

/// Taints that a cluster puts on a node for what befalls it, and takes away again: they keep pods away for now, and make no
/// pool one that is not used (kubernetes.io, "Well-Known Labels, Annotations and Taints"; Cluster Autoscaler,
/// `utils/taints/taints.go`; Karpenter, `pkg/apis/v1/taints.go`).
const FOR_NOW: &[&str] = &[
    "DeletionCandidateOfClusterAutoscaler",
    "ToBeDeletedByClusterAutoscaler",
    "karpenter.sh/disrupted",
    "karpenter.sh/unregistered",
    "node.cloudprovider.kubernetes.io/shutdown",
    "node.cloudprovider.kubernetes.io/uninitialized",
    "node.kubernetes.io/disk-pressure",
    "node.kubernetes.io/memory-pressure",
    "node.kubernetes.io/network-unavailable",
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/out-of-service",
    "node.kubernetes.io/pid-pressure",
    "node.kubernetes.io/unreachable",
    "node.kubernetes.io/unschedulable",
];

/// What a pod asks of its node.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Placement {
    /// Labels that the node must have.
    pub node_selector: Labels,
    /// Required node affinity: one of these must hold; none is no demand.
    pub affinity: Vec<Affinity>,
    /// Taints that do not keep it away.
    pub tolerations: Vec<Toleration>,
}

/// One term of required node affinity: all of it must hold.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Affinity {
    /// Of the node's labels.
    pub labels: Vec<Requirement>,
    /// Of the node's fields, which is its name.
    pub fields: Vec<Requirement>,
}

/// A taint that does not keep a pod away.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Toleration {
    /// `None` for every key.
    pub key: Option<String>,
    /// "Exists", or "Equal" where it is not given.
    pub operator: Option<String>,
    /// The value, for "Equal".
    pub value: Option<String>,
    /// `None` for every effect.
    pub effect: Option<String>,
    /// How long a `NoExecute` taint is borne.
    pub seconds: Option<i64>,
}

impl Placement {
    /// Whether pods of this placement and class run on such a node, whatever keeps them away for now.
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

    /// What keeps a pod of this placement and class from this very node by now, if anything does.
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
        (!self.suits(node, class)).then(|| format!("{} is not one that it asks for", node.name))
    }

    /// The node's taints that nothing of a pod bears.
    fn repelled_by<'a>(
        &'a self,
        node: &'a Node,
        class: Option<&'a Class>,
    ) -> impl Iterator<Item = &'a Taint> {
        let of_class = class.map(|class| class.tolerations.as_slice()).unwrap_or_default();
        let borne = move |taint: &Taint| {
            taint.effect == "PreferNoSchedule"
                || self.tolerations.iter().chain(of_class).any(|toleration| toleration.bears(taint))
        };
        node.taints.iter().filter(move |taint| !borne(taint))
    }
}

impl Taint {
    fn is_for_now(&self) -> bool {
        FOR_NOW.contains(&self.key.as_str())
    }
}

impl Toleration {
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
    fn a_taint_keeps_away_what_does_not_bear_it_and_a_class_may_bear_it() {
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
    fn what_keeps_pods_away_for_now_is_said_and_leaves_the_node_one_that_suits() {
        let suits = |change: fn(&mut Node)| {
            let mut node = Node { taints: Vec::new(), ready: true, schedulable: true, ..node() };
            change(&mut node);
            let placement = Placement::default();
            (placement.suits(&node, None), placement.hindrance(&node, None).unwrap_or_default())
        };
        for key in FOR_NOW {
            let mut node = Node { ready: true, schedulable: true, ..node() };
            (*key).clone_into(&mut node.taints[0].key);
            assert!(Placement::default().suits(&node, None), "{key}");
            assert_eq!(Placement::default().hindrance(&node, None), Some(format!("one has the taint {key}")));
        }
        assert_eq!(suits(|_| ()), (true, String::new()));
        assert_eq!(suits(|node| node.schedulable = false), (true, "one is cordoned".to_owned()));
        assert_eq!(suits(|node| node.ready = false), (true, "one is not ready".to_owned()));
    }

    #[test]
    fn selectors_of_the_pod_and_of_its_class_must_both_fit() {
        let mut node = node();
        node.taints.clear();
        let elsewhere = Labels::from([("pool".into(), "plain".into())]);
        assert!(Placement::default().suits(&node, None));
        assert!(!Placement { node_selector: elsewhere.clone(), ..Placement::default() }.suits(&node, None));
        let class = Class { node_selector: elsewhere, ..Class::default() };
        assert!(!Placement::default().suits(&node, Some(&class)));
    }

    #[test]
    fn one_term_of_the_affinity_is_enough_and_all_of_it_must_hold() {
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
