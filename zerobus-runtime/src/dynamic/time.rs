//! Times and dates from text: the usual layout by hand, and what else is allowed by the value types.

use super::RowProblem;
use super::problem::quoted;
use crate::values::{Date, Timestamp, TimestampNtz};

/// A zone behind a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Zone {
    None,
    /// East of UTC.
    Seconds(i64),
}

/// An instant in microseconds; a text without a zone is UTC.
pub(super) fn timestamp(text: &str) -> Result<i64, RowProblem> {
    if let Some((micros, zone)) = usual(text) {
        let east = if let Zone::Seconds(east) = zone { east } else { 0 };
        if let Ok(time) = Timestamp::from_micros(micros - east * 1_000_000) {
            return Ok(time.as_micros());
        }
    }
    let time: Result<Timestamp, _> = text.parse();
    time.map(Timestamp::as_micros)
        .map_err(|_| RowProblem::new(quoted(text), "TIMESTAMP, as in 2026-01-31T12:00:00Z or 2026-01-31 12:00:00"))
}

/// A wall-clock time in microseconds.
pub(super) fn timestamp_ntz(text: &str) -> Result<i64, RowProblem> {
    if let Some((micros, Zone::None)) = usual(text)
        && let Ok(time) = TimestampNtz::from_micros(micros)
    {
        return Ok(time.as_micros());
    }
    let time: Result<TimestampNtz, _> = text.parse();
    time.map(TimestampNtz::as_micros)
        .map_err(|_| RowProblem::new(quoted(text), "TIMESTAMP_NTZ without a zone, as in 2026-01-31T12:00:00"))
}

/// A day.
pub(super) fn date(text: &str) -> Result<Date, RowProblem> {
    text.parse().map_err(|_| RowProblem::new(quoted(text), "DATE, as in 2026-01-31"))
}

/// Microseconds since 1970 of `YYYY-MM-DD`, a `T` or a blank, `HH:MM:SS`, a fraction and a zone, `Z` or `±HH:MM`.
///
/// Anything else is left to the value types, leap seconds and times out of range among it.
fn usual(text: &str) -> Option<(i64, Zone)> {
    let bytes = text.as_bytes();
    let (head, rest) = bytes.split_at_checked(19)?;
    if head[4] != b'-'
        || head[7] != b'-'
        || !matches!(head[10], b'T' | b't' | b' ')
        || head[13] != b':'
        || head[16] != b':'
    {
        return None;
    }
    let part = |number: i64| u8::try_from(number).ok();
    let year = i32::try_from(digits(&head[..4])?).ok()?;
    let day = Date::from_ymd(year, part(digits(&head[5..7])?)?, part(digits(&head[8..10])?)?).ok()?;
    let (hour, minute, second) = (digits(&head[11..13])?, digits(&head[14..16])?, digits(&head[17..19])?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (fraction, rest) = fraction(rest)?;
    let zone = zone(rest)?;
    let seconds = i64::from(day.as_days()) * 86_400 + hour * 3_600 + minute * 60 + second;
    Some((seconds * 1_000_000 + fraction, zone))
}

fn digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0')))
}

/// The microseconds of a fraction, rounded down, and the text after it.
fn fraction(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let Some((b'.', rest)) = bytes.split_first() else { return Some((0, bytes)) };
    let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (fraction, rest) = rest.split_at(length);
    let micros = fraction.iter().take(6).fold(0, |number, byte| number * 10 + i64::from(byte - b'0'));
    let missing = u32::try_from(6_usize.saturating_sub(length)).ok()?;
    (length > 0).then_some((micros * 10_i64.pow(missing), rest))
}

fn zone(bytes: &[u8]) -> Option<Zone> {
    match bytes {
        [] => Some(Zone::None),
        [b'Z' | b'z'] => Some(Zone::Seconds(0)),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?);
            let east = hours * 3_600 + minutes * 60;
            (hours < 24 && minutes < 60).then_some(Zone::Seconds(if *sign == b'-' { -east } else { east }))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_usual_layout_is_read_as_the_value_types_read_it(
            micros in -62_135_596_800_000_000_i64..=253_402_300_799_999_999,
            separator in prop::sample::select(vec!["T", " ", "t"]),
        ) {
            let time = Timestamp::from_micros(micros).unwrap();
            let text = time.to_string().replace('T', separator);
            prop_assert_eq!(timestamp(&text).unwrap(), micros);
            prop_assert_eq!(timestamp(text.trim_end_matches('Z')).unwrap(), micros);
            prop_assert_eq!(timestamp_ntz(text.trim_end_matches('Z')).unwrap(), micros);
            prop_assert!(timestamp_ntz(&text).is_err());
        }

        #[test]
        fn whatever_the_value_types_take_is_taken_alike(text in "[0-9]{4}-[0-3][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{1,9})?(Z|[+-][0-2][0-9]:?[0-9]{2})") {
            let expected: Result<Timestamp, _> = text.parse();
            prop_assert_eq!(timestamp(&text).ok(), expected.ok().map(Timestamp::as_micros));
        }
    }

    #[test]
    fn a_zone_counts_and_its_absence_is_utc() {
        let noon = timestamp("2026-01-31T12:00:00Z").unwrap();
        for text in [
            "2026-01-31 12:00:00",
            "2026-01-31T13:00:00+01:00",
            "2026-01-31T13:00:00+01",
            "2026-01-31T06:30:00.0-05:30",
        ] {
            assert_eq!(timestamp(text).unwrap(), noon, "{text}");
        }
        for text in ["2026-01-31", "31.01.2026 12:00", "2026-02-30T00:00:00Z", "10000-01-01T00:00:00Z", "", "now"] {
            let problem = timestamp(text).unwrap_err().to_string();
            assert!(problem.contains("expected TIMESTAMP"), "{problem}");
        }
    }
}
