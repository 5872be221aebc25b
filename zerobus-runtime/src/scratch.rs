//! The buffer that a row is encoded into before it is appended to the open batch.
//!
//! User code that encodes the row runs here, not under the stream's lock. It can use the same stream, be slow, or fail
//! without corrupting other rows. The cost is a copy of the row.

use std::cell::RefCell;

use crate::error::Error;
use crate::message::Encoder;

/// The largest buffer that a thread keeps between rows; a larger one is freed.
const MOST_KEPT: usize = 1024 * 1024;

thread_local! {
    static KEPT: RefCell<Encoder> = const { RefCell::new(Encoder::new()) };
}

/// Passes the bytes that `write` writes to `take`, or returns the error of `write`.
#[inline]
pub(crate) fn encode<R>(
    write: impl FnOnce(&mut Encoder) -> Result<(), Error>,
    take: impl FnOnce(&[u8]) -> R,
) -> Result<R, Error> {
    KEPT.with(|kept| match kept.try_borrow_mut() {
        Ok(mut out) => encode_into(&mut out, write, take),
        // The row sends rows while it is encoded.
        Err(_) => encode_into(&mut Encoder::new(), write, take),
    })
}

#[inline]
fn encode_into<R>(
    out: &mut Encoder,
    write: impl FnOnce(&mut Encoder) -> Result<(), Error>,
    take: impl FnOnce(&[u8]) -> R,
) -> Result<R, Error> {
    // A row that failed or panicked may have left bytes.
    out.clear();
    write(out)?;
    let taken = take(out.as_slice());
    if out.capacity() > MOST_KEPT {
        *out = Encoder::new();
    }
    Ok(taken)
}
