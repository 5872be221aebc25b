//! The type of the crate `rust_decimal`.

use crate::values::{Decimal, ValueError};

impl<const P: u8, const S: u8> TryFrom<rust_decimal::Decimal> for Decimal<P, S> {
    type Error = ValueError;

    /// Takes the number exactly: digits that do not fit the column are an error, trailing zeros are not.
    fn try_from(number: rust_decimal::Decimal) -> Result<Self, ValueError> {
        let error = || ValueError::Digits { found: number.to_string().into(), precision: P, scale: S };
        let exact = number.normalize();
        let missing = u32::from(S).checked_sub(exact.scale()).ok_or_else(error)?;
        let unscaled = 10_i128.checked_pow(missing).and_then(|factor| exact.mantissa().checked_mul(factor));
        Self::from_unscaled(unscaled.ok_or_else(error)?).map_err(|_| error())
    }
}

impl<const P: u8, const S: u8> TryFrom<Decimal<P, S>> for rust_decimal::Decimal {
    type Error = rust_decimal::Error;

    /// Fails for more digits than the 28 that `rust_decimal` holds.
    fn try_from(number: Decimal<P, S>) -> Result<Self, rust_decimal::Error> {
        Self::try_from_i128_with_scale(number.unscaled(), u32::from(S))
    }
}
