//! The policies that bind a namespace, as objects of the API. Older files keep the effect of each NetworkPolicy and the titles
//! of the others.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    cluster::{Read, Unreadable},
    selector::{Labels, Selector},
};
use crate::case::{
    cluster,
    policy::{
        self, Action, Family, Namespaces, Opaque, Order, PeerRule, Rule, Section, Selection, Subject, Tier,
        Unread,
    },
};

/// The place of rules that a file does not keep.
const UNKEPT: &str = "egress";

/// All policies that may bind a namespace.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Policies {
    /// The effect of each NetworkPolicy, for readers without a model of policies.
    #[serde(rename = "policies")]
    own: Read<Vec<Policy>>,
    #[serde(rename = "other_policies")]
    others: Read<Vec<OtherPolicy>>,
    #[serde(rename = "policy_objects", default, skip_serializing_if = "Option::is_none")]
    objects: Option<Vec<Value>>,
    /// Failed reads beyond the first.
    #[serde(rename = "unread_policies", default, skip_serializing_if = "Vec::is_empty")]
    unread: Vec<Unreadable>,
}

/// A NetworkPolicy of the namespace.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Policy {
    name: String,
    selector: Selector,
    ingress: Direction,
    egress: Direction,
}

/// The traffic of one direction that a NetworkPolicy lets through.
#[derive(Clone, Copy, Deserialize, Serialize)]
enum Direction {
    Unbound,
    Denied,
    Allowed,
}

/// A policy of another kind.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct OtherPolicy {
    title: String,
    opens_egress: bool,
}

/// The control namespace with its policies.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ControlNamespace {
    name: String,
    labels: Read<Labels>,
    #[serde(flatten)]
    policies: Policies,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    later: Option<Policies>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    later_labels: Option<Read<Labels>>,
}

/// The labels and policies at the end of a run in which they changed.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Later {
    changes: Vec<Change>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    labels: Option<Labels>,
    #[serde(flatten)]
    policies: Policies,
}

/// One change during a run.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Change {
    policy: Option<String>,
    words: String,
}

// === impl Policies ===

impl From<policy::Policies> for Policies {
    fn from(all: policy::Policies) -> Self {
        let failed = |of: Unread| {
            let mut failed = all.opaque.iter().filter(move |opaque| opaque.gap.place == of.words());
            failed.find_map(|opaque| opaque.unreadable().cloned())
        };
        let own = all.read.iter().filter_map(Policy::of).collect();
        let evaluated = all
            .read
            .iter()
            .filter(|policy| Policy::of(policy).is_none())
            .map(|policy| OtherPolicy { title: policy.title.clone(), opens_egress: policy.egress.is_some() });
        let others = all.opaque.iter().filter(|opaque| opaque.unreadable().is_none());
        let others = others
            .map(|opaque| OtherPolicy { title: opaque.gap.place.clone(), opens_egress: opaque.opens_egress });
        let others = evaluated.chain(others).collect();
        let first = [failed(Unread::NetworkPolicies), failed(Unread::Others)];
        let more = all.unread().filter(|unread| !first.iter().flatten().any(|first| first == *unread));
        let more = more.cloned().map(Into::into).collect();
        let [own_failed, others_failed] = first;
        let kept = !all.objects.is_empty() || all.read.is_empty() && all.opaque.is_empty();
        Self {
            unread: more,
            own: own_failed.map_or(Ok(own), |unread| Err(unread.into())),
            others: others_failed.map_or(Ok(others), |unread| Err(unread.into())),
            objects: kept.then_some(all.objects),
        }
    }
}

impl From<Policies> for policy::Policies {
    fn from(Policies { own, others, objects, unread }: Policies) -> Self {
        let mut opaque: Vec<_> = unread
            .into_iter()
            .map(|unread| Opaque::unread(Unread::Others, cluster::Unreadable::from(unread)))
            .collect();
        let own = own.unwrap_or_else(|unread| {
            opaque.push(Opaque::unread(Unread::NetworkPolicies, unread.into()));
            Vec::new()
        });
        let others = others.unwrap_or_else(|unread| {
            opaque.push(Opaque::unread(Unread::Others, unread.into()));
            Vec::new()
        });
        if let Some(objects) = objects {
            return Self::of(objects, opaque);
        }
        opaque.extend(others.into_iter().map(|other| Opaque::titled(other.title, other.opens_egress)));
        Self { objects: Vec::new(), read: own.into_iter().map(policy::Policy::from).collect(), opaque }
    }
}

// === impl Policy ===

