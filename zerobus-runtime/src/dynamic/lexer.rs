//! The tokens of JSON text, for rows that are read without a parser: `direct` has the grammar.
//!
//! Every method returns `None` for text that is not JSON, and for JSON that it leaves to `serde_json`.

use std::borrow::Cow;

use serde_json::value::RawValue;

/// A text, and how far it is read.
pub(super) struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

/// A JSON number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numeral<'t> {
    pub(super) text: &'t str,
    is_negative: bool,
    /// Its digits as an integer, if there are at most [`MOST_DIGITS`].
    digits: u64,
    length: usize,
    /// How many of the digits follow the point.
    fraction: usize,
    has_exponent: bool,
}

/// A number of this many digits fits into 64 bits.
const MOST_DIGITS: usize = 19;

/// An integer of this many digits is a DOUBLE, and so is every power of ten up to 10^22.
const EXACT_DIGITS: usize = 15;

const POWERS_OF_TEN: [f64; EXACT_DIGITS + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

impl<'t> Lexer<'t> {
    pub(super) const fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    /// The byte where the next token begins.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        loop {
            match self.text.as_bytes().get(self.at)? {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return Some(*byte),
            }
        }
    }

    /// Reads a token of one byte.
    #[inline]
    pub(super) fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Reads what follows an element or a field: whether there is another one before this end.
    #[inline]
    pub(super) fn another_before(&mut self, end: u8) -> Option<bool> {
        let byte = self.peek()?;
        self.at += 1;
        match byte {
            b',' => Some(true),
            _ if byte == end => Some(false),
            _ => None,
        }
    }

    /// Reads `true`, `false` or `null`.
    #[inline]
    pub(super) fn word(&mut self, word: &str) -> Option<()> {
        self.peek()?;
        self.rest().starts_with(word.as_bytes()).then(|| self.at += word.len())
    }

    /// Reads a field's name if it is this one.
    #[inline]
    pub(super) fn name(&mut self, name: &str) -> Option<()> {
        self.take(b'"')?;
        let rest = self.rest().strip_prefix(name.as_bytes()).filter(|rest| rest.first() == Some(&b'"'));
        match rest {
            Some(_) => self.at += name.len() + 1,
            // Another method reads the name from its beginning.
            None => self.at -= 1,
        }
        rest.map(drop)
    }

    /// Reads a string.
    #[inline]
    pub(super) fn string(&mut self) -> Option<Cow<'t, str>> {
        self.take(b'"')?;
        let start = self.at;
        let end = self.end_of_plain_text(start)?;
        match self.text.as_bytes()[end] {
            b'"' => {
                self.at = end + 1;
                self.text.get(start..end).map(Cow::Borrowed)
            }
            _ => self.escaped(start).map(Cow::Owned),
        }
    }

    /// Reads a string that has escapes, which `serde_json` resolves.
    #[cold]
    fn escaped(&mut self, start: usize) -> Option<String> {
        let mut end = self.end_of_plain_text(start)?;
        while self.text.as_bytes()[end] == b'\\' {
            end = self.end_of_plain_text(end + 2)?;
        }
        self.at = end + 1;
        serde_json::from_str(self.text.get(start - 1..self.at)?).ok()
    }

    /// The place of the first quote or backslash; none if a control character comes before.
    #[inline]
    fn end_of_plain_text(&self, start: usize) -> Option<usize> {
        const ONES: u64 = u64::from_ne_bytes([1; 8]);
        const HIGHS: u64 = ONES << 7;
        const QUOTES: u64 = u64::from_ne_bytes([b'"'; 8]);
        const BACKSLASHES: u64 = u64::from_ne_bytes([b'\\'; 8]);
        let (mut at, mut rest) = (start, self.text.as_bytes().get(start..)?);
        while let Some((word, after)) = rest.split_first_chunk() {
            let word = u64::from_le_bytes(*word);
            // The lowest bit that is set is exact; those above it may be false.
            let zero = |word: u64| word.wrapping_sub(ONES) & !word;
            let quote = zero(word ^ QUOTES);
            let backslash = zero(word ^ BACKSLASHES);
            let control = word.wrapping_sub(ONES * 0x20) & !word;
            let found = (quote | backslash | control) & HIGHS;
            if found != 0 {
                at += found.trailing_zeros() as usize / 8;
                return self.if_not_control(at);
            }
            (at, rest) = (at + 8, after);
        }
        let is_end = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
        self.if_not_control(at + rest.iter().position(is_end)?)
    }

    #[inline]
    fn if_not_control(&self, at: usize) -> Option<usize> {
        (self.text.as_bytes()[at] >= 0x20).then_some(at)
    }

    /// Reads a number.
    #[inline]
    pub(super) fn number(&mut self) -> Option<Numeral<'t>> {
        let first = self.peek()?;
        let (start, is_negative) = (self.at, first == b'-');
        self.at += usize::from(is_negative);
        let (whole, mut digits) = self.digits(0);
        // JSON has no zero before another digit.
        if whole == 0 || whole > 1 && self.text.as_bytes()[self.at - whole] == b'0' {
            return None;
        }
        let mut fraction = 0;
        if self.rest().first() == Some(&b'.') {
            self.at += 1;
            (fraction, digits) = self.digits(digits);
            if fraction == 0 {
                return None;
            }
        }
        let has_exponent = matches!(self.rest().first(), Some(b'e' | b'E'));
        if has_exponent {
            self.exponent()?;
        }
        let text = self.text.get(start..self.at)?;
        Some(Numeral { text, is_negative, digits, length: whole + fraction, fraction, has_exponent })
    }

    /// Reads digits behind those of a number; how many there are.
    #[inline]
    fn digits(&mut self, mut number: u64) -> (usize, u64) {
        let start = self.at;
        while let Some(byte @ b'0'..=b'9') = self.text.as_bytes().get(self.at) {
            number = number.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
            self.at += 1;
        }
        (self.at - start, number)
    }

    #[cold]
    fn exponent(&mut self) -> Option<()> {
        self.at += 1;
        self.at += usize::from(matches!(self.rest().first(), Some(b'+' | b'-')));
        (self.digits(0).0 > 0).then_some(())
    }

    /// Reads a value of any kind, unchanged.
    pub(super) fn value(&mut self) -> Option<&'t str> {
        self.peek()?;
        let rest = self.text.get(self.at..)?;
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<&RawValue>();
        let value = values.next()?.ok()?;
        self.at += values.byte_offset();
        Some(value.get())
    }

    /// Whether only blanks are left.
    pub(super) fn is_at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    #[inline]
    fn rest(&self) -> &'t [u8] {
        &self.text.as_bytes()[self.at..]
    }
}

