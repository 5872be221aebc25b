//! What a stream takes: rows of a Rust type, rows that serialize, rows that are encoded already.

use serde::Serialize;

use crate::error::{Error, Fault};
use crate::message::{Encoder, ZerobusMessage};

/// A stream of this type takes rows of the type `R`.
///
/// | stream | takes |
/// |---|---|
/// | `IngestStream<T>` | `T` and `&T`, for every [`ZerobusMessage`] |
/// | [`JsonStream`](crate::JsonStream) | everything that is [`Serialize`] |
/// | [`EncodedStream`](crate::EncodedStream) | everything that is `AsRef<[u8]>` |
#[diagnostic::on_unimplemented(message = "a stream of `{Self}` does not take rows of type `{R}`")]
pub trait Accepts<R: ?Sized>: sealed::Sealed {
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

impl<T: ZerobusMessage> Accepts<T> for T {
    #[inline]
    fn write(row: &T, out: &mut Encoder) -> Result<(), Error> {
        row.encode_to(out);
        match out.take_refusal() {
            None => Ok(()),
            Some(source) => Err(Fault::Value { source }.into()),
        }
    }
}

impl<T: ZerobusMessage> Accepts<&T> for T {
    #[inline]
    fn write(row: &&T, out: &mut Encoder) -> Result<(), Error> {
        <T as Accepts<T>>::write(row, out)
    }
}

impl<R: Serialize + ?Sized> Accepts<R> for Json {
    fn write(row: &R, out: &mut Encoder) -> Result<(), Error> {
        serde_json::to_writer(out, row).map_err(|source| Fault::Serialize { source }.into())
    }
}

impl<R: AsRef<[u8]> + ?Sized> Accepts<R> for Encoded {
    #[inline]
    fn write(row: &R, out: &mut Encoder) -> Result<(), Error> {
        out.raw(row.as_ref());
        Ok(())
    }
}

mod sealed {
    pub trait Sealed {}

    impl<T: crate::ZerobusMessage> Sealed for T {}
    impl Sealed for super::Encoded {}
    impl Sealed for super::Json {}
}
