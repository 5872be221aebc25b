//! Times and dates from text: the usual layout is read here, other valid layouts by the value types.

use super::problem::quoted;
use super::{RowProblem, digits};
use crate::values::{Date, Timestamp, TimestampNtz};

/// The zone after a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Zone {
    None,
    /// East of UTC.
    Seconds(i64),
}

/// An instant in microseconds; a text without a zone is UTC.
pub(super) fn timestamp(text: &str) -> Result<i64, RowProblem> {
    if let Some(micros) = usual_timestamp(text.as_bytes()) {
        return Ok(micros);
    }
    let time: Result<Timestamp, _> = text.parse();
    time.map(Timestamp::as_micros)
        .map_err(|_| RowProblem::new(quoted(text), "TIMESTAMP, as in 2026-01-31T12:00:00Z or 2026-01-31 12:00:00"))
}

/// As `timestamp`, for the usual layout only.
pub(super) fn usual_timestamp(text: &[u8]) -> Option<i64> {
    let (micros, zone) = usual(text)?;
    let east = if let Zone::Seconds(east) = zone { east } else { 0 };
    Timestamp::from_micros(micros - east * 1_000_000).ok().map(Timestamp::as_micros)
}

/// A wall-clock time in microseconds.
pub(super) fn timestamp_ntz(text: &str) -> Result<i64, RowProblem> {
    if let Some((micros, Zone::None)) = usual(text.as_bytes())
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

/// Microseconds since 1970 of `YYYY-MM-DD`, a `T` or a space, `HH:MM:SS`, a fraction and a zone, `Z` or `±HH:MM`.
///
/// Anything else is left to the value types, including leap seconds and times out of range.
fn usual(text: &[u8]) -> Option<(i64, Zone)> {
    let (head, rest) = text.split_first_chunk::<19>()?;
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T' | b't' | b' ', h1, h2, b':', n1, n2, b':', s1, s2] = *head
    else {
        return None;
    };
    let year = 100 * i32::from(pair(y1, y2)?) + i32::from(pair(y3, y4)?);
    let day = Date::from_ymd(year, pair(m1, m2)?, pair(d1, d2)?).ok()?;
    let (hour, minute, second) = (pair(h1, h2)?, pair(n1, n2)?, pair(s1, s2)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (fraction, rest) = fraction(rest)?;
    let zone = zone(rest)?;
    let seconds = i64::from(day.as_days()) * 86_400 + seconds(hour, minute) + i64::from(second);
    Some((seconds * 1_000_000 + fraction, zone))
}

fn seconds(hours: u8, minutes: u8) -> i64 {
    i64::from(hours) * 3_600 + i64::from(minutes) * 60
}

/// The number of two digits.
#[inline]
fn pair(tens: u8, ones: u8) -> Option<u8> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| 10 * tens + ones)
}

/// The microseconds of a fraction, rounded down, and the text after it.
fn fraction(bytes: &[u8]) -> Option<(i64, &[u8])> {
    match bytes {
        [b'.', digits @ ..] => six_digits(digits).or_else(|| any_fraction(digits)),
        _ => Some((0, bytes)),
    }
}

/// As `fraction`, for six digits, which most programs write.
fn six_digits(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let ([d1, d2, d3, d4, d5, d6], rest) = bytes.split_first_chunk()?;
    let micros = 10_000 * i64::from(pair(*d1, *d2)?) + 100 * i64::from(pair(*d3, *d4)?) + i64::from(pair(*d5, *d6)?);
    (!rest.first().is_some_and(u8::is_ascii_digit)).then_some((micros, rest))
}

/// As `fraction`, for any number of digits.
fn any_fraction(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (rest, number) = digits::leading(bytes, 0);
    let micros = match bytes.len() - rest.len() {
        0 => return None,
        length @ 1..=6 => number * digits::POWERS_OF_TEN[6 - length],
        _ => digits::leading(&bytes[..6], 0).1,
    };
    Some((i64::try_from(micros).ok()?, rest))
}

fn zone(bytes: &[u8]) -> Option<Zone> {
    match bytes {
        [] => Some(Zone::None),
        [b'Z' | b'z'] => Some(Zone::Seconds(0)),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (pair(*h1, *h2)?, pair(*m1, *m2)?);
            let east = seconds(hours, minutes);
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
