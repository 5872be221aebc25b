//! JSON text into a row without a parser: for text that is JSON and fits the table, as nearly all rows do.
//!
//! What is written here is what `json` writes for the same text. A row that is refused, or not read here for any other
//! reason, is `None`: the caller discards the bytes and calls `json`, which decides and has the reasons for refusals.

#[cfg(test)]
mod tests;

use zerobus_codegen::Scalar;

use super::lexer::Lexer;
use super::plan::{Seen, Shape, Slot, StructPlan};
use super::scalar::{self, Number};
use super::{Options, RowPlan, UnknownColumns, decimal, time};
use crate::message::{Encoder, WireType};

/// `Some` if the row was written as a whole.
type Written = Option<()>;

/// Writes a row.
pub(super) fn write_row(plan: &RowPlan, text: &[u8], options: Options, out: &mut Encoder) -> Written {
    let mut row = Direct { text: Lexer::new(text)?, options };
    row.fields(&plan.row, out)?;
    row.text.is_at_end().then_some(())
}

/// Writes a value of a column, from a cell of JSON text.
pub(super) fn write_cell(plan: &RowPlan, slot: &Slot, text: &str, out: &mut Encoder) -> Written {
    let mut cell = Direct { text: Lexer::new(text.as_bytes())?, options: plan.options };
    cell.value(slot, out)?;
    cell.text.is_at_end().then_some(())
}

/// A row that is being read.
struct Direct<'t> {
    text: Lexer<'t>,
    options: Options,
}

/// The column that a field's name refers to.
enum Name {
    Column(usize),
    Unknown,
}

