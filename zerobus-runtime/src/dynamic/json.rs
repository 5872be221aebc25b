//! JSON text into a row, in one pass: each parsed value is written at once, as the plan says.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use zerobus_codegen::Scalar;

use super::plan::{Seen, Shape, Slot, StructPlan, missing};
use super::problem::quoted;
use super::scalar::{self, Number};
use super::{Options, RowPlan, RowProblem, UnknownColumns, direct};
use crate::message::{Encoder, WireType};

/// The error that the parser gets for a value that does not fit; the problem itself is stored apart, with its path.
const REFUSED: &str = "the row was refused";

/// What all values of a row share.
struct Context<'p> {
    options: Options,
    /// The columns that the table computes.
    computed: &'p [String],
    problem: Option<RowProblem>,
}

impl Context<'_> {
    #[cold]
    fn refuse<E: serde::de::Error>(&mut self, problem: RowProblem) -> E {
        self.problem = Some(problem);
        E::custom(REFUSED)
    }

    /// Adds a step to the path of a problem.
    fn leave<T, E>(&mut self, result: Result<T, E>, segment: &str) -> Result<T, E> {
        if let (Err(_), Some(problem)) = (&result, &mut self.problem) {
            problem.leave(segment);
        }
        result
    }
}

/// Writes a row. Its options may be others than the plan's.
pub(super) fn write_row(plan: &RowPlan, text: &[u8], options: Options, out: &mut Encoder) -> Result<(), RowProblem> {
    let start = out.len();
    if direct::write_row(plan, text, options, out).is_some() {
        return Ok(());
    }
    out.truncate(start);
    parse_row(plan, text, options, out)
}

/// As `write_row`, with a parser, which knows why a row is refused.
pub(super) fn parse_row(plan: &RowPlan, text: &[u8], options: Options, out: &mut Encoder) -> Result<(), RowProblem> {
    parse(plan, text, options, |context, parser| Row { plan: &plan.row, context, out }.deserialize(parser))
}

/// Writes a value of a column, from a cell of JSON text.
pub(super) fn write_cell(plan: &RowPlan, slot: &Slot, text: &str, out: &mut Encoder) -> Result<(), RowProblem> {
    let start = out.len();
    if direct::write_cell(plan, slot, text, out).is_some() {
        return Ok(());
    }
    out.truncate(start);
    parse(plan, text.as_bytes(), plan.options, |context, parser| Cell { slot, context, out }.deserialize(parser))
}

fn parse<'de>(
    plan: &RowPlan,
    text: &'de [u8],
    options: Options,
    write: impl FnOnce(
        &mut Context<'_>,
        &mut serde_json::Deserializer<serde_json::de::SliceRead<'de>>,
    ) -> Result<(), serde_json::Error>,
) -> Result<(), RowProblem> {
    let mut context = Context { options, computed: &plan.computed, problem: None };
    let mut parser = serde_json::Deserializer::from_slice(text);
    let written = write(&mut context, &mut parser).and_then(|()| parser.end());
    match (written, context.problem) {
        (Ok(()), _) => Ok(()),
        (Err(_), Some(problem)) => Err(problem),
        (Err(error), None) => Err(RowProblem::new(format!("text that is no JSON ({error})"), "one JSON object")),
    }
}

/// The row, or a struct inside it.
struct Row<'p, 'c, 'o> {
    plan: &'p StructPlan,
    context: &'c mut Context<'o>,
    out: &'c mut Encoder,
}

impl<'de> DeserializeSeed<'de> for Row<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, parser: D) -> Result<(), D::Error> {
        parser.deserialize_any(Whole(self))
    }
}

/// The row as a whole.
struct Whole<'p, 'c, 'o>(Row<'p, 'c, 'o>);

impl Whole<'_, '_, '_> {
    #[cold]
    fn other<E: serde::de::Error>(self, found: &str) -> Result<(), E> {
        Err(self.0.context.refuse(RowProblem::new(found, "an object of the table's columns")))
    }
}

