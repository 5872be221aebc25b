//! `type_json`: a column's type as Spark writes it in JSON.
//!
//! ```text
//! column := field | type | "" | "{}" | "null"        the last three have no type
//! field  := {"name": string, "type": type, "nullable": bool = true, "metadata": object = {}}
//! type   := string                                    "integer", "decimal(10,2)", ...
//!         | {"type": "array", "elementType": type, ...}
//!         | {"type": "map", "keyType": type, "valueType": type, ...}
//!         | {"type": "struct", "fields": [field, ...]}
//!         | {"type": "udt", ...}
//! ```

use serde::Deserialize;
use serde_json::{Map, Value};

use super::column_source::ColumnSource;
use super::repeated_key::KeysOnce;
use super::sql_type::{MAX_NESTING, SqlField, SqlType};
use super::type_text;

/// The content of a column's `type_json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TypeJson {
    /// The column's name, if the whole field was given.
    pub(crate) name: Option<String>,
    pub(crate) sql_type: SqlType,
    /// Whether the column is nullable, if the whole field was given.
    pub(crate) nullable: Option<bool>,
    pub(crate) metadata: Metadata,
}

/// The keys of a field's metadata that matter to Zerobus.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub(crate) comment: Option<String>,
    pub(crate) source: Option<ColumnSource>,
}

/// Reads a column's `type_json`; `Ok(None)` if it has no type.
///
/// # Errors
/// With the reason, if the text is not JSON of the grammar above.
pub(crate) fn parse(text: &str) -> Result<Option<TypeJson>, String> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let value = read_json(text)?;
    match &value {
        Value::Null => Ok(None),
        Value::Object(object) if object.is_empty() => Ok(None),
        Value::Object(object) if object.contains_key("name") && object.contains_key("type") => {
            let (metadata, hidden) = read_metadata(object);
            let sql_type = with_lengths(parse_type(&object["type"], 0)?, hidden.as_ref());
            let nullable = object.get("nullable").and_then(Value::as_bool);
            let name = object.get("name").and_then(Value::as_str).map(str::to_owned);
            Ok(Some(TypeJson { name, sql_type, nullable, metadata }))
        }
        _ => {
            let sql_type = parse_type(&value, 0)?;
            Ok(Some(TypeJson { name: None, sql_type, nullable: None, metadata: Metadata::default() }))
        }
    }
}

/// Reads JSON up to the nesting that the deepest supported type needs; `serde_json` has a lower limit by default.
///
/// One level of types has at most three levels of JSON: a struct's object, its list of fields and a field.
fn read_json(text: &str) -> Result<Value, String> {
    let (mut depth, mut is_quoted, mut is_escaped) = (0_usize, false, false);
    for c in text.bytes() {
        match c {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_quoted,
            b'"' => is_quoted = !is_quoted,
            // Comments may have any number of brackets.
            _ if is_quoted => {}
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        // The column's own object, and what it may have besides a type.
        if depth > 4 * MAX_NESTING {
            return Err(format!("it nests deeper than {MAX_NESTING} levels"));
        }
    }
    whole::<KeysOnce>(text)?;
    whole(text)
}

fn whole<'t, T: Deserialize<'t>>(text: &'t str) -> Result<T, String> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    deserializer.disable_recursion_limit();
    let value = T::deserialize(&mut deserializer).map_err(|error| error.to_string())?;
    deserializer.end().map_err(|error| error.to_string())?;
    Ok(value)
}

fn parse_type(value: &Value, depth: usize) -> Result<SqlType, String> {
    if depth > MAX_NESTING {
        return Err(format!("it nests deeper than {MAX_NESTING} levels"));
    }
    let object = match value {
        Value::String(name) => return Ok(SqlType::named(name)),
        Value::Object(object) => object,
        other => return Err(format!("a type is a string or an object, found {other}")),
    };
    let part = |key: &str| {
        let value = object.get(key).ok_or_else(|| format!("the key {key} is missing"))?;
        parse_type(value, depth + 1)
    };
    match text(object, "type").map(str::to_lowercase).as_deref() {
        Some("array") => Ok(SqlType::Array(Box::new(part("elementType")?))),
        Some("map") => Ok(SqlType::Map(Box::new(part("keyType")?), Box::new(part("valueType")?))),
        Some("struct") => parse_fields(object, depth),
        Some(other) => Ok(SqlType::named(other)),
        None => Err("the key type is missing".to_owned()),
    }
}

fn parse_fields(object: &Map<String, Value>, depth: usize) -> Result<SqlType, String> {
    let fields = object.get("fields").and_then(Value::as_array).ok_or("the key fields is missing")?;
    let fields = fields.iter().map(|field| parse_field(field, depth)).collect::<Result<_, _>>()?;
    Ok(SqlType::Struct(fields))
}

fn parse_field(value: &Value, depth: usize) -> Result<SqlField, String> {
    let object = value.as_object().ok_or("a field is an object")?;
    let name = text(object, "name").ok_or("a field has no name")?;
    let written = object.get("type").ok_or_else(|| format!("field {name} has no type"))?;
    let (metadata, hidden) = read_metadata(object);
    Ok(SqlField {
        name: name.to_owned(),
        sql_type: with_lengths(parse_type(written, depth + 1)?, hidden.as_ref()),
        nullable: object.get("nullable").and_then(Value::as_bool).unwrap_or(true),
        comment: metadata.comment,
    })
}

/// Reads the metadata, and the real type of the column if it is there: Spark writes CHAR and VARCHAR as `"string"` and
/// keeps the type of the whole column in `__CHAR_VARCHAR_TYPE_STRING`.
fn read_metadata(field: &Map<String, Value>) -> (Metadata, Option<SqlType>) {
    let Some(metadata) = field.get("metadata").and_then(Value::as_object) else {
        return (Metadata::default(), None);
    };
    let hidden = text(metadata, "__CHAR_VARCHAR_TYPE_STRING")
        .map(|hidden| type_text::parse(hidden).unwrap_or_else(|_| SqlType::named(hidden)));
    let read = Metadata {
        comment: text(metadata, "comment").filter(|comment| !comment.is_empty()).map(str::to_owned),
        source: ColumnSource::read(metadata),
    };
    (read, hidden)
}

/// Adds the lengths of CHAR and VARCHAR to a type, from the same type in SQL.
fn with_lengths(sql_type: SqlType, written: Option<&SqlType>) -> SqlType {
    let Some(written) = written else { return sql_type };
    match (sql_type, written) {
        (SqlType::Array(element), SqlType::Array(written)) => {
            SqlType::Array(Box::new(with_lengths(*element, Some(written))))
        }
        (SqlType::Map(key, value), SqlType::Map(written_key, written_value)) => SqlType::Map(
            Box::new(with_lengths(*key, Some(written_key))),
            Box::new(with_lengths(*value, Some(written_value))),
        ),
        (SqlType::Struct(fields), SqlType::Struct(written)) if fields.len() == written.len() => {
            let fields = fields.into_iter().zip(written);
            let fields = fields.map(|(field, written)| SqlField {
                sql_type: with_lengths(field.sql_type, Some(&written.sql_type)),
                ..field
            });
            SqlType::Struct(fields.collect())
        }
        (SqlType::Named(name), SqlType::Named(written)) if name == "string" => SqlType::named(written),
        (sql_type, _) => sql_type,
    }
}

fn text<'a>(object: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    object.get(key).and_then(Value::as_str)
}
