//! The types of the crate `jiff`.

use jiff::SignedDuration;
use jiff::civil::{Date as CivilDate, DateTime, date};

use super::checked_value;
use crate::message::convert::{Count, Unit, convert, count};
use crate::values::{Date, Timestamp, TimestampNtz, ValueError};

const EPOCH: DateTime = date(1970, 1, 1).at(0, 0, 0, 0);
const SECS_PER_DAY: i64 = 86_400;

impl TryFrom<jiff::Timestamp> for Timestamp {
    type Error = ValueError;

    /// Floors to the microsecond.
    fn try_from(time: jiff::Timestamp) -> Result<Self, ValueError> {
        Self::from_nanos(time.as_nanosecond())
    }
}

impl TryFrom<jiff::Zoned> for Timestamp {
    type Error = ValueError;

    /// The instant, floored to the microsecond.
    fn try_from(time: jiff::Zoned) -> Result<Self, ValueError> {
        time.timestamp().try_into()
    }
}

impl TryFrom<Timestamp> for jiff::Timestamp {
    type Error = jiff::Error;

    /// Fails for the last day of the year 9999, which lies outside of jiff's range.
    fn try_from(time: Timestamp) -> Result<Self, jiff::Error> {
        Self::from_microsecond(time.as_micros())
    }
}

impl TryFrom<DateTime> for TimestampNtz {
    type Error = ValueError;

    /// Floors to the microsecond.
    fn try_from(time: DateTime) -> Result<Self, ValueError> {
        Self::from_nanos(time.duration_since(EPOCH).as_nanos())
    }
}

impl From<TimestampNtz> for DateTime {
    fn from(time: TimestampNtz) -> Self {
        EPOCH.saturating_add(SignedDuration::from_micros(time.as_micros()))
    }
}

impl TryFrom<CivilDate> for Date {
    type Error = ValueError;

    fn try_from(date: CivilDate) -> Result<Self, ValueError> {
        let days = date.duration_since(EPOCH.date()).as_secs() / SECS_PER_DAY;
        i32::try_from(days).map_err(|_| ValueError::out_of_range(days, "days")).and_then(Self::from_days)
    }
}

impl From<Date> for CivilDate {
    fn from(date: Date) -> Self {
        EPOCH.date().saturating_add(SignedDuration::from_secs(i64::from(date.as_days()) * SECS_PER_DAY))
    }
}

checked_value! {
    [] jiff::Timestamp => Timestamp, |time| (*time).try_into();
    [] jiff::Zoned => Timestamp, |time| time.timestamp().try_into();
    [] DateTime => TimestampNtz, |time| (*time).try_into();
    [] CivilDate => Date, |date| (*date).try_into();
}

convert! {
    [U: Unit] SignedDuration => Count<U> as i64, |value| count::<U>(value.as_nanos());
}
