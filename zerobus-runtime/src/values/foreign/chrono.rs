//! The types of the crate `chrono`.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Utc};

use super::checked_value;
use crate::message::convert::{Count, Unit, convert, count};
use crate::values::{Date, Timestamp, TimestampNtz, ValueError};

/// The day 1970-01-01 as chrono counts days from the year 1.
const EPOCH_DAYS_FROM_CE: i32 = 719_163;

impl<Tz: TimeZone> TryFrom<DateTime<Tz>> for Timestamp {
    type Error = ValueError;

    /// Floors to the microsecond.
    fn try_from(time: DateTime<Tz>) -> Result<Self, ValueError> {
        Self::from_micros(time.timestamp_micros())
    }
}

impl From<Timestamp> for DateTime<Utc> {
    fn from(time: Timestamp) -> Self {
        // The range of `Timestamp` lies inside that of `DateTime`.
        Self::from_timestamp_micros(time.as_micros()).unwrap_or_default()
    }
}

impl TryFrom<NaiveDateTime> for TimestampNtz {
    type Error = ValueError;

    /// Floors to the microsecond.
    fn try_from(time: NaiveDateTime) -> Result<Self, ValueError> {
        Self::from_micros(time.and_utc().timestamp_micros())
    }
}

impl From<TimestampNtz> for NaiveDateTime {
    fn from(time: TimestampNtz) -> Self {
        // The range of `TimestampNtz` lies inside that of `NaiveDateTime`.
        DateTime::from_timestamp_micros(time.as_micros()).unwrap_or_default().naive_utc()
    }
}

impl TryFrom<NaiveDate> for Date {
    type Error = ValueError;

    fn try_from(date: NaiveDate) -> Result<Self, ValueError> {
        Self::from_days(date.num_days_from_ce() - EPOCH_DAYS_FROM_CE)
    }
}

impl From<Date> for NaiveDate {
    fn from(date: Date) -> Self {
        // The range of `Date` lies inside that of `NaiveDate`.
        Self::from_num_days_from_ce_opt(date.as_days() + EPOCH_DAYS_FROM_CE).unwrap_or_default()
    }
}

checked_value! {
    // The time zone is foreign code, and is not called.
    [Tz: TimeZone] DateTime<Tz> => Timestamp, |time| Timestamp::from_micros(time.timestamp_micros());
    [] NaiveDateTime => TimestampNtz, |time| (*time).try_into();
    [] NaiveDate => Date, |date| (*date).try_into();
}

convert! {
    [U: Unit] TimeDelta => Count<U> as i64,
        |value| count::<U>(i128::from(value.num_seconds()) * 1_000_000_000 + i128::from(value.subsec_nanos()));
}
