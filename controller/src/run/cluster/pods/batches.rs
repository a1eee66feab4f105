//! Batches of groups: in a large run, the probe pods of some groups are removed together, by one request.

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{Mutex, PoisonError},
};

use super::FEW;

/// The number of groups in a batch.
const SIZE: usize = 16;

/// The batches of a run.
#[derive(Debug)]
pub(super) struct Batches {
    groups: usize,
    size: usize,
    /// The number of groups of each batch that need their pods no longer.
    finished: Mutex<BTreeMap<usize, usize>>,
}

impl Batches {
    pub(super) fn of(groups: usize) -> Self {
        let size = if groups > FEW { SIZE } else { 1 };
        Self { groups, size, finished: Mutex::default() }
    }

    /// Returns the name of a group's batch; `None` if each group is by itself.
    pub(super) fn name(&self, index: usize) -> Option<String> {
        (self.size > 1).then(|| (index / self.size).to_string())
    }

    /// Takes a group that needs its pods no longer. Returns the groups of its batch if that group was the last of them; an empty
    /// range before.
    pub(super) fn finish(&self, index: usize) -> Range<usize> {
        let batch = index / self.size;
        let all = batch * self.size..self.groups.min((batch + 1) * self.size);
        let mut finished = self.finished.lock().unwrap_or_else(PoisonError::into_inner);
        let number = finished.entry(batch).or_default();
        *number += 1;
        if *number == all.len() { all } else { index..index }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_group_of_a_small_run_is_by_itself() {
        let batches = Batches::of(FEW);
        assert_eq!((batches.name(3), batches.finish(3)), (None, 3..4));
    }

    #[test]
    fn a_batch_goes_with_its_last_group() {
        let batches = Batches::of(SIZE * 2 + 3);
        assert_eq!(batches.name(SIZE * 2), Some("2".to_owned()));
        let last = [SIZE * 2 + 1, SIZE * 2, SIZE * 2 + 2].map(|index| batches.finish(index));
        assert!(last[0].is_empty() && last[1].is_empty());
        assert_eq!(last[2], SIZE * 2..SIZE * 2 + 3);
    }
}