impl Direct<'_> {
    /// Writes an object with a struct's fields.
    fn fields(&mut self, plan: &StructPlan, out: &mut Encoder) -> Written {
        self.text.take(b'{')?;
        let mut guess = self.fields_in_order(plan, out)?;
        let mut more = if guess > 0 { self.text.another_before(b'}')? } else { self.text.take(b'}').is_none() };
        if !more && guess == plan.columns.len() {
            return Some(());
        }
        let mut seen = Seen::first(guess);
        while more {
            match self.column(plan, guess)? {
                Name::Column(place) if seen.mark(place) => {
                    self.value(&plan.columns[place].slot, out)?;
                    guess = place + 1;
                }
                Name::Unknown if self.options.unknown == UnknownColumns::Ignore => {
                    self.text.value()?;
                }
                _ => return None,
            }
            more = self.text.another_before(b'}')?;
        }
        plan.check_complete(&seen).ok()
    }

    /// Writes the leading fields of an object, as long as they are the struct's fields in order, without blanks before
    /// names, as most programs write them; returns how many there are.
    #[inline]
    fn fields_in_order(&mut self, plan: &StructPlan, out: &mut Encoder) -> Option<usize> {
        for (place, column) in plan.columns.iter().enumerate() {
            let name = if place == 0 { &column.json_name } else { &column.next_json_name };
            if self.text.name(name).is_none() {
                return Some(place);
            }
            self.value(&column.slot, out)?;
        }
        Some(plan.columns.len())
    }

    /// Reads the next name and the colon after it.
    #[inline]
    fn column(&mut self, plan: &StructPlan, guess: usize) -> Option<Name> {
        self.text.peek()?;
        if let Some(column) = plan.columns.get(guess)
            && self.text.name(&column.json_name).is_some()
        {
            return Some(Name::Column(guess));
        }
        self.other_column(plan, guess)
    }

    /// As `column`, for a name that is not in the table's order, or is written differently.
    fn other_column(&mut self, plan: &StructPlan, guess: usize) -> Option<Name> {
        let name = self.text.string()?;
        self.text.take(b':')?;
        Some(plan.find(str::from_utf8(&name).ok()?, guess).map_or(Name::Unknown, Name::Column))
    }

    #[inline]
    fn value(&mut self, slot: &Slot, out: &mut Encoder) -> Written {
        match (self.text.peek()?, &slot.shape) {
            (b'n', _) => {
                self.text.literal(b"null")?;
                slot.nullable.then_some(())
            }
            (first, Shape::Scalar(scalar)) => self.scalar(first, *scalar, slot.number, out),
            _ => self.nested(slot, out),
        }
    }

    fn nested(&mut self, slot: &Slot, out: &mut Encoder) -> Written {
        match &slot.shape {
            Shape::List(element) => self.list(element, out),
            Shape::Map(key, slots) => self.map(slot.number, (*key, &slots.1), out),
            Shape::Scalar(_) => None,
            Shape::Struct(plan) => nested(slot.number, out, |out| self.fields(plan, out)),
        }
    }

    fn list(&mut self, element: &Slot, out: &mut Encoder) -> Written {
        self.text.take(b'[')?;
        let mut more = self.text.take(b']').is_none();
        while more {
            self.value(element, out)?;
            more = self.text.another_before(b']')?;
        }
        Some(())
    }

    fn map(&mut self, number: u32, (key, value): (Scalar, &Slot), out: &mut Encoder) -> Written {
        self.text.take(b'{')?;
        let mut more = self.text.take(b'}').is_none();
        while more {
            nested(number, out, |out| {
                let name = self.text.string()?;
                scalar::text(key, 1, str::from_utf8(&name).ok()?, self.options, out).ok()?;
                self.text.take(b':')?;
                self.value(value, out)
            })?;
            more = self.text.another_before(b'}')?;
        }
        Some(())
    }

    #[inline]
    fn scalar(&mut self, first: u8, scalar: Scalar, field: u32, out: &mut Encoder) -> Written {
        match (first, scalar) {
            (_, Scalar::Variant) if self.options.is_of_json_stream => return None,
            (_, Scalar::Variant) => out.delimited_field(field, self.text.value()?.as_bytes()),
            (b'"', Scalar::String) => out.delimited_field(field, &self.text.string()?),
            (b'"', _) => return self.text(scalar, field, out),
            (b't', Scalar::Boolean) => {
                self.text.literal(b"true")?;
                out.varint_field(field, 1);
            }
            (b'f', Scalar::Boolean) => {
                self.text.literal(b"false")?;
                out.varint_field(field, 0);
            }
            _ => return self.number(scalar, field, out),
        }
        Some(())
    }

    /// A string in a column that is not text.
    fn text(&mut self, scalar: Scalar, field: u32, out: &mut Encoder) -> Written {
        let text = self.text.string()?;
        if scalar == Scalar::Timestamp
            && let Some(micros) = time::usual_timestamp(&text)
        {
            out.varint_field(field, micros.cast_unsigned());
            return Some(());
        }
        scalar::text(scalar, field, str::from_utf8(&text).ok()?, self.options, out).ok()
    }

    #[inline]
    fn number(&mut self, scalar: Scalar, field: u32, out: &mut Encoder) -> Written {
        let number = self.text.number()?;
        match scalar {
            Scalar::Decimal { precision, scale } if number.is_within(precision - scale, scale) => {
                out.delimited_field(field, number.text);
                Some(())
            }
            Scalar::Decimal { precision, scale } => {
                decimal::write((precision, scale), field, str::from_utf8(number.text).ok()?, out).ok()
            }
            Scalar::Double | Scalar::Float => scalar::float(scalar, field, number.float()?, out),
            Scalar::Long => {
                out.varint_field(field, i64::try_from(number.whole()?).ok()?.cast_unsigned());
                Some(())
            }
            _ => scalar::number(scalar, field, Number::Whole(number.whole()?), self.options, out).ok(),
        }
    }
}

/// Writes a nested message.
#[inline]
fn nested(number: u32, out: &mut Encoder, write: impl FnOnce(&mut Encoder) -> Written) -> Written {
    let mut written = None;
    out.key(number, WireType::Delimited);
    out.nested(|out| written = write(out));
    written
}
