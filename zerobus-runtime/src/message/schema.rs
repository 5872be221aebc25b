//! The schema of a row as compile-time constants, and its descriptor.

use prost_types::DescriptorProto;
use zerobus_codegen::{DataType, Element, Field, MapKey, Scalar, Struct, TableName};

/// The schema of a message: its name and its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageSchema {
    /// The message's name; inside another message the service's rules name it by its path instead.
    pub name: &'static str,
    /// The fields, in the order of their numbers.
    pub fields: &'static [FieldSchema],
}

/// The schema of one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldSchema {
    /// The column's name.
    pub name: &'static str,
    /// The protobuf field number.
    pub number: u32,
    /// The column's type.
    pub column_type: ColumnType,
    /// Whether the value is required.
    pub presence: Presence,
}

/// Whether a field's value is required.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It may be left out.
    Optional,
    /// Any number of values, including none: arrays and maps.
    Repeated,
    /// It is always there.
    Required,
}

/// The type of the column that a Rust type fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// `ARRAY<element>`.
    Array(&'static ColumnType),
    /// `MAP<key, value>`.
    Map(Scalar, &'static ColumnType),
    /// A single value.
    Scalar(Scalar),
    /// `STRUCT<...>`.
    Struct(&'static MessageSchema),
}

impl MessageSchema {
    /// The descriptor of this message; a stream of its rows is opened with it.
    #[must_use]
    pub fn descriptor(&self) -> DescriptorProto {
        zerobus_codegen::descriptor(self.name, &self.row())
    }

    /// The statement that creates a table of this name, or of a made-up name, for rows of this message.
    pub(super) fn create_table(&self, table: Option<&str>) -> String {
        let given = table.and_then(|name| name.parse().ok());
        // The derive refuses a name that does not parse, and a Rust identifier is a name that does.
        let name = given.or_else(|| TableName::new("main", "default", &self.name.to_lowercase()).ok());
        name.map(|name| self.row().create_table(&name)).unwrap_or_default()
    }

    /// The schema as the model's type.
    #[must_use]
    pub fn row(&self) -> Struct {
        Struct { fields: self.fields.iter().map(FieldSchema::field).collect() }
    }
}

/// The column type and the presence that a Rust type implies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldType {
    /// The column's type.
    pub column_type: ColumnType,
    /// Whether the value is required.
    pub presence: Presence,
}

impl FieldType {
    /// The schema of a field of this type.
    #[must_use]
    pub const fn named(self, name: &'static str, number: u32) -> FieldSchema {
        FieldSchema { name, number, column_type: self.column_type, presence: self.presence }
    }
}

impl FieldSchema {
    fn field(&self) -> Field {
        let data_type = self.column_type.data_type();
        // Numbers of protobuf fields end at 2^29 - 1, far below the end of `i32`.
        let number = i32::try_from(self.number).unwrap_or(i32::MAX);
        match self.presence {
            Presence::Optional | Presence::Repeated => Field::nullable(self.name, number, data_type),
            Presence::Required => Field::required(self.name, number, data_type),
        }
    }
}

impl ColumnType {
    fn data_type(&self) -> DataType {
        match self {
            Self::Array(element) => DataType::Array(element.element()),
            // The trait `Key` admits no type that protobuf cannot carry as a key.
            Self::Map(key, value) => {
                MapKey::new(*key).map_or(DataType::Scalar(*key), |key| DataType::Map(key, value.element()))
            }
            Self::Scalar(scalar) => DataType::Scalar(*scalar),
            Self::Struct(message) => DataType::Struct(message.row()),
        }
    }

    fn element(&self) -> Element {
        match self {
            // The trait `Element` admits no collection.
            Self::Array(inner) | Self::Map(_, inner) => inner.element(),
            Self::Scalar(scalar) => Element::Scalar(*scalar),
            Self::Struct(message) => Element::Struct(message.row()),
        }
    }
}