impl Policy {
    /// Returns the effect of a NetworkPolicy; `None` for another kind.
    fn of(policy: &policy::Policy) -> Option<Self> {
        let name =
            policy.title.strip_prefix("NetworkPolicy ").filter(|_| policy.family == Family::Kubernetes)?;
        let direction = |section: &Option<Section>| match section {
            None => Direction::Unbound,
            Some(section) if section.rules.is_empty() => Direction::Denied,
            Some(_) => Direction::Allowed,
        };
        let Ok(Selection::Labels(selector)) = &policy.subject.pods else { return None };
        Some(Self {
            name: name.to_owned(),
            selector: selector.clone().into(),
            ingress: direction(&policy.ingress),
            egress: direction(&policy.egress),
        })
    }
}

impl From<Policy> for policy::Policy {
    /// The file does not keep the rules: traffic that they let pass cannot be evaluated.
    fn from(Policy { name, selector, ingress, egress }: Policy) -> Self {
        let why = "this evidence does not keep the rules".to_owned();
        let unkept = Rule {
            place: UNKEPT.to_owned(),
            action: Action::Allow,
            peers: Some(vec![PeerRule::Unread(why)]),
            ports: None,
        };
        let section = |direction| match direction {
            Direction::Unbound => None,
            Direction::Denied => Some(Section { rules: Vec::new(), denies_the_rest: true }),
            Direction::Allowed => Some(Section { rules: vec![unkept.clone()], denies_the_rest: true }),
        };
        Self {
            title: format!("NetworkPolicy {name}"),
            family: Family::Kubernetes,
            tier: Tier::default_tier(),
            order: Order::default(),
            subject: Subject {
                namespaces: Namespaces::Labelled(cluster::Selector::default()),
                pods: Ok(Selection::Labels(selector.into())),
            },
            ingress: section(ingress),
            egress: section(egress),
        }
    }
}

// === impl ControlNamespace ===

impl ControlNamespace {
    /// Returns the control namespace of a file that keeps only titles of policies, or the failed read of them.
    pub(super) fn titled(titles: Read<Vec<String>>) -> cluster::ControlNamespace {
        let opaque = match titles {
            Ok(titles) => titles.into_iter().map(|title| Opaque::titled(title, true)).collect(),
            Err(unread) => vec![Opaque::unread(Unread::NetworkPolicies, unread.into())],
        };
        cluster::ControlNamespace {
            name: String::new(),
            labels: Ok(Labels::new()),
            policies: policy::Policies { opaque, ..policy::Policies::default() },
            later: None,
            later_labels: None,
        }
    }

    /// Returns the titles of the policies, or the failed read of them.
    pub(super) fn titles(control: &cluster::ControlNamespace) -> Read<Vec<String>> {
        let policies = &control.policies;
        if let Some(unread) = policies.unread().next() {
            return Err(unread.clone().into());
        }
        let read = policies.read.iter().map(|policy| policy.title.clone());
        Ok(read.chain(policies.opaque.iter().map(|opaque| opaque.gap.place.clone())).collect())
    }
}

impl From<cluster::ControlNamespace> for ControlNamespace {
    fn from(control: cluster::ControlNamespace) -> Self {
        let cluster::ControlNamespace { name, labels, policies, later, later_labels } = control;
        let (labels, later) = (labels.map_err(Into::into), later.map(Into::into));
        let later_labels = later_labels.map(|labels| labels.map_err(Into::into));
        Self { name, labels, policies: policies.into(), later, later_labels }
    }
}

impl From<ControlNamespace> for cluster::ControlNamespace {
    fn from(control: ControlNamespace) -> Self {
        let ControlNamespace { name, labels, policies, later, later_labels } = control;
        let (labels, later) = (labels.map_err(Into::into), later.map(Into::into));
        let later_labels = later_labels.map(|labels| labels.map_err(Into::into));
        Self { name, labels, policies: policies.into(), later, later_labels }
    }
}

// === impl Later ===

impl From<cluster::Later> for Later {
    fn from(cluster::Later { changes, labels, policies }: cluster::Later) -> Self {
        let change = |cluster::Change { policy, words }| Change { policy, words };
        Self { changes: changes.into_iter().map(change).collect(), labels, policies: policies.into() }
    }
}

impl From<Later> for cluster::Later {
    fn from(Later { changes, labels, policies }: Later) -> Self {
        let change = |Change { policy, words }| cluster::Change { policy, words };
        Self { changes: changes.into_iter().map(change).collect(), labels, policies: policies.into() }
    }
}
