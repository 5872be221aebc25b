//! The rows that a stream accepts: of a Rust type, serializable as JSON, or already encoded.

use std::cell::RefCell;
use std::marker::PhantomData;

use prost::Message;
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::strict::Strict;
use crate::error::{Error, Fault};
use crate::letter::Original;
use crate::message::{Encoder, ZerobusMessage};
use crate::record_kind::RecordKind;

/// Streams of this type accept rows of type `R`.
///
/// | stream | accepts |
/// |---|---|
/// | `IngestStream<T>` | `T` and `&T`, for every [`ZerobusMessage`] |
/// | [`JsonStream`](crate::JsonStream) | any [`Serialize`] that produces a JSON object; JSON text as [`RawJson`] |
/// | [`EncodedStream`](crate::EncodedStream) | any `AsRef<[u8]>` |
/// | `IngestStream<Prost<T>>` | `T` and `&T`, for a message that prost generated |
/// | `IngestStream<Dynamic>`, with the feature `dynamic` | `DynamicRow`, of a `RowPlan` |
#[diagnostic::on_unimplemented(message = "a stream of `{Self}` does not take rows of type `{R}`")]
pub trait Accepts<R: ?Sized>: sealed::Sealed {
    /// Whether `write` runs no user code, so that it can run under the stream's lock.
    #[doc(hidden)]
    const IS_PLAIN: bool = false;

    /// Writes a row in its wire encoding.
    #[doc(hidden)]
    fn write(row: &R, out: &mut Encoder) -> Result<(), Error>;

    /// The row, as far as it can be kept, if it is refused.
    #[doc(hidden)]
    fn original(row: &R) -> Original {
        let mut out = Encoder::new();
        let is_whole = Self::write(row, &mut out).is_ok();
        Original::new(RecordKind::Proto, out.into_bytes(), is_whole)
    }
}

/// Marker of JSON streams: see [`Client::json_stream`](crate::Client::json_stream).
#[derive(Debug)]
pub enum Json {}

/// Marker of encoded streams: see [`Client::encoded_stream`](crate::Client::encoded_stream).
#[derive(Debug)]
pub enum Encoded {}

/// Marker of streams of prost messages: see [`Client::prost_stream`](crate::Client::prost_stream).
#[derive(Debug)]
pub struct Prost<T>(PhantomData<fn() -> T>);

thread_local! {
    /// Keeps a text that is not JSON while its row is refused; serde has no place for it.
    static SALVAGED: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// A row that is already JSON text; a JSON stream sends it unchanged.
///
/// It is parsed once, so that `send`, not the server, refuses anything but a JSON object.
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
        let json: &RawValue = serde_json::from_str(self.0.as_ref()).map_err(|error| {
            SALVAGED.with_borrow_mut(|salvaged| {
                if let Some(text) = salvaged {
                    self.0.as_ref().as_bytes().clone_into(text);
                }
            });
            S::Error::custom(error)
        })?;
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

    fn original(row: &T) -> Original {
        let mut out = Encoder::new();
        row.encode_to(&mut out);
        // A value that is too long is in the bytes; one that has no encoding is missing.
        let is_whole = out.is_whole();
        Original::new(RecordKind::Proto, out.into_bytes(), is_whole)
    }
}

impl<T: ZerobusMessage> Accepts<&T> for T {
    const IS_PLAIN: bool = T::IS_PLAIN;

    #[inline]
    fn write(row: &&T, out: &mut Encoder) -> Result<(), Error> {
        <T as Accepts<T>>::write(row, out)
    }

    fn original(row: &&T) -> Original {
        <T as Accepts<T>>::original(row)
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

    fn original(row: &R) -> Original {
        let (mut text, not_json) = (Vec::new(), Vec::new());
        SALVAGED.set(Some(not_json));
        // NaN becomes null here, which is not what the program meant.
        let is_strict = row.serialize(Strict(&mut serde_json::Serializer::new(std::io::sink()))).is_ok();
        let is_written = row.serialize(&mut serde_json::Serializer::new(&mut text)).is_ok();
        match SALVAGED.take().filter(|text| !text.is_empty()) {
            Some(text) => Original::new(RecordKind::Json, text, true),
            None => Original::new(RecordKind::Json, text, is_strict && is_written),
        }
    }
}

/// The kind of a JSON text that is not an object.
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

/// The error of a row that does not serialize. Serializes it again to find the path.
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

pub(crate) mod sealed {
    pub trait Sealed {}

    impl<T: crate::ZerobusMessage> Sealed for T {}
    impl<T> Sealed for super::Prost<T> {}
    impl Sealed for super::Encoded {}
    impl Sealed for super::Json {}
}
