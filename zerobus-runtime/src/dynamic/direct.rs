//! JSON text into a row without a parser in between: for text that is JSON and fits the table, as nearly all rows are.
//!
//! What is written here is what `json` writes for the same text. A row that is refused, or not read here for any other
//! reason, is `None`: the caller forgets what was written and lets `json` decide, which has the reasons of refusals.

use zerobus_codegen::Scalar;

use super::lexer::Lexer;
use super::plan::{Seen, Shape, Slot, StructPlan};
use super::scalar::{self, Number};
use super::{Options, RowPlan, UnknownColumns, decimal, time};
use crate::message::{Encoder, WireType};

/// A row that was written whole.
type Written = Option<()>;

/// Writes a row.
pub(super) fn write_row(plan: &RowPlan, text: &[u8], out: &mut Encoder) -> Written {
    let mut row = Direct { text: Lexer::new(text)?, options: plan.options };
    row.fields(&plan.row, out)?;
    row.text.is_at_end().then_some(())
}

/// Writes a value of a column, from a cell of JSON text.
pub(super) fn write_cell(plan: &RowPlan, slot: &Slot, text: &str, out: &mut Encoder) -> Written {
    let mut cell = Direct { text: Lexer::new(text.as_bytes())?, options: plan.options };
    cell.value(slot, out)?;
    cell.text.is_at_end().then_some(())
}

/// A row that is read.
struct Direct<'t> {
    text: Lexer<'t>,
    options: Options,
}

/// What a field's name names.
enum Name {
    Column(usize),
    Unknown,
}

impl Direct<'_> {
    /// An object of a struct's fields.
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

    /// The fields that an object begins with, as far as they are those of the struct, in their order and without blanks
    /// before names, as most programs write them; how many there are.
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

    /// Reads the next name and the colon behind it.
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

    /// As `column`, of a name that is not where it is in the table, or not written alike.
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
                scalar::text(key, 1, str::from_utf8(&name).ok()?, out).ok()?;
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

    /// A string in a column that is no STRING.
    fn text(&mut self, scalar: Scalar, field: u32, out: &mut Encoder) -> Written {
        let text = self.text.string()?;
        if scalar == Scalar::Timestamp
            && let Some(micros) = time::usual_timestamp(&text)
        {
            out.varint_field(field, micros.cast_unsigned());
            return Some(());
        }
        scalar::text(scalar, field, str::from_utf8(&text).ok()?, out).ok()
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::Index;
    use serde_json::Value;

    use std::sync::LazyLock;

    use super::*;
    use crate::dynamic::{Table, TableInfo, TimeUnit, json};

    /// Plans of each combination of options.
    static PLANS: LazyLock<[RowPlan; 4]> = LazyLock::new(|| [0, 1, 2, 3].map(plan));

    /// A table with a column of every kind, read in one of four ways.
    fn plan(options: u8) -> RowPlan {
        let columns = [
            ("id", "bigint"),
            ("small", "tinyint"),
            ("at", "timestamp"),
            ("wall", "timestamp_ntz"),
            ("day", "date"),
            ("name", "string"),
            ("code", "varchar(3)"),
            ("price", "decimal(10,2)"),
            ("amount", "double"),
            ("narrow", "float"),
            ("paid", "boolean"),
            ("raw", "binary"),
            ("any", "variant"),
            ("tags", "array<string>"),
            ("map", "map<string,double>"),
            ("ids", "map<bigint,struct<x:int>>"),
            ("place", "struct<lat:double,inner:struct<at:timestamp>>"),
        ];
        let column = |(at, (name, text)): (usize, (&str, &str))| serde_json::json!({"name": name, "type_text": text, "position": at, "nullable": at > 0});
        let columns: Vec<Value> = columns.into_iter().enumerate().map(column).collect();
        let info = serde_json::json!({"name": "t", "catalog_name": "main", "schema_name": "a", "columns": columns});
        let info: TableInfo = serde_json::from_value(info).unwrap();
        let plan = RowPlan::new(&Table::try_from(&info).unwrap());
        let plan = if options & 1 == 0 { plan } else { plan.integer_times(TimeUnit::Nanos) };
        if options & 2 == 0 { plan } else { plan.unknown_columns(UnknownColumns::Ignore) }
    }

    /// Rows that are taken where integers are times and unknown columns are left out.
    const ROWS: [&str; 4] = [
        r#"{"id":9007199254740993,"small":-128,"at":"2026-01-31T12:00:00.123456Z","wall":"2026-01-31 12:00:00",
            "day":"2026-01-31","name":"order \"placed\" 😀","code":"äöü","price":1234.56,"amount":3.25,"narrow":1e3,
            "paid":true,"raw":"AQI=","any":{"a":[1,null,"x"]},"tags":["new","é\u00e9",""],"map":{"k":1.5,"l":-0},
            "ids":{"7":{"x":1},"-8":{}},"place":{"lat":47.3769,"inner":{"at":"1970-01-01 00:00:00.5+01:00"}}}"#,
        r#" { "ID" : 1 , "name" : null , "tags" : [ ] , "map" : { } , "place" : { } , "any" : "text" , "amount" : "NaN" } "#,
        r#"{"id":-1,"at":1769860800000000000,"day":20484,"amount":-1.797e308,"x":{"a":[{}]},"paid":"FALSE","any":null}"#,
        r#"{"small":127,"id":"12","narrow":3.4e38,"price":"1e2","any":true,"place":{"inner":null,"lat":0.1}}"#,
    ];

    /// What takes the place of a piece of a row.
    const PIECES: [&str; 24] = [
        "",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "null",
        "true",
        "0",
        "-",
        "1.5",
        "e5",
        "1e999",
        " ",
        "\n",
        "\u{1}",
        "\"id\"",
        "9223372036854775808",
        "\\ud800",
        "é",
        "\"2026-02-30\"",
    ];

    /// Checks that a text is written as the parser writes it, if it is written at all.
    fn check(plan: &RowPlan, text: &[u8]) -> Result<(), TestCaseError> {
        let mut direct = Encoder::new();
        if write_row(plan, text, &mut direct).is_some() {
            let mut parsed = Encoder::new();
            let written = json::parse_row(plan, text, &mut parsed);
            let text = String::from_utf8_lossy(text);
            prop_assert!(written.is_ok(), "{text}: {}", written.unwrap_err());
            prop_assert_eq!(direct.as_slice(), parsed.as_slice(), "{}", text);
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3_000))]

        #[test]
        fn what_is_written_is_what_the_parser_makes_of_it(
            row in prop::sample::select(ROWS.to_vec()),
            changes in prop::collection::vec((any::<Index>(), 0..4_usize, prop::sample::select(PIECES.to_vec())), 0..3),
            byte in prop::option::weighted(0.2, (any::<Index>(), any::<u8>())),
            plan in 0..4_usize,
        ) {
            let mut text = row.as_bytes().to_vec();
            for (place, length, piece) in changes {
                let start = place.index(text.len() + 1);
                let end = (start + length).min(text.len());
                text.splice(start..end, piece.bytes());
            }
            if let Some((place, byte)) = byte.filter(|_| !text.is_empty()) {
                let place = place.index(text.len());
                text[place] = byte;
            }
            check(&PLANS[plan], &text)?;
        }
    }

    #[test]
    fn rows_that_fit_need_no_parser() {
        for row in ROWS {
            let plan = &PLANS[3];
            assert!(write_row(plan, row.as_bytes(), &mut Encoder::new()).is_some(), "{row}");
            check(plan, row.as_bytes()).unwrap();
        }
    }
}
