//! The buffer that rows are written into, and protobuf's wire format.
//!
//! A key and the value after it are written at once, in arrays of constant size: one check for room, and plain stores.
//! An integer of unknown length is written as eight bytes, and the unused ones are truncated.
//!
//! A length precedes its content. Content of less than 128 bytes, which is nearly every nested message, is written
//! after one reserved byte that is filled in later; only longer content is moved to make room. So a row is written in
//! one pass, and no length is computed twice.

use std::fmt;

use super::refusal::{Refusal, Step};
use super::schema::MessageSchema;
use crate::values::ValueError;

/// The wire type of protobuf that follows a field's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum WireType {
    /// `int32`, `int64`, `bool`.
    Varint = 0,
    /// `double`.
    Fixed64 = 1,
    /// `string`, `bytes`, messages.
    Delimited = 2,
    /// `float`.
    Fixed32 = 5,
}

/// A growing buffer of protobuf bytes.
///
/// ```
/// use zerobus_runtime::Encoder;
/// use zerobus_runtime::message::WireType;
///
/// let mut out = Encoder::new();
/// out.key(1, WireType::Varint);
/// out.varint(150);
/// assert_eq!(out.as_slice(), [0x08, 0x96, 0x01]);
/// ```
pub struct Encoder {
    bytes: Vec<u8>,
    /// The first value of the row that its column could not hold.
    refusal: Option<Box<Refusal>>,
}

