//! Where the scheduler may put a pod, by the rules that forbid a node: selectors, required affinity, taints
//! (kubernetes.io, "Assigning Pods to Nodes", "Taints and Tolerations").

use serde::{Deserialize, Serialize};

use super::{Class, Labels, Node, Requirement, Taint};

/// What a pod asks of its node.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Placement {
    /// Labels that the node must have.
    pub node_selector: Labels,
    /// Required node affinity: one of these must hold; none is no demand.
    pub affinity: Vec<Affinity>,
    /// Taints that do not keep it away.
    pub tolerations: Vec<Toleration>,
}

/// One term of required node affinity: all of it must hold.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Affinity {
    /// Of the node's labels.
    pub labels: Vec<Requirement>,
    /// Of the node's fields, which is its name.
    pub fields: Vec<Requirement>,
}

/// A taint that does not keep a pod away.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
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
    /// Whether nothing keeps a pod of this placement and class from the node.
    pub fn admits(&self, node: &Node, class: Option<&Class>) -> bool {
        let named = Labels::from([("metadata.name".to_owned(), node.name.clone())]);
        let has = |labels: &Labels| labels.iter().all(|(key, value)| node.labels.get(key) == Some(value));
        let term = |term: &Affinity| {
            term.labels.iter().all(|requirement| requirement.holds(&node.labels))
                && term.fields.iter().all(|requirement| requirement.holds(&named))
        };
        let of_class = class.map(|class| class.tolerations.as_slice()).unwrap_or_default();
        let borne = |taint: &Taint| {
            taint.effect == "PreferNoSchedule"
                || self.tolerations.iter().chain(of_class).any(|toleration| toleration.bears(taint))
        };
        has(&self.node_selector)
            && class.is_none_or(|class| has(&class.node_selector))
            && (self.affinity.is_empty() || self.affinity.iter().any(term))
            && node.taints.iter().all(borne)
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
        assert!(!placement.admits(&node(), None));
        let class = Class { tolerations: vec![toleration("Exists", None)], ..Class::default() };
        assert!(placement.admits(&node(), Some(&class)));
        placement.tolerations = vec![toleration("Equal", Some("gvisor"))];
        assert!(placement.admits(&node(), None));
        placement.tolerations = vec![toleration("Equal", Some("kata"))];
        assert!(!placement.admits(&node(), None));
    }

    #[test]
    fn selectors_of_the_pod_and_of_its_class_must_both_fit() {
        let mut node = node();
        node.taints.clear();
        let elsewhere = Labels::from([("pool".into(), "plain".into())]);
        assert!(Placement::default().admits(&node, None));
        assert!(!Placement { node_selector: elsewhere.clone(), ..Placement::default() }.admits(&node, None));
        let class = Class { node_selector: elsewhere, ..Class::default() };
        assert!(!Placement::default().admits(&node, Some(&class)));
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
        assert!(with(vec![not_here.clone(), here]).admits(&node, None));
        assert!(!with(vec![not_here]).admits(&node, None));
    }
}
