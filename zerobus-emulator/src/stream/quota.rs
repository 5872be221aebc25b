//! The quota of one stream: records and bytes within a second.

use std::time::{Duration, Instant};

use crate::limits::Limits;
use crate::refusal::Refusal;

const SECOND: Duration = Duration::from_secs(1);

/// What a stream has sent within the current second.
#[derive(Debug)]
pub(super) struct Quota {
    max_records: Option<usize>,
    max_bytes: Option<usize>,
    since: Instant,
    records: usize,
    bytes: usize,
}

impl Quota {
    pub(super) const fn new(limits: &Limits, now: Instant) -> Self {
        let (max_records, max_bytes) = (limits.records_per_second, limits.bytes_per_second);
        Self { max_records, max_bytes, since: now, records: 0, bytes: 0 }
    }

    /// Counts a request; an error if it exceeds the quota of the second.
    pub(super) fn take(&mut self, records: usize, bytes: usize, now: Instant) -> Result<(), Refusal> {
        if now.saturating_duration_since(self.since) >= SECOND {
            *self = Self { since: now, records: 0, bytes: 0, ..*self };
        }
        self.records = self.records.saturating_add(records);
        self.bytes = self.bytes.saturating_add(bytes);
        for (found, most, what) in [(self.records, self.max_records, "records"), (self.bytes, self.max_bytes, "bytes")]
        {
            if let Some(most) = most
                && found > most
            {
                return Err(Refusal::over_quota(format_args!("{found} {what} came within a second, more than {most}")));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_its_quota_and_the_next_one_its_own() {
        let limits = Limits { records_per_second: Some(10), bytes_per_second: Some(100), ..Limits::default() };
        let start = Instant::now();
        let mut quota = Quota::new(&limits, start);
        assert!(quota.take(10, 100, start).is_ok());
        assert!(quota.take(1, 0, start + SECOND / 2).is_err());
        assert!(quota.take(10, 100, start + SECOND).is_ok());
        let refusal = quota.take(0, 1, start + SECOND).unwrap_err().to_string();
        assert!(refusal.contains("101 bytes came within a second, more than 100"), "{refusal}");
    }

    #[test]
    fn without_a_quota_everything_goes() {
        let now = Instant::now();
        let mut quota = Quota::new(&Limits::default(), now);
        assert!(quota.take(usize::MAX, usize::MAX, now).is_ok());
        assert!(quota.take(1, 1, now).is_ok());
    }
}
