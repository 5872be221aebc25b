//! The buffer that a row is encoded into before it is appended to the open batch.
//!
//! The row's own code runs here and not under the stream's lock. So it may use the stream that it is sent on, it may take
//! its time, and it can spoil no bytes but its own. What that costs is a copy of the row.

use std::cell::RefCell;

use crate::error::Error;
use crate::message::Encoder;

/// What a thread keeps from row to row; a buffer that grew beyond it is let go.
const MOST_KEPT: usize = 1024 * 1024;

thread_local! {
    static KEPT: RefCell<Encoder> = const { RefCell::new(Encoder::new()) };
}

/// What `take` makes of the bytes that `write` writes; or why it writes none.
#[inline]
pub(crate) fn encode<R>(
    write: impl FnOnce(&mut Encoder) -> Result<(), Error>,
    take: impl FnOnce(&[u8]) -> R,
) -> Result<R, Error> {
    KEPT.with(|kept| match kept.try_borrow_mut() {
        Ok(mut out) => encode_into(&mut out, write, take),
        // A row that sends rows while it is encoded.
        Err(_) => encode_into(&mut Encoder::new(), write, take),
    })
}

#[inline]
fn encode_into<R>(
    out: &mut Encoder,
    write: impl FnOnce(&mut Encoder) -> Result<(), Error>,
    take: impl FnOnce(&[u8]) -> R,
) -> Result<R, Error> {
    // A row that failed, or panicked, may have left something.
    out.clear();
    write(out)?;
    let taken = take(out.as_slice());
    if out.capacity() > MOST_KEPT {
        *out = Encoder::new();
    }
    Ok(taken)
}
