//! Columns that the stream writes into each row: its producer, the run of the producer, and its number in the stream.
//!
//! A row is stamped once, when it joins its batch, so a replay has the same stamps, also from disk. If a field is
//! repeated in a message, the last one is valid; so a stamp is appended.

use std::fmt::Write as _;

use crate::message::{Encoder, WireType};

/// Appends the stamp of each row.
#[derive(Debug, Clone)]
pub(crate) struct Stamper {
    /// Producer and epoch, the same for every row.
    constant: Vec<u8>,
    sequence: Sequence,
}

/// How the number of a row is written.
#[derive(Debug, Clone)]
enum Sequence {
    Field(u32),
    /// The name as JSON, with a comma before it and a colon after it.
    Json(Vec<u8>),
}

/// The columns by their identifiers in a row: a field number, or a name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Columns<C> {
    pub(crate) producer: C,
    pub(crate) epoch: C,
    pub(crate) sequence: C,
}

impl Stamper {
    pub(crate) fn of_message(columns: Columns<u32>, producer: &str, epoch: u64) -> Self {
        let mut constant = Encoder::new();
        constant.key(columns.producer, WireType::Delimited);
        constant.delimited(producer.as_bytes());
        constant.key(columns.epoch, WireType::Varint);
        constant.varint(epoch);
        Self { constant: constant.as_slice().to_vec(), sequence: Sequence::Field(columns.sequence) }
    }

    pub(crate) fn of_json(columns: Columns<&str>, producer: &str, epoch: u64) -> Self {
        let name = |name: &str| serde_json::Value::from(name).to_string();
        let mut constant = String::new();
        // A string column accepts any text.
        let _ = write!(constant, "{}:{},{}:{epoch}", name(columns.producer), name(producer), name(columns.epoch));
        Self {
            constant: constant.into_bytes(),
            sequence: Sequence::Json(format!(",{}:", name(columns.sequence)).into_bytes()),
        }
    }

    /// The most bytes in a stamp.
    pub(crate) fn len(&self) -> usize {
        let sequence = match &self.sequence {
            Sequence::Field(_) => 5,
            Sequence::Json(name) => name.len(),
        };
        self.constant.len() + sequence + 22
    }

    /// Stamps the row that was written last.
    pub(crate) fn stamp(&self, out: &mut Encoder, sequence: u64) {
        match &self.sequence {
            Sequence::Field(number) => {
                out.raw(&self.constant);
                out.key(*number, WireType::Varint);
                out.varint(sequence);
            }
            Sequence::Json(name) => self.stamp_object(out, name, sequence),
        }
    }

    fn stamp_object(&self, out: &mut Encoder, name: &[u8], sequence: u64) {
        let last = |bytes: &[u8]| bytes.iter().rposition(|byte| !byte.is_ascii_whitespace());
        // The server refuses anything but an object, as it would without a stamp.
        let Some(end) = last(out.as_slice()).filter(|end| out.as_slice()[*end] == b'}') else { return };
        let is_empty = last(&out.as_slice()[..end]).is_none_or(|before| out.as_slice()[before] == b'{');
        out.truncate(end);
        if !is_empty {
            out.raw(b",");
        }
        out.raw(&self.constant);
        out.raw(name);
        out.raw(sequence.to_string().as_bytes());
        out.raw(b"}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(row: &str) -> serde_json::Value {
        let columns = Columns { producer: "who", epoch: "run", sequence: "n" };
        let mut out = Encoder::new();
        out.raw(row.as_bytes());
        Stamper::of_json(columns, "a \"name\"", 3).stamp(&mut out, 7);
        serde_json::from_slice(out.as_slice()).unwrap()
    }

    #[test]
    fn an_object_has_its_stamps_behind_what_it_had() {
        let stamps = serde_json::json!({ "who": "a \"name\"", "run": 3, "n": 7 });
        assert_eq!(json("{}"), stamps);
        assert_eq!(json("{ \n}\n"), stamps);
        assert_eq!(json("{\"a\":{}} "), serde_json::json!({ "a": {}, "who": "a \"name\"", "run": 3, "n": 7 }));
    }

    #[test]
    fn a_stamp_is_never_longer_than_it_says() {
        let columns = Columns { producer: u32::MAX >> 3, epoch: 2, sequence: u32::MAX >> 3 };
        for stamper in [
            Stamper::of_message(columns, "name", u64::MAX),
            Stamper::of_json(Columns { producer: "p", epoch: "e", sequence: "s" }, "name", u64::MAX),
        ] {
            let mut out = Encoder::new();
            out.raw(b"{\"a\":1}");
            stamper.stamp(&mut out, u64::MAX);
            assert!(out.as_slice().len() - 7 <= stamper.len());
        }
    }
}
