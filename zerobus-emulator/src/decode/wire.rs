//! Decodes a record from the wire to a row in one pass, if it is encoded the way every client encodes it.
//!
//! prost-reflect decodes whatever protobuf allows, and its errors are the service's. But it builds a map of the fields
//! of each message first, which takes several times as long. So this pass decodes the plain case and leaves all others
//! to prost-reflect, the invalid ones included: fields out of order, a field twice, map entries without a key or a
//! value, an unknown field.

use bytes::Bytes;
use prost::encoding::{WireType, decode_key, decode_varint};
use prost_reflect::{MapKey, Value};
use prost_types::field_descriptor_proto::Type;
use zerobus_codegen::Scalar;

use super::plan::{Column, Item, Plan, Shape};
use super::scalar;
use crate::row::{Cell, Row};

/// Deeper messages are left to prost-reflect, which has a limit of its own.
const MOST_NESTED: usize = 32;

/// The record's row; `None` if prost-reflect is to decide.
pub(super) fn row(plan: &Plan, record: &Bytes) -> Option<Row> {
    Message { record, rest: record, nested: 0 }.row(plan)
}

/// A message of the record, as far as it is not read yet.
struct Message<'a> {
    record: &'a Bytes,
    rest: &'a [u8],
    nested: usize,
}

impl<'a> Message<'a> {
    fn row(mut self, plan: &Plan) -> Option<Row> {
        if !plan.is_plain {
            return None;
        }
        let mut cells = Vec::with_capacity(plan.fields.len().min(16));
        let mut fields = &plan.fields[..];
        while !self.rest.is_empty() {
            let (number, wire_type) = decode_key(&mut self.rest).ok()?;
            let index = match fields.first() {
                Some((first, _)) if *first == number => 0,
                _ => fields.binary_search_by_key(&number, |(number, _)| *number).ok()?,
            };
            let place = fields[index].1;
            fields = &fields[index + 1..];
            cells.push((place, self.cell(&plan.columns[place as usize], number, wire_type)?));
        }
        plan.row_of(cells).ok()
    }

    fn cell(&mut self, column: &Column, number: u32, wire_type: WireType) -> Option<Cell> {
        match &column.shape {
            Shape::List(item) => self.list(item, number, wire_type),
            Shape::Map(key, item) => self.map(*key, item, number, wire_type),
            Shape::Scalar(scalar) => self.scalar(*scalar, wire_type),
            Shape::Struct(plan) => self.message(wire_type)?.row(plan).map(Cell::Struct),
        }
    }

    fn list(&mut self, item: &Item, number: u32, mut wire_type: WireType) -> Option<Cell> {
        let mut cells = Vec::new();
        loop {
            match item {
                Item::Scalar(scalar) if wire_type == WireType::LengthDelimited && is_packable(*scalar) => {
                    let mut packed = self.message(wire_type)?;
                    while !packed.rest.is_empty() {
                        cells.push(packed.scalar(*scalar, scalar_wire_type(*scalar))?);
                    }
                }
                item => cells.push(self.item(item, wire_type)?),
            }
            match self.again(number) {
                Some(next) => wire_type = next,
                None => break,
            }
        }
        // prost-reflect takes an empty list for an absent one.
        (!cells.is_empty()).then_some(Cell::List(cells))
    }

    fn map(&mut self, key: Scalar, item: &Item, number: u32, mut wire_type: WireType) -> Option<Cell> {
        let mut entries = Vec::new();
        loop {
            entries.push(self.message(wire_type)?.entry(key, item)?);
            match self.again(number) {
                Some(next) => wire_type = next,
                None => break,
            }
        }
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        if entries.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return None;
        }
        let cells = entries.into_iter().map(|(map_key, value)| Some((scalar::cell(key, map_key.into()).ok()?, value)));
        cells.collect::<Option<_>>().map(Cell::Map)
    }

    /// An entry of a map: its key is field 1, its value field 2.
    fn entry(mut self, key: Scalar, item: &Item) -> Option<(MapKey, Cell)> {
        let (1, wire_type) = decode_key(&mut self.rest).ok()? else { return None };
        let key = match self.value(key, wire_type)? {
            Value::Bool(flag) => MapKey::Bool(flag),
            Value::I32(n) => MapKey::I32(n),
            Value::I64(n) => MapKey::I64(n),
            Value::String(text) => MapKey::String(text),
            _ => return None,
        };
        let (2, wire_type) = decode_key(&mut self.rest).ok()? else { return None };
        let value = self.item(item, wire_type)?;
        self.rest.is_empty().then_some((key, value))
    }

    fn item(&mut self, item: &Item, wire_type: WireType) -> Option<Cell> {
        match item {
            Item::Scalar(scalar) => self.scalar(*scalar, wire_type),
            Item::Struct(plan) => self.message(wire_type)?.row(plan).map(Cell::Struct),
        }
    }

    /// The wire type of the next field, if its number is this one too.
    fn again(&mut self, number: u32) -> Option<WireType> {
        let mut ahead = self.rest;
        let (next, wire_type) = decode_key(&mut ahead).ok()?;
        (next == number).then(|| {
            self.rest = ahead;
            wire_type
        })
    }

    fn message(&mut self, wire_type: WireType) -> Option<Message<'a>> {
        let nested = self.nested + 1;
        let rest = (wire_type == WireType::LengthDelimited && nested <= MOST_NESTED).then(|| self.delimited())??;
        Some(Message { record: self.record, rest, nested })
    }

    fn scalar(&mut self, scalar: Scalar, wire_type: WireType) -> Option<Cell> {
        scalar::cell(scalar, self.value(scalar, wire_type)?).ok()
    }

    fn value(&mut self, scalar: Scalar, wire_type: WireType) -> Option<Value> {
        if wire_type != scalar_wire_type(scalar) {
            return None;
        }
        Some(match scalar.wire_type() {
            Type::Bool => Value::Bool(self.varint()? != 0),
            Type::Bytes => Value::Bytes(self.record.slice_ref(self.delimited()?)),
            Type::Double => Value::F64(f64::from_le_bytes(self.fixed()?)),
            Type::Float => Value::F32(f32::from_le_bytes(self.fixed()?)),
            #[expect(clippy::cast_possible_truncation, reason = "protobuf's rule: the low 32 bits")]
            Type::Int32 => Value::I32(self.varint()? as i32),
            Type::Int64 => Value::I64(self.varint()?.cast_signed()),
            Type::String => Value::String(std::str::from_utf8(self.delimited()?).ok()?.to_owned()),
            _ => return None,
        })
    }

    fn varint(&mut self) -> Option<u64> {
        decode_varint(&mut self.rest).ok()
    }

    fn fixed<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*bytes)
    }

    fn delimited(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.varint()?).ok()?;
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(bytes)
    }
}