impl Encoder {
    /// An empty buffer that holds no memory yet.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a row must not take the open batch away with `std::mem::take`")]
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), refusal: None }
    }

    /// An empty buffer with room for this many bytes.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), refusal: None }
    }

    /// How many bytes it can hold without more memory.
    pub(crate) const fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Clears the buffer and keeps its memory.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.refusal = None;
    }

    /// The bytes written so far.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes written so far, as the buffer itself.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// How many bytes were written.
    #[must_use]
    #[inline]
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing was written.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Removes everything after the first `len` bytes.
    #[inline]
    pub(crate) fn truncate(&mut self, len: usize) {
        self.bytes.truncate(len);
    }

    /// Reports that a value cannot be written: `send` then fails, and no part of the row is sent.
    ///
    /// For values that are converted while they are written, such as a `SystemTime` beyond the year 9999.
    #[cold]
    pub fn refuse(&mut self, error: ValueError) {
        let end = self.bytes.len();
        self.refusal.get_or_insert_with(|| Box::new(Refusal::new(error, end)));
    }

    /// As `refuse`, for a value that is already written: `end` is after its field's key, and `path` continues
    /// from there.
    #[cold]
    pub(super) fn refuse_within(&mut self, error: ValueError, end: usize, path: Vec<Step>) {
        self.refusal.get_or_insert_with(|| Box::new(Refusal::within(error, end, path)));
    }

    /// Whether every value was written, including one that is refused for its length.
    pub(crate) fn is_whole(&self) -> bool {
        self.refusal.as_ref().is_none_or(|refusal| refusal.is_written())
    }

    /// Takes the first refusal since the last call; the bytes written since then are not a complete row.
    #[must_use]
    pub fn take_refusal(&mut self) -> Option<ValueError> {
        self.refusal.take().map(|refusal| refusal.into_error())
    }

    /// As `take_refusal`, with the path of the column in a row of this schema that begins at `start`.
    #[inline]
    pub(crate) fn take_located(&mut self, schema: &MessageSchema, start: usize) -> Option<(String, ValueError)> {
        let refusal = self.refusal.take()?;
        Some(refusal.located(schema, &self.bytes, start))
    }

    /// Writes a field's key: its number and wire type.
    #[inline]
    pub fn key(&mut self, number: u32, wire_type: WireType) {
        match Key::new(number, wire_type) {
            Key::One(key) => self.raw(&[key]),
            Key::Two(key) => self.raw(&key),
            Key::Long(key) => self.varint(key),
        }
    }

    /// Writes an integer in base 128.
    pub fn varint(&mut self, value: u64) {
        // Slow paths are separate tail calls, so the common path needs no stack frame.
        if self.bytes.capacity() - self.bytes.len() < 8 || value >= SHORT_VARINT {
            return self.slow_varint(value);
        }
        let ([low, ..], [middle, ..]) = (value.to_le_bytes(), (value >> 7).to_le_bytes());
        if value < 0x80 {
            self.raw(&[low]);
        } else if value < 0x4000 {
            self.raw(&[low | 0x80, middle]);
        } else if value < 0x20_0000 {
            let [high, ..] = (value >> 14).to_le_bytes();
            self.raw(&[low | 0x80, middle | 0x80, high]);
        } else {
            let (bytes, used) = base_128(value);
            let end = self.bytes.len() + used;
            self.raw(&bytes);
            self.bytes.truncate(end);
        }
    }

    /// Writes bytes as they are.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Writes bytes after their length.
    #[inline]
    pub fn delimited(&mut self, bytes: &[u8]) {
        self.varint(bytes.len() as u64);
        self.raw(bytes);
    }

    /// Writes a whole field that is an integer.
    #[inline]
    pub fn varint_field(&mut self, number: u32, value: u64) {
        let [low, ..] = value.to_le_bytes();
        match Key::new(number, WireType::Varint) {
            Key::One(key) if value < 0x80 => self.raw(&[key, low]),
            Key::Two([a, b]) if value < 0x80 => self.raw(&[a, b, low]),
            _ => {
                self.key(number, WireType::Varint);
                self.varint(value);
            }
        }
    }

    /// Writes a whole field of four bytes.
    #[inline]
    pub fn fixed_32_field(&mut self, number: u32, value: [u8; 4]) {
        let [a, b, c, d] = value;
        match Key::new(number, WireType::Fixed32) {
            Key::One(key) => self.raw(&[key, a, b, c, d]),
            Key::Two([first, second]) => self.raw(&[first, second, a, b, c, d]),
            Key::Long(key) => {
                self.varint(key);
                self.raw(&value);
            }
        }
    }

    /// Writes a whole field of eight bytes.
    #[inline]
    pub fn fixed_64_field(&mut self, number: u32, value: [u8; 8]) {
        let [v0, v1, v2, v3, v4, v5, v6, v7] = value;
        match Key::new(number, WireType::Fixed64) {
            Key::One(key) => self.raw(&[key, v0, v1, v2, v3, v4, v5, v6, v7]),
            Key::Two([first, second]) => self.raw(&[first, second, v0, v1, v2, v3, v4, v5, v6, v7]),
            Key::Long(key) => {
                self.varint(key);
                self.raw(&value);
            }
        }
    }

    /// Writes a whole field of bytes or text.
    #[inline]
    pub fn delimited_field(&mut self, number: u32, bytes: &[u8]) {
        let [low, ..] = bytes.len().to_le_bytes();
        match Key::new(number, WireType::Delimited) {
            Key::One(key) if bytes.len() < 0x80 => self.raw(&[key, low]),
            Key::Two([a, b]) if bytes.len() < 0x80 => self.raw(&[a, b, low]),
            _ => {
                self.key(number, WireType::Delimited);
                self.varint(bytes.len() as u64);
            }
        }
        self.raw(bytes);
    }

    /// Writes a whole field of up to 12 bytes, which are the lowest of `bytes`, in one store.
    #[cfg(feature = "arrow")]
    #[inline]
    pub(crate) fn short_field(&mut self, number: u32, bytes: u128, len: u8) {
        let (text, size) = (bytes << 8 | u128::from(len), 1 + usize::from(len));
        match Key::new(number, WireType::Delimited) {
            Key::One(key) => self.store(text << 8 | u128::from(key), 1 + size),
            Key::Two(key) => self.store(text << 16 | u128::from(u16::from_le_bytes(key)), 2 + size),
            Key::Long(_) => self.delimited_field(number, &bytes.to_le_bytes()[..usize::from(len)]),
        }
    }

    /// Writes a whole field that is an integer, usually a long one, in one store.
    #[cfg(feature = "arrow")]
    #[inline]
    pub(crate) fn long_field(&mut self, number: u32, value: u64) {
        match Key::new(number, WireType::Varint) {
            Key::One(key) if value < SHORT_VARINT => {
                let (bytes, used) = base_128(value);
                self.store(u128::from(key) | u128::from(u64::from_le_bytes(bytes)) << 8, 1 + used);
            }
            _ => self.varint_field(number, value),
        }
    }

    /// Writes the lowest bytes of a word, `len` of them.
    #[cfg(feature = "arrow")]
    #[inline]
    fn store(&mut self, word: u128, len: usize) {
        let end = self.bytes.len() + len;
        // A buffer that is nearly full is not grown for unused bytes.
        if self.bytes.capacity() - self.bytes.len() < size_of_val(&word) {
            return self.store_in_little_room(word, len);
        }
        self.raw(&word.to_le_bytes());
        self.bytes.truncate(end);
    }

    #[cfg(feature = "arrow")]
    #[cold]
    fn store_in_little_room(&mut self, word: u128, len: usize) {
        self.raw(&word.to_le_bytes()[..len]);
    }

    /// Writes the length of what `content` writes, and then that.
    #[inline]
    pub fn nested(&mut self, content: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.raw(&[0]);
        content(self);
        if let Some(refusal) = &mut self.refusal {
            refusal.leave(&self.bytes, start);
        }
        self.end_nested(start);
    }

    /// Writes a length into the byte that was reserved for it.
    #[inline]
    fn end_nested(&mut self, start: usize) {
        let len = self.bytes.len() - start - 1;
        match self.bytes.get_mut(start) {
            Some(prefix) if len < 0x80 => *prefix = len.to_le_bytes()[0],
            _ => self.long_prefix(start, 1, len),
        }
    }

    /// Begins a record of a request: its key, and room for its length.
    #[inline]
    pub(crate) fn begin_record(&mut self, reserved: Reserved) {
        match reserved {
            Reserved::One => self.raw(&[RECORD_KEY, 0]),
            Reserved::Two => self.raw(&[RECORD_KEY, 0, 0]),
        }
    }

    /// Ends the record that began there; returns how many bytes to reserve for a record like it.
    #[inline]
    pub(crate) fn end_record(&mut self, start: usize, reserved: Reserved) -> Reserved {
        let len = self.bytes.len() - start - 1 - reserved as usize;
        match (self.bytes.get_mut(start + 1..), reserved) {
            (Some([prefix, ..]), Reserved::One) if len < 0x80 => *prefix = len.to_le_bytes()[0],
            (Some([low, high, ..]), Reserved::Two) if (0x80..0x4000).contains(&len) => {
                [*low, *high] = [len.to_le_bytes()[0] | 0x80, (len >> 7).to_le_bytes()[0]];
            }
            _ => {
                self.long_prefix(start + 1, reserved as usize, len);
                return if len < 0x80 { Reserved::One } else { Reserved::Two };
            }
        }
        reserved
    }

    /// Writes a prost message, without its length.
    pub fn prost(&mut self, message: &impl prost::Message) {
        // Encoding fails only where there is no room, and a `Vec` makes room.
        let _ = message.encode(&mut self.bytes);
    }

    /// Writes a length that does not fit the reserved bytes, and moves the content.
    fn long_prefix(&mut self, start: usize, reserved: usize, len: usize) {
        // Nothing that fits into memory reaches the upper end of a short varint.
        let (prefix, size) = base_128(len as u64 & (SHORT_VARINT - 1));
        let (from, to) = (start + reserved, start + size);
        let end = self.bytes.len();
        self.bytes.resize(end.max(end + size - reserved), 0);
        self.bytes.copy_within(from..end, to);
        self.bytes.truncate(end + size - reserved);
        if let Some(room) = self.bytes.get_mut(start..to) {
            room.copy_from_slice(&prefix[..size]);
        }
    }

    /// Writes an integer of any size, in particular a negative one.
    #[inline(never)]
    fn slow_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.bytes.push(value.to_le_bytes()[0]);
    }
}

