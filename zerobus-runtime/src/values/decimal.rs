//! `DECIMAL(p, s)`: an integer of up to 38 digits, and the position of its point.

use std::fmt::{self, Display};
use std::str::FromStr;

use super::ValueError;

/// The characters of the longest decimal: a sign, 38 digits, a zero before the point, and the point.
const MAX_TEXT: usize = 41;

/// A decimal of at most `P` digits, `S` of them after the point: the value of a `DECIMAL(P, S)` column.
///
/// On the wire it is plain text without an exponent, always with `S` digits after the point.
///
/// ```
/// use zerobus_runtime::Decimal;
///
/// let price: Decimal<10, 2> = "19.9".parse()?;
/// assert_eq!(price.to_string(), "19.90");
/// assert_eq!(price, Decimal::from_unscaled(1990)?);
/// assert!("0.001".parse::<Decimal<10, 2>>().is_err());
/// # Ok::<(), zerobus_runtime::ValueError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Decimal<const P: u8, const S: u8>(i128);

impl<const P: u8, const S: u8> Decimal<P, S> {
    /// Fails the build for digits that no column has.
    pub(crate) const IN_RANGE: () =
        assert!(P >= 1 && P <= 38 && S <= P, "DECIMAL(p, s) has p from 1 to 38 and s from 0 to p");

    /// The largest value: `P` nines.
    pub const MAX: Self = Self(10_i128.pow(P as u32) - 1);
    /// The smallest value.
    pub const MIN: Self = Self(-Self::MAX.0);

    /// From the number without its point: 1990 is 19.90 in a `DECIMAL(10, 2)`.
    ///
    /// # Errors
    /// If the number has more than `P` digits.
    pub fn from_unscaled(unscaled: i128) -> Result<Self, ValueError> {
        let () = Self::IN_RANGE;
        if unscaled < Self::MIN.0 || unscaled > Self::MAX.0 {
            return Err(Self::too_long(&unscaled.to_string()));
        }
        Ok(Self(unscaled))
    }

    /// The number without its point.
    #[must_use]
    pub const fn unscaled(self) -> i128 {
        self.0
    }

    /// Calls `write` with the plain text, without an allocation.
    pub(crate) fn with_text<T>(self, write: impl FnOnce(&str) -> T) -> T {
        let mut text = [0; MAX_TEXT];
        let mut start = MAX_TEXT;
        let mut rest = self.0.unsigned_abs();
        let mut digits = 0;
        while rest > 0 || digits <= S {
            if digits == S && S > 0 {
                start -= 1;
                text[start] = b'.';
            }
            start -= 1;
            text[start] = b'0' + u8::try_from(rest % 10).unwrap_or_default();
            rest /= 10;
            digits += 1;
        }
        if self.0 < 0 {
            start -= 1;
            text[start] = b'-';
        }
        write(str::from_utf8(&text[start..]).unwrap_or_default())
    }

    fn too_long(found: &str) -> ValueError {
        ValueError::digits(found, P, S)
    }
}

impl<const P: u8, const S: u8> Display for Decimal<P, S> {
    /// As plain text with `S` digits after the point.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|text| f.pad(text))
    }
}

impl<const P: u8, const S: u8> FromStr for Decimal<P, S> {
    type Err = ValueError;

    /// Reads plain decimal text: a sign, digits, a point, digits; no exponent.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        unscaled(text, P, S).map(Self)
    }
}

/// Parses plain decimal text as a `DECIMAL(precision, scale)` and returns the number without its point.
pub(crate) fn unscaled(text: &str, precision: u8, scale: u8) -> Result<i128, ValueError> {
    let malformed = || ValueError::malformed(text, "a decimal in plain digits: -19.90");
    let too_long = || ValueError::digits(text, precision, scale);
    let (negative, number) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let all_digits = whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit());
    if !all_digits || whole.len() + fraction.len() == 0 {
        return Err(malformed());
    }
    // Zeros after the column's last digit lose nothing.
    let fraction = fraction.trim_end_matches('0');
    let padding = usize::from(scale).checked_sub(fraction.len()).ok_or_else(too_long)?;
    let digits = whole.bytes().chain(fraction.bytes()).chain(std::iter::repeat_n(b'0', padding));
    let unscaled = digits
        .map(|digit| i128::from(digit - b'0'))
        .try_fold(0_i128, |number, digit| number.checked_mul(10)?.checked_add(digit))
        .filter(|unscaled| *unscaled < 10_i128.pow(u32::from(precision)))
        .ok_or_else(too_long)?;
    Ok(if negative { -unscaled } else { unscaled })
}

impl<const P: u8, const S: u8> TryFrom<i64> for Decimal<P, S> {
    type Error = ValueError;

    /// From a whole number.
    fn try_from(whole: i64) -> Result<Self, ValueError> {
        i128::from(whole).try_into()
    }
}

impl<const P: u8, const S: u8> TryFrom<i128> for Decimal<P, S> {
    type Error = ValueError;

    /// From a whole number.
    fn try_from(whole: i128) -> Result<Self, ValueError> {
        whole
            .checked_mul(10_i128.pow(u32::from(S)))
            .and_then(|unscaled| Self::from_unscaled(unscaled).ok())
            .ok_or_else(|| Self::too_long(&whole.to_string()))
    }
}

impl<const P: u8, const S: u8> serde::Serialize for Decimal<P, S> {
    /// As plain text, as the service's JSON path expects.
    fn serialize<Ser: serde::Serializer>(&self, serializer: Ser) -> Result<Ser::Ok, Ser::Error> {
        self.with_text(|text| serializer.serialize_str(text))
    }
}

impl<'de, const P: u8, const S: u8> serde::Deserialize<'de> for Decimal<P, S> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
