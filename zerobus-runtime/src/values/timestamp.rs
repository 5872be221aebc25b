//! `TIMESTAMP` and `TIMESTAMP_NTZ`: microseconds since 1970-01-01, in UTC or on a wall clock.

use std::fmt::{self, Display};
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Date, ValueError};

/// 0001-01-01T00:00:00.
const MIN: i64 = -62_135_596_800_000_000;
/// 9999-12-31T23:59:59.999999.
const MAX: i64 = 253_402_300_799_999_999;
const MICROS_PER_DAY: i64 = 86_400_000_000;

/// The constructors and accessors that an instant and a wall-clock time share.
macro_rules! microseconds {
    ($name:ident, $what:literal) => {
        #[doc = concat!($what, ", from 0001-01-01T00:00:00 to 9999-12-31T23:59:59.999999.")]
        impl $name {
            /// 0001-01-01T00:00:00.
            pub const MIN: Self = Self(MIN);
            /// 9999-12-31T23:59:59.999999.
            pub const MAX: Self = Self(MAX);
            /// 1970-01-01T00:00:00.
            pub const EPOCH: Self = Self(0);

            /// From seconds since 1970-01-01T00:00:00.
            ///
            /// # Errors
            /// If the time is outside of the years 0001 to 9999.
            pub const fn from_secs(secs: i64) -> Result<Self, ValueError> {
                match secs.checked_mul(1_000_000) {
                    Some(micros @ MIN..=MAX) => Ok(Self(micros)),
                    _ => Err(ValueError::OutOfRange { found: secs as i128, unit: "seconds" }),
                }
            }

            /// From milliseconds since 1970-01-01T00:00:00.
            ///
            /// # Errors
            /// If the time is outside of the years 0001 to 9999.
            pub const fn from_millis(millis: i64) -> Result<Self, ValueError> {
                match millis.checked_mul(1_000) {
                    Some(micros @ MIN..=MAX) => Ok(Self(micros)),
                    _ => Err(ValueError::OutOfRange { found: millis as i128, unit: "milliseconds" }),
                }
            }

            /// From microseconds since 1970-01-01T00:00:00.
            ///
            /// # Errors
            /// If the time is outside of the years 0001 to 9999.
            pub const fn from_micros(micros: i64) -> Result<Self, ValueError> {
                match micros {
                    MIN..=MAX => Ok(Self(micros)),
                    _ => Err(ValueError::OutOfRange { found: micros as i128, unit: "microseconds" }),
                }
            }

            /// From nanoseconds since 1970-01-01T00:00:00, floored to the microsecond.
            ///
            /// # Errors
            /// If the time is outside of the years 0001 to 9999.
            pub const fn from_nanos(nanos: i128) -> Result<Self, ValueError> {
                let micros = nanos.div_euclid(1_000);
                if micros < MIN as i128 || micros > MAX as i128 {
                    return Err(ValueError::OutOfRange { found: nanos, unit: "nanoseconds" });
                }
                // In range of `MIN..=MAX`, hence of `i64`.
                #[expect(clippy::cast_possible_truncation, reason = "checked on the line above")]
                Ok(Self(micros as i64))
            }

            /// Microseconds since 1970-01-01T00:00:00, as on the wire.
            #[must_use]
            pub const fn as_micros(self) -> i64 {
                self.0
            }

            /// Milliseconds since 1970-01-01T00:00:00, floored.
            #[must_use]
            pub const fn as_millis(self) -> i64 {
                self.0.div_euclid(1_000)
            }

            /// Seconds since 1970-01-01T00:00:00, floored.
            #[must_use]
            pub const fn as_secs(self) -> i64 {
                self.0.div_euclid(1_000_000)
            }

            /// The day of this time.
            #[must_use]
            pub const fn date(self) -> Date {
                // Years 0001 to 9999 are 3.7 million days.
                #[expect(clippy::cast_possible_truncation, reason = "the range of the type is that of `Date`")]
                Date::from_days_in_range(self.0.div_euclid(MICROS_PER_DAY) as i32)
            }
        }

        impl serde::Serialize for $name {
            /// As an integer of microseconds, as the service's JSON path expects.
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_i64(self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let micros = i64::deserialize(deserializer)?;
                Self::from_micros(micros).map_err(serde::de::Error::custom)
            }
        }
    };
}

/// An instant: the value of a `TIMESTAMP` column, in microseconds since 1970-01-01T00:00:00Z.
///
/// ```
/// use zerobus_runtime::Timestamp;
///
/// let time = Timestamp::from_millis(1_517_966_773_840)?;
/// assert_eq!(time.as_micros(), 1_517_966_773_840_000);
/// assert_eq!(time.to_string(), "2018-02-07T01:26:13.84Z");
/// assert_eq!("2018-02-07T02:26:13.840+01:00".parse(), Ok(time));
/// # Ok::<(), zerobus_runtime::ValueError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// A wall-clock time without a zone: the value of a `TIMESTAMP_NTZ` column, in microseconds since 1970-01-01T00:00:00.
///
/// ```
/// use zerobus_runtime::TimestampNtz;
///
/// let time: TimestampNtz = "2018-02-07T01:26:13.84".parse()?;
/// assert_eq!(time.as_micros(), 1_517_966_773_840_000);
/// assert_eq!(time.to_string(), "2018-02-07T01:26:13.84");
/// # Ok::<(), zerobus_runtime::ValueError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TimestampNtz(i64);

