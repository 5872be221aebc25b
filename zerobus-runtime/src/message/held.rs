//! The comparison of a derived struct with its table, at compile time: types are compared as constants, so that an
//! alias or a newtype counts as the type behind it.
//!
//! | the column | what can fill it |
//! |---|---|
//! | an integer | an integer of the same range or a smaller one |
//! | DECIMAL(p, s) | a `Decimal` of no more digits on either side of the point |
//! | STRING, CHAR, VARCHAR | text |
//! | STRUCT | a struct of some of its fields, all NOT NULL ones among them, matched by name |
//! | any other | its own type |
//! | NOT NULL | anything but an `Option` |

use zerobus_codegen::Scalar;

use super::schema::{ColumnType, FieldSchema, FieldType, MessageSchema, Presence};

/// The column that a field fills, as in the snapshot.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// The name, the number, the type and the presence.
    pub schema: FieldSchema,
    /// The table's full name; empty where the field itself names its type.
    pub table: &'static str,
    /// The field as its author wrote it: `mag: String`.
    pub field: &'static str,
}

/// The type of a struct's field, known to the compiler outside of the struct's own `impl`.
pub trait Found<const INDEX: usize> {
    /// What the field encodes.
    const TYPE: FieldType;
}

/// Every mismatch of a field, one per line; `None` if there is none.
#[must_use]
pub const fn mismatch(found: FieldType, column: &Column) -> Option<Text> {
    let mut report = Report { path: Text::new(), lines: Text::new(), field: column.field, holder: None };
    if !column.table.is_empty() {
        report.path.push(column.table);
        report.path.push(".");
    }
    report.path.push(column.schema.name);
    report.compare(&found.column_type, found.presence, &column.schema);
    if report.lines.len == 0 { None } else { Some(report.lines) }
}

/// The schema that a field is sent with: the table's own, except for structs, which may leave out fields.
#[must_use]
pub const fn schema_of(found: FieldType, expected: FieldSchema) -> FieldSchema {
    let column_type = if holds_struct(&expected.column_type) { found.column_type } else { expected.column_type };
    FieldSchema { column_type, ..expected }
}

/// The schema of a field that names the type of its column: only its own type says whether it may be null.
#[must_use]
pub const fn declared(found: FieldType, expected: FieldSchema) -> FieldSchema {
    FieldSchema { presence: found.presence, ..schema_of(found, expected) }
}

/// Checks a table's name that the derive could not check, since it is a constant.
///
/// # Panics
/// If it does not have three parts; at compile time, where it is evaluated.
#[track_caller]
pub const fn check_table_name(name: Option<&str>) {
    let Some(name) = name else { return };
    let bytes = name.as_bytes();
    let (mut parts, mut len, mut i) = (1, 0, 0);
    while i < bytes.len() {
        if bytes[i] == b'.' {
            assert!(len > 0, "a part of the table's name is empty; write catalog.schema.table");
            (parts, len) = (parts + 1, 0);
        } else {
            len += 1;
        }
        i += 1;
    }
    assert!(parts == 3 && len > 0, "a table's full name has three parts; write catalog.schema.table");
}

/// Text that is built at compile time.
#[derive(Debug, Clone, Copy)]
pub struct Text {
    bytes: [u8; Self::CAPACITY],
    len: usize,
}

impl Text {
    const CAPACITY: usize = 2_048;

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

    /// Appends a text, or nothing if it does not fit: truncating it could split a character.
    const fn push(&mut self, text: &str) {
        self.push_bytes(text.as_bytes());
    }

    const fn push_text(&mut self, text: &Self) {
        self.push_bytes(text.bytes.split_at(text.len).0);
    }

