//! The labels and policies that bind the pods of a namespace, at two moments of a run.

use std::collections::{BTreeMap, BTreeSet};

use super::{Labels, PodView, Read};

/// A namespace's labels and policies.
#[derive(Clone, Debug)]
pub struct Bonds {
    /// The namespace's labels, by which policies of other namespaces and of the whole cluster select it.
    pub labels: Read<Labels>,
    /// The version of every policy of every kind, by the policy's title. It differs for another policy of the same
    /// title and after a change.
    pub policies: Read<BTreeMap<String, String>>,
}

/// The second reading of a namespace, at the end of the run.
#[derive(Clone, Debug)]
pub struct SecondReading {
    /// The current pods, without those of the run itself.
    pub pods: Read<Vec<PodView>>,
    /// The current labels and policies.
    pub bonds: Bonds,
}

impl Bonds {
    /// Returns the changes until a later moment. A first read that failed is no change: it makes its requirements
    /// inconclusive itself.
    pub fn changes(&self, later: &Self) -> Vec<String> {
        let labels = changes(&self.labels, &later.labels, "the label ", " of the namespace");
        let policies = changes(&self.policies, &later.policies, "", "");
        labels.into_iter().chain(policies).collect()
    }
}

fn changes(
    earlier: &Read<BTreeMap<String, String>>,
    later: &Read<BTreeMap<String, String>>,
    before: &str,
    after: &str,
) -> Vec<String> {
    let (earlier, later) = match (earlier, later) {
        (Err(_), _) => return Vec::new(),
        (Ok(_), Err(unreadable)) => {
            return vec![format!("its state at the end of the run is not known: {unreadable}")];
        }
        (Ok(earlier), Ok(later)) => (earlier, later),
    };
    let keys: BTreeSet<_> = earlier.keys().chain(later.keys()).collect();
    let told = keys.into_iter().filter_map(|key| {
        let became = match (earlier.get(key), later.get(key)) {
            (Some(_), None) => "removed",
            (None, _) => "added",
            (Some(earlier), Some(later)) if earlier != later => "changed",
            _ => return None,
        };
        Some(format!("{before}{key}{after} was {became}"))
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
        assert_eq!(
            earlier.changes(&later),
            [
                "the label team of the namespace was changed",
                "NetworkPolicy a was removed",
                "NetworkPolicy b was changed",
                "NetworkPolicy c was added",
            ]
        );
    }

    #[test]
    fn only_a_second_read_that_fails_is_a_change() {
        let unread = || Err(fixture::forbidden("list networkpolicies"));
        let read = Bonds { labels: Ok(map(&[])), policies: Ok(map(&[])) };
        let blind = Bonds { labels: Ok(map(&[])), policies: unread() };
        assert!(read.changes(&blind)[0].contains("is not known"));
        assert!(blind.changes(&read).is_empty());
    }
}
