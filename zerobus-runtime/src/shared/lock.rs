//! The mutex of what handles and driver share.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A mutex under which no code of the program's runs, and nothing that may panic: a poisoned one is a sound one.
#[derive(Debug, Default)]
pub(super) struct Lock<T>(Mutex<T>);

impl<T> Lock<T> {
    pub(super) const fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    #[inline]
    pub(super) fn lock(&self) -> MutexGuard<'_, T> {
        #[cfg(test)]
        if let Some(guard) = super::schedules::lock(&self.0) {
            return guard;
        }
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
