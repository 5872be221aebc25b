//! Checks a stream's descriptor against its table: names, types, required columns.

use std::collections::HashMap;

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use prost_types::field_descriptor_proto::Type;
use zerobus_codegen::{DataType, Element, Field, Scalar, Struct, Table};

use crate::refusal::{Cause, Refusal};

/// Rules that only some paths of the service enforce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ColumnOrder {
    /// Fields are matched by name; their order and number are free.
    #[default]
    Free,
    /// The descriptor has every column of the table, in the table's order.
    Strict,
}

/// Checks the descriptor against the table.
pub(crate) fn check(table: &Table, message: &MessageDescriptor, order: ColumnOrder) -> Result<(), Refusal> {
    let mut findings = Findings::default();
    findings.message("", &table.row, message);
    if order == ColumnOrder::Strict {
        findings.order(&table.row, message);
    }
    if findings.causes.is_empty() {
        return Ok(());
    }
    let unnamed = findings.causes.len() - findings.texts.len();
    let more = if unnamed == 0 { String::new() } else { format!("; and {unnamed} more") };
    Err(Refusal::schema(&table.name, findings.causes, &format!("{}{more}", findings.texts.join("; "))))
}

/// How many findings a refusal names.
const MOST_TEXTS: usize = 20;

#[derive(Default)]
struct Findings {
    causes: Vec<Cause>,
    texts: Vec<String>,
}

impl Findings {
    fn add(&mut self, cause: Cause, text: String) {
        self.causes.push(cause);
        if self.texts.len() < MOST_TEXTS {
            self.texts.push(text);
        }
    }

    fn message(&mut self, path: &str, row: &Struct, message: &MessageDescriptor) {
        let columns: HashMap<&str, &Field> = row.fields.iter().map(|column| (column.name.as_str(), column)).collect();
        for field in message.fields() {
            let Some(column) = columns.get(field.name()) else {
                let text = format!("field {} is not a column of the table", join(path, field.name()));
                self.add(Cause::FieldNotInTable, text);
                continue;
            };
            self.field(&join(path, &column.name), column, &field);
        }
        for column in &row.fields {
            if !column.nullable && message.get_field_by_name(&column.name).is_none() {
                let text =
                    format!("column {} is NOT NULL and the descriptor has no such field", join(path, &column.name));
                self.add(Cause::MissingRequiredColumn, text);
            }
        }
    }

    fn field(&mut self, path: &str, column: &Field, field: &FieldDescriptor) {
        let fits = match &column.data_type {
            DataType::Array(element) => {
                field.is_list() && self.element(&format!("{path}.element"), element, &field.kind())
            }
            DataType::Map(key, value) => self.map(path, key.scalar(), value, field),
            DataType::Scalar(scalar) => is_singular(field) && is_scalar(*scalar, &field.kind()),
            DataType::Struct(row) => is_singular(field) && self.check_struct(path, row, &field.kind()),
        };
        if !fits {
            let found = type_name(field);
            let text =
                format!("column {path} is {}, which field {path} of type {found} does not carry", column.data_type);
            self.add(Cause::TypeIncompatible, text);
        }
    }

    fn map(&mut self, path: &str, key: Scalar, value: &Element, field: &FieldDescriptor) -> bool {
        let Kind::Message(entry) = field.kind() else { return false };
        field.is_map()
            && is_scalar(key, &entry.map_entry_key_field().kind())
            && self.element(&format!("{path}.value"), value, &entry.map_entry_value_field().kind())
    }

    fn element(&mut self, path: &str, element: &Element, kind: &Kind) -> bool {
        match element {
            Element::Scalar(scalar) => is_scalar(*scalar, kind),
            Element::Struct(row) => self.check_struct(path, row, kind),
        }
    }

    /// Whether the field is a message; problems inside it are findings of their own.
    fn check_struct(&mut self, path: &str, row: &Struct, kind: &Kind) -> bool {
        let Kind::Message(message) = kind else { return false };
        if !message.is_map_entry() {
            self.message(path, row, message);
        }
        !message.is_map_entry()
    }

    fn order(&mut self, row: &Struct, message: &MessageDescriptor) {
        let proto = message.descriptor_proto();
        if proto.field.len() != row.fields.len() {
            let text =
                format!("the table has {} columns and the descriptor {} fields", row.fields.len(), proto.field.len());
            self.add(Cause::FieldCountMismatch, text);
        }
        let misplaced = proto.field.iter().zip(&row.fields).find(|(field, column)| field.name() != column.name);
        if let Some((field, column)) = misplaced {
            let text = format!("field {} is where the table has column {}", field.name(), column.name);
            self.add(Cause::FieldOutOfOrder, text);
        }
    }
}

fn is_singular(field: &FieldDescriptor) -> bool {
    !field.is_list() && !field.is_map()
}

fn is_scalar(scalar: Scalar, kind: &Kind) -> bool {
    match scalar.wire_type() {
        Type::Bool => matches!(kind, Kind::Bool),
        Type::Bytes => matches!(kind, Kind::Bytes),
        Type::Double => matches!(kind, Kind::Double),
        Type::Float => matches!(kind, Kind::Float),
        Type::Int32 => matches!(kind, Kind::Int32),
        Type::Int64 => matches!(kind, Kind::Int64),
        Type::String => matches!(kind, Kind::String),
        _ => false,
    }
}

fn type_name(field: &FieldDescriptor) -> String {
    let kind = match field.kind() {
        Kind::Message(_) if field.is_map() => return "map".to_owned(),
        Kind::Enum(_) => "enum".to_owned(),
        Kind::Message(_) => "message".to_owned(),
        kind => format!("{kind:?}").to_lowercase(),
    };
    if field.is_list() { format!("repeated {kind}") } else { kind }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
