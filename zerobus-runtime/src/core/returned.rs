//! Rows that are returned, until somebody takes them.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::{Batch, Settings};
use crate::error::{Error, ErrorKind, Fault};

/// How many reasons are kept in full.
const MOST_REASONS: usize = 1000;

/// What could not be delivered: single rows that the server refused, and all that was left when the session gave up.
#[derive(Debug, Default)]
pub(super) struct Returned {
    rejected: Vec<ReturnedBatch>,
    rejected_bytes: usize,
    given_up: Vec<ReturnedBatch>,
    /// Why each row was refused, whether it was taken or not; of the newest ones in full.
    reasons: BTreeMap<u64, Error>,
    /// The rows whose own reason is kept, oldest first.
    in_full: VecDeque<u64>,
    /// What stands for the reasons that are not.
    forgotten: Option<Error>,
    /// When the last of them were refused.
    times: VecDeque<Duration>,
    told: usize,
}

/// Rows that are returned for one reason.
#[derive(Debug, Clone)]
pub(crate) struct ReturnedBatch {
    pub(crate) batch: Batch,
    pub(crate) reason: Error,
}

impl Returned {
    /// Whether another refused row may be returned by itself: neither too many came lately, nor do too many wait.
    pub(super) fn has_room(&mut self, now: Duration, bytes: usize, settings: &Settings) -> bool {
        let first = now.saturating_sub(settings.rejected_within);
        while self.times.front().is_some_and(|at| *at < first) {
            self.times.pop_front();
        }
        self.times.len() < settings.max_rejected_rows && self.rejected_bytes + bytes <= settings.max_rejected_bytes
    }

    /// Takes in a batch of one row that the server refused.
    pub(super) fn reject(&mut self, now: Duration, mut batch: Batch, reason: Error) {
        // The row's bytes alone, not the whole buffer that they are a part of.
        batch.body = batch.body.to_vec().into();
        self.rejected_bytes += batch.body.len();
        self.reasons.insert(batch.first, reason.clone());
        self.in_full.push_back(batch.first);
        self.forget_oldest();
        self.times.push_back(now);
        self.rejected.push(ReturnedBatch { batch, reason });
    }

    /// Keeps the reasons from growing for ever; that a row was refused is never forgotten.
    fn forget_oldest(&mut self) {
        if self.in_full.len() <= MOST_REASONS {
            return;
        }
        let forgotten = self.forgotten.get_or_insert_with(|| {
            let text = "the server refused the row, and the reason is not kept any more".to_owned();
            Fault::Recorded { kind: ErrorKind::Rejected, text, code: None }.into()
        });
        if let Some(reason) = self.in_full.pop_front().and_then(|oldest| self.reasons.get_mut(&oldest)) {
            *reason = forgotten.clone();
        }
    }

    /// Takes in all that is left when a session gives up.
    pub(super) fn give_up(&mut self, batches: impl IntoIterator<Item = Batch>, reason: &Error) {
        self.given_up.extend(batches.into_iter().map(|batch| ReturnedBatch { batch, reason: reason.clone() }));
    }

    /// Gives the refused rows away.
    pub(super) fn take_rejected(&mut self) -> Vec<ReturnedBatch> {
        self.rejected_bytes = 0;
        std::mem::take(&mut self.rejected)
    }

    /// Gives everything away, oldest first.
    pub(super) fn take(&mut self) -> Vec<ReturnedBatch> {
        let mut all = self.take_rejected();
        all.append(&mut self.given_up);
        all
    }

    /// Gives away what was left when the session gave up, and leaves the refused rows.
    pub(super) fn take_given_up(&mut self) -> Vec<ReturnedBatch> {
        std::mem::take(&mut self.given_up)
    }

    pub(super) fn rejection(&self, row: u64) -> Option<&Error> {
        self.reasons.get(&row)
    }

    /// The reason of a refusal that was not told before.
    pub(super) fn untold(&mut self) -> Option<Error> {
        let untold = self.reasons.len() > self.told;
        self.told = self.reasons.len();
        if untold { self.reasons.last_key_value().map(|(_, error)| error.clone()) } else { None }
    }
}
