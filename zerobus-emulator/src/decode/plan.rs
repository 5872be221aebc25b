//! Maps the fields of a client's message to columns, once for a stream, and then decodes its messages to rows.

use std::collections::HashMap;

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value};
use zerobus_codegen::{DataType, Element, Field, Scalar, Struct};

use super::{BadRecord, scalar};
use crate::row::{Cell, Row};

/// The columns of a row, or the fields of a struct.
#[derive(Debug)]
pub(crate) struct Plan {
    columns: Vec<Column>,
    /// The columns' positions, by field number.
    places: HashMap<u32, u32>,
    /// The number of columns that every row must have a value for.
    required: usize,
}

#[derive(Debug)]
pub(super) struct Column {
    name: String,
    nullable: bool,
    /// The column's field; `None` if the client's message has no such field.
    source: Option<FieldDescriptor>,
    shape: Shape,
}

#[derive(Debug)]
enum Shape {
    List(Item),
    Map(Scalar, Item),
    Scalar(Scalar),
    Struct(Plan),
}

#[derive(Debug)]
enum Item {
    Scalar(Scalar),
    Struct(Plan),
}

impl Plan {
    pub(crate) fn new(row: &Struct, message: &MessageDescriptor) -> Self {
        let column = |field: &Field| {
            let source = message.get_field_by_name(&field.name);
            let shape = shape(field, source.as_ref());
            Column { name: field.name.clone(), nullable: field.nullable, source, shape }
        };
        Self::of(row.fields.iter().map(column).collect())
    }

    fn of(columns: Vec<Column>) -> Self {
        let places = (0..).zip(&columns).filter_map(|(place, column)| Some((column.source.as_ref()?.number(), place)));
        let (places, required) = (places.collect(), columns.iter().filter(|column| column.is_required()).count());
        Self { columns, places, required }
    }

    /// The column of this name.
    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    pub(crate) fn row(&self, mut message: DynamicMessage) -> Result<Row, BadRecord> {
        if let Some(unknown) = message.unknown_fields().next() {
            let why = format!("field number {} is not in the descriptor", unknown.number());
            return Err(BadRecord::value(why));
        }
        // A sparse cell is larger and slower to find, so it counts twice.
        if message.fields().take(self.columns.len()).count() * 2 < self.columns.len() {
            return self.sparse(message);
        }
        let cell = |column: &Column| {
            let value = column.source.as_ref().and_then(|field| message.take_field(field));
            column.cell(value).map_err(|bad| bad.within(&column.name))
        };
        self.columns.iter().map(cell).collect::<Result<_, _>>().map(Row::dense)
    }

    fn sparse(&self, mut message: DynamicMessage) -> Result<Row, BadRecord> {
        let mut cells = Vec::new();
        let mut required = 0;
        for (field, value) in message.take_fields() {
            let Some(&place) = self.places.get(&field.number()) else { continue };
            let column = &self.columns[place as usize];
            required += usize::from(column.is_required());
            cells.push((place, column.cell(Some(value)).map_err(|bad| bad.within(&column.name))?));
        }
        cells.sort_unstable_by_key(|(place, _)| *place);
        if required < self.required {
            self.check_required(&cells)?;
        }
        Ok(Row::sparse(cells))
    }

    fn check_required(&self, cells: &[(u32, Cell)]) -> Result<(), BadRecord> {
        for (place, column) in (0_u32..).zip(&self.columns) {
            if column.is_required() && cells.binary_search_by_key(&place, |(place, _)| *place).is_err() {
                column.cell(None).map_err(|bad| bad.within(&column.name))?;
            }
        }
        Ok(())
    }
}

impl Column {
    pub(super) const fn is_nullable(&self) -> bool {
        self.nullable
    }

    /// The cell of a field, which may be absent.
    pub(super) fn take(&self, mut message: DynamicMessage) -> Result<Cell, BadRecord> {
        self.cell(self.source.as_ref().and_then(|field| message.take_field(field)))
    }

    /// An absent collection is empty, so it is never missing.
    const fn is_required(&self) -> bool {
        !self.nullable && matches!(self.shape, Shape::Scalar(_) | Shape::Struct(_))
    }

    fn cell(&self, value: Option<Value>) -> Result<Cell, BadRecord> {
        match (&self.shape, value) {
            (Shape::List(item), Some(Value::List(values))) => item.list(values),
            (Shape::List(_), None) => Ok(Cell::List(Vec::new())),
            (Shape::Map(key, item), Some(Value::Map(entries))) => item.map(*key, entries),
            (Shape::Map(..), None) => Ok(Cell::Map(Vec::new())),
            (Shape::Scalar(scalar), Some(value)) => scalar::cell(*scalar, value),
            (Shape::Struct(plan), Some(Value::Message(inner))) => plan.row(inner).map(Cell::Struct),
            (_, None) if self.nullable => Ok(Cell::Null),
            (_, None) => Err(BadRecord::value("it is NOT NULL, and the record leaves it out")),
            (_, Some(_)) => Err(BadRecord::value("the value is of another type than the descriptor says")),
        }
    }
}

impl Item {
    fn cell(&self, value: Value) -> Result<Cell, BadRecord> {
        match (self, value) {
            (Self::Scalar(scalar), value) => scalar::cell(*scalar, value),
            (Self::Struct(plan), Value::Message(message)) => plan.row(message).map(Cell::Struct),
            (Self::Struct(_), _) => Err(BadRecord::value("the value is of another type than the descriptor says")),
        }
    }

    fn list(&self, values: Vec<Value>) -> Result<Cell, BadRecord> {
        let cells = values.into_iter().map(|value| self.cell(value).map_err(|bad| bad.within("element")));
        cells.collect::<Result<_, _>>().map(Cell::List)
    }

    fn map(&self, key: Scalar, entries: impl IntoIterator<Item = (MapKey, Value)>) -> Result<Cell, BadRecord> {
        let mut entries: Vec<(MapKey, Value)> = entries.into_iter().collect();
        // The decoded map has no order.
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        let cells = entries.into_iter().map(|(map_key, value)| {
            let key = scalar::cell(key, Value::from(map_key)).map_err(|bad| bad.within("key"))?;
            Ok((key, self.cell(value).map_err(|bad| bad.within("value"))?))
        });
        cells.collect::<Result<_, _>>().map(Cell::Map)
    }
}

fn shape(field: &Field, source: Option<&FieldDescriptor>) -> Shape {
    let kind = source.map(FieldDescriptor::kind);
    match &field.data_type {
        DataType::Array(element) => Shape::List(item(element, kind)),
        DataType::Map(key, value) => {
            let entry = kind.as_ref().and_then(Kind::as_message);
            Shape::Map(key.scalar(), item(value, entry.map(|entry| entry.map_entry_value_field().kind())))
        }
        DataType::Scalar(scalar) => Shape::Scalar(*scalar),
        DataType::Struct(row) => Shape::Struct(plan(row, kind)),
    }
}

fn item(element: &Element, kind: Option<Kind>) -> Item {
    match element {
        Element::Scalar(scalar) => Item::Scalar(*scalar),
        Element::Struct(row) => Item::Struct(plan(row, kind)),
    }
}

/// Without such a field in the client's message there is nothing to decode, and the plan stays empty.
fn plan(row: &Struct, kind: Option<Kind>) -> Plan {
    match kind {
        Some(Kind::Message(message)) => Plan::new(row, &message),
        _ => Plan::of(Vec::new()),
    }
}
