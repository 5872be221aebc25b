//! A derived struct held against its table, by the compiler: types are compared as constants, so that an alias or a
//! newtype counts as what it is.
//!
//! | the column | what may fill it |
//! |---|---|
//! | an integer | an integer of the same range or a smaller one |
//! | DECIMAL(p, s) | a `Decimal` of no more digits on either side of the point |
//! | STRING, CHAR, VARCHAR | text |
//! | STRUCT | a struct of some of its fields, all NOT NULL ones among them, matched by name |
//! | any other | its own type |
//! | NOT NULL | anything but an `Option` |

use zerobus_codegen::Scalar;

use super::schema::{ColumnType, FieldSchema, FieldType, MessageSchema, Presence};

/// The column that a field fills, as the snapshot has it.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// The name, the number, the type and the presence.
    pub schema: FieldSchema,
    /// The table's full name.
    pub table: &'static str,
    /// The field as its author wrote it: `mag: String`.
    pub field: &'static str,
}

/// What is wrong with a field, or nothing.
#[must_use]
pub const fn mismatch(found: FieldType, column: &Column) -> Option<Text> {
    let mut text = Text::new();
    text.push("column ");
    text.push(column.table);
    text.push(".");
    text.push(column.schema.name);
    if fits(&found.column_type, found.presence, &column.schema, column.field, &mut text) { None } else { Some(text) }
}

/// The schema under which a field goes out: the table's own, but for structs, which may leave out fields.
#[must_use]
pub const fn schema_of(found: FieldType, column: &Column) -> FieldSchema {
    let FieldSchema { name, number, column_type, presence } = column.schema;
    let column_type = if holds_struct(&column_type) { found.column_type } else { column_type };
    FieldSchema { name, number, column_type, presence }
}

/// Text that is put together while compiling.
#[derive(Debug, Clone, Copy)]
pub struct Text {
    bytes: [u8; Self::CAPACITY],
    len: usize,
}

impl Text {
    const CAPACITY: usize = 1_024;

    const fn new() -> Self {
        Self { bytes: [0; Self::CAPACITY], len: 0 }
    }

    /// The text.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        match str::from_utf8(self.bytes.split_at(self.len).0) {
            Ok(text) => text,
            Err(_) => "a field does not fit its column",
        }
    }

    /// Appends a text, or nothing where it does not fit: a cut could fall inside a character.
    const fn push(&mut self, text: &str) {
        let bytes = text.as_bytes();
        if self.len + bytes.len() > Self::CAPACITY {
            return;
        }
        let mut i = 0;
        while i < bytes.len() {
            self.bytes[self.len + i] = bytes[i];
            i += 1;
        }
        self.len += bytes.len();
    }

    const fn push_number(&mut self, number: u32) {
        if number >= 10 {
            self.push_number(number / 10);
        }
        let digit = (number % 10) as usize;
        self.push("0123456789".split_at(digit).1.split_at(1).0);
    }

    const fn push_type(&mut self, column_type: &ColumnType) {
        match column_type {
            ColumnType::Array(element) => {
                self.push("ARRAY<");
                self.push_type(element);
                self.push(">");
            }
            ColumnType::Map(key, value) => {
                self.push("MAP<");
                self.push_scalar(*key);
                self.push(", ");
                self.push_type(value);
                self.push(">");
            }
            ColumnType::Scalar(scalar) => self.push_scalar(*scalar),
            ColumnType::Struct(_) => self.push("STRUCT"),
        }
    }

    const fn push_scalar(&mut self, scalar: Scalar) {
        let name = match scalar {
            Scalar::Binary => "BINARY",
            Scalar::Boolean => "BOOLEAN",
            Scalar::Byte => "TINYINT",
            Scalar::Char(_) => "CHAR",
            Scalar::Date => "DATE",
            Scalar::Decimal { precision, scale } => {
                self.push("DECIMAL(");
                self.push_number(precision as u32);
                self.push(",");
                self.push_number(scale as u32);
                ")"
            }
            Scalar::Double => "DOUBLE",
            Scalar::Float => "FLOAT",
            Scalar::Int => "INT",
            Scalar::Long => "BIGINT",
            Scalar::Short => "SMALLINT",
            Scalar::String => "STRING",
            Scalar::Timestamp => "TIMESTAMP",
            Scalar::TimestampNtz => "TIMESTAMP_NTZ",
            Scalar::Varchar(_) => "VARCHAR",
            Scalar::Variant => "VARIANT",
        };
        self.push(name);
    }
}

/// Compares a field with its column; `text` holds the column's path and, after a mismatch, the whole message.
const fn fits(found: &ColumnType, presence: Presence, column: &FieldSchema, field: &str, text: &mut Text) -> bool {
    if !type_fits(found, &column.column_type, field, text) {
        return false;
    }
    if matches!((presence, column.presence), (Presence::Optional, Presence::Required)) {
        text.push(" is NOT NULL, field `");
        text.push(field);
        text.push("` may be None; remove the Option");
        return false;
    }
    true
}

const fn type_fits(found: &ColumnType, expected: &ColumnType, field: &str, text: &mut Text) -> bool {
    match (found, expected) {
        (ColumnType::Scalar(found), ColumnType::Scalar(expected)) if scalar_fits(*found, *expected) => true,
        (ColumnType::Struct(found), ColumnType::Struct(expected)) => struct_fits(found, expected, field, text),
        (ColumnType::Array(found), ColumnType::Array(expected)) => {
            let path = text.len;
            text.push(".element");
            unwind(type_fits(found, expected, field, text), path, text)
        }
        (ColumnType::Map(found_key, found), ColumnType::Map(expected_key, expected))
            if scalar_fits(*found_key, *expected_key) =>
        {
            let path = text.len;
            text.push(".value");
            unwind(type_fits(found, expected, field, text), path, text)
        }
        _ => {
            text.push(" is ");
            text.push_type(expected);
            text.push(", field `");
            text.push(field);
            text.push("` encodes ");
            text.push_type(found);
            text.push("; ");
            push_remedy(expected, text);
            false
        }
    }
}

