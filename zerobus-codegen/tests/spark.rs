//! Compares our reading of CREATE TABLE with Spark's parser: `spark/statements.jsonl` has Spark's result for each
//! statement, written by `spark/judge.py`. The statements are generated; half of them have tokens deleted, swapped or
//! inserted.
#![cfg(feature = "ddl")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

use serde_json::{Value, json};
use zerobus_codegen::ddl::Script;
use zerobus_codegen::{ColumnInfo, TableInfo};

/// Expressions are compared without comments and white space, which Spark keeps.
fn bare(expression: &Value) -> Value {
    let Some(text) = expression.as_str() else { return Value::Null };
    let mut bare = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if rest.starts_with("--") {
            rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = &comment[end_of_comment(comment)..];
        } else {
            let literal = ['\'', '"', '`'].contains(&c).then(|| rest[1..].find(c).unwrap() + 2);
            let (taken, after) = rest.split_at(literal.unwrap_or(c.len_utf8()));
            bare.push_str(if c.is_whitespace() { "" } else { taken });
            rest = after;
        }
    }
    json!(bare)
}

fn end_of_comment(text: &str) -> usize {
    let (mut depth, mut at) = (1, 0);
    while depth > 0 {
        match text.get(at..at + 2) {
            Some("/*") => depth += 1,
            Some("*/") => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
    }
    at
}

/// A type without the parts that do not matter here: whether elements may be null, and the collation of a STRING.
fn plain(data_type: &Value) -> Value {
    match data_type["type"].as_str() {
        Some("array") => json!({"array": plain(&data_type["elementType"])}),
        Some("map") => json!({"map": [plain(&data_type["keyType"]), plain(&data_type["valueType"])]}),
        Some(_) => {
            let field = |field: &Value| {
                json!([field["name"], plain(&field["type"]), field["nullable"], field["metadata"]["comment"]])
            };
            json!({"struct": data_type["fields"].as_array().unwrap().iter().map(field).collect::<Vec<_>>()})
        }
        None => {
            let name = data_type.as_str().unwrap();
            json!(name.split(" collate ").next().unwrap().replace("timestamp_ltz", "timestamp"))
        }
    }
}

fn ours(column: &ColumnInfo) -> Value {
    let field: Value = serde_json::from_str(column.type_json.as_deref().unwrap()).unwrap();
    let metadata = &field["metadata"];
    let identity =
        ["start", "step", "allowExplicitInsert"].map(|key| metadata[format!("delta.identity.{key}")].clone());
    json!({
        "name": column.name,
        "type": plain(&field["type"]),
        "nullable": column.nullable,
        "comment": column.comment,
        "default": bare(&metadata["CURRENT_DEFAULT"]),
        "generated": bare(&metadata["delta.generationExpression"]),
        "identity": if identity[0].is_null() { Value::Null } else { json!(identity) },
    })
}

fn theirs(column: &Value) -> Value {
    let mut column = column.clone();
    column["type"] = plain(&column["type"]);
    for expression in ["default", "generated"] {
        column[expression] = bare(&column[expression]);
    }
    column
}

#[test]
fn what_spark_reads_is_what_is_read_and_what_it_refuses_is_an_error() {
    let statements = include_str!("spark/statements.jsonl");
    let (mut read, mut refused) = (0, 0);
    for line in statements.lines() {
        let judged: Value = serde_json::from_str(line).unwrap();
        let sql = judged["sql"].as_str().unwrap();
        let mut script = Script::default();
        let findings = script.read(sql);
        let tables: Vec<TableInfo> = script.tables().map(|(_, table)| table).collect();
        let Some(columns) = judged["columns"].as_array() else {
            assert!(!findings.problems.is_empty(), "Spark refuses {sql}");
            refused += 1;
            continue;
        };
        assert!(findings.problems.is_empty(), "{:?}\n{sql}", findings.problems);
        let expected: Vec<Value> = columns.iter().map(theirs).collect();
        assert_eq!(tables[0].columns.iter().map(ours).collect::<Vec<_>>(), expected, "{sql}");
        read += 1;
    }
    assert!(read > 400 && refused > 100, "{read} read, {refused} refused");
}
