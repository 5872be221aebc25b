//! The type of the crate `smallvec`.

use smallvec::{Array, SmallVec};

use crate::message::{ColumnType, Element, Encoder, Field, Presence, Value, WireType};

#[diagnostic::do_not_recommend]
impl<T: Element, const N: usize> Field for SmallVec<[T; N]>
where
    [T; N]: Array<Item = T>,
{
    const TYPE: ColumnType = ColumnType::Array(&T::TYPE);
    const PRESENCE: Presence = Presence::Repeated;

    #[inline]
    fn encode_field(&self, number: u32, out: &mut Encoder) {
        self.as_slice().encode_field(number, out);
    }
}

#[diagnostic::do_not_recommend]
impl<const N: usize> Value for SmallVec<[u8; N]>
where
    [u8; N]: Array<Item = u8>,
{
    const TYPE: ColumnType = <[u8] as Value>::TYPE;
    const WIRE: WireType = <[u8] as Value>::WIRE;

    #[inline]
    fn encode(&self, out: &mut Encoder) {
        self.as_slice().encode(out);
    }
}

#[diagnostic::do_not_recommend]
impl<const N: usize> Element for SmallVec<[u8; N]> where [u8; N]: Array<Item = u8> {}