/// Takes a segment off the path again where what it led to fits.
const fn unwind(fits: bool, path: usize, text: &mut Text) -> bool {
    if fits {
        text.len = path;
    }
    fits
}

const fn struct_fits(found: &MessageSchema, expected: &MessageSchema, field: &str, text: &mut Text) -> bool {
    let path = text.len;
    let mut i = 0;
    while i < found.fields.len() {
        let inner = &found.fields[i];
        text.push(".");
        text.push(inner.name);
        match find(expected.fields, inner.name) {
            None => {
                text.push(" does not exist, struct `");
                text.push(found.name);
                text.push("` of field `");
                text.push(field);
                text.push("` has it; rename the field, or skip it");
                return false;
            }
            Some(column) => {
                if !fits(&inner.column_type, inner.presence, column, field, text) {
                    return false;
                }
            }
        }
        text.len = path;
        i += 1;
    }
    all_required(found, expected, text)
}

const fn all_required(found: &MessageSchema, expected: &MessageSchema, text: &mut Text) -> bool {
    let mut i = 0;
    while i < expected.fields.len() {
        let column = &expected.fields[i];
        if matches!(column.presence, Presence::Required) && find(found.fields, column.name).is_none() {
            text.push(".");
            text.push(column.name);
            text.push(" is ");
            text.push_type(&column.column_type);
            text.push(" NOT NULL, and struct `");
            text.push(found.name);
            text.push("` does not have it; add the field");
            return false;
        }
        i += 1;
    }
    true
}

const fn find<'a>(fields: &'a [FieldSchema], name: &str) -> Option<&'a FieldSchema> {
    let mut i = 0;
    while i < fields.len() {
        if same(fields[i].name.as_bytes(), name.as_bytes()) {
            return Some(&fields[i]);
        }
        i += 1;
    }
    None
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

const fn scalar_fits(found: Scalar, expected: Scalar) -> bool {
    match (found, expected) {
        (Scalar::Byte, Scalar::Byte | Scalar::Short | Scalar::Int | Scalar::Long)
        | (Scalar::Short, Scalar::Short | Scalar::Int | Scalar::Long)
        | (Scalar::Int, Scalar::Int | Scalar::Long)
        | (Scalar::Long, Scalar::Long)
        | (Scalar::Binary, Scalar::Binary)
        | (Scalar::Boolean, Scalar::Boolean)
        | (Scalar::Date, Scalar::Date)
        | (Scalar::Double, Scalar::Double)
        | (Scalar::Float, Scalar::Float)
        | (Scalar::String, Scalar::Char(_) | Scalar::String | Scalar::Varchar(_))
        | (Scalar::Timestamp, Scalar::Timestamp)
        | (Scalar::TimestampNtz, Scalar::TimestampNtz)
        | (Scalar::Variant, Scalar::Variant) => true,
        (Scalar::Decimal { precision: p, scale: s }, Scalar::Decimal { precision, scale }) => {
            s <= scale && p - s <= precision - scale
        }
        _ => false,
    }
}

const fn push_remedy(expected: &ColumnType, text: &mut Text) {
    let remedy = match expected {
        ColumnType::Array(_) => "use a Vec of its elements",
        ColumnType::Map(..) => "use a HashMap or a BTreeMap",
        ColumnType::Scalar(Scalar::Decimal { precision, scale }) => {
            text.push("use zerobus_runtime::Decimal<");
            text.push_number(*precision as u32);
            text.push(", ");
            text.push_number(*scale as u32);
            ">, or #[zerobus(decimal(p, s))]"
        }
        ColumnType::Scalar(scalar) => scalar_remedy(*scalar),
        ColumnType::Struct(_) => "use a struct with #[derive(ZerobusMessage)]",
    };
    text.push(remedy);
}

const fn scalar_remedy(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::Binary => "use Vec<u8> or &[u8]",
        Scalar::Boolean => "use bool",
        Scalar::Byte => "use i8",
        Scalar::Date => "use zerobus_runtime::Date, or #[zerobus(date)] on an integer of days",
        Scalar::Double => "use f64",
        Scalar::Float => "use f32",
        Scalar::Int => "use i32",
        Scalar::Long => "use i64",
        Scalar::Short => "use i16",
        Scalar::Timestamp => "use zerobus_runtime::Timestamp, or #[zerobus(timestamp(millis))] on an integer",
        Scalar::TimestampNtz => "use zerobus_runtime::TimestampNtz, or #[zerobus(timestamp_ntz(millis))] on an integer",
        Scalar::Variant => "use zerobus_runtime::Variant, or #[zerobus(json)]",
        Scalar::Char(_) | Scalar::Decimal { .. } | Scalar::String | Scalar::Varchar(_) => "use String or &str",
    }
}

const fn holds_struct(column_type: &ColumnType) -> bool {
    match column_type {
        ColumnType::Array(inner) | ColumnType::Map(_, inner) => holds_struct(inner),
        ColumnType::Scalar(_) => false,
        ColumnType::Struct(_) => true,
    }
}
