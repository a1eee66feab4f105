//! Selections of pods in the languages of the policies' kinds.

use super::{
    calico::selector::Expression,
    cilium::{self, Identity},
    endpoint::Endpoint,
    matching::Match,
};
use crate::case::cluster::Selector;

/// A selection of pods.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Selection {
    /// The pods whose own labels match.
    Labels(Selector),
    /// The pods whose identity in Cilium matches.
    Identity(Identity),
    /// The pods that an expression of Calico selects.
    Calico(Expression),
}

impl Selection {
    /// Returns the selection of every pod.
    pub fn every() -> Self {
        Self::Labels(Selector::default())
    }

    /// Returns true if nothing narrows the selection.
    pub(super) fn is_every(&self) -> bool {
        match self {
            Self::Labels(selector) | Self::Identity(Identity { labels: selector, .. }) => {
                *selector == Selector::default()
            }
            Self::Calico(expression) => *expression == Expression::All,
        }
    }

    /// Returns true if the selection selects no pod without this label of its own.
    pub fn requires(&self, key: &str, value: &str) -> bool {
        let has = |selector: &Selector, key: &str| selector.equals.get(key).is_some_and(|it| it == value);
        match self {
            Self::Labels(selector) => has(selector, key),
            Self::Identity(Identity { labels, .. }) => {
                ["any:", "k8s:"].iter().any(|source| has(labels, &format!("{source}{key}")))
            }
            Self::Calico(expression) => expression.required(key) == Some(value),
        }
    }

    pub(super) fn selects(&self, endpoint: &Endpoint) -> Match {
        match self {
            Self::Labels(selector) => by_labels(selector, endpoint),
            Self::Identity(identity) => identity.selects(endpoint),
            Self::Calico(expression) => expression.selects_pod(endpoint),
        }
    }

    /// Returns if the selection has peers that are no pods.
    pub(super) fn selects_peers_without_labels(&self) -> Match {
        match self {
            Self::Labels(_) | Self::Calico(_) => Match::No,
            Self::Identity(identity) => identity.selects_peers_without_labels(),
        }
    }
}

/// Returns if a selector selects a pod by its labels. Some of the pod's labels are not seen where Cilium enforces it.
fn by_labels(selector: &Selector, endpoint: &Endpoint) -> Match {
    let keys = selector.equals.keys().chain(selector.requirements.iter().map(|it| &it.key));
    let mut unseen = keys.filter(|key| endpoint.labels.contains_key(*key) && cilium::is_reserved(key));
    match unseen.next() {
        Some(key) => Match::Unknown(cilium::left_out(key)),
        None => selector.selects(&endpoint.labels).into(),
    }
}