microseconds!(Timestamp, "An instant");
microseconds!(TimestampNtz, "A wall-clock time");

impl Timestamp {
    /// The current time, floored to the microsecond.
    ///
    /// If the clock is outside the years 0001 to 9999, returns the nearer end.
    #[must_use]
    pub fn now() -> Self {
        let now = SystemTime::now();
        let end = if now < SystemTime::UNIX_EPOCH { Self::MIN } else { Self::MAX };
        Self::try_from(now).unwrap_or(end)
    }
}

impl TryFrom<SystemTime> for Timestamp {
    type Error = ValueError;

    /// Floors to the microsecond, toward the past before 1970 too.
    fn try_from(time: SystemTime) -> Result<Self, ValueError> {
        let out_of_range = || ValueError::out_of_range(i128::MAX, "nanoseconds");
        let nanos = match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => i128::try_from(after.as_nanos()).map_err(|_| out_of_range())?,
            Err(before) => -i128::try_from(before.duration().as_nanos()).map_err(|_| out_of_range())?,
        };
        Self::from_nanos(nanos)
    }
}

impl From<Timestamp> for SystemTime {
    fn from(time: Timestamp) -> Self {
        let distance = Duration::from_micros(time.0.unsigned_abs());
        if time.0 < 0 { Self::UNIX_EPOCH - distance } else { Self::UNIX_EPOCH + distance }
    }
}

impl Display for Timestamp {
    /// As RFC 3339 in UTC: `2018-02-07T01:26:13.84Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&rfc3339(self.0)?)
    }
}

impl FromStr for Timestamp {
    type Err = ValueError;

    /// Reads RFC 3339, which requires a zone; floors what is finer than a microsecond. A whole number is read
    /// as microseconds since 1970-01-01T00:00:00Z, as in the JSON of a row.
    ///
    /// A space may replace the `T`, as RFC 3339 allows, and the zone may omit its colon or its minutes: `+0100`, `+01`.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        if let Some(micros) = whole_number(text) {
            return Self::from_micros(micros?);
        }
        split(text)
            .and_then(|(day, time)| parse(day, time, ""))
            .or_else(|| {
                let (day, time) = split(text)?;
                let (time, zone) = time.split_at_checked(time.rfind(['+', '-'])?)?;
                parse(day, time, &whole_zone(zone)?)
            })
            .ok_or_else(|| ValueError::malformed(text, "a time as RFC 3339 writes it: 2018-02-07T01:26:13.84Z"))
            .and_then(|time| Self::from_nanos(time.unix_timestamp_nanos()))
    }
}

/// The day and the time of day, separated by a `T` or a space.
fn split(text: &str) -> Option<(&str, &str)> {
    text.split_once(['T', 't', ' '])
}

/// The microseconds in a text of digits.
fn whole_number(text: &str) -> Option<Result<i64, ValueError>> {
    super::whole_number(text, "microseconds")
}

fn parse(day: &str, time: &str, zone: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(&format!("{day}T{time}{zone}"), &Rfc3339).ok()
}

/// `+01:00` for `+0100` and `+01`.
fn whole_zone(zone: &str) -> Option<String> {
    match zone.len() {
        3 => Some(format!("{zone}:00")),
        5 => zone.split_at_checked(3).map(|(hours, minutes)| format!("{hours}:{minutes}")),
        _ => None,
    }
}

impl Display for TimestampNtz {
    /// As ISO 8601 without a zone: `2018-02-07T01:26:13.84`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(rfc3339(self.0)?.trim_end_matches('Z'))
    }
}

impl FromStr for TimestampNtz {
    type Err = ValueError;

    /// Reads ISO 8601 without a zone, with a `T` or a space between day and time; floors what is finer than a
    /// microsecond. A whole number is read as microseconds since 1970-01-01T00:00:00, as in the JSON of a row.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        if let Some(micros) = whole_number(text) {
            return Self::from_micros(micros?);
        }
        split(text)
            // A zone after the time makes two zones, which RFC 3339 does not allow.
            .and_then(|(day, time)| parse(day, time, "Z"))
            .ok_or_else(|| ValueError::malformed(text, "a time without a zone: 2018-02-07T01:26:13.84"))
            .and_then(|time| Self::from_nanos(time.unix_timestamp_nanos()))
    }
}

fn rfc3339(micros: i64) -> Result<String, fmt::Error> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .ok_or(fmt::Error)
}
