//! A type as the catalog or a statement wrote it, in any notation, before the check that it is supported.

use super::{DataType, Element, Field, Scalar, Struct};

/// The nesting limit of the service's own converter.
pub(crate) const MAX_NESTING: usize = 100;

/// A type as the catalog wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SqlType {
    Array(Box<SqlType>),
    Map(Box<SqlType>, Box<SqlType>),
    /// A type without parts, by its name in lower case with its arguments: `integer`, `decimal(10,2)`.
    Named(String),
    Struct(Vec<SqlField>),
}

/// A struct's field as the catalog wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SqlField {
    pub(crate) name: String,
    pub(crate) sql_type: SqlType,
    pub(crate) nullable: bool,
    pub(crate) comment: Option<String>,
}

impl SqlType {
    /// The type with this name, in the spelling that the model compares.
    pub(crate) fn named(name: &str) -> Self {
        Self::Named(name.trim().to_lowercase())
    }

    /// The outermost word, in upper case, for a message.
    pub(crate) fn headline(&self) -> String {
        match self {
            Self::Array(_) => "ARRAY".to_owned(),
            Self::Map(..) => "MAP".to_owned(),
            Self::Named(name) => name.to_uppercase(),
            Self::Struct(_) => "STRUCT".to_owned(),
        }
    }
}

impl From<&DataType> for SqlType {
    fn from(data_type: &DataType) -> Self {
        match data_type {
            DataType::Array(element) => Self::Array(Box::new(element.into())),
            DataType::Map(key, value) => Self::Map(Box::new(key.scalar().into()), Box::new(value.into())),
            DataType::Scalar(scalar) => (*scalar).into(),
            DataType::Struct(fields) => fields.into(),
        }
    }
}

impl From<&Element> for SqlType {
    fn from(element: &Element) -> Self {
        match element {
            Element::Scalar(scalar) => (*scalar).into(),
            Element::Struct(fields) => fields.into(),
        }
    }
}

impl From<Scalar> for SqlType {
    fn from(scalar: Scalar) -> Self {
        Self::named(&scalar.to_string())
    }
}

impl From<&Struct> for SqlType {
    fn from(row: &Struct) -> Self {
        Self::Struct(row.fields.iter().map(SqlField::from).collect())
    }
}

impl From<&Field> for SqlField {
    fn from(field: &Field) -> Self {
        Self {
            name: field.name.clone(),
            sql_type: (&field.data_type).into(),
            nullable: field.nullable,
            comment: field.comment.clone(),
        }
    }
}

/// The meaning of a type's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Name {
    /// A decimal whose digits are out of range.
    BadDecimal,
    /// A type that Zerobus supports.
    Scalar(Scalar),
    /// A type that Zerobus does not support, or that this crate does not know.
    Unsupported,
}

/// The only mapping of a type's name, in any notation of the catalog, to its meaning.
///
/// `type_json` writes `integer` and `long`, `type_text` and DDL write `int` and `bigint`, `type_name` writes `INT` and
/// `LONG`.
pub(crate) fn resolve(name: &str) -> Name {
    let (word, arguments) = match name.split_once('(') {
        None => (name, None),
        Some((word, rest)) => match rest.strip_suffix(')') {
            Some(arguments) => (word.trim_end(), Some(arguments.trim())),
            None => return Name::Unsupported,
        },
    };
    if let Some(scalar) = unparameterized(word) {
        return if arguments.is_none() { Name::Scalar(scalar) } else { Name::Unsupported };
    }
    match word {
        "char" | "character" => length(arguments, Scalar::Char),
        "dec" | "decimal" | "numeric" => decimal(arguments.unwrap_or_default()),
        "varchar" => length(arguments, Scalar::Varchar),
        _ => Name::Unsupported,
    }
}

/// The types without parameters in parentheses.
fn unparameterized(word: &str) -> Option<Scalar> {
    Some(match word {
        "bigint" | "long" => Scalar::Long,
        "binary" => Scalar::Binary,
        "bool" | "boolean" => Scalar::Boolean,
        "byte" | "tinyint" => Scalar::Byte,
        "date" => Scalar::Date,
        "double" => Scalar::Double,
        "float" | "real" => Scalar::Float,
        "int" | "integer" => Scalar::Int,
        "short" | "smallint" => Scalar::Short,
        "string" => Scalar::String,
        "timestamp" | "timestamp_ltz" => Scalar::Timestamp,
        "timestamp_ntz" => Scalar::TimestampNtz,
        "variant" => Scalar::Variant,
        // A collation changes how strings compare, not how they are sent.
        _ => {
            let collation = word.strip_prefix("string collate ")?;
            let is_name = collation.chars().all(|c| c.is_alphanumeric() || c == '_');
            return (is_name && !collation.is_empty()).then_some(Scalar::String);
        }
    })
}

/// Text with a maximum length; text of any length if there is none, as in `type_name`.
fn length(arguments: Option<&str>, of: fn(u32) -> Scalar) -> Name {
    match arguments {
        None => Name::Scalar(Scalar::String),
        Some(digits) => match digits.parse() {
            Ok(length @ 1..) => Name::Scalar(of(length)),
            _ => Name::Unsupported,
        },
    }
}

/// `DECIMAL` alone is `DECIMAL(10,0)`, as in Spark.
fn decimal(arguments: &str) -> Name {
    let mut digits = arguments.split(',').map(str::trim);
    let precision = match digits.next() {
        None | Some("") => Some(10),
        Some(text) => text.parse().ok(),
    };
    let scale = digits.next().map_or(Some(0), |text| text.parse().ok());
    match (precision, scale, digits.next()) {
        (Some(precision @ 1..=38), Some(scale), None) if scale <= precision => {
            Name::Scalar(Scalar::Decimal { precision, scale })
        }
        _ => Name::BadDecimal,
    }
}
