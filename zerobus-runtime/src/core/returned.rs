//! Rows that are handed back, until somebody takes them.

use std::collections::BTreeMap;

use super::Batch;
use crate::error::Error;

/// What could not be delivered, oldest first.
#[derive(Debug, Default)]
pub(super) struct Returned {
    batches: Vec<ReturnedBatch>,
    bytes: usize,
    /// The single rows that the server refused, and how many of them were told.
    rejected: BTreeMap<u64, Error>,
    told: usize,
}

/// Rows that are handed back for one reason.
#[derive(Debug, Clone)]
pub(crate) struct ReturnedBatch {
    pub(crate) batch: Batch,
    pub(crate) reason: Error,
}

impl Returned {
    /// Takes in a batch of one row that the server refused.
    pub(super) fn reject(&mut self, mut batch: Batch, reason: Error) {
        // The row's bytes alone, not the whole buffer that they are a part of.
        batch.body = batch.body.to_vec().into();
        self.bytes += batch.body.len();
        self.rejected.insert(batch.first, reason.clone());
        self.batches.push(ReturnedBatch { batch, reason });
    }

    /// Takes in all that is left when a session gives up.
    pub(super) fn give_up(&mut self, batches: impl IntoIterator<Item = Batch>, reason: &Error) {
        for batch in batches {
            self.bytes += batch.body.len();
            self.batches.push(ReturnedBatch { batch, reason: reason.clone() });
        }
    }

    pub(super) fn take(&mut self) -> Vec<ReturnedBatch> {
        self.bytes = 0;
        std::mem::take(&mut self.batches)
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn rejected(&self) -> usize {
        self.rejected.len()
    }

    pub(super) fn rejection(&self, row: u64) -> Option<&Error> {
        self.rejected.get(&row)
    }

    /// The reason of a rejection that was not told before.
    pub(super) fn untold(&mut self) -> Option<Error> {
        let untold = self.rejected.len() > self.told;
        self.told = self.rejected.len();
        if untold { self.rejected.last_key_value().map(|(_, error)| error.clone()) } else { None }
    }
}
