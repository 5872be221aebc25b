//! Limits the rows and bytes sent per second, for the service's quota of a stream.

use std::time::Duration;

use super::Settings;

/// Unused rate expires after this time, so a burst after a pause is no longer than this.
const BURST: Duration = Duration::from_millis(100);

/// The time that the requests so far have used up.
#[derive(Debug, Default)]
pub(super) struct Rate {
    rows: Option<u32>,
    bytes: Option<u64>,
    /// When the next request may be sent.
    next: Duration,
}

impl Rate {
    pub(super) const fn new(settings: &Settings) -> Self {
        Self { rows: settings.max_rows_per_second, bytes: settings.max_bytes_per_second, next: Duration::ZERO }
    }

    /// When the next request may be sent, if that is later.
    pub(super) fn opens_at(&self, now: Duration) -> Option<Duration> {
        (self.next > now).then_some(self.next)
    }

    /// How many rows of a request one burst allows, and how many bytes.
    pub(super) fn most_a_request(&self) -> (Option<u32>, Option<usize>) {
        let per_burst = |a_second: u64| a_second / u64::from(1000 / BURST.subsec_millis());
        let rows = self.rows.map(|most| u32::try_from(per_burst(most.into())).unwrap_or(u32::MAX).max(1));
        let bytes = self.bytes.map(|most| usize::try_from(per_burst(most)).unwrap_or(usize::MAX));
        (rows, bytes)
    }

    /// Counts a request.
    pub(super) fn sent(&mut self, now: Duration, rows: u32, bytes: usize) {
        let take = |amount: u64, a_second: u64| {
            let nanos = u128::from(amount) * 1_000_000_000 / u128::from(a_second.max(1));
            Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
        };
        let by_rows = self.rows.map(|most| take(rows.into(), most.into()));
        let by_bytes = self.bytes.map(|most| take(bytes as u64, most));
        let Some(time) = by_rows.max(by_bytes) else { return };
        self.next = self.next.max(now.saturating_sub(BURST)).saturating_add(time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record_kind::RecordKind;

    #[test]
    fn a_second_takes_no_more_than_its_quota_and_a_burst_is_short() {
        let mut settings = Settings::new("t", RecordKind::Proto);
        settings.max_rows_per_second = Some(100);
        settings.max_bytes_per_second = Some(1_000_000);
        let mut rate = Rate::new(&settings);
        let (mut now, mut rows) = (Duration::from_secs(60), 0);
        let end = now + Duration::from_secs(10);
        while now < end {
            rate.sent(now, 5, 100);
            rows += 5;
            now = rate.opens_at(now).unwrap_or(now);
        }
        assert!((1000..=1015).contains(&rows), "{rows} rows in ten seconds");
        rate.sent(now, 1, 2_000_000);
        assert_eq!(rate.opens_at(now), Some(now + Duration::from_secs(2)), "bytes count as well");
    }

    #[test]
    fn a_request_is_no_longer_than_a_burst() {
        let mut settings = Settings::new("t", RecordKind::Proto);
        assert_eq!(Rate::new(&settings).most_a_request(), (None, None));
        settings.max_rows_per_second = Some(5);
        settings.max_bytes_per_second = Some(1_000_000);
        assert_eq!(Rate::new(&settings).most_a_request(), (Some(1), Some(100_000)));
        settings.max_rows_per_second = Some(1000);
        assert_eq!(Rate::new(&settings).most_a_request().0, Some(100));
    }

    #[test]
    fn without_a_quota_everything_goes() {
        let mut rate = Rate::new(&Settings::new("t", RecordKind::Proto));
        rate.sent(Duration::ZERO, u32::MAX, usize::MAX);
        assert_eq!(rate.opens_at(Duration::ZERO), None);
    }
}
