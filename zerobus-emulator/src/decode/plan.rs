//! Maps the fields of a client's message to columns, once for a stream, and then decodes its messages to rows.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value};
use zerobus_codegen::{DataType, Element, Field, Scalar, Struct};

use super::{BadRecord, scalar};
use crate::row::{Cell, Row};

/// The columns of a row, or the fields of a struct.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) columns: Vec<Column>,
    /// The numbers of the client's fields, ascending, each with the position of its column.
    pub(super) fields: Vec<(u32, u32)>,
    /// The number of columns that every row must have a value for.
    required: usize,
    /// Whether fields are independent: none belongs to a oneof, none is a group, and each can be absent.
    pub(super) is_plain: bool,
}

#[derive(Debug)]
pub(super) struct Column {
    name: String,
    nullable: bool,
    /// The column's field; `None` if the client's message has no such field.
    source: Option<FieldDescriptor>,
    pub(super) shape: Shape,
}

#[derive(Debug)]
pub(super) enum Shape {
    List(Item),
    Map(Scalar, Item),
    Scalar(Scalar),
    Struct(Plan),
}

#[derive(Debug)]
pub(super) enum Item {
    Scalar(Scalar),
    Struct(Plan),
}

impl Plan {
    pub(super) fn new(row: &Struct, message: &MessageDescriptor) -> Self {
        let column = |field: &Field| {
            let source = message.get_field_by_name(&field.name);
            let shape = shape(field, source.as_ref());
            Column { name: field.name.clone(), nullable: field.nullable, source, shape }
        };
        let mut fields = message.fields();
        let is_plain = fields.all(|field| !field.is_group() && (field.supports_presence() || is_repeated(&field)))
            // A field of its own in a oneof is what `optional` of proto3 becomes.
            && message.oneofs().all(|oneof| oneof.fields().len() == 1);
        Self::of(row.fields.iter().map(column).collect(), is_plain)
    }

    fn of(columns: Vec<Column>, is_plain: bool) -> Self {
        let fields = (0..).zip(&columns).filter_map(|(place, column)| Some((column.source.as_ref()?.number(), place)));
        let mut fields: Vec<(u32, u32)> = fields.collect();
        fields.sort_unstable();
        let required = columns.iter().filter(|column| column.is_required()).count();
        Self { columns, fields, required, is_plain }
    }

    /// The column of this name.
    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    pub(super) fn row(&self, mut message: DynamicMessage) -> Result<Row, BadRecord> {
        if let Some(unknown) = message.unknown_fields().next() {
            let why = format!("field number {} is not in the descriptor", unknown.number());
            return Err(BadRecord::value(why));
        }
        let mut cells = Vec::new();
        for (field, value) in message.take_fields() {
            let Ok(index) = self.fields.binary_search_by_key(&field.number(), |(number, _)| *number) else { continue };
            let place = self.fields[index].1;
            let column = &self.columns[place as usize];
            cells.push((place, column.cell(value).map_err(|bad| bad.within(&column.name))?));
        }
        self.row_of(cells)
    }

    /// The row of these cells, each with the position of its column; the other columns have no value.
    pub(super) fn row_of(&self, mut cells: Vec<(u32, Cell)>) -> Result<Row, BadRecord> {
        cells.sort_unstable_by_key(|(place, _)| *place);
        // A sparse cell is larger and slower to find, so it counts twice.
        if cells.len() * 2 < self.columns.len() {
            self.check_required(&cells)?;
            cells.shrink_to_fit();
            return Ok(Row::sparse(cells));
        }
        let mut cells = cells.into_iter().peekable();
        let cell = |(place, column): (u32, &Column)| match cells.next_if(|(at, _)| *at == place) {
            Some((_, cell)) => Ok(cell),
            None => column.absent().map_err(|bad| bad.within(&column.name)),
        };
        (0..).zip(&self.columns).map(cell).collect::<Result<_, _>>().map(Row::dense)
    }

    fn check_required(&self, cells: &[(u32, Cell)]) -> Result<(), BadRecord> {
        if cells.iter().filter(|(place, _)| self.columns[*place as usize].is_required()).count() == self.required {
            return Ok(());
        }
        for (place, column) in (0_u32..).zip(&self.columns) {
            if column.is_required() && cells.binary_search_by_key(&place, |(place, _)| *place).is_err() {
                column.absent().map_err(|bad| bad.within(&column.name))?;
            }
        }
        Ok(())
    }
}

impl Column {
    pub(super) const fn is_nullable(&self) -> bool {
        self.nullable
    }

    /// The cell of a message's field, which may be absent.
    pub(super) fn take(&self, mut message: DynamicMessage) -> Result<Cell, BadRecord> {
        let value = self.source.as_ref().and_then(|field| message.take_field(field));
        value.map_or_else(|| self.absent(), |value| self.cell(value))
    }

    /// An absent collection is empty, so it is never missing.
    const fn is_required(&self) -> bool {
        !self.nullable && matches!(self.shape, Shape::Scalar(_) | Shape::Struct(_))
    }

    fn cell(&self, value: Value) -> Result<Cell, BadRecord> {
        match (&self.shape, value) {
            (Shape::List(item), Value::List(values)) => item.list(values),
            (Shape::Map(key, item), Value::Map(entries)) => item.map(*key, entries),
            (Shape::Scalar(scalar), value) => scalar::cell(*scalar, value),
            (Shape::Struct(plan), Value::Message(inner)) => plan.row(inner).map(Cell::Struct),
            (_, _) => Err(BadRecord::value("the value is of another type than the descriptor says")),
        }
    }

    /// The cell of a record that has no value for the column.
    fn absent(&self) -> Result<Cell, BadRecord> {
        match &self.shape {
            Shape::List(_) => Ok(Cell::List(Vec::new())),
            Shape::Map(..) => Ok(Cell::Map(Vec::new())),
            Shape::Scalar(_) | Shape::Struct(_) if self.nullable => Ok(Cell::Null),
            Shape::Scalar(_) | Shape::Struct(_) => {
                Err(BadRecord::value("it is NOT NULL, and the record leaves it out"))
            }
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

fn is_repeated(field: &FieldDescriptor) -> bool {
    field.is_list() || field.is_map()
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
        _ => Plan::of(Vec::new(), false),
    }
}
