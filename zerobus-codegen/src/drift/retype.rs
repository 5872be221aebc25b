//! The effect of each change of type: what a program built with the old type writes to a column of the new type.
//!
//! A stream opens if both types are the same on the wire. Then a retype is *safe* if the column accepts every value
//! that it accepted before, and stores the result of a CAST to the new type.
//!
//! | wire type | from | to | class |
//! |---|---|---|---|
//! | int32 | TINYINT, SMALLINT, INT | a wider one | safe |
//! | | | a narrower one | some rows refused |
//! | | TINYINT, SMALLINT, INT | DATE, and back | silently wrong |
//! | int64 | BIGINT, TIMESTAMP, TIMESTAMP_NTZ | another of them | silently wrong |
//! | string | CHAR(n), VARCHAR(n), STRING | as long or longer | safe |
//! | | | shorter | some rows refused |
//! | | | DECIMAL, VARIANT | some rows refused |
//! | | DECIMAL(p,s) | no fewer digits, before or after the point | safe |
//! | | | fewer digits | some rows refused |
//! | | | text that holds its longest number, VARIANT | safe |
//! | | | shorter text | some rows refused |
//! | | VARIANT | text | silently wrong: JSON text, its quotes included |
//! | | | DECIMAL | some rows refused |

use super::Severity;
use crate::Scalar;

/// A class with its reason.
pub(super) type Effect = (Severity, &'static str);

/// The effect of another wire type.
pub(super) const OTHER_WIRE_TYPE: Effect = (Severity::Breaking, "the service refuses a field of another type");

const WIDER: Effect = (Severity::Safe, "the column accepts every value that it accepted before");

/// The effect of a change of scalar type; `None` if the type is the same.
pub(super) fn scalars(old: Scalar, new: Scalar) -> Option<Effect> {
    if old == new {
        return None;
    }
    if old.wire_type() != new.wire_type() {
        return Some(OTHER_WIRE_TYPE);
    }
    Some(match (Meaning::of(old), Meaning::of(new)) {
        (Meaning::Integer(old), Meaning::Integer(new)) if old <= new => WIDER,
        (Meaning::Integer(_), Meaning::Integer(_)) => refused("a value out of the narrower range is refused"),
        (Meaning::Text(old), Meaning::Text(new)) if old <= new => WIDER,
        (Meaning::Text(_), Meaning::Text(_)) => refused("a longer text is refused"),
        (Meaning::Text(_), Meaning::Decimal { .. }) => refused("a text that is not a decimal number is refused"),
        (Meaning::Text(_), Meaning::Json) => refused("a text that is not JSON is refused"),
        (Meaning::Decimal(old), Meaning::Decimal(new)) if new.holds(old) => WIDER,
        (Meaning::Decimal(_), Meaning::Decimal(_)) => refused("a number with more digits is refused"),
        (Meaning::Decimal(old), Meaning::Text(new)) if old.longest_text() <= new => {
            (Severity::Safe, "every number is stored as its text")
        }
        (Meaning::Decimal(_), Meaning::Text(_)) => refused("a number whose text is longer is refused"),
        (Meaning::Decimal(_), Meaning::Json) => (Severity::Safe, "every number is stored as a JSON number"),
        (Meaning::Json, Meaning::Decimal(_)) => refused("JSON that is not a decimal number is refused"),
        (Meaning::Json, Meaning::Text(_)) => wrong("JSON is stored as its text, the quotes of a string included"),
        (_, Meaning::Days) => wrong("an integer is stored as days since 1970-01-01"),
        (Meaning::Days, _) => wrong("a date is stored as an integer, its days since 1970-01-01"),
        (_, Meaning::Instant) => wrong("the integer is stored as microseconds since 1970-01-01T00:00:00Z"),
        (_, Meaning::WallClock) => wrong("the integer is stored as microseconds of a wall clock, in any zone"),
        _ => wrong("a time is stored as an integer, its microseconds since 1970-01-01"),
    })
}

const fn refused(reason: &'static str) -> Effect {
    (Severity::SomeRowsRefused, reason)
}

const fn wrong(reason: &'static str) -> Effect {
    (Severity::SilentlyWrong, reason)
}

/// The meaning of a value's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Days,
    Decimal(Digits),
    Instant,
    /// An integer of 32 bits on the wire; its range has this many bytes.
    Integer(u8),
    Json,
    /// An integer of 64 bits.
    Long,
    /// A type that shares its wire type with no other.
    Only,
    /// Text of at most this many characters.
    Text(u32),
    WallClock,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Digits {
    before: u8,
    behind: u8,
}

impl Digits {
    const fn holds(self, other: Self) -> bool {
        other.before <= self.before && other.behind <= self.behind
    }

    /// The number of characters of the longest number: sign, digits, point.
    fn longest_text(self) -> u32 {
        let fraction = if self.behind == 0 { 0 } else { 1 + u32::from(self.behind) };
        1 + u32::from(self.before.max(1)) + fraction
    }
}

impl Meaning {
    const fn of(scalar: Scalar) -> Self {
        match scalar {
            Scalar::Binary | Scalar::Boolean | Scalar::Double | Scalar::Float => Self::Only,
            Scalar::Byte => Self::Integer(1),
            Scalar::Char(length) | Scalar::Varchar(length) => Self::Text(length),
            Scalar::Date => Self::Days,
            Scalar::Decimal { precision, scale } => {
                Self::Decimal(Digits { before: precision.saturating_sub(scale), behind: scale })
            }
            Scalar::Int => Self::Integer(4),
            Scalar::Long => Self::Long,
            Scalar::Short => Self::Integer(2),
            Scalar::String => Self::Text(u32::MAX),
            Scalar::Timestamp => Self::Instant,
            Scalar::TimestampNtz => Self::WallClock,
            Scalar::Variant => Self::Json,
        }
    }
}
