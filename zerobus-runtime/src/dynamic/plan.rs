//! A table compiled for writing rows: each name's column and type, so that no row needs the schema again.

use std::collections::HashMap;

use zerobus_codegen::{DataType, Element, Field, Scalar, Struct};

use super::RowProblem;
use super::literal::Literal;

/// The fields of a row or of a struct.
#[derive(Debug, Clone)]
pub(super) struct StructPlan {
    pub(super) columns: Vec<ColumnPlan>,
    /// The index of each column, by its name in lower case.
    by_name: HashMap<String, usize>,
    /// The indexes of the NOT NULL columns whose absence is visible on the wire.
    required: Vec<usize>,
}

/// A column, or a field of a struct.
#[derive(Debug, Clone)]
pub(super) struct ColumnPlan {
    pub(super) name: String,
    /// The name and a colon, as in JSON before a value.
    pub(super) json_name: Literal,
    /// The same after a comma.
    pub(super) next_json_name: Literal,
    pub(super) slot: Slot,
}

/// A place for a value: its field number and its type.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub(super) number: u32,
    pub(super) shape: Shape,
    pub(super) nullable: bool,
}

/// What a slot holds.
#[derive(Debug, Clone)]
pub(super) enum Shape {
    /// With the element's slot, which has the list's own number.
    List(Box<Slot>),
    /// With the key's type, and the slots of key and value.
    Map(Scalar, Box<(Slot, Slot)>),
    Scalar(Scalar),
    Struct(StructPlan),
}

impl StructPlan {
    pub(super) fn new(row: &Struct) -> Self {
        let columns: Vec<ColumnPlan> = row.fields.iter().map(ColumnPlan::new).collect();
        let by_name =
            columns.iter().enumerate().map(|(place, column)| (column.name.to_ascii_lowercase(), place)).collect();
        let required = |(place, column): (usize, &ColumnPlan)| (!column.slot.nullable).then_some(place);
        let required = columns.iter().enumerate().filter_map(required).collect();
        Self { columns, by_name, required }
    }

    /// The index of the column of this name, ignoring case; rows often have the names in the table's order, so `guess`
    /// is tried first.
    pub(super) fn find(&self, name: &str, guess: usize) -> Option<usize> {
        if self.columns.get(guess).is_some_and(|column| column.name == name) {
            return Some(guess);
        }
        match self.by_name.get(name) {
            Some(place) => Some(*place),
            None => self.by_name.get(&name.to_ascii_lowercase()).copied(),
        }
    }

    /// The columns that an unknown name may refer to.
    pub(super) fn likely(&self, name: &str) -> Option<&str> {
        zerobus_codegen::likely(name, self.columns.iter().map(|column| column.name.as_str()))
    }

    /// Refuses a row that lacks a column.
    pub(super) fn check_complete(&self, seen: &Seen) -> Result<(), RowProblem> {
        self.absent(seen).next().map_or(Ok(()), |column| Err(missing(column)))
    }

    /// The columns that a row lacks and must have.
    pub(super) fn absent(&self, seen: &Seen) -> impl Iterator<Item = &ColumnPlan> {
        self.required.iter().filter(|place| !seen.has(**place)).map(|place| &self.columns[*place])
    }
}

/// The problem of a NOT NULL column that has no value.
#[cold]
pub(super) fn missing(column: &ColumnPlan) -> RowProblem {
    let mut problem = RowProblem::new("no value", format!("{} NOT NULL", column.slot.shape.name()));
    problem.leave(&column.name);
    problem
}

impl ColumnPlan {
    fn new(field: &Field) -> Self {
        // A checked table's numbers are positive.
        let number = field.number.unsigned_abs();
        let slot = Slot { number, shape: Shape::new(&field.data_type, number), nullable: field.nullable };
        let json_name = format!("{}:", serde_json::Value::from(field.name.as_str()));
        let next_json_name = Literal::new(format!(",{json_name}").into_bytes());
        Self { name: field.name.clone(), json_name: Literal::new(json_name.into_bytes()), next_json_name, slot }
    }
}

impl Shape {
    fn new(data_type: &DataType, number: u32) -> Self {
        match data_type {
            DataType::Array(element) => Self::List(Box::new(Slot::element(element, number))),
            DataType::Map(key, value) => {
                let key = key.scalar();
                let slot = Slot { number: 1, shape: Self::Scalar(key), nullable: false };
                Self::Map(key, Box::new((slot, Slot::element(value, 2))))
            }
            DataType::Scalar(scalar) => Self::Scalar(*scalar),
            DataType::Struct(row) => Self::Struct(StructPlan::new(row)),
        }
    }

    /// Whether a message has no value where there are no elements.
    pub(super) const fn is_repeated(&self) -> bool {
        matches!(self, Self::List(_) | Self::Map(..))
    }

    /// Whether every text is a valid value, including the empty one.
    pub(super) const fn is_text(&self) -> bool {
        matches!(self, Self::Scalar(Scalar::Char(_) | Scalar::String | Scalar::Varchar(_)))
    }

    /// The expected type, for an error.
    pub(super) fn name(&self) -> String {
        match self {
            Self::List(_) => "ARRAY".to_owned(),
            Self::Map(..) => "MAP".to_owned(),
            Self::Scalar(scalar) => scalar.to_string(),
            Self::Struct(_) => "STRUCT".to_owned(),
        }
    }
}

impl Slot {
    /// The slot of a list's element or a map's value: never null.
    fn element(element: &Element, number: u32) -> Self {
        let shape = match element {
            Element::Scalar(scalar) => Shape::Scalar(*scalar),
            Element::Struct(row) => Shape::Struct(StructPlan::new(row)),
        };
        Self { number, shape, nullable: false }
    }
}

/// The columns that a row has named; no allocation for a struct of up to 128 fields.
#[derive(Debug, Default)]
pub(super) struct Seen {
    first: [u64; 2],
    others: Vec<u64>,
}

impl Seen {
    /// Marks this many columns, from the first.
    pub(super) fn first(columns: usize) -> Self {
        let mut seen = Self::default();
        for place in 0..columns {
            seen.mark(place);
        }
        seen
    }

    /// Marks a column; returns whether it was not marked before.
    #[inline]
    pub(super) fn mark(&mut self, place: usize) -> bool {
        let (place, bit) = (place / 64, 1 << (place % 64));
        let word = match self.first.get_mut(place) {
            Some(word) => word,
            None => self.other(place - self.first.len()),
        };
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    fn other(&mut self, place: usize) -> &mut u64 {
        if self.others.len() <= place {
            self.others.resize(place + 1, 0);
        }
        &mut self.others[place]
    }

    #[inline]
    fn has(&self, place: usize) -> bool {
        let (place, bit) = (place / 64, 1 << (place % 64));
        let word = self.first.get(place).or_else(|| self.others.get(place - self.first.len()));
        word.is_some_and(|word| word & bit != 0)
    }
}
