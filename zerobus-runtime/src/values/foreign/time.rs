//! The types of the crate `time`.

use time::{Date as CivilDate, OffsetDateTime, PrimitiveDateTime};

use super::checked_value;
use crate::message::convert::{Count, Unit, convert, count};
use crate::values::{Date, Timestamp, TimestampNtz, ValueError};

impl TryFrom<OffsetDateTime> for Timestamp {
    type Error = ValueError;

    /// Floors to the microsecond.
    fn try_from(time: OffsetDateTime) -> Result<Self, ValueError> {
        Self::from_nanos(time.unix_timestamp_nanos())
    }
}

impl From<Timestamp> for OffsetDateTime {
    fn from(time: Timestamp) -> Self {
        // The range of `Timestamp` lies inside that of `OffsetDateTime`.
        Self::UNIX_EPOCH + time::Duration::microseconds(time.as_micros())
    }
}

impl TryFrom<PrimitiveDateTime> for TimestampNtz {
    type Error = ValueError;

    /// Floors to the microsecond.
    fn try_from(time: PrimitiveDateTime) -> Result<Self, ValueError> {
        Self::from_nanos(time.assume_utc().unix_timestamp_nanos())
    }
}

impl From<TimestampNtz> for PrimitiveDateTime {
    fn from(time: TimestampNtz) -> Self {
        let utc = OffsetDateTime::UNIX_EPOCH + time::Duration::microseconds(time.as_micros());
        Self::new(utc.date(), utc.time())
    }
}

impl TryFrom<CivilDate> for Date {
    type Error = ValueError;

    fn try_from(date: CivilDate) -> Result<Self, ValueError> {
        Self::from_calendar(date)
    }
}

impl From<Date> for CivilDate {
    fn from(date: Date) -> Self {
        // The range of `Date` lies inside that of `time::Date`.
        OffsetDateTime::UNIX_EPOCH.date() + time::Duration::days(i64::from(date.as_days()))
    }
}

checked_value! {
    [] OffsetDateTime => Timestamp, |time| (*time).try_into();
    [] PrimitiveDateTime => TimestampNtz, |time| (*time).try_into();
    [] CivilDate => Date, |time| (*time).try_into();
}

convert! {
    [U: Unit] time::Duration => Count<U> as i64, |value| count::<U>(value.whole_nanoseconds());
}
