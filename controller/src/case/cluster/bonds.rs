//! What binds the pods of a namespace at one moment, so that another moment can be told from it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Labels, PodView, Read};

/// The namespace's labels and its policies.
#[derive(Clone, Debug)]
pub struct Bonds {
    /// By which policies of other namespaces, and of the whole cluster, select this one.
    pub labels: Read<Labels>,
    /// Every policy of every kind, by its title: which one it is, and how often it has been changed.
    pub policies: Read<BTreeMap<String, String>>,
}

/// What was read again when the probes had been asked.
#[derive(Clone, Debug)]
pub struct SecondReading {
    /// The pods that there are by then, without those that the run itself made.
    pub pods: Read<Vec<PodView>>,
    /// What binds them by then.
    pub bonds: Bonds,
}

impl Bonds {
    /// What is otherwise later. What could not be read at first makes its requirements inconclusive by itself.
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
        (Ok(_), Err(unreadable)) => return vec![format!("what binds it by now is not known: {unreadable}")],
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
    fn what_was_added_removed_or_changed_is_named() {
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
    fn what_cannot_be_read_any_more_is_a_change_and_what_never_could_is_none() {
        let unread = || Err(fixture::forbidden("list networkpolicies"));
        let read = Bonds { labels: Ok(map(&[])), policies: Ok(map(&[])) };
        let blind = Bonds { labels: Ok(map(&[])), policies: unread() };
        assert!(read.changes(&blind)[0].contains("is not known"));
        assert!(blind.changes(&read).is_empty());
    }
}
