//! The mutex shared by handles and driver.

#[cfg(test)]
pub(super) mod explored;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// No user code and nothing that may panic runs under this mutex, so a poisoned mutex still guards consistent data.
#[derive(Debug, Default)]
pub(super) struct Lock<T>(Mutex<T>);

impl<T> Lock<T> {
    pub(super) const fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    #[inline]
    pub(super) fn lock(&self) -> MutexGuard<'_, T> {
        #[cfg(test)]
        if let Some(guard) = explored::lock(&self.0) {
            return guard;
        }
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