impl<'de> Visitor<'de> for Whole<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of the table's columns")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        self.0.fields(map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        self.other("an array")
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<(), E> {
        self.other("a text")
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<(), E> {
        self.other("a boolean")
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<(), E> {
        self.other("a number")
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<(), E> {
        self.other("a number")
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        self.other("a number")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.other("null")
    }
}

impl Row<'_, '_, '_> {
    fn fields<'de, A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { plan, context, out } = self;
        let (mut seen, mut guess) = (Seen::default(), 0);
        while let Some(name) = map.next_key_seed(Name { plan, guess })? {
            let place = match name {
                Found::Column(place) => place,
                Found::Unknown(name) => {
                    if context.options.unknown == UnknownColumns::Refuse {
                        return Err(unknown(plan, context, &name));
                    }
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            guess = place + 1;
            let column = &plan.columns[place];
            if !seen.mark(place) {
                let mut problem = RowProblem::new("it twice", "each column once, ignoring case");
                problem.leave(&column.name);
                return Err(context.refuse(problem));
            }
            let written = map.next_value_seed(Cell { slot: &column.slot, context, out });
            context.leave(written, &column.name)?;
        }
        let may_lack_lists = context.options.is_of_json_stream;
        let absent = plan.absent(&seen).find(|column| !(may_lack_lists && column.slot.shape.is_repeated()));
        absent.map_or(Ok(()), |column| Err(context.refuse(missing(column))))
    }
}

#[cold]
fn unknown<E: serde::de::Error>(plan: &StructPlan, context: &mut Context<'_>, name: &str) -> E {
    let expected = if context.computed.iter().any(|computed| computed.eq_ignore_ascii_case(name)) {
        "nothing, since the table computes it".to_owned()
    } else {
        match plan.likely(name) {
            Some(likely) => format!("a column of the table; `{likely}` is one"),
            None => "a column of the table".to_owned(),
        }
    };
    let mut problem = RowProblem::new("a value for it", expected);
    problem.leave(name);
    context.refuse(problem)
}

/// The name of a column.
struct Name<'p> {
    plan: &'p StructPlan,
    guess: usize,
}

enum Found {
    Column(usize),
    Unknown(String),
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Found;

    fn deserialize<D: Deserializer<'de>>(self, parser: D) -> Result<Found, D::Error> {
        parser.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Found;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a column")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Found, E> {
        Ok(self.plan.find(name, self.guess).map_or_else(|| Found::Unknown(name.to_owned()), Found::Column))
    }
}

/// A value and its slot.
struct Cell<'p, 'c, 'o> {
    slot: &'p Slot,
    context: &'c mut Context<'o>,
    out: &'c mut Encoder,
}

impl<'de> DeserializeSeed<'de> for Cell<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, parser: D) -> Result<(), D::Error> {
        match self.slot.shape {
            // A number with a fraction is read from its digits, since the parser's own floats may be off by their last
            // bit; a VARIANT is read from its whole text.
            Shape::Scalar(scalar @ (Scalar::Decimal { .. } | Scalar::Double | Scalar::Float | Scalar::Variant)) => {
                self.raw(scalar, <&RawValue>::deserialize(parser)?.get())
            }
            _ => parser.deserialize_any(self),
        }
    }
}

