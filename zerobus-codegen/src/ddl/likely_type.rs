//! Suggestions for types that Databricks SQL does not have.

use crate::likely;

/// The types of other databases, and their equivalents in Databricks SQL.
const FOREIGN: &[(&str, &[&str])] = &[
    ("BIGINT", &["BIGSERIAL", "HUGEINT", "INT64", "INT8", "SERIAL", "UINT32", "UNSIGNED"]),
    ("BINARY", &["BLOB", "BYTEA", "BYTES", "IMAGE", "LONGBLOB", "RAW", "VARBINARY"]),
    ("BOOLEAN", &["BIT", "BOOL"]),
    ("DECIMAL(10,2)", &["BIGNUMERIC", "MONEY", "NUMBER", "SMALLMONEY"]),
    ("DECIMAL(20,0)", &["UBIGINT", "UINT64"]),
    ("DOUBLE", &["DOUBLE PRECISION", "FLOAT64", "FLOAT8"]),
    ("FLOAT", &["FLOAT32", "FLOAT4"]),
    ("INT", &["INT32", "INT4", "MEDIUMINT", "UINT16", "YEAR"]),
    ("SMALLINT", &["INT16", "INT2", "UINT8"]),
    (
        "STRING",
        &[
            "BPCHAR",
            "CITEXT",
            "CLOB",
            "ENUM",
            "GUID",
            "LONGTEXT",
            "MEDIUMTEXT",
            "NCHAR",
            "NTEXT",
            "NVARCHAR",
            "NVARCHAR2",
            "STR",
            "TEXT",
            "TINYTEXT",
            "UNIQUEIDENTIFIER",
            "UUID",
            "VARCHAR2",
            "XML",
        ],
    ),
    (
        "TIMESTAMP",
        &["DATETIME", "DATETIME2", "DATETIMEOFFSET", "SMALLDATETIME", "TIMESTAMPTZ", "TIMESTAMP_TZ", "TIMESTAMP WITH"],
    ),
    ("TIMESTAMP_NTZ", &["TIMESTAMPNTZ"]),
    ("VARIANT, or STRING", &["JSON", "JSONB", "OBJECT", "SUPER"]),
    ("ARRAY<…>", &["LIST", "REPEATED"]),
    ("MAP<STRING, STRING>", &["DICT", "HSTORE"]),
    ("STRUCT<…>", &["RECORD", "ROW", "TUPLE"]),
];

/// The types that are suggested for a misspelled word.
const TYPES: &[&str] = &[
    "ARRAY",
    "BIGINT",
    "BINARY",
    "BOOLEAN",
    "BYTE",
    "CHAR",
    "DATE",
    "DECIMAL",
    "DOUBLE",
    "FLOAT",
    "INT",
    "INTEGER",
    "INTERVAL",
    "LONG",
    "MAP",
    "NUMERIC",
    "SHORT",
    "SMALLINT",
    "STRING",
    "STRUCT",
    "TIMESTAMP",
    "TIMESTAMP_NTZ",
    "TINYINT",
    "VARCHAR",
    "VARIANT",
];

/// The type that a word in upper case likely means.
pub(super) fn likely_type(word: &str) -> Option<&'static str> {
    let foreign = FOREIGN.iter().find(|(_, names)| names.contains(&word)).map(|&(ours, _)| ours);
    foreign.or_else(|| likely(word, TYPES.iter().copied()))
}
