//! Wakes the thread that writes the spool.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

/// Wakes one sleeping thread.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    has_rung: AtomicBool,
    sleeper: OnceLock<Thread>,
}

impl Bell {
    pub(crate) fn ring(&self) {
        if !self.has_rung.swap(true, Ordering::AcqRel)
            && let Some(sleeper) = self.sleeper.get()
        {
            sleeper.unpark();
        }
    }

    /// Registers this thread as the one to wake.
    pub(super) fn listen(&self) {
        self.sleeper.get_or_init(thread::current);
    }

    /// Sleeps until the bell rings, or for this long.
    pub(super) fn wait(&self, most: Option<Duration>) {
        if !self.has_rung.load(Ordering::Acquire) {
            match most {
                Some(most) => thread::park_timeout(most),
                None => thread::park(),
            }
        }
        self.has_rung.store(false, Ordering::Release);
    }
}
