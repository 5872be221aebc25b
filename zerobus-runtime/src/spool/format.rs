//! The bytes of a segment: a header, then one record per request. All numbers are little-endian.
//!
//! ```text
//! header   8  magic "ZBSPOOL\n"       record   4  magic "ZREQ"
//!          4  version of the format            4  length of the body
//!          4  length of the header             8  sequence
//!          4  nonce                            8  row: the offset of the first
//!          4  length of the schema             4  rows
//!          8  sequence of the first record     4  CRC32C of the body, from the nonce on
//!          8  row: the offset of the first     8  when the first row was accepted (ms since 1970)
//!          8  when it was made (ms since 1970) 4  CRC32C of what is above, from the nonce on
//!          4  CRC32C of the rest of the header    body
//!             schema
//! ```
//!
//! The body is the batch as sent on the wire; the schema is the encoded `CreateIngestStreamRequest` that the rows
//! were written for. Each segment has a random nonce, so that no row can hold the image of a record that would pass
//! for one.

use bytes::Bytes;

/// The version of the format that this program writes, and the newest that it reads.
pub(crate) const VERSION: u32 = 1;

pub(super) const RECORD_HEADER: usize = 44;
const SEGMENT_HEADER: usize = 52;
const SEGMENT_MAGIC: [u8; 8] = *b"ZBSPOOL\n";
const RECORD_MAGIC: [u8; 4] = *b"ZREQ";
/// The descriptor of the largest table is far below this; a greater length is damage.
const LONGEST_SCHEMA: usize = 64 * 1024 * 1024;

/// One request, as the log keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// The records of the batch, each behind its key and length.
    pub(crate) body: Bytes,
    /// The offset of the first row.
    pub(crate) row: u64,
    pub(crate) rows: u32,
    /// When the first row was accepted, in milliseconds since 1970.
    pub(crate) accepted_at: u64,
}

/// The header of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) nonce: u32,
    pub(super) sequence: u64,
    pub(super) row: u64,
    pub(super) made_at: u64,
    pub(super) schema: Bytes,
}

/// The header of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RecordHeader {
    pub(super) body: usize,
    pub(super) sequence: u64,
    pub(super) row: u64,
    pub(super) rows: u32,
    pub(super) body_crc: u32,
    pub(super) accepted_at: u64,
}

impl Request {
    /// The offset after the last row.
    pub(crate) fn end(&self) -> u64 {
        self.row + u64::from(self.rows)
    }

    /// How many bytes it takes in a segment.
    pub(super) const fn record_len(&self) -> u64 {
        (RECORD_HEADER + self.body.len()) as u64
    }
}

impl SegmentHeader {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(SEGMENT_HEADER + self.schema.len());
        out.extend(SEGMENT_MAGIC);
        out.extend(VERSION.to_le_bytes());
        out.extend(len_u32(SEGMENT_HEADER + self.schema.len()).to_le_bytes());
        out.extend(self.nonce.to_le_bytes());
        out.extend(len_u32(self.schema.len()).to_le_bytes());
        out.extend(self.sequence.to_le_bytes());
        out.extend(self.row.to_le_bytes());
        out.extend(self.made_at.to_le_bytes());
        let crc = crc32c::crc32c_append(crc32c::crc32c(&out), &self.schema);
        out.extend(crc.to_le_bytes());
        out.extend(&self.schema);
        out
    }

    /// The length of the whole header, from its first bytes; none if they are not those of a header.
    pub(super) fn full_len(start: &[u8]) -> Option<usize> {
        if start.len() < SEGMENT_HEADER || start[..8] != SEGMENT_MAGIC || u32_at(start, 8) != VERSION {
            return None;
        }
        let schema = u32_at(start, 20) as usize;
        (schema <= LONGEST_SCHEMA && u32_at(start, 12) as usize == SEGMENT_HEADER + schema)
            .then_some(SEGMENT_HEADER + schema)
    }

    /// The header, if its bytes are whole.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let schema = bytes.get(SEGMENT_HEADER..Self::full_len(bytes)?)?;
        let crc = crc32c::crc32c_append(crc32c::crc32c(&bytes[..SEGMENT_HEADER - 4]), schema);
        (crc == u32_at(bytes, SEGMENT_HEADER - 4)).then(|| Self {
            nonce: u32_at(bytes, 16),
            sequence: u64_at(bytes, 24),
            row: u64_at(bytes, 32),
            made_at: u64_at(bytes, 40),
            schema: Bytes::copy_from_slice(schema),
        })
    }

    /// How many bytes are enough for [`full_len`](Self::full_len).
    pub(super) const START: usize = SEGMENT_HEADER;
}

impl RecordHeader {
    pub(super) fn of(request: &Request, sequence: u64, nonce: u32) -> Self {
        let body_crc = crc32c::crc32c_append(nonce, &request.body);
        let Request { row, rows, accepted_at, .. } = *request;
        Self { body: request.body.len(), sequence, row, rows, body_crc, accepted_at }
    }

    pub(super) fn encode(&self, nonce: u32) -> [u8; RECORD_HEADER] {
        let mut out = [0; RECORD_HEADER];
        out[..4].copy_from_slice(&RECORD_MAGIC);
        out[4..8].copy_from_slice(&len_u32(self.body).to_le_bytes());
        out[8..16].copy_from_slice(&self.sequence.to_le_bytes());
        out[16..24].copy_from_slice(&self.row.to_le_bytes());
        out[24..28].copy_from_slice(&self.rows.to_le_bytes());
        out[28..32].copy_from_slice(&self.body_crc.to_le_bytes());
        out[32..40].copy_from_slice(&self.accepted_at.to_le_bytes());
        let crc = crc32c::crc32c_append(nonce, &out[..RECORD_HEADER - 4]);
        out[RECORD_HEADER - 4..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// The header at the start of these bytes, if it is complete.
    pub(super) fn decode(bytes: &[u8], nonce: u32) -> Option<Self> {
        let bytes = bytes.get(..RECORD_HEADER)?;
        let is_whole = bytes[..4] == RECORD_MAGIC
            && crc32c::crc32c_append(nonce, &bytes[..RECORD_HEADER - 4]) == u32_at(bytes, RECORD_HEADER - 4);
        is_whole.then(|| Self {
            body: u32_at(bytes, 4) as usize,
            sequence: u64_at(bytes, 8),
            row: u64_at(bytes, 16),
            rows: u32_at(bytes, 24),
            body_crc: u32_at(bytes, 28),
            accepted_at: u64_at(bytes, 32),
        })
    }

    pub(super) fn fits(&self, body: &[u8], nonce: u32) -> bool {
        crc32c::crc32c_append(nonce, body) == self.body_crc
    }
}

/// The number at this position; the caller has checked the length.
pub(super) fn u32_at(bytes: &[u8], place: usize) -> u32 {
    bytes[place..].iter().take(4).rev().fold(0, |number, byte| (number << 8) | u32::from(*byte))
}

/// The number at this position; the caller has checked the length.
pub(super) fn u64_at(bytes: &[u8], place: usize) -> u64 {
    bytes[place..].iter().take(8).rev().fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

#[expect(clippy::expect_used, reason = "a request ends at 10 MiB and a schema far below 4 GiB")]
fn len_u32(len: usize) -> u32 {
    u32::try_from(len).expect("a length within the limits of a stream")
}
