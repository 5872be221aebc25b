//! Returned rows, until the caller takes them.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::{Batch, Settings};
use crate::error::{Error, ErrorKind, Fault};

/// How many reasons are kept in full.
const MOST_REASONS: usize = 1000;

/// Rows that could not be delivered: those that the server refused individually, and those left when the session gave
/// up.
#[derive(Debug, Default)]
pub(super) struct Returned {
    rejected: Vec<ReturnedBatch>,
    /// The bytes of refused rows that neither the caller nor a sink has taken.
    rejected_bytes: usize,
    given_up: Vec<ReturnedBatch>,
    /// Why each row was refused, whether taken or not; in full for the newest.
    reasons: BTreeMap<u64, Error>,
    /// The rows whose reason is kept in full, oldest first.
    in_full: VecDeque<u64>,
    /// The reason used for all others.
    forgotten: Option<Error>,
    /// When the last of them were refused.
    times: VecDeque<Duration>,
    reported: usize,
}

/// Rows that are returned for one reason.
#[derive(Debug, Clone)]
pub(crate) struct ReturnedBatch {
    pub(crate) batch: Batch,
    pub(crate) reason: Error,
}

impl Returned {
    /// Whether another refused row may be returned individually: not too many recently, and not too many waiting.
    pub(super) fn has_room(&mut self, now: Duration, bytes: usize, settings: &Settings) -> bool {
        let first = now.saturating_sub(settings.rejected_within);
        while self.times.front().is_some_and(|at| *at < first) {
            self.times.pop_front();
        }
        self.times.len() < settings.max_rejected_rows && self.rejected_bytes + bytes <= settings.max_rejected_bytes
    }

    /// Takes in rows that the server refused: one row, or a request that cannot be split.
    pub(super) fn reject(&mut self, now: Duration, mut batch: Batch, reason: Error) {
        // Only the row's bytes, not the whole buffer.
        batch.body = batch.body.to_vec().into();
        self.rejected_bytes += batch.body.len();
        for row in batch.first..batch.first + u64::from(batch.rows) {
            self.reasons.insert(row, reason.clone());
            self.in_full.push_back(row);
            self.forget_oldest();
        }
        self.times.push_back(now);
        self.rejected.push(ReturnedBatch { batch, reason });
    }

    /// Bounds the stored reasons; that a row was refused is never forgotten.
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

    /// Adds the rows that are left when a session gives up.
    pub(super) fn give_up(&mut self, batches: impl IntoIterator<Item = Batch>, reason: &Error) {
        self.given_up.extend(batches.into_iter().map(|batch| ReturnedBatch { batch, reason: reason.clone() }));
    }

    /// Takes the refused rows.
    pub(super) fn take_rejected(&mut self) -> Vec<ReturnedBatch> {
        self.rejected_bytes = 0;
        std::mem::take(&mut self.rejected)
    }

    /// Takes the refused rows for a sink; their bytes count until it has them.
    pub(super) fn collect_rejected(&mut self) -> Vec<ReturnedBatch> {
        std::mem::take(&mut self.rejected)
    }

    /// Refused rows with this many bytes were taken.
    pub(super) const fn release(&mut self, bytes: usize) {
        self.rejected_bytes = self.rejected_bytes.saturating_sub(bytes);
    }

    /// Takes everything, oldest first.
    pub(super) fn take(&mut self) -> Vec<ReturnedBatch> {
        let mut all = self.take_rejected();
        all.append(&mut self.given_up);
        all
    }

    /// Takes the rows left when the session gave up, but not the refused rows.
    pub(super) fn take_given_up(&mut self) -> Vec<ReturnedBatch> {
        std::mem::take(&mut self.given_up)
    }

    pub(super) fn rejection(&self, row: u64) -> Option<&Error> {
        self.reasons.get(&row)
    }

    /// The reason of a refusal that was not reported yet.
    pub(super) fn unreported(&mut self) -> Option<Error> {
        let unreported = self.reasons.len() > self.reported;
        self.reported = self.reasons.len();
        if unreported { self.reasons.last_key_value().map(|(_, error)| error.clone()) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::status;
    use super::*;
    use crate::persisted::Persisted;
    use crate::record_kind::RecordKind;

    const MINUTE: Duration = Duration::from_secs(60);

    fn settings() -> Settings {
        let mut settings = Settings::new("t", RecordKind::Proto);
        (settings.max_rejected_rows, settings.max_rejected_bytes) = (2, 10);
        settings
    }

    /// Takes in a refused row that takes five bytes.
    fn reject(returned: &mut Returned, now: Duration, row: u64) {
        let reason = status(3, &format!("row {row}"));
        returned.reject(now, Batch::of_row(row, b"abc", Persisted::Possibly), reason);
    }

    #[test]
    fn refused_rows_have_room_by_number_and_time() {
        let mut returned = Returned::default();
        reject(&mut returned, Duration::ZERO, 0);
        assert!(returned.has_room(Duration::ZERO, 1, &settings()));
        reject(&mut returned, Duration::from_secs(1), 1);
        returned.take_rejected();
        assert!(!returned.has_room(MINUTE, 1, &settings()), "two within a minute, taken or not");
        assert!(returned.has_room(MINUTE + Duration::from_nanos(1), 1, &settings()));
    }

    #[test]
    fn refused_rows_have_room_by_their_bytes_until_they_are_taken() {
        let mut returned = Returned::default();
        reject(&mut returned, Duration::ZERO, 0);
        assert!(returned.has_room(Duration::ZERO, 5, &settings()));
        assert!(!returned.has_room(Duration::ZERO, 6, &settings()));
        assert_eq!(returned.take_rejected().len(), 1);
        assert!(returned.has_room(Duration::ZERO, 10, &settings()));
    }

    #[test]
    fn rows_on_their_way_to_a_sink_count_until_it_has_them() {
        let mut returned = Returned::default();
        reject(&mut returned, Duration::ZERO, 0);
        assert_eq!(returned.collect_rejected().len(), 1);
        assert!(!returned.has_room(Duration::ZERO, 6, &settings()));
        returned.release(5);
        assert!(returned.has_room(Duration::ZERO, 10, &settings()));
    }

    #[test]
    fn a_thousand_reasons_are_kept_in_full_and_no_refusal_is_forgotten() {
        let mut returned = Returned::default();
        for row in 0..1001 {
            reject(&mut returned, Duration::ZERO, row);
        }
        let reason = |row| returned.rejection(row).unwrap().to_string();
        assert!(reason(0).contains("not kept any more"), "{}", reason(0));
        assert!(reason(1).contains("row 1") && reason(1000).contains("row 1000"));
        assert!(returned.rejection(1001).is_none());
    }

    #[test]
    fn a_refusal_is_reported_once() {
        let mut returned = Returned::default();
        assert!(returned.unreported().is_none());
        reject(&mut returned, Duration::ZERO, 4);
        assert!(returned.unreported().is_some_and(|error| error.to_string().contains("row 4")));
        assert!(returned.unreported().is_none());
    }

    #[test]
    fn what_was_given_up_is_taken_without_what_was_refused_and_both_only_once() {
        let mut returned = Returned::default();
        reject(&mut returned, Duration::ZERO, 0);
        returned.give_up([Batch::of_row(1, b"x", Persisted::No)], &status(13, "oh"));
        let firsts = |rows: Vec<ReturnedBatch>| rows.iter().map(|part| part.batch.first).collect::<Vec<_>>();
        assert_eq!(firsts(returned.take_given_up()), [1]);
        assert_eq!(firsts(returned.take()), [0]);
        assert!(returned.take().is_empty());
    }
}
