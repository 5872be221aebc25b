//! Tests of the command line, used as by a person or a CI job.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

use std::fs;
use std::path::Path;

use prost::Message as _;
use prost_types::DescriptorProto;
use zerobus_codegen::cli::{Outcome, run};

fn zerobus_codegen(arguments: &[&str]) -> Outcome {
    run([&["zerobus-codegen"], arguments].concat())
}

/// A folder with the snapshots of every golden.
fn corpus() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens");
    for case in fs::read_dir(goldens).unwrap() {
        let case = case.unwrap();
        let to = folder.path().join(case.file_name()).with_extension("json");
        fs::copy(case.path().join("input.json"), to).unwrap();
    }
    folder
}

#[test]
fn valid_tables_are_written_beside_invalid_ones() {
    let (schemas, out) = (corpus(), tempfile::tempdir().unwrap());
    let [schemas, out] = [schemas.path().to_str().unwrap(), out.path().to_str().unwrap()];
    let outcome = zerobus_codegen(&[
        "generate",
        "--schemas",
        schemas,
        "--rust-out",
        out,
        "--proto-out",
        out,
        "--descriptor-out",
        out,
    ]);
    assert_eq!(outcome.code, 1);
    assert!(outcome.out.contains("main.geo.earthquakes: 18 columns\n"), "{}", outcome.out);
    let again = zerobus_codegen(&["generate", "--schemas", schemas, "--proto-out", out, "--descriptor-out", out]);
    assert!(again.out.ends_with(" with problems, 0 files changed\n"), "{}", again.out);
    assert!(outcome.err.contains("matrix.element: ARRAY inside an ARRAY"), "{}", outcome.err);
    let bytes = fs::read(Path::new(out).join("main.geo.earthquakes.binpb")).unwrap();
    let descriptor = DescriptorProto::decode(&bytes[..]).unwrap();
    assert_eq!((descriptor.name(), descriptor.field.len()), ("Earthquakes", 18));
    assert!(!Path::new(out).join("main.edge.a_view.proto").exists());
    assert!(Path::new(out).join("zerobus_tables.rs").exists());
}

#[test]
fn a_folder_of_valid_tables_exits_with_0() {
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/geo_earthquakes/input.json");
    let outcome = zerobus_codegen(&["generate", "--schemas", schemas.to_str().unwrap()]);
    assert_eq!((outcome.code, outcome.err.as_str()), (0, ""));
}

#[test]
fn invalid_arguments_exit_with_2_and_help_with_0() {
    assert_eq!(zerobus_codegen(&["generate"]).code, 2);
    assert_eq!(zerobus_codegen(&["nothing"]).code, 2);
    assert!(zerobus_codegen(&["--help"]).out.contains("Examples:"));
    for command in ["check", "ddl", "diff", "fetch", "generate"] {
        let help = zerobus_codegen(&[command, "--help"]);
        assert_eq!(help.code, 0);
        assert!(help.out.contains("Examples:"), "{}", help.out);
    }
}

#[test]
fn a_missing_folder_is_named_with_its_remedy() {
    let outcome = zerobus_codegen(&["generate", "--schemas", "no/such/folder"]);
    assert_eq!(outcome.code, 1);
    assert!(outcome.err.contains("no/such/folder") && outcome.err.contains("zerobus-codegen fetch"), "{}", outcome.err);
}

/// A folder with the snapshot of the earthquakes, after a change to its text.
fn earthquakes(change: impl Fn(String) -> String) -> tempfile::TempDir {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/geo_earthquakes/input.json");
    let folder = tempfile::tempdir().unwrap();
    let text = change(fs::read_to_string(golden).unwrap());
    fs::write(folder.path().join("main.geo.earthquakes.json"), text).unwrap();
    folder
}

fn path(folder: &tempfile::TempDir) -> &str {
    folder.path().to_str().unwrap()
}

#[test]
fn diff_reports_drift_by_its_exit_code() {
    let old = earthquakes(|text| text);
    let unchanged = zerobus_codegen(&["diff", path(&old), path(&old)]);
    assert_eq!((unchanged.code, unchanged.out.as_str()), (0, "main.geo.earthquakes: none\n"));

    let nullable = earthquakes(|text| text.replacen("\"nullable\": false", "\"nullable\": true", 1));
    let safe = zerobus_codegen(&["diff", path(&old), path(&nullable)]);
    assert_eq!(safe.code, 3);
    assert!(safe.out.contains("main.geo.earthquakes: safe\n  safe      id: made nullable"), "{}", safe.out);
    assert_eq!(zerobus_codegen(&["diff", path(&nullable), path(&old)]).code, 4);

    let missing = zerobus_codegen(&["diff", path(&old), "no/such/file.json"]);
    assert_eq!(missing.code, 1);
    assert!(missing.err.contains("no/such/file.json"), "{}", missing.err);
}

