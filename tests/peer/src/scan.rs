//! Reads requests from the wire without decoding rows: gRPC's frames, the envelope, and the place of each record.
//!
//! ```text
//! 00 LLLLLLLL                     gRPC: not compressed, length of the message
//!   0a len ..                     EphemeralStreamRequest.create_stream
//!   12 len                        .ingest_record
//!     08 varint                     offset_id
//!     12 len record | 1a len record proto_encoded_record or json_record
//!   1a len                        .ingest_record_batch
//!     08 varint                     offset_id
//!     12 len | 1a len               proto_encoded_batch or json_batch
//!       0a len record ..
//! ```

use crate::Failure;

const GRPC_FRAME: usize = 5;
const CREATE_STREAM: u8 = 0x0a;
const INGEST_RECORD: u8 = 0x12;
const INGEST_RECORD_BATCH: u8 = 0x1a;
const OFFSET_ID: u8 = 0x08;
const PROTO: u8 = 0x12;
const JSON: u8 = 0x1a;
const RECORDS: u8 = 0x0a;

/// The kind of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// It creates the stream.
    Create,
    /// It has rows and this offset.
    Rows(u64),
}

/// Counts of what has arrived.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Arrived {
    /// Requests with rows.
    pub requests: u64,
    /// Rows.
    pub rows: u64,
    /// The bytes of the rows, without key and length.
    pub bytes: u64,
    /// The sum of the rows' hashes; zero if they are not hashed.
    pub hash: u64,
}

/// Whether rows are hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Every row is hashed.
    Hashed,
    /// Rows are only counted.
    Counted,
}

/// Splits the bytes of a call into messages.
#[derive(Debug, Default)]
pub struct Messages {
    partial: Vec<u8>,
}

impl Messages {
    /// Adds bytes, and calls `each` with every message that is complete.
    ///
    /// # Errors
    /// If a message is compressed, or `each` fails.
    pub fn feed(
        &mut self,
        mut bytes: &[u8],
        mut each: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        while !self.partial.is_empty() {
            let wanted = wanted(&self.partial)?;
            let missing = wanted - self.partial.len();
            let (head, rest) = bytes.split_at(missing.min(bytes.len()));
            self.partial.extend_from_slice(head);
            bytes = rest;
            if head.len() < missing {
                return Ok(());
            }
            if wanted > GRPC_FRAME || self.partial[1..] == [0; 4] {
                each(&self.partial[GRPC_FRAME..])?;
                self.partial.clear();
            }
        }
        while bytes.len() >= GRPC_FRAME && bytes.len() >= wanted(bytes)? {
            let (message, rest) = bytes.split_at(wanted(bytes)?);
            each(&message[GRPC_FRAME..])?;
            bytes = rest;
        }
        self.partial.extend_from_slice(bytes);
        Ok(())
    }
}

/// The length of a message with its frame; if the frame is incomplete, the length of the frame.
fn wanted(bytes: &[u8]) -> Result<usize, Failure> {
    match bytes {
        [0, a, b, c, d, ..] => Ok(GRPC_FRAME + u32::from_be_bytes([*a, *b, *c, *d]) as usize),
        [compressed, ..] if *compressed != 0 => Err("a compressed message".into()),
        _ => Ok(GRPC_FRAME),
    }
}

/// Reads a request and counts its rows.
///
/// # Errors
/// If it does not follow the protocol.
pub fn request(message: &[u8], content: Content, arrived: &mut Arrived) -> Result<Request, Failure> {
    let (key, mut body) = field(&mut { message })?;
    if key == CREATE_STREAM {
        return Ok(Request::Create);
    }
    let (tag, rest) = body.split_first().ok_or("an empty request")?;
    body = rest;
    if *tag != OFFSET_ID {
        return Err("a request without an offset".into());
    }
    let offset = varint(&mut body)?;
    let (kind, mut records) = field(&mut body)?;
    if kind != PROTO && kind != JSON {
        return Err(format!("a request of the kind {kind:#x}").into());
    }
    match key {
        INGEST_RECORD => count(records, content, arrived),
        INGEST_RECORD_BATCH => {
            while !records.is_empty() {
                let (key, record) = field(&mut records)?;
                if key != RECORDS {
                    return Err(format!("a batch with the key {key:#x}").into());
                }
                count(record, content, arrived);
            }
        }
        _ => return Err(format!("a request with the key {key:#x}").into()),
    }
    arrived.requests += 1;
    Ok(Request::Rows(offset))
}

#[inline]
fn count(record: &[u8], content: Content, arrived: &mut Arrived) {
    arrived.rows += 1;
    arrived.bytes += record.len() as u64;
    if content == Content::Hashed {
        arrived.hash = arrived.hash.wrapping_add(hash(record));
    }
}

/// FNV-1a: simple, and good enough for rows that are not made to collide.
fn hash(record: &[u8]) -> u64 {
    record.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The next delimited field: its key and its content.
#[inline]
fn field<'a>(bytes: &mut &'a [u8]) -> Result<(u8, &'a [u8]), Failure> {
    let (key, rest) = bytes.split_first().ok_or("a message that ends early")?;
    *bytes = rest;
    let len = usize::try_from(varint(bytes)?)?;
    let (content, rest) = bytes.split_at_checked(len).ok_or("a field that ends early")?;
    *bytes = rest;
    Ok((*key, content))
}

#[inline]
fn varint(bytes: &mut &[u8]) -> Result<u64, Failure> {
    let mut value = 0;
    for (place, byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            *bytes = &bytes[place + 1..];
            return Ok(value);
        }
    }
    Err("a varint without an end".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(message: &[u8]) -> Vec<u8> {
        let len = u32::try_from(message.len()).unwrap();
        [&[0], &len.to_be_bytes()[..], message].concat()
    }

    #[test]
    fn messages_are_whole_however_the_bytes_come() {
        let all = [framed(b""), framed(b"abc"), framed(&[7; 300]), framed(b"")].concat();
        for step in 1..all.len() {
            let mut messages = Messages::default();
            let mut found = Vec::new();
            for part in all.chunks(step) {
                messages
                    .feed(part, |message| {
                        found.push(message.to_vec());
                        Ok(())
                    })
                    .unwrap();
            }
            assert_eq!(found, [&b""[..], b"abc", &[7; 300], b""], "in steps of {step}");
        }
    }

    #[test]
    fn a_batch_and_single_records_count_alike() {
        let mut single = Arrived::default();
        for (offset, record) in [(5, b"ab"), (6, b"cd")] {
            let message = [0x12, 6, 0x08, offset, 0x12, 2, record[0], record[1]];
            let read = request(&message, Content::Hashed, &mut single).unwrap();
            assert_eq!(read, Request::Rows(u64::from(offset)));
        }
        let mut batch = Arrived::default();
        let message = b"\x1a\x0c\x08\x05\x12\x08\x0a\x02ab\x0a\x02cd";
        assert_eq!(request(message, Content::Hashed, &mut batch).unwrap(), Request::Rows(5));
        assert_eq!((batch.rows, batch.bytes, batch.hash), (single.rows, single.bytes, single.hash));
        assert_eq!((batch.requests, single.requests), (1, 2));
    }
}
