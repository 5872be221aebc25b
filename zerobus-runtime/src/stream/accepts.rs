//! What a stream takes: rows of a Rust type, rows that serialize, rows that are encoded already.

use std::marker::PhantomData;

use prost::Message;
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::strict::Strict;
use crate::error::{Error, Fault};
use crate::message::{Encoder, ZerobusMessage};

/// A stream of this type takes rows of the type `R`.
///
/// | stream | takes |
/// |---|---|
/// | `IngestStream<T>` | `T` and `&T`, for every [`ZerobusMessage`] |
/// | [`JsonStream`](crate::JsonStream) | what is [`Serialize`] and gives a JSON object; JSON that is text already as [`RawJson`] |
/// | [`EncodedStream`](crate::EncodedStream) | everything that is `AsRef<[u8]>` |
/// | `IngestStream<Prost<T>>` | `T` and `&T`, for a message that prost generated |
/// | `IngestStream<Dynamic>`, with the feature `dynamic` | `DynamicRow`, of a `RowPlan` |
#[diagnostic::on_unimplemented(message = "a stream of `{Self}` does not take rows of type `{R}`")]
pub trait Accepts<R: ?Sized>: sealed::Sealed {
    /// Whether `write` runs no code of the program's, and so may run under the stream's lock.
    #[doc(hidden)]
    const IS_PLAIN: bool = false;

    /// Writes a row as it goes on the wire.
    #[doc(hidden)]
    fn write(row: &R, out: &mut Encoder) -> Result<(), Error>;
}

/// The mark of a stream of JSON rows: see [`Client::json_stream`](crate::Client::json_stream).
#[derive(Debug)]
pub enum Json {}

/// The mark of a stream of encoded rows: see [`Client::encoded_stream`](crate::Client::encoded_stream).
#[derive(Debug)]
pub enum Encoded {}

/// The mark of a stream of messages that prost generated: see [`Client::prost_stream`](crate::Client::prost_stream).
#[derive(Debug)]
pub struct Prost<T>(PhantomData<fn() -> T>);

/// A row that is JSON text already: on a JSON stream it goes as it stands.
///
/// It is parsed once, so that what is no JSON object is an error of `send` and not of the server.
///
/// ```no_run
/// # fn f(stream: &zerobus_runtime::JsonStream) -> Result<(), zerobus_runtime::Error> {
/// use zerobus_runtime::RawJson;
///
/// stream.try_send(&RawJson(r#"{"id": "us7000n0bq", "mag": 4.2}"#))?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RawJson<T>(pub T);

impl<T: AsRef<str>> Serialize for RawJson<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let json: &RawValue = serde_json::from_str(self.0.as_ref()).map_err(S::Error::custom)?;
        json.serialize(serializer)
    }
}

impl<T: ZerobusMessage> Accepts<T> for T {
    const IS_PLAIN: bool = T::IS_PLAIN;

    #[inline]
    fn write(row: &T, out: &mut Encoder) -> Result<(), Error> {
        let start = out.len();
        row.encode_to(out);
        match out.take_located(T::SCHEMA, start) {
            None => Ok(()),
            Some((path, reason)) => Err(Fault::Value { path, reason: Box::new(reason) }.into()),
        }
    }
}

impl<T: ZerobusMessage> Accepts<&T> for T {
    const IS_PLAIN: bool = T::IS_PLAIN;

    #[inline]
    fn write(row: &&T, out: &mut Encoder) -> Result<(), Error> {
        <T as Accepts<T>>::write(row, out)
    }
}

impl<R: Serialize + ?Sized> Accepts<R> for Json {
    fn write(row: &R, out: &mut Encoder) -> Result<(), Error> {
        if let Err(reason) = row.serialize(Strict(&mut serde_json::Serializer::new(&mut *out))) {
            return Err(does_not_serialize(row, reason));
        }
        match first_of(out.as_slice()) {
            None => Ok(()),
            Some(found) => Err(Fault::NoObject { found }.into()),
        }
    }
}

/// What JSON text is, if it is no object.
fn first_of(json: &[u8]) -> Option<&'static str> {
    match json.iter().find(|byte| !byte.is_ascii_whitespace()) {
        None => Some("nothing"),
        Some(b'{') => None,
        Some(b'"') => Some("a text; JSON that is text already goes as `RawJson`"),
        Some(b'[') => Some("an array"),
        Some(b'n') => Some("null"),
        Some(b't' | b'f') => Some("a boolean"),
        Some(_) => Some("a number"),
    }
}

/// The error of a row that does not serialize: it is serialized once more, to find where.
#[cold]
fn does_not_serialize<R: Serialize + ?Sized>(row: &R, reason: serde_json::Error) -> Error {
    let mut track = serde_path_to_error::Track::new();
    let mut sink = serde_json::Serializer::new(std::io::sink());
    let again = row.serialize(serde_path_to_error::Serializer::new(Strict(&mut sink), &mut track));
    let path = if again.is_err() { track.path().to_string() } else { String::new() };
    Fault::Serialize { path: if path == "." { String::new() } else { path }, reason }.into()
}

impl<R: AsRef<[u8]> + ?Sized> Accepts<R> for Encoded {
    #[inline]
    fn write(row: &R, out: &mut Encoder) -> Result<(), Error> {
        out.raw(row.as_ref());
        Ok(())
    }
}

impl<T: Message> Accepts<T> for Prost<T> {
    fn write(row: &T, out: &mut Encoder) -> Result<(), Error> {
        out.prost(row);
        Ok(())
    }
}

impl<T: Message> Accepts<&T> for Prost<T> {
    fn write(row: &&T, out: &mut Encoder) -> Result<(), Error> {
        out.prost(*row);
        Ok(())
    }
}

mod sealed {
    pub trait Sealed {}

    impl<T: crate::ZerobusMessage> Sealed for T {}
    #[cfg(feature = "dynamic")]
    impl Sealed for crate::dynamic::Dynamic {}
    impl<T> Sealed for super::Prost<T> {}
    impl Sealed for super::Encoded {}
    impl Sealed for super::Json {}
}
