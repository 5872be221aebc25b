//! The file of dead letters, shared with the lanes of a spool.
//!
//! A spool drops a row that the server refused once its sink has it. So with a spool the lanes themselves write such
//! rows to the file; without one the sender takes them from the lanes, many at once.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use zerobus_runtime::DeadLetter;

use crate::dead_letters::DeadLetters;
use crate::failure::Failure;

/// When a row that could not be written is tried again.
const AGAIN: Duration = Duration::from_millis(100);

/// The open file; clones share it.
#[derive(Clone)]
pub(super) struct Letters(Arc<Mutex<Open>>);

struct Open {
    file: DeadLetters,
    /// The reasons of rows that lanes wrote and the sender has not counted.
    uncounted: Vec<String>,
    /// Why a lane cannot write a row now.
    failure: Option<String>,
}

impl Letters {
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let file = DeadLetters::open(path)?;
        Ok(Self(Arc::new(Mutex::new(Open { file, uncounted: Vec::new(), failure: None }))))
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
        zerobus_runtime::DeadLetters::callback(move |letter| {
            letters.take(letter);
            Ok(())
        })
    }

    /// The reasons of rows that lanes wrote since the last call.
    pub(super) fn take_uncounted(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().uncounted)
    }

    /// Why a lane cannot write a row now.
    pub(super) fn failure(&self) -> Option<Failure> {
        self.lock().failure.clone().map(Failure::text)
    }

    fn take(&self, letter: &DeadLetter) {
        // A row that the lane did not accept is written by the sender, which knows its place in the input.
        if letter.offset().is_none() {
            return;
        }
        // The spool keeps the row until this returns. Meanwhile the sender ends the run.
        while let Err(failure) = self.try_take(letter) {
            self.lock().failure = Some(failure.to_string());
            std::thread::sleep(AGAIN);
        }
    }

    fn try_take(&self, letter: &DeadLetter) -> Result<(), Failure> {
        let mut open = self.lock();
        open.file.add(letter)?;
        open.file.sync()?;
        open.uncounted.push(letter.reason().to_string());
        open.failure = None;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
