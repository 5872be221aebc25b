//! `DATE`: days since 1970-01-01.

use std::fmt::{self, Display};
use std::str::FromStr;

use super::ValueError;

/// 0001-01-01.
const MIN: i32 = -719_162;
/// 9999-12-31.
const MAX: i32 = 2_932_896;
/// The day 1970-01-01 as the crate `time` counts days.
const EPOCH_JULIAN_DAY: i32 = 2_440_588;

/// A calendar day: the value of a `DATE` column, in days since 1970-01-01, from 0001-01-01 to 9999-12-31.
///
/// ```
/// use zerobus_runtime::Date;
///
/// let day = Date::from_ymd(2018, 2, 7)?;
/// assert_eq!(day.as_days(), 17_569);
/// assert_eq!(day.to_string(), "2018-02-07");
/// assert_eq!("2018-02-07".parse(), Ok(day));
/// # Ok::<(), zerobus_runtime::ValueError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Date(i32);

impl Date {
    /// 0001-01-01.
    pub const MIN: Self = Self(MIN);
    /// 9999-12-31.
    pub const MAX: Self = Self(MAX);
    /// 1970-01-01.
    pub const EPOCH: Self = Self(0);

    /// From days since 1970-01-01.
    ///
    /// # Errors
    /// If the day is outside of the years 0001 to 9999.
    pub const fn from_days(days: i32) -> Result<Self, ValueError> {
        match days {
            MIN..=MAX => Ok(Self(days)),
            _ => Err(ValueError::OutOfRange { found: days as i128, unit: "days" }),
        }
    }

    /// From a year (1 to 9999), a month (1 to 12) and a day of the month (from 1).
    ///
    /// # Errors
    /// If the calendar has no such day.
    pub fn from_ymd(year: i32, month: u8, day: u8) -> Result<Self, ValueError> {
        time::Month::try_from(month)
            .and_then(|month| time::Date::from_calendar_date(year, month, day))
            .ok()
            .and_then(|date| Self::from_calendar(date).ok())
            .ok_or_else(|| ValueError::malformed(&format!("{year:04}-{month:02}-{day:02}"), EXPECTED))
    }

    /// Days since 1970-01-01, as on the wire.
    #[must_use]
    pub const fn as_days(self) -> i32 {
        self.0
    }

    /// For a day known to be in the years 0001 to 9999.
    pub(super) const fn from_days_in_range(days: i32) -> Self {
        Self(days)
    }

    pub(super) fn from_calendar(date: time::Date) -> Result<Self, ValueError> {
        Self::from_days(date.to_julian_day() - EPOCH_JULIAN_DAY)
    }

    fn calendar(self) -> Option<time::Date> {
        time::Date::from_julian_day(self.0 + EPOCH_JULIAN_DAY).ok()
    }
}

const EXPECTED: &str = "a day of the calendar, as ISO 8601 writes it: 2018-02-07";

impl Display for Date {
    /// As ISO 8601: `2018-02-07`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.calendar().ok_or(fmt::Error)?.to_calendar_date();
        f.pad(&format!("{year:04}-{:02}-{day:02}", u8::from(month)))
    }
}

impl FromStr for Date {
    type Err = ValueError;

    /// Reads `YYYY-MM-DD`. A whole number is read as days since 1970-01-01, as in the JSON of a row.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        if let Some(days) = super::whole_number(text, "days") {
            return Self::from_days(days?);
        }
        let malformed = || ValueError::malformed(text, EXPECTED);
        let number = |digits: &str, width: usize| {
            let plain = digits.len() == width && digits.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| digits.parse::<u16>().ok()).flatten().ok_or_else(malformed)
        };
        let parts: Vec<&str> = text.split('-').collect();
        let [year, month, day] = parts[..] else { return Err(malformed()) };
        let (year, month, day) = (number(year, 4)?, number(month, 2)?, number(day, 2)?);
        let small = |number: u16| u8::try_from(number).map_err(|_| malformed());
        Self::from_ymd(i32::from(year), small(month)?, small(day)?).map_err(|_| malformed())
    }
}

impl serde::Serialize for Date {
    /// As an integer of days, as the service's JSON path expects.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i32(self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Date {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_days(i32::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
