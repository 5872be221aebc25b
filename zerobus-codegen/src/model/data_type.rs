//! The types that Zerobus supports. Types that the service refuses cannot be represented.

use std::fmt::{self, Display};

/// The type of a column, or of a struct's field.
///
/// There are no nested arrays, arrays of maps or maps of collections, because Zerobus does not support them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum DataType {
    /// `ARRAY<element>`. An element is never null, and a null array is the same as an empty one on the wire.
    Array(Element),
    /// `MAP<key, value>`. A null map is the same as an empty one on the wire.
    Map(MapKey, Element),
    /// A single value.
    Scalar(Scalar),
    /// `STRUCT<...>`.
    Struct(Struct),
}

/// An array's element or a map's value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Element {
    /// A single value.
    Scalar(Scalar),
    /// A struct.
    Struct(Struct),
}

/// The key of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MapKey(Scalar);

/// The type of a single value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scalar {
    /// `BINARY`.
    Binary,
    /// `BOOLEAN`.
    Boolean,
    /// `TINYINT`: -128 to 127, an `int32` on the wire.
    Byte,
    /// `CHAR(n)`: a string of at most n characters.
    Char(u32),
    /// `DATE`: days since 1970-01-01.
    Date,
    /// `DECIMAL(precision, scale)`: plain decimal text, 1 to 38 digits.
    Decimal {
        /// The number of digits, 1 to 38.
        precision: u8,
        /// The number of digits after the point, at most `precision`.
        scale: u8,
    },
    /// `DOUBLE`.
    Double,
    /// `FLOAT`.
    Float,
    /// `INT`.
    Int,
    /// `BIGINT`.
    Long,
    /// `SMALLINT`: -32,768 to 32,767, an `int32` on the wire.
    Short,
    /// `STRING`.
    String,
    /// `TIMESTAMP`: microseconds since 1970-01-01T00:00:00Z.
    Timestamp,
    /// `TIMESTAMP_NTZ`: microseconds of the wall clock since 1970-01-01T00:00:00.
    TimestampNtz,
    /// `VARCHAR(n)`: a string of at most n characters.
    Varchar(u32),
    /// `VARIANT`: JSON text.
    Variant,
}

/// The fields of a row or of a `STRUCT` column, by number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Struct {
    /// The fields. Names are unique without regard to case.
    pub fields: Vec<Field>,
}

/// A column of a table, or a field of a struct.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Field {
    /// The name, `[A-Za-z_][A-Za-z0-9_]*`.
    pub name: String,
    /// The protobuf field number: for a column its position + 1, inside a struct 1 to n.
    pub number: i32,
    /// The type.
    pub data_type: DataType,
    /// Whether the value can be absent.
    pub nullable: bool,
    /// The catalog's comment, unescaped: untrusted text.
    pub comment: Option<String>,
}

impl Field {
    /// A nullable field.
    #[must_use]
    pub fn nullable(name: impl Into<String>, number: i32, data_type: DataType) -> Self {
        Self { name: name.into(), number, data_type, nullable: true, comment: None }
    }

    /// A NOT NULL field.
    #[must_use]
    pub fn required(name: impl Into<String>, number: i32, data_type: DataType) -> Self {
        Self { nullable: false, ..Self::nullable(name, number, data_type) }
    }
}

impl MapKey {
    /// The scalar as a map's key, if protobuf allows it: integers, booleans and strings.
    #[must_use]
    pub const fn new(scalar: Scalar) -> Option<Self> {
        match scalar {
            Scalar::Binary | Scalar::Double | Scalar::Float => None,
            _ => Some(Self(scalar)),
        }
    }

    /// The key's type.
    #[must_use]
    pub const fn scalar(self) -> Scalar {
        self.0
    }
}

impl Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Binary => "BINARY",
            Self::Boolean => "BOOLEAN",
            Self::Byte => "TINYINT",
            Self::Char(length) => return write!(f, "CHAR({length})"),
            Self::Date => "DATE",
            Self::Decimal { precision, scale } => return write!(f, "DECIMAL({precision},{scale})"),
            Self::Double => "DOUBLE",
            Self::Float => "FLOAT",
            Self::Int => "INT",
            Self::Long => "BIGINT",
            Self::Short => "SMALLINT",
            Self::String => "STRING",
            Self::Timestamp => "TIMESTAMP",
            Self::TimestampNtz => "TIMESTAMP_NTZ",
            Self::Varchar(length) => return write!(f, "VARCHAR({length})"),
            Self::Variant => "VARIANT",
        };
        f.write_str(name)
    }
}

impl Display for Struct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("STRUCT<")?;
        for (i, field) in self.fields.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            let not_null = if field.nullable { "" } else { " NOT NULL" };
            write!(f, "{comma}{}: {}{not_null}", field.name, field.data_type)?;
        }
        f.write_str(">")
    }
}

impl Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar(scalar) => scalar.fmt(f),
            Self::Struct(fields) => fields.fmt(f),
        }
    }
}

impl Display for DataType {
    /// The type in SQL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Array(element) => write!(f, "ARRAY<{element}>"),
            Self::Map(key, value) => write!(f, "MAP<{}, {value}>", key.scalar()),
            Self::Scalar(scalar) => scalar.fmt(f),
            Self::Struct(fields) => fields.fmt(f),
        }
    }
}
