//! Converts a table built by statements to the `TableInfo` that a catalog would return.

use serde_json::{Value, json};

use super::draft::{Draft, Kind};
use crate::model::{Name, SqlField, SqlType, is_column_name, quoted_name, resolve};
use crate::{ColumnInfo, Scalar, TableInfo};

impl Draft {
    /// The table as the tables API would describe it.
    pub(super) fn table_info(&self) -> TableInfo {
        let [catalog_name, schema_name, name] = self.name.clone();
        let kind = match self.kind {
            Kind::External => "EXTERNAL",
            Kind::Managed => "MANAGED",
            Kind::Streaming => "STREAMING_TABLE",
        };
        TableInfo {
            name,
            catalog_name,
            schema_name,
            table_type: Some(kind.to_owned()),
            data_source_format: self.format.clone(),
            columns: (0..).zip(self.columns()).map(|(position, field)| self.column(position, field)).collect(),
            comment: self.comment.clone(),
            properties: self.properties.clone(),
        }
    }

    fn column(&self, position: i64, field: &SqlField) -> ColumnInfo {
        let mut json = field_json(field);
        if let Some(source) = self.sources.get(&field.name.to_lowercase())
            && let Some(metadata) = json["metadata"].as_object_mut()
        {
            source.write(metadata);
        }
        let partition = self.partitions.iter().position(|name| name.eq_ignore_ascii_case(&field.name));
        ColumnInfo {
            name: field.name.clone(),
            type_text: Some(type_text(&field.sql_type)),
            type_json: Some(json.to_string()),
            position: Some(position),
            nullable: Some(field.nullable),
            comment: field.comment.clone(),
            partition_index: partition.and_then(|index| i64::try_from(index).ok()),
            ..Default::default()
        }
    }
}

/// The type in the format of `type_json`.
fn type_json(sql_type: &SqlType) -> Value {
    match sql_type {
        SqlType::Array(element) => {
            json!({"type": "array", "elementType": type_json(element), "containsNull": true})
        }
        SqlType::Map(key, value) => {
            let (key, value) = (type_json(key), type_json(value));
            json!({"type": "map", "keyType": key, "valueType": value, "valueContainsNull": true})
        }
        SqlType::Named(name) => json!(spark_name(name)),
        SqlType::Struct(fields) => {
            json!({"type": "struct", "fields": fields.iter().map(field_json).collect::<Vec<_>>()})
        }
    }
}

fn field_json(field: &SqlField) -> Value {
    let metadata = field.comment.as_ref().map_or_else(|| json!({}), |comment| json!({"comment": comment}));
    json!({"name": field.name, "type": type_json(&field.sql_type), "nullable": field.nullable, "metadata": metadata})
}

/// The name of a type in Spark's JSON. Types with a collation, or that Zerobus does not support, stay as written.
fn spark_name(name: &str) -> String {
    match resolve(name) {
        Name::Scalar(_) if name.contains(' ') => name.to_owned(),
        Name::Scalar(scalar) => match scalar {
            Scalar::Byte => "byte".to_owned(),
            Scalar::Int => "integer".to_owned(),
            Scalar::Long => "long".to_owned(),
            Scalar::Short => "short".to_owned(),
            other => other.to_string().to_lowercase(),
        },
        Name::BadDecimal | Name::Unsupported => name.to_owned(),
    }
}

/// The type in the format of `type_text`.
fn type_text(sql_type: &SqlType) -> String {
    match sql_type {
        SqlType::Array(element) => format!("array<{}>", type_text(element)),
        SqlType::Map(key, value) => format!("map<{},{}>", type_text(key), type_text(value)),
        SqlType::Named(name) => match resolve(name) {
            Name::Scalar(scalar) if !name.contains(' ') => scalar.to_string().to_lowercase(),
            Name::Scalar(_) | Name::BadDecimal | Name::Unsupported => name.clone(),
        },
        SqlType::Struct(fields) => {
            let fields = fields.iter().map(|field| {
                let name = if is_column_name(&field.name) { field.name.clone() } else { quoted_name(&field.name) };
                format!("{name}:{}", type_text(&field.sql_type))
            });
            format!("struct<{}>", fields.collect::<Vec<_>>().join(","))
        }
    }
}