/// The key of `ProtoEncodedBatch.records` and of `JsonBatch.records`.
const RECORD_KEY: u8 = 0x0a;

/// How many bytes are reserved for the length of a record; a row from 16 KiB on takes more, and is moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reserved {
    One = 1,
    Two = 2,
}

/// A field's encoded key; constant if the number is constant.
#[derive(Clone, Copy)]
enum Key {
    /// For numbers from 2048 on; written in base 128.
    Long(u64),
    /// For numbers below 16.
    One(u8),
    /// For numbers below 2048, which covers every column that a table can have.
    Two([u8; 2]),
}

impl Key {
    #[inline]
    const fn new(number: u32, wire_type: WireType) -> Self {
        let key = (number as u64) << 3 | wire_type as u64;
        let [low, ..] = key.to_le_bytes();
        let [high, ..] = (key >> 7).to_le_bytes();
        match number {
            0..16 => Self::One(low),
            16..2048 => Self::Two([low | 0x80, high]),
            _ => Self::Long(key),
        }
    }
}

/// Integers below this take at most eight bytes in base 128.
const SHORT_VARINT: u64 = 1 << 56;

/// An integer below [`SHORT_VARINT`] in base 128, and how many of the bytes are used.
///
/// The groups of seven bits are spread to eight bits in three steps, from halves to quarters to eighths; all used bytes
/// but the last get the continuation bit.
#[inline]
const fn base_128(value: u64) -> ([u8; 8], usize) {
    let halves = value & 0x0fff_ffff | (value & 0x00ff_ffff_f000_0000) << 4;
    let quarters = halves & 0x0000_3fff_0000_3fff | (halves & 0x0fff_c000_0fff_c000) << 2;
    let groups = quarters & 0x007f_007f_007f_007f | (quarters & 0x3f80_3f80_3f80_3f80) << 1;
    let bits = 64 - (value | 1).leading_zeros() as usize;
    ((groups | FOLLOWS[bits]).to_le_bytes(), bytes_of(bits))
}

