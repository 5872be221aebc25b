//! The mutex as a point where an explored schedule switches tasks.

use std::cell::Cell;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use shuttle::thread;

thread_local! {
    static IS_EXPLORED: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread explores schedules.
pub(in super::super) fn set(is_explored: bool) {
    IS_EXPLORED.set(is_explored);
}

/// Takes a lock as one task of an explored schedule; `None` outside of one.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    IS_EXPLORED.get().then(|| {
        loop {
            // A switch and nothing else; `yield_now` would also wake this task, and hide that no other task does.
            thread::sleep(Duration::ZERO);
            match mutex.try_lock() {
                Ok(guard) => return guard,
                Err(TryLockError::Poisoned(poisoned)) => return PoisonError::into_inner(poisoned),
                Err(TryLockError::WouldBlock) => {}
            }
        }
    })
}
