//! The tokens of JSON text, for rows that are read without a parser: `direct` has the grammar.
//!
//! Every method returns `None` for text that is not JSON, and for JSON that it leaves to `serde_json`.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::digits;
use super::literal::Literal;

/// A text, and the current position.
pub(super) struct Lexer<'t> {
    text: &'t [u8],
    at: usize,
    /// Whether it is ASCII without escapes and control characters, so that a string ends at its next quote.
    is_plain: bool,
}

/// A JSON number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numeral<'t> {
    pub(super) text: &'t [u8],
    is_negative: bool,
    /// Its digits as an integer, if there are at most [`digits::MOST`].
    digits: u64,
    length: usize,
    /// How many of the digits follow the point.
    fraction: usize,
    has_exponent: bool,
}

/// An integer of this many digits is a DOUBLE, and so is every power of ten up to 10^22.
const EXACT_DIGITS: usize = 15;

const POWERS_OF_TEN: [f64; EXACT_DIGITS + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// The lowest bit of each byte of a word, and the highest one.
const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGHS: u64 = ONES << 7;
const QUOTES: u64 = u64::from_ne_bytes([b'"'; 8]);
const BACKSLASHES: u64 = u64::from_ne_bytes([b'\\'; 8]);

/// Marks the bytes of a word that are zero: the lowest mark is exact, those above it may be false.
#[inline]
const fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGHS
}

/// Whether a text is ASCII without backslashes and control characters.
fn is_plain(text: &[u8]) -> bool {
    // There is no early exit before the end of a chunk, so that this is compiled to vector instructions. As a signed
    // number, a byte that is not ASCII is negative.
    let special = |byte: &u8| u8::from(byte.cast_signed() < 0x20) | u8::from(*byte == b'\\');
    let (chunks, rest) = text.as_chunks::<64>();
    let has_special = |chunk: &[u8]| chunk.iter().fold(0, |found, byte| found | special(byte)) != 0;
    !chunks.iter().any(|chunk| has_special(chunk)) && !has_special(rest)
}

impl<'t> Lexer<'t> {
    /// The tokens of a text, if it is UTF-8.
    pub(super) fn new(text: &'t [u8]) -> Option<Self> {
        let is_plain = is_plain(text);
        (is_plain || str::from_utf8(text).is_ok()).then_some(Self { text, at: 0, is_plain })
    }

    /// The byte where the next token begins.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        loop {
            match *self.text.get(self.at)? {
                byte if byte > b' ' => return Some(byte),
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return Some(byte),
            }
        }
    }

    /// Reads a token of one byte.
    #[inline]
    pub(super) fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Reads what follows an element or a field: returns whether there is another one before this end.
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

    /// Reads these bytes, if they come next.
    #[inline]
    pub(super) fn literal(&mut self, literal: &[u8]) -> Option<()> {
        self.rest().starts_with(literal).then(|| self.at += literal.len())
    }

    /// Reads a name and the colon after it, if they come next.
    #[inline]
    pub(super) fn name(&mut self, name: &Literal) -> Option<()> {
        name.begins(self.rest()).then(|| self.at += name.len())
    }

    /// Reads a string, which is UTF-8.
    #[inline]
    pub(super) fn string(&mut self) -> Option<Cow<'t, [u8]>> {
        self.take(b'"')?;
        let start = self.at;
        if self.is_plain {
            let end = self.next_quote(start)?;
            self.at = end + 1;
            return self.text.get(start..end).map(Cow::Borrowed);
        }
        self.string_with_escapes(start)
    }

    /// As `string`, for a string that may have escapes: it begins at `start`.
    fn string_with_escapes(&mut self, start: usize) -> Option<Cow<'t, [u8]>> {
        let end = self.end_of_plain_text(start)?;
        match self.text.get(end)? {
            b'"' => {
                self.at = end + 1;
                self.text.get(start..end).map(Cow::Borrowed)
            }
            _ => self.escaped(start).map(|text| Cow::Owned(text.into_bytes())),
        }
    }

    /// Reads a string that has escapes, which `serde_json` resolves.
    #[cold]
    fn escaped(&mut self, start: usize) -> Option<String> {
        let mut end = self.end_of_plain_text(start)?;
        while self.text[end] == b'\\' {
            end = self.end_of_plain_text(end + 2)?;
        }
        self.at = end + 1;
        serde_json::from_slice(self.text.get(start - 1..self.at)?).ok()
    }

    /// The position of the next quote.
    #[inline]
    fn next_quote(&self, start: usize) -> Option<usize> {
        self.find(start, |word| zeros(word ^ QUOTES), |byte| byte == b'"')
    }

    /// The position of the first quote or backslash; none if a control character comes before.
    #[inline]
    fn end_of_plain_text(&self, start: usize) -> Option<usize> {
        let marks = |word: u64| {
            let control = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
            zeros(word ^ QUOTES) | zeros(word ^ BACKSLASHES) | control
        };
        self.if_not_control(self.find(start, marks, |byte| matches!(byte, b'"' | b'\\' | 0..0x20))?)
    }

    /// The position of the first match: the lowest mark in the words of eight bytes, or one of the remaining bytes.
    #[inline]
    fn find(&self, start: usize, marks: impl Fn(u64) -> u64, is_found: impl Fn(u8) -> bool) -> Option<usize> {
        let (mut at, mut rest) = (start, self.text.get(start..)?);
        while let Some((word, after)) = rest.split_first_chunk() {
            let found = marks(u64::from_le_bytes(*word));
            if found != 0 {
                return Some(at + found.trailing_zeros() as usize / 8);
            }
            (at, rest) = (at + 8, after);
        }
        rest.iter().position(|byte| is_found(*byte)).map(|place| at + place)
    }

    #[inline]
    fn if_not_control(&self, at: usize) -> Option<usize> {
        (self.text[at] >= 0x20).then_some(at)
    }

    /// Reads a number.
    #[inline]
    pub(super) fn number(&mut self) -> Option<Numeral<'t>> {
        self.peek()?;
        let text = self.rest();
        let (is_negative, number) = match text {
            [b'-', number @ ..] => (true, number),
            number => (false, number),
        };
        let (mut rest, mut digits) = digits::leading(number, 0);
        let whole = number.len() - rest.len();
        // JSON has no zero before another digit.
        if whole == 0 || whole > 1 && number.first() == Some(&b'0') {
            return None;
        }
        let mut fraction = 0;
        if let [b'.', after @ ..] = rest {
            (rest, digits) = digits::leading(after, digits);
            fraction = after.len() - rest.len();
            if fraction == 0 {
                return None;
            }
        }
        let has_exponent = matches!(rest, [b'e' | b'E', ..]);
        if has_exponent {
            rest = exponent(rest)?;
        }
        let read = text.len() - rest.len();
        self.at += read;
        Some(Numeral { text: &text[..read], is_negative, digits, length: whole + fraction, fraction, has_exponent })
    }

    /// Reads a value of any kind, unchanged.
    pub(super) fn value(&mut self) -> Option<&'t str> {
        self.peek()?;
        let rest = self.text.get(self.at..)?;
        let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<&RawValue>();
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
        self.text.get(self.at..).unwrap_or_default()
    }
}

