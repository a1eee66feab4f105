//! A crew of threads, one for each processor, that shares many simulated commands.

use std::{
    collections::BTreeMap,
    num::NonZero,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// Checks every item; returns all that the checks found, in the order of the items.
pub(crate) fn check_all<T: Sync>(items: &[T], check: impl Fn(&T) -> Vec<String> + Sync) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let found = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(|| {
                while let number = next.fetch_add(1, Ordering::Relaxed)
                    && let Some(item) = items.get(number)
                {
                    let told = check(item);
                    found.lock().unwrap_or_else(PoisonError::into_inner).insert(number, told);
                }
            });
        }
    });
    found.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().flatten().collect()
}

#[test]
fn what_is_found_has_the_order_of_the_items() {
    let items: Vec<_> = (0..100).collect();
    let found = check_all(&items, |item| vec![item.to_string()]);
    assert_eq!(found, items.iter().map(ToString::to_string).collect::<Vec<_>>());
}
