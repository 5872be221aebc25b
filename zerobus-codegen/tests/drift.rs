//! Tests of drift: the class and the reason of each kind of change.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

use serde_json::{Value, json};
use zerobus_codegen::{Day, Drift, Policy, Severity, Table, TableInfo, Threshold, Verdict};

/// A table with columns written as `name type [NOT NULL] [GENERATED]`.
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

/// The severity and every change, one per line.
fn drift(old: &[&str], new: &[&str]) -> (Option<Severity>, Vec<String>) {
    let drift = Drift::between(&table(old), &table(new));
    let found = drift.changes.iter().map(|change| change.to_string().split(';').next().unwrap().to_owned());
    (drift.severity(), found.collect())
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
fn only_the_columns_that_moved_are_reported() {
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
fn a_table_that_became_unwritable_is_reported_with_the_reason() {
    let json = json!({"name": "t", "catalog_name": "c", "schema_name": "s", "table_type": "VIEW",
        "columns": [{"name": "a", "type_text": "void"}]});
    let report = Table::try_from(&serde_json::from_value::<TableInfo>(json).unwrap()).unwrap_err();
    let drift = Drift::unsupported(&report);
    assert_eq!(drift.severity(), Some(Severity::Breaking));
    let texts: Vec<String> = drift.changes.iter().map(ToString::to_string).collect();
    assert!(texts[0].starts_with("it is of type VIEW"), "{texts:?}");
    assert!(texts[1].starts_with("a: type VOID"), "{texts:?}");
}

/// The class of a column's retype.
fn retype(old: &str, new: &str) -> Severity {
    Drift::between(&table(&[&format!("a {old}")]), &table(&[&format!("a {new}")])).severity().unwrap()
}

#[test]
fn a_type_that_takes_every_value_and_keeps_its_meaning_is_safe() {
    for (old, new) in [
        ("tinyint", "smallint"),
        ("tinyint", "int"),
        ("smallint", "int"),
        ("char(3)", "char(4)"),
        ("varchar(3)", "char(3)"),
        ("varchar(3)", "varchar(4)"),
        ("varchar(3)", "string"),
        ("decimal(10,2)", "decimal(11,2)"),
        ("decimal(10,2)", "decimal(11,3)"),
        ("decimal(10,2)", "string"),
        ("decimal(10,2)", "varchar(12)"),
        ("decimal(10,0)", "varchar(11)"),
        ("decimal(2,2)", "varchar(5)"),
        ("decimal(10,2)", "variant"),
        ("array<smallint>", "array<int>"),
        ("map<smallint,varchar(3)>", "map<int,string>"),
    ] {
        assert_eq!(retype(old, new), Severity::Safe, "{old} to {new}");
    }
}

#[test]
fn a_narrower_type_refuses_some_rows() {
    for (old, new) in [
        ("smallint", "tinyint"),
        ("int", "smallint"),
        ("int", "tinyint"),
        ("char(4)", "char(3)"),
        ("string", "varchar(4000)"),
        ("string", "decimal(10,2)"),
        ("varchar(3)", "variant"),
        ("decimal(10,2)", "decimal(9,2)"),
        ("decimal(10,2)", "decimal(10,3)"),
        ("decimal(10,2)", "decimal(10,1)"),
        ("decimal(10,2)", "varchar(11)"),
        ("decimal(10,0)", "varchar(10)"),
        ("decimal(2,2)", "varchar(4)"),
        ("variant", "decimal(10,2)"),
        ("array<int>", "array<tinyint>"),
        ("map<int,string>", "map<smallint,string>"),
        ("map<smallint,string>", "map<int,varchar(3)>"),
    ] {
        assert_eq!(retype(old, new), Severity::SomeRowsRefused, "{old} to {new}");
    }
}

#[test]
fn another_meaning_of_the_same_bytes_is_silently_wrong() {
    for (old, new) in [
        ("int", "date"),
        ("tinyint", "date"),
        ("date", "int"),
        ("date", "smallint"),
        ("bigint", "timestamp"),
        ("bigint", "timestamp_ntz"),
        ("timestamp", "bigint"),
        ("timestamp", "timestamp_ntz"),
        ("timestamp_ntz", "timestamp"),
        ("timestamp_ntz", "bigint"),
        ("variant", "string"),
        ("variant", "varchar(3)"),
        ("array<date>", "array<int>"),
        ("map<date,int>", "map<int,int>"),
    ] {
        assert_eq!(retype(old, new), Severity::SilentlyWrong, "{old} to {new}");
    }
}

#[test]
fn the_reason_of_a_retype_is_its_own() {
    let reason = |old: &str, new: &str| {
        let drift = Drift::between(&table(&[&format!("a {old}")]), &table(&[&format!("a {new}")]));
        drift.changes[0].reason.to_string()
    };
    for (old, new, expected) in [
        ("int", "bigint", "another type"),
        ("int", "date", "stored as days"),
        ("date", "int", "a date is stored as an integer"),
        ("bigint", "timestamp", "1970-01-01T00:00:00Z"),
        ("bigint", "timestamp_ntz", "wall clock"),
        ("timestamp", "bigint", "a time is stored as an integer"),
        ("int", "tinyint", "out of the narrower range"),
        ("string", "char(2)", "a longer text"),
        ("string", "variant", "not JSON"),
        ("string", "decimal(3,1)", "a text that is not a decimal number"),
        ("decimal(3,1)", "char(2)", "whose text is longer"),
        ("decimal(3,1)", "decimal(2,1)", "with more digits"),
        ("decimal(3,1)", "variant", "a JSON number"),
        ("decimal(3,1)", "string", "as its text"),
        ("variant", "string", "quotes"),
        ("variant", "decimal(3,1)", "JSON that is not a decimal number"),
        ("tinyint", "int", "every value that it accepted before"),
    ] {
        assert!(reason(old, new).contains(expected), "{old} to {new}: {}", reason(old, new));
    }
}

#[test]
fn a_struct_in_a_collection_that_becomes_a_value_is_reported_at_the_collection() {
    for (old, new) in [
        ("array<struct<b:int>>", "array<int>"),
        ("array<int>", "array<struct<b:int>>"),
        ("map<int,struct<b:int>>", "map<int,int>"),
        ("map<int,int>", "map<int,struct<b:int>>"),
    ] {
        let found = drift(&[&format!("a {old}")], &[&format!("a {new}")]);
        let [text] = &found.1[..] else { panic!("{found:?}") };
        assert!(found.0 == Some(Severity::Breaking) && text.starts_with("a: retyped from "), "{found:?}");
    }
}

#[test]
fn collections_may_be_made_not_null_and_nothing_else() {
    is_safe(&["a array<int>"], &["a array<int> NOT NULL"], &["a: made NOT NULL"]);
    is_safe(&["a map<int,int>"], &["a map<int,int> NOT NULL"], &["a: made NOT NULL"]);
    breaks(&["a struct<b:int>"], &["a struct<b:int> NOT NULL"], &["a: made NOT NULL"]);
    breaks(&["a int"], &["a int", "b array<int> NOT NULL"], &["b: added as ARRAY<INT> NOT NULL"]);
}

#[test]
fn generated_columns_are_added_dropped_and_changed() {
    let gets = "b: the table got a generated column, which a row leaves out and for which the service refuses the table \
                (error code 1022)";
    breaks(&["a int"], &["a int", "b int GENERATED"], &[gets]);
    is_safe(&["a int", "b int GENERATED"], &["a int"], &[&gets.replace("got", "lost")]);
    is_safe(&["a int", "b int GENERATED"], &["a int", "b int"], &["b: made a plain column, INT"]);
    breaks(&["a int", "b int GENERATED"], &["a int", "b int NOT NULL"], &["b: made a plain column, INT NOT NULL"]);
    assert_eq!(drift(&["a int", "b int GENERATED"], &["a int", "b int GENERATED"]), (None, vec![]));
    // A field with the same name is not the column.
    breaks(
        &["s struct<b:int>", "b int"],
        &["s struct<c:date>", "b int GENERATED"],
        &["s.b: dropped", "s.c: added as DATE", "b: made a generated column"],
    );
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

#[test]
fn a_policy_judges_by_kind_path_day_and_class() {
    let policy: Policy = serde_json::from_value(json!({
        "fail-on": "silently-wrong",
        "warn-on": "some-rows-refused",
        "allow": [
            {"change": ["retyped", "dropped"], "path": "c.s.T.A", "reason": "r", "until": "2026-02-28"},
            {"change": "moved", "path": ".", "reason": "r", "until": "2026-02-28"},
        ],
    }))
    .unwrap();
    let verdict = |old: &[&str], new: &[&str], today: &str| {
        let drift = Drift::between(&table(old), &table(new));
        match policy.judge(&drift.table, &drift.changes[0], day(today)) {
            Verdict::Allowed(_) => "allowed",
            Verdict::Fails(None) => "fails",
            Verdict::Fails(Some(_)) => "fails again",
            Verdict::Notice => "notice",
            Verdict::Warns => "warns",
            _ => "else",
        }
    };
    let (int, wide, later) = (&["a int"][..], &["a bigint"][..], "2026-03-01");
    assert_eq!(verdict(int, wide, "2026-02-28"), "allowed");
    assert_eq!(verdict(int, wide, later), "fails again");
    assert_eq!(verdict(&["ab int"], &["ab bigint"], "2026-02-28"), "fails");
    assert_eq!(verdict(&["a struct<b:int>"], &["a struct<b:bigint>"], "2026-02-28"), "allowed");
    assert_eq!(verdict(int, &["a int NOT NULL"], "2026-02-28"), "fails");
    assert_eq!(verdict(&["x int", "y int"], &["y int", "x int"], "2026-02-28"), "allowed");
    assert_eq!(verdict(&["x int"], &["x date"], later), "fails");
    assert_eq!(verdict(&["x int"], &["x tinyint"], later), "warns");
    assert_eq!(verdict(&["x tinyint"], &["x int"], later), "notice");
    let merged = policy.clone().merged(serde_json::from_value(json!({"fail_on": "never"})).unwrap());
    assert_eq!((merged.fail_on, merged.warn_on), (Some(Threshold::Never), policy.warn_on));
    assert_eq!(merged.allow, policy.allow);
    let concerns: Vec<bool> =
        ["c.s.t", "C.S.T", "c.s.tt", "c.s"].iter().map(|table| policy.allow[0].concerns(table)).collect();
    assert_eq!(concerns, [true, true, false, true]);
}

#[test]
fn without_a_policy_only_safe_drift_passes() {
    let policy = Policy::default();
    let verdict = |old: &str, new: &str| {
        let drift = Drift::between(&table(&[old]), &table(&[new]));
        policy.judge(&drift.table, &drift.changes[0], day("2026-01-01")) == Verdict::Warns
    };
    assert!(verdict("a tinyint", "a int"));
    assert!(!verdict("a int", "a tinyint") && !verdict("a int", "a date") && !verdict("a int", "a bigint"));
}

#[test]
fn a_day_is_one_of_the_calendar() {
    for good in ["2024-02-29", "2000-02-29", "2026-01-31", "2026-04-30", "0001-01-01", "9999-12-31"] {
        assert_eq!(day(good).to_string(), good);
    }
    for bad in [
        "2026-02-29",
        "1900-02-29",
        "2026-04-31",
        "2026-13-01",
        "2026-00-01",
        "2026-01-00",
        "2026-01-32",
        "0000-01-01",
        "2026-1-1",
        "26-01-01",
        "2026-01-01-",
        "2026-01-01T00:00:00Z",
        "+026-01-01",
        "2026/01/01",
        "",
        "2026-01",
    ] {
        assert!(bad.parse::<Day>().is_err(), "{bad}");
    }
    assert!(day("2026-02-01") > day("2026-01-31") && day("2027-01-01") > day("2026-12-31"));
}