impl Cell<'_, '_, '_> {
    /// Writes a value unchanged.
    fn raw<E: serde::de::Error>(self, scalar: Scalar, json: &str) -> Result<(), E> {
        if json == "null" {
            return self.null();
        }
        let number = self.slot.number;
        let written = match scalar {
            Scalar::Variant if self.context.options.is_of_json_stream => scalar::variant_text(number, json, self.out),
            Scalar::Variant => {
                self.out.delimited_field(number, json.as_bytes());
                Ok(())
            }
            _ => scalar::digits(scalar, number, json, self.context.options, self.out),
        };
        written.map_err(|problem| self.context.refuse(problem))
    }

    fn null<E: serde::de::Error>(self) -> Result<(), E> {
        if self.slot.nullable {
            return Ok(());
        }
        Err(self.context.refuse(RowProblem::new("null", format!("{} NOT NULL", self.slot.shape.name()))))
    }

    fn number<E: serde::de::Error>(self, number: Number) -> Result<(), E> {
        let Shape::Scalar(scalar) = self.slot.shape else { return self.other("a number") };
        scalar::number(scalar, self.slot.number, number, self.context.options, self.out)
            .map_err(|problem| self.context.refuse(problem))
    }

    #[cold]
    fn other<E: serde::de::Error>(self, found: &str) -> Result<(), E> {
        Err(self.context.refuse(RowProblem::new(found, self.slot.shape.name())))
    }
}

impl<'de> Visitor<'de> for Cell<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.slot.shape.name())
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        match self.slot.shape {
            Shape::Scalar(Scalar::Boolean) => {
                self.out.varint_field(self.slot.number, value.into());
                Ok(())
            }
            _ => self.other("a boolean"),
        }
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.number(Number::Whole(value.into()))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.number(Number::Whole(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        self.number(Number::Float(value))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        let Shape::Scalar(scalar) = self.slot.shape else { return self.other(&quoted(text)) };
        scalar::text(scalar, self.slot.number, text, self.context.options, self.out)
            .map_err(|problem| self.context.refuse(problem))
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.null()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let Self { slot, context, out } = self;
        let Shape::List(element) = &slot.shape else {
            return Cell { slot, context, out }.other("an array");
        };
        loop {
            let written = elements.next_element_seed(Cell { slot: element, context, out });
            if context.leave(written, "element")?.is_none() {
                return Ok(());
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let Self { slot, context, out } = self;
        match &slot.shape {
            Shape::Struct(plan) => {
                let mut written = Ok(());
                out.key(slot.number, WireType::Delimited);
                out.nested(|out| written = Row { plan, context, out }.fields(entries));
                written
            }
            Shape::Map(key, slots) => {
                let mut more = Ok(true);
                while matches!(more, Ok(true)) {
                    more = entry(slot.number, (*key, &slots.1), context, out, &mut entries);
                }
                more.map(drop)
            }
            Shape::List(_) | Shape::Scalar(_) => Cell { slot, context, out }.other("an object"),
        }
    }
}

/// Writes the next entry of a map; returns whether there was one.
fn entry<'de, A: MapAccess<'de>>(
    number: u32,
    (key, value): (Scalar, &Slot),
    context: &mut Context<'_>,
    out: &mut Encoder,
    entries: &mut A,
) -> Result<bool, A::Error> {
    let start = out.len();
    let mut more = Ok(false);
    out.key(number, WireType::Delimited);
    out.nested(|out| {
        more = write_entry(key, value, context, out, entries);
    });
    if matches!(more, Ok(false)) {
        out.truncate(start);
    }
    more
}

fn write_entry<'de, A: MapAccess<'de>>(
    key: Scalar,
    value: &Slot,
    context: &mut Context<'_>,
    out: &mut Encoder,
    entries: &mut A,
) -> Result<bool, A::Error> {
    let found = entries.next_key_seed(MapKeySeed { key, context, out });
    if context.leave(found, "key")?.is_none() {
        return Ok(false);
    }
    let written = entries.next_value_seed(Cell { slot: value, context, out });
    context.leave(written, "value")?;
    Ok(true)
}

/// The key of a map's entry, which is text in JSON.
struct MapKeySeed<'c, 'o> {
    key: Scalar,
    context: &'c mut Context<'o>,
    out: &'c mut Encoder,
}

impl<'de> DeserializeSeed<'de> for MapKeySeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, parser: D) -> Result<(), D::Error> {
        parser.deserialize_str(self)
    }
}

impl Visitor<'_> for MapKeySeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a key of type {}", self.key)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        scalar::text(self.key, 1, text, self.context.options, self.out).map_err(|problem| self.context.refuse(problem))
    }
}
