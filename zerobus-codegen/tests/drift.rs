//! Drift, column by column, in the service's own terms.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

use serde_json::{Value, json};
use zerobus_codegen::{Drift, Severity, Table, TableInfo};

/// A table of columns written as `name type [NOT NULL] [GENERATED]`.
fn table(columns: &[&str]) -> Table {
    let columns: Vec<Value> =
        columns.iter().enumerate().map(|(position, column)| self::column(position, column)).collect();
    let json = json!({"name": "t", "catalog_name": "c", "schema_name": "s", "columns": columns});
    Table::try_from(&serde_json::from_value::<TableInfo>(json).unwrap()).unwrap()
}

fn column(position: usize, text: &str) -> Value {
    let (text, generated) = text.strip_suffix(" GENERATED").map_or((text, false), |text| (text, true));
    let (text, nullable) = text.strip_suffix(" NOT NULL").map_or((text, true), |text| (text, false));
    let (name, column_type) = text.split_once(' ').unwrap();
    let mut column = json!({"name": name, "type_text": column_type, "nullable": nullable, "position": position});
    if generated {
        let metadata = json!({"delta.generationExpression": "1"});
        column["type_json"] = json!(json!({"name": name, "type": column_type, "metadata": metadata}).to_string());
    }
    column
}

/// The severity and every change, a line each.
fn drift(old: &[&str], new: &[&str]) -> (Option<Severity>, Vec<String>) {
    let drift = Drift::between(&table(old), &table(new));
    let told = drift.changes.iter().map(|change| change.to_string().split(';').next().unwrap().to_owned());
    (drift.severity(), told.collect())
}

#[track_caller]
fn breaks(old: &[&str], new: &[&str], expected: &[&str]) {
    assert_eq!(drift(old, new), (Some(Severity::Breaking), expected.iter().map(ToString::to_string).collect()));
}

#[track_caller]
fn is_safe(old: &[&str], new: &[&str], expected: &[&str]) {
    assert_eq!(drift(old, new), (Some(Severity::Safe), expected.iter().map(ToString::to_string).collect()));
}

#[test]
fn the_same_schema_has_no_drift() {
    let columns = ["id bigint NOT NULL", "at timestamp", "s struct<a:int,b:array<struct<c:date>>>"];
    assert_eq!(drift(&columns, &columns), (None, vec![]));
}

#[test]
fn a_comment_is_no_drift() {
    assert_eq!(drift(&["s struct<a:int comment 'x'>"], &["s struct<a:int comment 'y'>"]), (None, vec![]));
}

#[test]
fn what_the_service_lets_pass_is_safe() {
    is_safe(&["a int"], &["a int", "b string"], &["b: added as STRING"]);
    is_safe(&["a int", "c int"], &["a int", "b string", "c int"], &["b: added as STRING"]);
    is_safe(&["a int NOT NULL"], &["a int"], &["a: made nullable"]);
    is_safe(&["s struct<a:int>"], &["s struct<a:int,b:date>"], &["s.b: added as DATE"]);
}

#[test]
fn what_the_service_refuses_is_breaking() {
    breaks(&["a int", "b int"], &["a int"], &["b: dropped"]);
    breaks(&["a int"], &["a int NOT NULL"], &["a: made NOT NULL"]);
    breaks(&["a int"], &["a int", "b int NOT NULL"], &["b: added as INT NOT NULL"]);
    breaks(&["a int"], &["a bigint"], &["a: retyped from INT to BIGINT"]);
    breaks(&["a array<int>"], &["a array<string>"], &["a: retyped from ARRAY<INT> to ARRAY<STRING>"]);
    breaks(&["a struct<b:int>"], &["a int"], &["a: retyped from STRUCT<b: INT> to INT"]);
    breaks(&["a int", "b int"], &["a int", "b int GENERATED"], &["b: made a generated column"]);
}

#[test]
fn a_new_name_in_the_old_place_is_a_rename() {
    breaks(&["a int", "b date", "c int"], &["a int", "day date", "c int"], &["b: renamed to day"]);
    breaks(&["magType string"], &["magtype string"], &["magType: renamed to magtype"]);
    breaks(&["a int", "b date"], &["a int", "day timestamp"], &["b: dropped", "day: added as TIMESTAMP"]);
    breaks(&["s struct<a:int,b:int>"], &["s struct<a:int,c:int>"], &["s.b: renamed to c"]);
    breaks(&["a int"], &["b int NOT NULL"], &["a: renamed to b", "a: made NOT NULL"]);
}

#[test]
fn only_the_columns_that_moved_are_told() {
    breaks(
        &["a int", "b int", "c int", "d int"],
        &["d int", "a int", "b int", "c int"],
        &["d: moved among the columns"],
    );
    let wide: Vec<String> = (0..2_000).map(|i| format!("c{i} int")).collect();
    let mut old: Vec<&str> = wide.iter().map(String::as_str).collect();
    let new = old.clone();
    old.swap(10, 11);
    assert_eq!(drift(&old, &new).1.len(), 1);
}

#[test]
fn drift_is_followed_into_structs_arrays_and_maps() {
    breaks(
        &["o array<struct<a:int,m:map<string,struct<x:int,y:int>>>>"],
        &["o array<struct<a:bigint,m:map<string,struct<x:int>>,n:int>>"],
        &["o.element.a: retyped from INT to BIGINT", "o.element.m.value.y: dropped", "o.element.n: added as INT"],
    );
    breaks(
        &["m map<string,struct<a:int>>"],
        &["m map<int,struct<a:int>>"],
        &["m: retyped from MAP<STRING, STRUCT<a: INT>> to MAP<INT, STRUCT<a: INT>>"],
    );
}

#[test]
fn a_table_that_cannot_be_written_any_more_tells_why() {
    let json = json!({"name": "t", "catalog_name": "c", "schema_name": "s", "table_type": "VIEW",
        "columns": [{"name": "a", "type_text": "void"}]});
    let report = Table::try_from(&serde_json::from_value::<TableInfo>(json).unwrap()).unwrap_err();
    let drift = Drift::unsupported(&report);
    assert_eq!(drift.severity(), Some(Severity::Breaking));
    let texts: Vec<String> = drift.changes.iter().map(ToString::to_string).collect();
    assert!(texts[0].starts_with("it is of type VIEW"), "{texts:?}");
    assert!(texts[1].starts_with("a: type VOID"), "{texts:?}");
}
