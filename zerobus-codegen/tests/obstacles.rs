//! Obstacles are reported early, with the same text wherever a table is read; and unsupported columns can be omitted.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

#[allow(dead_code, reason = "these tests need a part of it")]
mod scripted;

use std::fs;
use std::path::Path;

use scripted::{Reply, Server};
use serde_json::{Value, json};
use tempfile::TempDir;
use zerobus_codegen::cli::{Outcome, run};
use zerobus_codegen::{Error, Obstacle, Skip, Snapshots, Table, TableInfo, configure};

/// A table with every obstacle.
fn refused() -> Value {
    let field = |name: &str, data_type: &str, metadata: Value| {
        let field = json!({"name": name, "type": data_type, "nullable": true, "metadata": metadata});
        json!({"name": name, "type_text": data_type, "type_json": field.to_string(), "nullable": true})
    };
    let mut columns = [
        field("id", "long", json!({"delta.identity.start": 1})),
        field("at", "timestamp", json!({})),
        field("day", "date", json!({"delta.generationExpression": "CAST(at AS DATE)"})),
    ];
    for (position, column) in columns.iter_mut().enumerate() {
        column["position"] = position.into();
    }
    json!({
        "name": "r", "catalog_name": "main", "schema_name": "iot", "table_type": "MANAGED", "data_source_format": "DELTA",
        "columns": columns,
        "properties": {
            "delta.feature.catalogManaged": "supported", "delta.columnMapping.mode": "name", "delta.lastCommitTimestamp": "1",
            "delta.enableChangeDataFeed": "true", "delta.enableRowTracking": "true", "delta.constraints.late": "at > '2020'",
        },
    })
}

const WARNINGS: &[&str] = &[
    "table main.iot.r: id: an identity column, which a row leaves out and for which the service refuses the table (error code \
     1022); make it a plain column that the program fills",
    "table main.iot.r: day: a generated column, which a row leaves out and for which the service refuses the table (error \
     code 1022); make it a plain column, or compute it in a view",
    "table main.iot.r: column mapping by name, for which the service is reported to refuse the table; recreate the table \
     without delta.columnMapping.mode",
    "table main.iot.r: the CHECK constraint `late`, for which the service is reported to refuse the table; drop it with ALTER \
     TABLE … DROP CONSTRAINT, and check rows in the program",
    "table main.iot.r: a change data feed, for which the service is reported to refuse the table; set \
     delta.enableChangeDataFeed to false, or read the feed of another table",
    "table main.iot.r: row tracking, for which the service is reported to refuse the table (error code 1022); set \
     delta.enableRowTracking to false",
    "table main.iot.r: catalog-managed commits, for which the service refuses the table; create the table without the \
     feature, with CREATE TABLE in Databricks SQL",
];

fn folder(name: &str, text: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(name), text).unwrap();
    folder
}

fn shown(folder: &TempDir) -> &str {
    folder.path().to_str().unwrap()
}

/// Checks that the text has exactly these warnings.
#[track_caller]
fn has_all_warnings(output: &str) {
    for expected in WARNINGS {
        assert!(output.contains(expected), "{expected}\nis not in\n{output}");
    }
    assert_eq!(output.matches("warning: ").count(), WARNINGS.len(), "{output}");
}

#[test]
fn every_command_reports_the_same() {
    let server = Server::start(|_, _| Reply::new(200, refused().to_string()));
    let out = tempfile::tempdir().unwrap();
    let fetched = run(["zerobus-codegen", "fetch", "main.iot.r", "--host", &server.url, "--out", shown(&out)]);
    assert_eq!(fetched.code, 0, "{}", fetched.err);
    has_all_warnings(&fetched.err);
    let snapshot = fs::read_to_string(out.path().join("main.iot.r.json")).unwrap();
    assert!(snapshot.contains("delta.enableRowTracking") && !snapshot.contains("lastCommitTimestamp"), "{snapshot}");
    for arguments in [&["generate", "--schemas"][..], &["check", "--schemas"], &["ddl", "--schemas"]] {
        let outcome = run([&["zerobus-codegen"], arguments, &[shown(&out)]].concat());
        assert_eq!(outcome.code, 0, "{arguments:?} {}", outcome.err);
        has_all_warnings(&outcome.err);
    }
    let output = run(["zerobus-codegen", "check", "--schemas", shown(&out), "--format", "json"]);
    let json: Value = serde_json::from_str(&output.out).unwrap();
    assert_eq!(json["warnings"].as_array().unwrap().len(), WARNINGS.len());
}

#[test]
fn properties_that_are_off_are_no_obstacle() {
    let mut info: TableInfo = serde_json::from_value(refused()).unwrap();
    info.columns.retain(|column| column.name == "at");
    info.properties.clear();
    for (key, value) in [
        ("delta.feature.catalogManaged", "disabled"),
        ("delta.columnMapping.mode", "none"),
        ("delta.enableChangeDataFeed", "false"),
        ("delta.enableRowTracking", "FALSE"),
        ("delta.constraint", "x"),
    ] {
        info.properties.insert(key.to_owned(), value.to_owned());
    }
    let table = Table::try_from(&info).unwrap();
    assert_eq!((table.obstacles, table.warnings), (vec![], vec![]));
}