impl Numeral<'_> {
    /// The number if it is written as an integer of up to 19 digits.
    #[inline]
    pub(super) fn whole(&self) -> Option<i128> {
        let is_whole = self.fraction == 0 && !self.has_exponent && self.length <= MOST_DIGITS;
        // `serde_json` takes -0 for a float.
        if !is_whole || self.is_negative && self.digits == 0 {
            return None;
        }
        let whole = i128::from(self.digits);
        Some(if self.is_negative { -whole } else { whole })
    }

    /// Whether it has no more digits than these before and behind its point, and no exponent.
    #[inline]
    pub(super) fn is_within(&self, whole: u8, fraction: u8) -> bool {
        let (whole, fraction) = (usize::from(whole), usize::from(fraction));
        !self.has_exponent && self.fraction <= fraction && self.length - self.fraction <= whole
    }

    /// The DOUBLE that is nearest, if it is finite.
    #[inline]
    pub(super) fn float(&self) -> Option<f64> {
        if self.has_exponent || self.length > EXACT_DIGITS {
            return self.text.parse().ok().filter(|float: &f64| float.is_finite());
        }
        // Both are exact, so the quotient is rounded once.
        #[expect(clippy::cast_precision_loss, reason = "an integer of 15 digits is a DOUBLE")]
        let float = self.digits as f64 / POWERS_OF_TEN[self.fraction];
        Some(if self.is_negative { -float } else { float })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_string_is_what_serde_json_reads(text in "\"([ -~]|[\\\\\"é\u{1}\n]|\\\\[nu\"\\\\/x]|\\\\ud83d\\\\ude00|😀){0,24}\"?") {
            let mut lexer = Lexer::new(&text);
            let found = lexer.string();
            let rest = &text[if found.is_some() { lexer.at } else { 0 }..];
            let mut expected = serde_json::Deserializer::from_str(&text).into_iter::<String>();
            let string = expected.next().and_then(Result::ok);
            prop_assert_eq!(found.as_deref(), string.as_deref());
            if string.is_some() {
                prop_assert_eq!(rest, &text[expected.byte_offset()..]);
            }
        }

        #[test]
        fn a_number_is_what_serde_json_takes_for_one(text in "-?[0-9]{1,21}(\\.[0-9]{0,20})?([eE][+-]?[0-9]{0,3})?") {
            let found = Lexer::new(&text).number().filter(|number| number.text == text);
            let expected: Option<&RawValue> = serde_json::from_str(&text).ok();
            prop_assert_eq!(found.map(|number| number.text), expected.map(RawValue::get));
            let Some(found) = found else { return Ok(()) };
            let expected = text.parse().ok().filter(|float: &f64| float.is_finite());
            prop_assert_eq!(found.float().map(f64::to_bits), expected.map(f64::to_bits));
            if let Some(whole) = found.whole() {
                prop_assert_eq!(whole.to_string(), text);
            }
        }

        #[test]
        fn every_double_is_read_from_its_digits(float in any::<f64>().prop_filter("JSON has others", |float| float.is_finite())) {
            let text = serde_json::to_string(&float).unwrap();
            prop_assert_eq!(Lexer::new(&text).number().unwrap().float().unwrap().to_bits(), float.to_bits());
        }
    }
}