/// Reads an exponent; returns the text after it.
#[cold]
fn exponent(text: &[u8]) -> Option<&[u8]> {
    let ([_, b'+' | b'-', exponent @ ..] | [_, exponent @ ..]) = text else { return None };
    let (rest, _) = digits::leading(exponent, 0);
    (rest.len() < exponent.len()).then_some(rest)
}

impl Numeral<'_> {
    /// The number if it is written as an integer of up to 19 digits.
    #[inline]
    pub(super) fn whole(&self) -> Option<i128> {
        let is_whole = self.fraction == 0 && !self.has_exponent && self.length <= digits::MOST;
        // `serde_json` reads -0 as a float.
        if !is_whole || self.is_negative && self.digits == 0 {
            return None;
        }
        let whole = i128::from(self.digits);
        Some(if self.is_negative { -whole } else { whole })
    }

    /// Whether it has no more digits than these before and after its point, and no exponent.
    #[inline]
    pub(super) fn is_within(&self, whole: u8, fraction: u8) -> bool {
        let (whole, fraction) = (usize::from(whole), usize::from(fraction));
        !self.has_exponent && self.fraction <= fraction && self.length - self.fraction <= whole
    }

    /// The nearest DOUBLE, if it is finite.
    #[inline]
    pub(super) fn float(&self) -> Option<f64> {
        if self.has_exponent || self.length > EXACT_DIGITS {
            let float = str::from_utf8(self.text).ok()?.parse().ok();
            return float.filter(|float: &f64| float.is_finite());
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
            let mut lexer = Lexer::new(text.as_bytes()).unwrap();
            let found = lexer.string();
            let rest = &text[if found.is_some() { lexer.at } else { 0 }..];
            let mut expected = serde_json::Deserializer::from_str(&text).into_iter::<String>();
            let string = expected.next().and_then(Result::ok);
            prop_assert_eq!(found.as_deref(), string.as_deref().map(str::as_bytes));
            if string.is_some() {
                prop_assert_eq!(rest, &text[expected.byte_offset()..]);
            }
        }

        #[test]
        fn a_number_is_what_serde_json_takes_for_one(text in "-?[0-9]{1,21}(\\.[0-9]{0,20})?([eE][+-]?[0-9]{0,3})?") {
            let found = Lexer::new(text.as_bytes()).unwrap().number().filter(|number| number.text == text.as_bytes());
            let expected: Option<&RawValue> = serde_json::from_str(&text).ok();
            prop_assert_eq!(found.map(|number| number.text), expected.map(|number| number.get().as_bytes()));
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
            prop_assert_eq!(Lexer::new(text.as_bytes()).unwrap().number().unwrap().float().unwrap().to_bits(), float.to_bits());
        }
    }
}
