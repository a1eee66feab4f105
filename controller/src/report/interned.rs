//! Equal values that are kept once.

use std::{collections::HashSet, hash::Hash, sync::Arc};

/// The values so far.
#[derive(Debug)]
pub(super) struct Interned<T>(HashSet<Arc<T>>);

impl<T> Default for Interned<T> {
    fn default() -> Self {
        Self(HashSet::new())
    }
}

impl<T: Eq + Hash> Interned<T> {
    /// Returns the earlier value that is equal, or keeps this one.
    pub(super) fn share(&mut self, value: T) -> Arc<T> {
        if let Some(known) = self.0.get(&value) {
            return Arc::clone(known);
        }
        let value = Arc::new(value);
        self.0.insert(Arc::clone(&value));
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_one() {
        let mut interned = Interned::default();
        let [one, two, other] = ["a", "a", "b"].map(|text| interned.share(text.to_owned()));
        assert!(Arc::ptr_eq(&one, &two) && !Arc::ptr_eq(&one, &other));
    }
}