#[test]
fn obstacles_are_values() {
    let info: TableInfo = serde_json::from_value(refused()).unwrap();
    let table = Table::try_from(&info).unwrap();
    assert_eq!(table.obstacles.len(), WARNINGS.len());
    assert!(table.obstacles.contains(&Obstacle::GeneratedColumn { name: "day".to_owned() }));
    assert!(table.obstacles.contains(&Obstacle::Check { name: "late".to_owned() }));
    assert_eq!(table.obstacles[0].path().to_string(), "id");
}

#[test]
fn statements_state_obstacles_too() {
    let folder = folder(
        "t.sql",
        "CREATE TABLE main.iot.a (id BIGINT, day DATE GENERATED ALWAYS AS (current_date()), CONSTRAINT c CHECK (id > 0))
         TBLPROPERTIES ('delta.enableChangeDataFeed' = true);",
    );
    let read = Snapshots::read([folder.path()]).unwrap();
    let texts: Vec<String> = read.warnings.iter().map(|warning| warning.text.clone()).collect();
    assert_eq!(texts.len(), 3, "{texts:?}");
    assert!(texts[0].starts_with("table main.iot.a: day: a generated column"), "{texts:?}");
}

const SHAPES: &str = "CREATE TABLE main.geo.a (id BIGINT NOT NULL, shape GEOGRAPHY(4326), span INTERVAL DAY NOT NULL,
    place STRUCT<lon: DOUBLE, shape: GEOMETRY(ANY), lat: DOUBLE NOT NULL>, `a b` INT);
CREATE TABLE main.geo.copy AS SELECT * FROM main.geo.a;
CREATE TABLE main.geo.b (id BIGINT);";

fn generate(folder: &TempDir, skip: &[&str]) -> Outcome {
    let skip: Vec<&str> = skip.iter().flat_map(|path| ["--skip", path]).collect();
    run([&["zerobus-codegen", "generate", "--ddl", shown(folder)], &skip[..]].concat())
}

#[test]
fn what_is_skipped_does_not_stop_the_others() {
    let nullable = SHAPES.replace("INTERVAL DAY NOT NULL", "INTERVAL DAY");
    let folder = folder("t.sql", &nullable);
    let without = generate(&folder, &[]);
    assert_eq!(without.code, 1);
    let skip = ["main.geo.a.shape", "MAIN.GEO.A.span", "main.geo.a.place.shape", "main.geo.a.a b", "main.geo.copy"];
    let with = generate(&folder, &skip);
    assert_eq!((with.code, with.err.as_str()), (0, ""), "{}", with.out);
    assert!(with.out.contains("main.geo.a: 2 columns"), "{}", with.out);
    let read = Snapshots::read_without([folder.path()], &Skip::new(skip)).unwrap();
    let table = &read.tables[0].table;
    let numbers: Vec<(&str, i32)> =
        table.columns().iter().map(|column| (column.name.as_str(), column.number)).collect();
    assert_eq!(numbers, [("id", 1), ("place", 4)]);
    assert_eq!(table.columns()[1].data_type.to_string(), "STRUCT<lon: DOUBLE, lat: DOUBLE NOT NULL>");
    let skipped: Vec<String> = table.skipped_columns.iter().map(ToString::to_string).collect();
    assert_eq!(skipped, ["shape", "span", "a b", "place.shape"]);
}

#[test]
fn not_null_cannot_be_skipped_and_a_path_to_nothing_is_an_error() {
    let folder = folder("t.sql", SHAPES);
    let output = generate(&folder, &["main.geo.a.span", "main.geo.a.shap", "main.geo.copy"]);
    assert_eq!(output.code, 1);
    let expected = "span: the option skip leaves it out, but it is NOT NULL, so the service refuses rows without it";
    assert!(output.err.contains(expected), "{}", output.err);
    let expected = "the option skip names `shap`, which is not a column or field of the table; did you mean `shape`?";
    assert!(output.err.contains(expected), "{}", output.err);
    assert!(output.out.contains("main.geo.b: 1 columns"), "{}", output.out);
}

#[test]
fn the_option_works_in_the_file_and_in_build_rs() {
    let folder = folder("zerobus.toml", "skip = [\"main.geo.a.shape\", \"main.geo.copy\"]\n");
    let sql = SHAPES
        .replace("INTERVAL DAY NOT NULL", "DATE")
        .replace(", shape: GEOMETRY(ANY)", "")
        .replace(", `a b` INT", "");
    fs::write(folder.path().join("t.sql"), sql).unwrap();
    let config = folder.path().join("zerobus.toml");
    let (config, sql) = (config.to_str().unwrap(), folder.path().join("t.sql"));
    let outcome = run(["zerobus-codegen", "generate", "--ddl", sql.to_str().unwrap(), "--config", config]);
    assert_eq!((outcome.code, outcome.err.as_str()), (0, ""));
    let ddl = run(["zerobus-codegen", "ddl", "--schemas", sql.to_str().unwrap(), "--config", config]);
    assert_eq!(ddl.code, 0, "{}", ddl.err);
    assert!(ddl.out.contains("`shape` GEOGRAPHY(4326)"), "what rows leave out is part of the table: {}", ddl.out);
    let out = tempfile::tempdir().unwrap();
    let build = |skip: &[&str]| {
        let configuration = configure().out_dir(out.path());
        skip.iter().fold(configuration, |configuration, path| configuration.skip(*path)).compile([Path::new(&sql)])
    };
    build(&["main.geo.a.shape", "main.geo.copy"]).unwrap();
    assert!(matches!(build(&["main.geo.a.shape"]), Err(Error::Failures(failures)) if failures.len() == 1));
}
