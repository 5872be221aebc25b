//! The buffer that rows are written into, and protobuf's wire format.
//!
//! A length stands before its content. Content of less than 128 bytes, nearly every nested message, is written behind
//! one reserved byte that is filled in afterwards; only longer content is moved to make room. So a row is written in
//! one pass, and no length is computed twice.

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
#[derive(Debug, Default, Clone)]
pub struct Encoder {
    bytes: Vec<u8>,
    /// The first value of the row that its column could not hold.
    refusal: Option<Box<ValueError>>,
}

impl Encoder {
    /// An empty buffer that holds no memory yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), refusal: None }
    }

    /// An empty buffer with room for this many bytes.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), refusal: None }
    }

    /// What was written.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    /// What was written, as the buffer itself.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// How many bytes were written.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Takes back everything behind the first `len` bytes.
    pub fn truncate(&mut self, len: usize) {
        self.bytes.truncate(len);
    }

    /// Says that a value cannot be written: the row is then handed back to whoever sends it, and none of it goes out.
    ///
    /// For values that are converted while they are written, such as a `SystemTime` beyond the year 9999.
    #[cold]
    pub fn refuse(&mut self, error: ValueError) {
        self.refusal.get_or_insert(Box::new(error));
    }

    /// Takes the first refusal since the last call; what was written since then is no whole row.
    #[must_use]
    pub fn take_refusal(&mut self) -> Option<Box<ValueError>> {
        self.refusal.take()
    }

    /// Writes a field's key: its number and wire type.
    #[inline]
    pub fn key(&mut self, number: u32, wire_type: WireType) {
        self.varint(u64::from(number << 3 | wire_type as u32));
    }

    /// Writes an integer in base 128.
    #[inline]
    pub fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        #[expect(clippy::cast_possible_truncation, reason = "the loop left seven bits")]
        self.bytes.push(value as u8);
    }

    /// Writes bytes as they are.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Writes bytes behind their length.
    #[inline]
    pub fn delimited(&mut self, bytes: &[u8]) {
        self.varint(bytes.len() as u64);
        self.raw(bytes);
    }

    /// Writes what `content` writes behind its length.
    #[inline]
    pub fn nested(&mut self, content: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.bytes.push(0);
        content(self);
        let len = self.bytes.len() - start - 1;
        match u8::try_from(len) {
            Ok(len @ 0..0x80) => self.bytes[start] = len,
            _ => self.widen_length(start, len),
        }
    }

    /// Writes a message of prost's, without its length.
    pub fn prost(&mut self, message: &impl prost::Message) {
        // A message is refused only where there is no room, and a `Vec` makes room.
        let _ = message.encode(&mut self.bytes);
    }

    /// Makes room for a length of more than one byte before content that is already there.
    #[cold]
    fn widen_length(&mut self, start: usize, len: usize) {
        let mut prefix = Self::with_capacity(10);
        prefix.varint(len as u64);
        self.bytes.splice(start..=start, prefix.bytes);
    }
}

impl std::io::Write for Encoder {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.raw(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
