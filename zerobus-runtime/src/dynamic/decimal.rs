//! Decimals from digits: a sign, digits, a point, an exponent; never converted through a float.

use super::RowProblem;
use super::problem::quoted;
use crate::message::Encoder;

/// The longest exponent that can still yield a decimal of 38 digits from a text of usual length.
const MOST_EXPONENT: i64 = 10_000;

/// A number as its digits: `digits * 10^exponent`, without zeros at either end.
struct Parts<'a> {
    is_negative: bool,
    whole: &'a str,
    fraction: &'a str,
    exponent: i64,
}

/// Writes a text or a JSON number as plain decimal text.
pub(super) fn write((precision, scale): (u8, u8), field: u32, text: &str, out: &mut Encoder) -> Result<(), RowProblem> {
    let expected = || format!("DECIMAL({precision},{scale})");
    let parts = parse(text).ok_or_else(|| RowProblem::new(quoted(text), expected()))?;
    // A plain number that fits is copied unchanged, which is the usual case.
    let is_plain = parts.exponent == 0 && !text.starts_with('+') && !parts.whole.is_empty();
    let significant = parts.whole.trim_start_matches('0').len();
    let (whole_digits, scale) = (usize::from(precision - scale), usize::from(scale));
    if is_plain && significant <= whole_digits && parts.fraction.len() <= scale && !text.ends_with('.') {
        out.delimited_field(field, text.as_bytes());
        return Ok(());
    }
    let plain = shifted(&parts, whole_digits, scale).ok_or_else(|| {
        let found = format!("{}, which does not fit", quoted(text));
        RowProblem::new(found, expected())
    })?;
    out.delimited_field(field, plain.as_bytes());
    Ok(())
}

fn parse(text: &str) -> Option<Parts<'_>> {
    let (is_negative, number) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (mantissa, exponent) = match number.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse().ok()?),
        None => (number, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_number = are_digits(whole) && are_digits(fraction) && !(whole.is_empty() && fraction.is_empty());
    is_number.then_some(Parts { is_negative, whole, fraction, exponent })
}

/// The number in plain digits, if it has no more digits than the column.
fn shifted(parts: &Parts<'_>, whole_digits: usize, scale: usize) -> Option<String> {
    let digits: String = [parts.whole, parts.fraction].concat();
    let leading = digits.len() - digits.trim_start_matches('0').len();
    let digits = digits.trim_start_matches('0').trim_end_matches('0');
    if digits.is_empty() {
        return Some("0".to_owned());
    }
    if parts.exponent.abs() > MOST_EXPONENT {
        return None;
    }
    // The number of digits before the point; if negative, the number of zeros after it.
    let before = i64::try_from(parts.whole.len()).ok()? - i64::try_from(leading).ok()? + parts.exponent;
    let fraction_digits = i64::try_from(digits.len()).ok()? - before;
    if before > i64::try_from(whole_digits).ok()? || fraction_digits > i64::try_from(scale).ok()? {
        return None;
    }
    let sign = if parts.is_negative { "-" } else { "" };
    let (whole, fraction) = match usize::try_from(before) {
        Ok(before) if before >= digits.len() => {
            (format!("{digits}{}", "0".repeat(before - digits.len())), String::new())
        }
        Ok(before) if before > 0 => (digits[..before].to_owned(), digits[before..].to_owned()),
        _ => ("0".to_owned(), format!("{}{digits}", "0".repeat(usize::try_from(-before).ok()?))),
    };
    let point = if fraction.is_empty() { "" } else { "." };
    Some(format!("{sign}{whole}{point}{fraction}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(precision: u8, scale: u8, text: &str) -> Result<String, String> {
        let mut out = Encoder::new();
        write((precision, scale), 1, text, &mut out).map_err(|problem| problem.to_string())?;
        Ok(String::from_utf8(out.as_slice()[2..].to_vec()).unwrap())
    }

    #[test]
    fn digits_are_exact_and_exponents_are_followed() {
        for (text, expected) in [
            ("19.99", "19.99"),
            ("-0.01", "-0.01"),
            ("+1", "1"),
            (".5", "0.5"),
            ("5.", "5"),
            ("1e3", "1000"),
            ("1.25E2", "125"),
            ("125e-2", "1.25"),
            ("0.00e9", "0"),
            ("1.50000", "1.5"),
            ("00012.30", "00012.30"),
            ("5e-2", "0.05"),
            ("12345678.9", "12345678.9"),
        ] {
            assert_eq!(written(10, 2, text).as_deref(), Ok(expected), "{text}");
        }
        assert_eq!(written(38, 0, &"9".repeat(38)), Ok("9".repeat(38)));
    }

    #[test]
    fn what_does_not_fit_or_is_no_number_is_refused() {
        for text in
            ["0.001", "123456789", "1e8", "1e-3", "", ".", "-", "1,5", "NaN", "1e", "0x1", "1e99999999999", " 1"]
        {
            let problem = written(10, 2, text).unwrap_err();
            assert!(problem.ends_with("expected DECIMAL(10,2)"), "{text}: {problem}");
        }
    }
}
