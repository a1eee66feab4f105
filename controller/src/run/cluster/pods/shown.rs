//! The state of the run's pods, for all who wait for a part of it.

use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use super::seen::Seen;

/// The state that the watches change.
#[derive(Debug, Default)]
pub(super) struct Shown {
    seen: Mutex<Seen>,
    changed: Notify,
}

impl Shown {
    #[cfg(test)]
    pub(super) fn of(seen: Seen) -> Self {
        Self { seen: Mutex::new(seen), changed: Notify::new() }
    }

    pub(super) fn read<T>(&self, read: impl FnOnce(&Seen) -> T) -> T {
        read(&self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_waiters();
    }

    /// Waits until the state has what is looked for. All who wait are woken in the order in which they began to (tokio,
    /// `sync/notify.rs`), so that equal runs make equal requests.
    pub(super) async fn until<T>(&self, mut find: impl FnMut(&Seen) -> Option<T>) -> T {
        loop {
            // A change after this line ends the wait, even one before the wait.
            let changed = self.changed.notified();
            if let Some(found) = self.read(&mut find) {
                return found;
            }
            changed.await;
        }
    }
}
