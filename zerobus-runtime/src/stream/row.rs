//! A row as a stream accepts it: how it is written, and what is kept of it if it is refused.

use std::marker::PhantomData;

use super::Accepts;
use crate::error::Error;
use crate::letter::Original;
use crate::message::Encoder;

/// A row from the caller.
pub(super) trait Row: Copy {
    /// Whether `write` runs no user code, so that it can run under the stream's lock.
    const IS_PLAIN: bool;

    /// Writes the row in its wire encoding.
    fn write(self, out: &mut Encoder) -> Result<(), Error>;

    /// The row, as far as it can be kept.
    fn original(self) -> Original;
}

/// A row of type `R`, for a stream of `T`.
pub(super) struct Of<'a, T, R: ?Sized> {
    row: &'a R,
    stream: PhantomData<fn() -> T>,
}

impl<'a, T, R: ?Sized> Of<'a, T, R> {
    #[inline]
    pub(super) const fn new(row: &'a R) -> Self {
        Self { row, stream: PhantomData }
    }
}

impl<T, R: ?Sized> Clone for Of<'_, T, R> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T, R: ?Sized> Copy for Of<'_, T, R> {}

impl<T: Accepts<R>, R: ?Sized> Row for Of<'_, T, R> {
    const IS_PLAIN: bool = T::IS_PLAIN;

    #[inline]
    fn write(self, out: &mut Encoder) -> Result<(), Error> {
        T::write(self.row, out)
    }

    #[cold]
    fn original(self) -> Original {
        T::original(self.row)
    }
}
