//! The labels and policies that bind the pods of a namespace, at two moments of a run.

use std::collections::{BTreeMap, BTreeSet};

use super::{Labels, Node, PodView, Read, Selecting, Shared, Unreadable};
use crate::case::policy::Policies;

/// A namespace's labels and policies.
#[derive(Clone, Debug)]
pub struct Bonds {
    /// The namespace's labels, by which policies of other namespaces and of the whole cluster select it.
    pub labels: Read<Labels>,
    /// The version of every policy of every kind, by the policy's title. It differs for another policy of the same
    /// title and after a change.
    pub policies: Read<BTreeMap<String, String>>,
}

/// The kind and the name of each workload, with those of its maker; `None` for a workload that no other one made.
pub type MadeBy = BTreeMap<(String, String), Option<(String, String)>>;

/// The second reading of a namespace, at the end of the run.
#[derive(Clone, Debug)]
pub struct SecondReading {
    /// The current pods that are new or have changed, without those of the run itself.
    pub pods: Read<Vec<Shared<PodView>>>,
    /// The workloads of those kinds that made new pods and no pod of the first reading, as far as they could be read.
    pub made_by: MadeBy,
    /// The current Services that select pods.
    pub services: Read<Vec<Selecting>>,
    /// The current nodes; `None` if none of these pods has a node, or nodes may not be read.
    pub nodes: Option<Read<Vec<Node>>>,
    /// The current labels and the versions of the policies.
    pub bonds: Bonds,
    /// The current policies.
    pub policies: Policies,
    /// The current labels and policies of the control namespace; `None` without a control namespace.
    pub control: Option<(Read<Labels>, Policies)>,
}

/// The labels and policies at the end of a run in which they changed.
#[derive(Clone, Debug)]
pub struct Later {
    /// The changes, each as the object's title and the change in words.
    pub changes: Vec<Change>,
    /// The namespace's labels; `None` if they could not be read.
    pub labels: Option<Labels>,
    /// The policies that may bind the namespace's pods.
    pub policies: Policies,
}

/// One change during a run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change {
    /// The title of the policy; `None` for a label of the namespace.
    pub policy: Option<String>,
    /// The change in words.
    pub words: String,
}

impl Bonds {
    /// Returns the parts whose later state is not known. A first read that failed makes its requirements inconclusive itself.
    pub fn lost(&self, later: &Self) -> Vec<String> {
        let lost = |first: bool, later: Option<&Unreadable>| {
            later
                .filter(|_| first)
                .map(|unread| format!("its state at the end of the run is not known: {unread}"))
        };
        let labels = lost(self.labels.is_ok(), later.labels.as_ref().err());
        labels.into_iter().chain(lost(self.policies.is_ok(), later.policies.as_ref().err())).collect()
    }

    /// Returns the changes until a later moment, as far as both states are known.
    pub fn changes(&self, later: &Self) -> Vec<Change> {
        let labels = changed(&self.labels, &later.labels).into_iter().map(|(key, became)| Change {
            policy: None,
            words: format!("the label {key} of the namespace was {became}"),
        });
        let policies = changed(&self.policies, &later.policies)
            .into_iter()
            .map(|(title, became)| Change { words: format!("{title} was {became}"), policy: Some(title) });
        labels.chain(policies).collect()
    }
}

fn changed(
    earlier: &Read<BTreeMap<String, String>>,
    later: &Read<BTreeMap<String, String>>,
) -> Vec<(String, &'static str)> {
    let (Ok(earlier), Ok(later)) = (earlier, later) else { return Vec::new() };
    let keys: BTreeSet<_> = earlier.keys().chain(later.keys()).collect();
    let told = keys.into_iter().filter_map(|key| {
        let became = match (earlier.get(key), later.get(key)) {
            (Some(_), None) => "removed",
            (None, _) => "added",
            (Some(earlier), Some(later)) if earlier != later => "changed",
            _ => return None,
        };
        Some((key.clone(), became))
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn every_change_is_named() {
        let earlier = Bonds {
            labels: Ok(map(&[("team", "red")])),
            policies: Ok(map(&[("NetworkPolicy a", "1/1"), ("NetworkPolicy b", "2/1")])),
        };
        assert!(earlier.changes(&earlier).is_empty());
        let later = Bonds {
            labels: Ok(map(&[("team", "blue")])),
            policies: Ok(map(&[("NetworkPolicy b", "2/2"), ("NetworkPolicy c", "3/1")])),
        };
        let words: Vec<_> = earlier.changes(&later).into_iter().map(|change| change.words).collect();
        assert_eq!(
            words,
            [
                "the label team of the namespace was changed",
                "NetworkPolicy a was removed",
                "NetworkPolicy b was changed",
                "NetworkPolicy c was added",
            ]
        );
    }

    #[test]
    fn only_a_second_read_that_fails_is_lost() {
        let unread = || Err(fixture::forbidden("list networkpolicies"));
        let read = Bonds { labels: Ok(map(&[])), policies: Ok(map(&[])) };
        let blind = Bonds { labels: Ok(map(&[])), policies: unread() };
        assert!(read.lost(&blind)[0].contains("is not known"));
        assert!(blind.lost(&read).is_empty());
    }
}
