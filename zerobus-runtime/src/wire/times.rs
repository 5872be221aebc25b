//! Durations sent by the server. The conversion in prost-types panics at the ends of the range.

use std::time::Duration;

const NANOS: i128 = 1_000_000_000;

/// The duration in a message; `None` if it is negative.
pub(crate) fn time_of(duration: prost_types::Duration) -> Option<Duration> {
    let nanos = i128::from(duration.seconds) * NANOS + i128::from(duration.nanos);
    let seconds = u64::try_from(nanos.div_euclid(NANOS)).ok()?;
    let fraction = u32::try_from(nanos.rem_euclid(NANOS)).ok()?;
    Some(Duration::new(seconds, fraction))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_is_read_and_none_panics() {
        let time = |seconds, nanos| time_of(prost_types::Duration { seconds, nanos });
        assert_eq!(time(1, 500_000_000), Some(Duration::from_millis(1500)));
        assert_eq!(time(0, i32::MAX), Some(Duration::new(2, 147_483_647)));
        assert_eq!(time(1, -1), Some(Duration::new(0, 999_999_999)));
        assert_eq!(time(i64::MAX, i32::MAX).map(|time| time.as_secs()), Some(i64::MAX as u64 + 2));
        for (seconds, nanos) in [(0, -1), (-1, 999_999_999), (i64::MIN, i32::MIN), (i64::MIN, i32::MAX)] {
            assert_eq!(time(seconds, nanos), None, "{seconds} {nanos}");
        }
    }
}