/// A seventh, rounded up, for numbers from 1 to 64: nine sixty-fourths are close enough.
#[inline]
const fn bytes_of(bits: usize) -> usize {
    (9 * bits + 64) / 64
}

/// The continuation bits, by the number of bits of an integer.
const FOLLOWS: [u64; 65] = {
    let mut follows = [0; 65];
    let mut bits = 1;
    while bits <= 56 {
        follows[bits] = 0x8080_8080_8080_8080 & ((1 << (8 * (bytes_of(bits) - 1))) - 1);
        bits += 1;
    }
    follows
};

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder")
            .field("len", &self.bytes.len())
            .field("refusal", &self.refusal)
            .finish_non_exhaustive()
    }
}

impl std::io::Write for Encoder {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.raw(bytes);
        Ok(bytes.len())
    }

    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.raw(bytes);
        Ok(())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values around every length that a varint can have.
    fn values() -> impl Iterator<Item = u64> {
        let around =
            (0..64).flat_map(|bit| [(1_u64 << bit) - 1, 1 << bit, (1 << bit) + 1, 0x5555_5555_5555_5555 >> bit]);
        around.chain([u64::MAX, u64::MAX - 1])
    }

    #[test]
    fn varints_are_those_of_prost() {
        for value in values() {
            let mut expected = Vec::new();
            prost::encoding::encode_varint(value, &mut expected);
            for room in [0, 7, 8, 100] {
                let mut out = Encoder::with_capacity(room);
                out.varint(value);
                assert_eq!(out.as_slice(), expected, "{value} where there is room for {room} bytes");
            }
        }
    }

    #[test]
    fn a_message_of_prost_is_written_behind_what_is_there_without_its_length() {
        let mut out = Encoder::new();
        out.raw(b"a");
        out.prost(&prost_types::Duration { seconds: 150, nanos: 0 });
        assert_eq!(out.as_slice(), [b'a', 0x08, 0x96, 0x01]);
    }

    #[test]
    fn an_encoder_returns_what_it_holds_and_is_empty() {
        let mut out = Encoder::with_capacity(10);
        assert!(out.is_empty());
        out.raw(b"abc");
        out.refuse(ValueError::malformed("no", "yes"));
        assert!(!out.is_empty());
        out.clear();
        assert!(out.is_empty() && out.take_refusal().is_none());
        assert_eq!(out.capacity(), 10);
    }

    #[test]
    fn the_first_refusal_is_reported_and_only_once() {
        let mut out = Encoder::new();
        out.refuse(ValueError::malformed("first", "it"));
        out.refuse(ValueError::malformed("second", "it"));
        assert!(out.take_refusal().is_some_and(|error| error.to_string().contains("first")));
        assert!(out.take_refusal().is_none());
    }

    #[test]
    fn what_is_reserved_for_the_next_length_is_what_this_one_took() {
        for (len, expected) in [(0, Reserved::One), (127, Reserved::One), (128, Reserved::Two), (16_384, Reserved::Two)]
        {
            for reserved in [Reserved::One, Reserved::Two] {
                let mut out = Encoder::new();
                out.begin_record(reserved);
                out.raw(&vec![0; len]);
                assert_eq!(out.end_record(0, reserved), expected, "{len} bytes behind {reserved:?}");
            }
        }
    }

    #[test]
    fn whole_fields_are_key_and_value() {
        for number in [1, 15, 16, 2047, 2048, (1 << 29) - 1] {
            for value in values() {
                check(number, WireType::Varint, |out| out.varint_field(number, value), |out| out.varint(value));
            }
            let (short, long) = (1.5_f32.to_le_bytes(), 1.5_f64.to_le_bytes());
            check(number, WireType::Fixed32, |out| out.fixed_32_field(number, short), |out| out.raw(&short));
            check(number, WireType::Fixed64, |out| out.fixed_64_field(number, long), |out| out.raw(&long));
            for len in [0, 1, 127, 128, 20_000] {
                let text = vec![b'x'; len];
                let field = |out: &mut Encoder| out.delimited_field(number, &text);
                check(number, WireType::Delimited, field, |out| out.delimited(&text));
            }
        }
    }

    #[cfg(feature = "arrow")]
    #[test]
    fn short_and_long_fields_are_whole_fields_and_take_no_more_room() {
        for number in [1, 15, 16, 2047, 2048, (1 << 29) - 1] {
            for room in [0, 8, 100] {
                for value in values() {
                    let (mut found, mut expected) = (Encoder::with_capacity(room), Encoder::new());
                    found.long_field(number, value);
                    expected.varint_field(number, value);
                    assert_eq!(found.as_slice(), expected.as_slice(), "field {number}, {value}");
                }
                for len in 0..=12_u8 {
                    let text: Vec<u8> = (1..=len).collect();
                    let mut word = [0; 16];
                    word[..text.len()].copy_from_slice(&text);
                    let (mut found, mut expected) = (Encoder::with_capacity(room), Encoder::new());
                    found.short_field(number, u128::from_le_bytes(word), len);
                    expected.delimited_field(number, &text);
                    assert_eq!(found.as_slice(), expected.as_slice(), "field {number}, {len} bytes");
                }
            }
        }
        let mut full = Encoder::with_capacity(10);
        full.short_field(1, 0, 8);
        assert_eq!(full.capacity(), 10);
    }

    fn check(number: u32, wire: WireType, field: impl FnOnce(&mut Encoder), value: impl FnOnce(&mut Encoder)) {
        let (mut found, mut expected) = (Encoder::new(), Encoder::new());
        field(&mut found);
        expected.key(number, wire);
        value(&mut expected);
        assert_eq!(found.as_slice(), expected.as_slice(), "field {number}");
    }

    #[test]
    fn a_length_stands_before_its_content_whatever_was_guessed() {
        for len in [0, 1, 127, 128, 16_383, 16_384, 3_000_000] {
            let content: Vec<u8> = (0..len).map(|n| u64::to_le_bytes(n)[0]).collect();
            let mut expected = Encoder::new();
            expected.raw(b"before");
            expected.delimited_field(1, &content);
            expected.raw(b"after");
            let mut nested = Encoder::new();
            nested.raw(b"before\x0a");
            nested.nested(|out| out.raw(&content));
            nested.raw(b"after");
            assert_eq!(nested.as_slice(), expected.as_slice(), "{len} bytes");
            for reserved in [Reserved::One, Reserved::Two] {
                let mut record = Encoder::new();
                record.raw(b"before");
                record.begin_record(reserved);
                record.raw(&content);
                record.end_record(6, reserved);
                record.raw(b"after");
                assert_eq!(record.as_slice(), expected.as_slice(), "{len} bytes behind {reserved:?}");
            }
        }
    }
}