    const fn push_bytes(&mut self, bytes: &[u8]) {
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

/// The mismatches found so far, and the position of the comparison.
struct Report {
    /// `main.geo.earthquakes.location`.
    path: Text,
    lines: Text,
    /// The field, as its author wrote it; inside a struct only its column.
    field: &'static str,
    /// The struct of the field, if it is not the row.
    holder: Option<&'static str>,
}

impl Report {
    /// Compares a field with its column.
    const fn compare(&mut self, found: &ColumnType, presence: Presence, column: &FieldSchema) {
        self.compare_types(found, &column.column_type);
        if matches!((presence, column.presence), (Presence::Optional, Presence::Required)) {
            self.begin();
            self.lines.push(" is NOT NULL, ");
            self.push_field();
            self.lines.push(" may be None; remove the Option");
        }
    }

    const fn compare_types(&mut self, found: &ColumnType, expected: &ColumnType) {
        match (found, expected) {
            (ColumnType::Scalar(found), ColumnType::Scalar(expected)) if scalar_fits(*found, *expected) => {}
            (ColumnType::Struct(found), ColumnType::Struct(expected)) => self.compare_structs(found, expected),
            (ColumnType::Array(found), ColumnType::Array(expected)) => {
                let here = self.enter("element");
                self.compare_types(found, expected);
                self.path.len = here;
            }
            (ColumnType::Map(found_key, found), ColumnType::Map(expected_key, expected))
                if scalar_fits(*found_key, *expected_key) =>
            {
                let here = self.enter("value");
                self.compare_types(found, expected);
                self.path.len = here;
            }
            _ => {
                self.begin();
                self.lines.push(" is ");
                self.lines.push_type(expected);
                self.lines.push(", ");
                self.push_field();
                self.lines.push(" encodes ");
                self.lines.push_type(found);
                self.lines.push("; ");
                push_remedy(expected, &mut self.lines);
            }
        }
    }

    const fn compare_structs(&mut self, found: &MessageSchema, expected: &MessageSchema) {
        let mut i = 0;
        while i < found.fields.len() {
            let inner = &found.fields[i];
            let here = self.enter(inner.name);
            match find(expected.fields, inner.name) {
                None => {
                    self.begin();
                    self.lines.push(" does not exist, struct `");
                    self.lines.push(found.name);
                    self.lines.push("` of ");
                    self.push_field();
                    self.lines.push(" has it; rename the field, or skip it");
                }
                Some(column) => {
                    let (field, holder) = (self.field, self.holder);
                    (self.field, self.holder) = (inner.name, Some(found.name));
                    self.compare(&inner.column_type, inner.presence, column);
                    (self.field, self.holder) = (field, holder);
                }
            }
            self.path.len = here;
            i += 1;
        }
        self.require_all(found, expected);
    }

    const fn require_all(&mut self, found: &MessageSchema, expected: &MessageSchema) {
        let mut i = 0;
        while i < expected.fields.len() {
            let column = &expected.fields[i];
            if matches!(column.presence, Presence::Required) && find(found.fields, column.name).is_none() {
                let here = self.enter(column.name);
                self.begin();
                self.path.len = here;
                self.lines.push(" is ");
                self.lines.push_type(&column.column_type);
                self.lines.push(" NOT NULL, and struct `");
                self.lines.push(found.name);
                self.lines.push("` does not have it; add the field");
            }
            i += 1;
        }
    }

    /// Adds a segment to the path; returns its previous length.
    const fn enter(&mut self, segment: &str) -> usize {
        let here = self.path.len;
        self.path.push(".");
        self.path.push(segment);
        here
    }

    const fn push_field(&mut self) {
        self.lines.push("field `");
        self.lines.push(self.field);
        self.lines.push("`");
        if let Some(holder) = self.holder {
            self.lines.push(" of struct `");
            self.lines.push(holder);
            self.lines.push("`");
        }
    }

    /// Begins a line with the column's path.
    const fn begin(&mut self) {
        if self.lines.len > 0 {
            self.lines.push("\n");
        }
        self.lines.push("column ");
        self.lines.push_text(&self.path);
    }
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
        // Lengths are checked against the texts themselves, when a row is sent.
        | (
            Scalar::Char(_) | Scalar::String | Scalar::Varchar(_),
            Scalar::Char(_) | Scalar::String | Scalar::Varchar(_),
        )
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
