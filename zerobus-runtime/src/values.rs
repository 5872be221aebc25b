//! Value types for columns that have no standard Rust type.
//!
//! | file | column type | what the value is |
//! |---|---|---|
//! | `timestamp` | TIMESTAMP, TIMESTAMP_NTZ | microseconds since 1970-01-01 |
//! | `date` | DATE | days since 1970-01-01 |
//! | `decimal` | DECIMAL(p, s) | an integer of up to 38 digits, and the position of its point |
//! | `variant` | VARIANT | JSON text |
//!
//! Units are explicit. Finer values are floored toward the past, before 1970 too. A value that its column cannot hold
//! cannot be constructed.

mod date;
mod decimal;
mod foreign;
mod timestamp;
mod variant;

pub use date::Date;
pub use decimal::Decimal;
pub(crate) use decimal::unscaled;
pub use timestamp::{Timestamp, TimestampNtz};
pub use variant::Variant;

use zerobus_codegen::Scalar;

/// A value that its column cannot hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// More digits than the column has, before or after the point.
    #[error("{found} does not fit DECIMAL({precision},{scale}); round it, or widen the column")]
    Digits {
        /// The number as passed.
        found: Box<str>,
        /// The column's precision.
        precision: u8,
        /// The column's scale.
        scale: u8,
    },
    /// A conversion function of a field failed.
    #[error("the function that converts the field failed: {}", zerobus_codegen::Printable(.reason))]
    Function {
        /// The function's error.
        reason: Box<str>,
    },
    /// A value that serde cannot write as JSON.
    #[error("a VARIANT cannot be made of this value: {reason}")]
    Json {
        /// The reason, from `serde_json`.
        reason: Box<str>,
    },
    /// More characters than a CHAR or a VARCHAR has.
    #[error("a text of {found} characters does not fit {column}; shorten it, or widen the column")]
    Length {
        /// How many characters there are.
        found: usize,
        /// The column's type.
        column: Scalar,
    },
    /// A text that the type cannot parse.
    #[error("`{}` is not {expected}", zerobus_codegen::Printable(.found))]
    Malformed {
        /// The text, or its beginning.
        found: Box<str>,
        /// The form that was expected, with an example.
        expected: &'static str,
    },
    /// A path that is not Unicode.
    #[error("`{}` is not Unicode, and a STRING is; convert it with #[zerobus(with = ...)]", zerobus_codegen::Printable(.found))]
    NotUnicode {
        /// The path with its other characters replaced, or its beginning.
        found: Box<str>,
    },
    /// A point in time outside the years 0001 to 9999.
    #[error(
        "{found} {unit} since 1970-01-01 lie outside of the years 0001 to 9999; is {unit} the unit of this number?"
    )]
    OutOfRange {
        /// The number as passed.
        found: i128,
        /// Its unit.
        unit: &'static str,
    },
    /// An integer beyond the range of a TINYINT or a SMALLINT.
    #[error("{found} is out of the range of {column}; use a wider column, or correct the value")]
    Range {
        /// The number.
        found: i64,
        /// The column's type.
        column: Scalar,
    },
    /// A duration beyond the range of BIGINT.
    #[error("a duration of {found} {unit} is beyond BIGINT; count it in a greater unit")]
    TooLong {
        /// The number of units.
        found: i128,
        /// The unit.
        unit: &'static str,
    },
}

impl ValueError {
    pub(crate) fn digits(found: &str, precision: u8, scale: u8) -> Self {
        Self::Digits { found: found.chars().take(64).collect(), precision, scale }
    }

    pub(crate) fn malformed(found: &str, expected: &'static str) -> Self {
        Self::Malformed { found: found.chars().take(64).collect(), expected }
    }

    fn out_of_range(found: impl Into<i128>, unit: &'static str) -> Self {
        Self::OutOfRange { found: found.into(), unit }
    }
}

/// The number of units in a text of digits; `None` for any other text.
fn whole_number<N: TryFrom<i128>>(text: &str, unit: &'static str) -> Option<Result<N, ValueError>> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: i128 = text.parse().ok()?;
    Some(N::try_from(number).map_err(|_| ValueError::out_of_range(number, unit)))
}
