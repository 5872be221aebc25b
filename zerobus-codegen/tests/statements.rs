//! Goldens of SQL: `statements/<case>/*.sql`, read in order, and the resulting tables and reports in `expected.txt`.
//!
//! `UPDATE_GOLDENS=1` updates them.
#![cfg(feature = "ddl")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use zerobus_codegen::{Snapshots, Table, TableInfo, ddl};

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

/// The result of a case: tables with their columns, problems, warnings.
fn output(case: &Path) -> String {
    let mut script = ddl::Script::default();
    let (mut problems, mut warnings) = (String::new(), String::new());
    let files = entries(case).into_iter().filter(|file| file.extension().is_some_and(|extension| extension == "sql"));
    for file in files {
        let bytes = fs::read(&file).unwrap();
        let name = file.file_name().unwrap().to_string_lossy();
        let findings = script.read(&zerobus_codegen::file_text(&bytes).unwrap());
        for problem in findings.problems {
            writeln!(problems, "problem {name}: {problem}").unwrap();
        }
        for warning in findings.warnings {
            writeln!(warnings, "warning {name}: {warning}").unwrap();
        }
    }
    let tables: String = script.tables().map(|(_, info)| table(&info)).collect();
    format!("{tables}{problems}{warnings}")
}

fn table(info: &TableInfo) -> String {
    let format = info.data_source_format.as_deref().unwrap_or("-");
    let mut output = format!("table {} {} {format}\n", info.full_name(), info.table_type.as_deref().unwrap_or("-"));
    for column in &info.columns {
        let nullable = if column.nullable == Some(false) { " NOT NULL" } else { "" };
        let partition = column.partition_index.map(|index| format!(" partition {index}")).unwrap_or_default();
        let json: serde_json::Value = serde_json::from_str(column.type_json.as_deref().unwrap()).unwrap();
        let metadata =
            if json["metadata"] == serde_json::json!({}) { String::new() } else { format!(" {}", json["metadata"]) };
        let text = column.type_text.as_deref().unwrap();
        writeln!(output, "  {} {text}{nullable}{partition}{metadata}", column.name).unwrap();
        let inside = json["type"].to_string();
        if inside.contains("\"nullable\":false") || inside.contains("\"comment\"") {
            writeln!(output, "    {inside}").unwrap();
        }
    }
    for (key, value) in &info.properties {
        writeln!(output, "  {key} = {value}").unwrap();
    }
    if let Some(comment) = &info.comment {
        writeln!(output, "  comment {comment:?}").unwrap();
    }
    if let Err(report) = Table::try_from(info) {
        writeln!(output, "  {report}").unwrap();
    }
    output
}

#[test]
fn every_case_matches_its_golden() {
    let cases = entries(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/statements"));
    let mut wrong = Vec::new();
    for case in &cases {
        let (found, expected) = (output(case), case.join("expected.txt"));
        if fs::read_to_string(&expected).ok().as_ref() == Some(&found) {
            continue;
        }
        if std::env::var_os("UPDATE_GOLDENS").is_some() {
            fs::write(&expected, &found).unwrap();
        } else {
            wrong.push(format!("{}:\n{found}", case.display()));
        }
    }
    assert!(cases.len() > 20, "only {} cases", cases.len());
    assert!(wrong.is_empty(), "if the change is intended, run with UPDATE_GOLDENS=1:\n{}", wrong.join("\n"));
}

#[test]
fn the_program_reads_a_folder_as_the_sequence_of_its_files() {
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/migrations");
    let read = Snapshots::read([&case]).unwrap();
    assert!(read.failures.is_empty(), "{:?}", read.failures);
    let columns: Vec<&str> = read.tables[0].table.columns().iter().map(|column| column.name.as_str()).collect();
    assert_eq!(columns, ["id", "region", "zone"]);
}