const fn is_packable(scalar: Scalar) -> bool {
    !matches!(scalar_wire_type(scalar), WireType::LengthDelimited)
}

const fn scalar_wire_type(scalar: Scalar) -> WireType {
    match scalar.wire_type() {
        Type::Bytes | Type::String => WireType::LengthDelimited,
        Type::Double => WireType::SixtyFourBit,
        Type::Float => WireType::ThirtyTwoBit,
        _ => WireType::Varint,
    }
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;
    use prost::Message as _;
    use prost_reflect::{DynamicMessage, Kind, MessageDescriptor};
    use prost_types::{DescriptorProto, FieldDescriptorProto, OneofDescriptorProto, field_descriptor_proto::Label};
    use zerobus_codegen::{DataType, Element, Struct, Table, TableInfo};

    use super::super::{BadRecord, Decoder};
    use super::*;

    const NESTED: &str = r#"{
        "name": "nested", "catalog_name": "main", "schema_name": "types", "columns": [
            {"name": "a", "position": 0, "nullable": true, "type_text": "array<struct<x:int,tags:map<string,string>>>"},
            {"name": "m", "position": 1, "nullable": true, "type_text": "map<boolean,struct<y:array<double>,z:date>>"},
            {"name": "s", "position": 2, "nullable": false, "type_text": "struct<b:struct<c:array<string>,d:binary>>"},
            {"name": "t", "position": 3, "nullable": true, "type_text": "map<int,varchar(3)>"}
        ]
    }"#;

    fn table(json: &str) -> Table {
        Table::try_from(&serde_json::from_str::<TableInfo>(json).unwrap()).unwrap()
    }

    fn tables() -> Vec<Table> {
        let every_type = include_str!("../../tests/tables/main.types.every_type.json");
        let wide: Vec<_> = (0..40)
            .map(|n| format!(r#"{{"name":"c{n}","position":{n},"nullable":{},"type_text":"bigint"}}"#, n != 7))
            .collect();
        let wide =
            format!(r#"{{"name":"wide","catalog_name":"main","schema_name":"types","columns":[{}]}}"#, wide.join(","));
        [every_type, NESTED, &wide].map(table).into()
    }

    /// A record of the table, nearly always a valid one.
    fn record(row: &Struct, message: &MessageDescriptor, rng: &mut Rng) -> DynamicMessage {
        let mut record = DynamicMessage::new(message.clone());
        let dense = if rng.bool() { 99 } else { 10 };
        for field in &row.fields {
            if rng.u8(..100) < dense || !field.nullable {
                let source = message.get_field_by_name(&field.name).unwrap();
                let value = value(&field.data_type, &source.kind(), rng);
                record.set_field(&source, value);
            }
        }
        record
    }

    fn value(data_type: &DataType, kind: &Kind, rng: &mut Rng) -> Value {
        match data_type {
            DataType::Array(element) => Value::List((0..rng.u8(..4)).map(|_| item(element, kind, rng)).collect()),
            DataType::Map(key, element) => {
                let kind = kind.as_message().unwrap().map_entry_value_field().kind();
                let entries = (0..rng.u8(..4)).map(|_| {
                    let key = match scalar_value(key.scalar(), rng) {
                        Value::Bool(flag) => MapKey::Bool(flag),
                        Value::I32(n) => MapKey::I32(n),
                        Value::I64(n) => MapKey::I64(n),
                        Value::String(text) => MapKey::String(text),
                        other => panic!("{other:?} is no key"),
                    };
                    (key, item(element, &kind, rng))
                });
                Value::Map(entries.collect())
            }
            DataType::Scalar(scalar) => scalar_value(*scalar, rng),
            DataType::Struct(row) => Value::Message(record(row, kind.as_message().unwrap(), rng)),
        }
    }

    fn item(element: &Element, kind: &Kind, rng: &mut Rng) -> Value {
        match element {
            Element::Scalar(scalar) => scalar_value(*scalar, rng),
            Element::Struct(row) => Value::Message(record(row, kind.as_message().unwrap(), rng)),
        }
    }

    fn scalar_value(scalar: Scalar, rng: &mut Rng) -> Value {
        let text = |rng: &mut Rng, texts: &[&str]| Value::String((*rng.choice(texts).unwrap()).to_owned());
        match (scalar, scalar.wire_type()) {
            (Scalar::Decimal { .. }, _) => text(rng, &["0", "-1.5", "99999999.99", "19.9"]),
            (Scalar::Variant, _) => text(rng, &["null", "{\"a\":[1]}", "\"x\"", "7"]),
            (_, Type::Bool) => Value::Bool(rng.bool()),
            (_, Type::Bytes) => Value::Bytes(Bytes::from(vec![rng.u8(..); rng.usize(..3)])),
            (_, Type::Double) => Value::F64(rng.f64() - 0.5),
            (_, Type::Float) => Value::F32(rng.f32()),
            (_, Type::Int32) => Value::I32(*rng.choice(&[0, 1, -1, 127, -128][..]).unwrap()),
            (_, Type::Int64) => Value::I64(*rng.choice(&[0, -1, 1_760_000_000_000_000][..]).unwrap()),
            _ => text(rng, &["", "a", "xyz", "äß"]),
        }
    }

    fn damaged(mut record: Vec<u8>, rng: &mut Rng) -> Vec<u8> {
        match rng.u8(..6) {
            0 => record.truncate(rng.usize(..=record.len())),
            1 => record.extend(record.clone()),
            2 => record.extend([0x80, 0x7D, 1]),
            3 => {
                let places = rng.usize(..=record.len());
                record.rotate_left(places);
            }
            _ if record.is_empty() => {}
            4 => drop(record.remove(rng.usize(..record.len()))),
            _ => {
                let place = rng.usize(..record.len());
                record[place] ^= 1 << rng.u8(..8);
            }
        }
        record
    }

    fn decoder(table: &Table) -> Decoder {
        Decoder::of_table(table).unwrap()
    }

    #[test]
    fn the_rows_of_one_pass_are_those_of_prost_reflect() {
        let mut rng = Rng::with_seed(26);
        let (mut plain, mut refused) = (0, 0);
        for table in tables() {
            let decoder = decoder(&table);
            for _ in 0..5_000 {
                let valid = record(&table.row, decoder.descriptor(), &mut rng).encode_to_vec();
                let expected = decoder.reflected(valid.clone().into()).unwrap();
                assert_eq!(row(&decoder.plan, &valid.clone().into()), Some(expected), "{}: {valid:?}", table.name);
                let bytes = Bytes::from(damaged(valid, &mut rng));
                let expected: Result<Row, BadRecord> = decoder.reflected(bytes.clone());
                refused += usize::from(expected.is_err());
                if let Some(row) = row(&decoder.plan, &bytes) {
                    assert_eq!(expected, Ok(row), "{}: {bytes:?}", table.name);
                    plain += 1;
                }
            }
        }
        assert!(plain > 1_000 && refused > 1_000, "{plain} plain, {refused} refused");
    }

    #[test]
    fn fields_of_a_oneof_are_left_to_prost_reflect() {
        let field = |name: &str, number| FieldDescriptorProto {
            name: Some(name.to_owned()),
            number: Some(number),
            label: Some(Label::Optional.into()),
            r#type: Some(Type::Int64.into()),
            oneof_index: Some(0),
            ..FieldDescriptorProto::default()
        };
        let either = DescriptorProto {
            name: Some("Either".to_owned()),
            field: vec![field("c0", 1), field("c1", 2)],
            oneof_decl: vec![OneofDescriptorProto {
                name: Some("either".to_owned()),
                ..OneofDescriptorProto::default()
            }],
            ..DescriptorProto::default()
        };
        let columns = ["c0", "c1"].map(|name| {
            format!(r#"{{"name":"{name}","position":{},"nullable":true,"type_text":"bigint"}}"#, &name[1..])
        });
        let table = table(&format!(
            r#"{{"name":"either","catalog_name":"main","schema_name":"types","columns":[{}]}}"#,
            columns.join(",")
        ));
        let message = crate::client_descriptor::of_table(&either).unwrap();
        let row = Decoder::new(&table, message).proto(Bytes::from_static(&[8, 1, 16, 2])).unwrap();
        assert_eq!(row, Row::dense(vec![Cell::Null, Cell::Long(2)]));
    }
}
