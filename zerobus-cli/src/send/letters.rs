//! The file of dead letters, shared with the lanes of a spool.
//!
//! A spool drops a row that the server refused once its sink has it. So with a spool the lanes themselves write such
//! rows to the file; without one the sender takes them from the lanes, many at once.

use std::error::Error;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zerobus_runtime::DeadLetter;

use crate::dead_letters::DeadLetters;
use crate::failure::Failure;

/// The open file; clones share it.
#[derive(Clone)]
pub(super) struct Letters(Arc<Mutex<Open>>);

struct Open {
    file: DeadLetters,
    /// The reasons of rows that lanes wrote and the sender has not counted.
    uncounted: Vec<String>,
}

impl Letters {
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let file = DeadLetters::open(path)?;
        Ok(Self(Arc::new(Mutex::new(Open { file, uncounted: Vec::new() }))))
    }

    /// Adds a row.
    pub(super) fn add(&self, letter: &DeadLetter) -> Result<(), Failure> {
        self.lock().file.add(letter)
    }

    /// Waits until every row is on disk.
    pub(super) fn sync(&self) -> Result<(), Failure> {
        self.lock().file.sync()
    }

    /// The sink of a lane: a row is on disk when it returns.
    pub(super) fn sink(&self) -> zerobus_runtime::DeadLetters {
        let letters = self.clone();
        zerobus_runtime::DeadLetters::callback(move |letter| letters.take(letter))
    }

    /// The reasons of rows that lanes wrote since the last call.
    pub(super) fn take_uncounted(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().uncounted)
    }

    fn take(&self, letter: &DeadLetter) -> Result<(), Box<dyn Error + Send + Sync>> {
        // A row that the lane did not accept is written by the sender, which knows its place in the input.
        if letter.offset().is_none() {
            return Ok(());
        }
        let mut open = self.lock();
        open.file.add(letter).and_then(|()| open.file.sync()).map_err(|failure| failure.to_string())?;
        open.uncounted.push(letter.reason().to_string());
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