#[test]
fn diff_of_folders_reports_added_and_removed_tables() {
    let (one, all) = (earthquakes(|text| text), corpus());
    let grown = zerobus_codegen(&["diff", path(&one), path(&all)]);
    assert!(grown.out.contains("main.sales.orders: safe\n  safe      the table is new"), "{}", grown.out);
    assert_eq!(grown.code, 1, "the corpus has tables that were never good");
    let shrunk = zerobus_codegen(&["diff", path(&all), path(&one)]);
    assert!(shrunk.out.contains("main.sales.orders: breaking\n  breaking  the table is gone"), "{}", shrunk.out);
    let view = earthquakes(|text| text.replace("\"MANAGED\"", "\"VIEW\""));
    let view = zerobus_codegen(&["diff", path(&one), path(&view)]);
    assert_eq!(view.code, 4);
    assert!(view.out.contains("it is of type VIEW"), "{}", view.out);
}

#[test]
fn drift_is_reported_to_programs_and_to_github() {
    let old = earthquakes(|text| text);
    let new = earthquakes(|text| {
        text.replace("\"name\": \"mag\"", "\"name\": \"m%g\"")
            .replace(r#"\"name\":\"mag\""#, "")
            .replace("m%g", "magnitude")
    });
    let json = zerobus_codegen(&["diff", path(&old), path(&new), "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["drift"], "breaking");
    let change = &json["tables"][0]["changes"][0];
    assert_eq!(
        (&change["column"], &change["change"], &change["to"]),
        (&"mag".into(), &"renamed".into(), &"magnitude".into())
    );
    let github = zerobus_codegen(&["diff", path(&new), path(&old), "--format", "github"]);
    let line = github.out.lines().next().unwrap();
    assert!(line.starts_with("::error file="), "{line}");
    assert!(line.contains(",title=breaking drift of main.geo.earthquakes::magnitude: renamed to mag;"), "{line}");
    let line_number = fs::read_to_string(old.path().join("main.geo.earthquakes.json")).unwrap();
    assert!(line_number.contains("\"mag\""));
}

#[test]
fn check_finds_stale_and_missing_files() {
    let (schemas, out) = (earthquakes(|text| text), tempfile::tempdir().unwrap());
    let folders = ["--schemas", path(&schemas), "--rust-out", path(&out), "--proto-out", path(&out)];
    let check = || zerobus_codegen(&[&["check"][..], &folders[..]].concat());
    let missing = check();
    assert_eq!(missing.code, 1);
    assert!(missing.err.contains("main.geo.earthquakes.proto cannot be read"), "{}", missing.err);
    assert_eq!(zerobus_codegen(&[&["generate"][..], &folders[..]].concat()).code, 0);
    assert_eq!((check().code, check().err.as_str()), (0, ""));
    let leftover = out.path().join("main.geo.gone.proto");
    fs::write(&leftover, "").unwrap();
    assert!(check().err.contains("main.geo.gone.proto has no snapshot; remove it"), "{}", check().err);
    fs::remove_file(leftover).unwrap();
    let file = out.path().join("zerobus_tables.rs");
    fs::write(&file, fs::read_to_string(&file).unwrap().replace("mag_type", "magnitude_type")).unwrap();
    let stale = check();
    assert_eq!(stale.code, 1);
    assert!(stale.err.contains("zerobus_tables.rs differs from the snapshots; run `zerobus-codegen generate`"));
}

#[test]
fn statements_are_a_source_and_an_output() {
    let (schemas, out) = (earthquakes(|text| text), tempfile::tempdir().unwrap());
    let printed = zerobus_codegen(&["ddl", "--schemas", path(&schemas), "--grantee", "0b1c"]);
    assert_eq!(printed.code, 0, "{}", printed.err);
    assert!(
        printed.out.starts_with("CREATE TABLE `main`.`geo`.`earthquakes` (\n  `id` STRING NOT NULL COMMENT 'Event id")
    );
    assert!(printed.out.ends_with("GRANT SELECT, MODIFY ON TABLE `main`.`geo`.`earthquakes` TO `0b1c`;\n"));
    let file = out.path().join("tables.sql");
    fs::write(&file, &printed.out).unwrap();
    let generated = ["generate", "--ddl", file.to_str().unwrap(), "--rust-out", path(&out), "--proto-out", path(&out)];
    assert_eq!(zerobus_codegen(&generated).code, 0);
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/geo_earthquakes");
    let same = |file: &str, expected: &str| {
        let found = fs::read_to_string(out.path().join(file)).unwrap();
        assert_eq!(found, fs::read_to_string(golden.join(expected)).unwrap());
    };
    same("zerobus_tables.rs", "expected.rs");
    same("main.geo.earthquakes.proto", "expected.proto");
    fs::write(&file, "CREATE TABLE main.geo.x (a INT, b ARRAY<)").unwrap();
    let broken = zerobus_codegen(&generated);
    assert_eq!(broken.code, 1);
    let expected = "tables.sql: line 1, column 41: table main.geo.x: column b: expected a type, found `)`";
    assert!(broken.err.contains(expected), "{}", broken.err);
}
