//! Goldens of folders of snapshots: `folders/<case>/*.json` or `*.sql`, the outputs of `ddl` and `generate` in
//! `expected.ddl` and `expected.generate`, and all `.proto` files in `expected.proto`.
//!
//! `UPDATE_GOLDENS=1` updates them.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

use std::fs;
use std::path::{Path, PathBuf};

use zerobus_codegen::cli::{Outcome, run};
use zerobus_codegen::{Snapshots, Table};

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

fn cases() -> Vec<PathBuf> {
    entries(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/folders"))
}

fn zerobus_codegen(arguments: &[&str]) -> Outcome {
    run([&["zerobus-codegen"], arguments].concat())
}

/// The program's output, with the case's folder as `CASE`.
fn output(outcome: &Outcome, case: &Path) -> String {
    let Outcome { out, err, code, .. } = outcome;
    format!("{out}{err}exit code {code}\n").replace(case.to_str().unwrap(), "CASE")
}

/// The outputs of a case, by the names of their goldens.
fn outputs(case: &Path) -> [(&'static str, String); 3] {
    let (schemas, out) = (case.to_str().unwrap(), tempfile::tempdir().unwrap());
    let folder = out.path().to_str().unwrap();
    let generated = zerobus_codegen(&["generate", "--schemas", schemas, "--proto-out", folder]);
    let protos: Vec<PathBuf> = entries(out.path());
    assert!(protox::compile(&protos, [out.path()]).is_ok() || protos.is_empty(), "{}", case.display());
    let text = |path: &PathBuf| {
        format!("==> {}\n{}", path.file_name().unwrap().to_str().unwrap(), fs::read_to_string(path).unwrap())
    };
    [
        ("expected.ddl", output(&zerobus_codegen(&["ddl", "--schemas", schemas]), case)),
        ("expected.generate", output(&generated, case)),
        ("expected.proto", protos.iter().map(text).collect()),
    ]
}

#[test]
fn every_case_matches_its_golden() {
    let mut wrong = Vec::new();
    for case in cases() {
        for (name, found) in outputs(&case) {
            let expected = case.join(name);
            if fs::read_to_string(&expected).ok().as_ref() == Some(&found) {
                continue;
            }
            if std::env::var_os("UPDATE_GOLDENS").is_some() {
                fs::write(&expected, &found).unwrap();
            } else {
                wrong.push(format!("{}:\n{found}", expected.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "if the change is intended, run with UPDATE_GOLDENS=1:\n{}", wrong.join("\n"));
}

#[test]
fn the_statements_of_a_case_recreate_its_tables() {
    for case in cases() {
        let read = Snapshots::read([&case]).unwrap();
        let sql = zerobus_codegen(&["ddl", "--schemas", case.to_str().unwrap()]);
        let again = tempfile::tempdir().unwrap();
        fs::write(again.path().join("tables.sql"), &sql.out).unwrap();
        let tables = |read: &Snapshots| -> Vec<Table> { read.tables.iter().map(|read| read.table.clone()).collect() };
        let again = if read.tables.is_empty() { Vec::new() } else { tables(&Snapshots::read([again.path()]).unwrap()) };
        let descriptors = |tables: &[Table]| tables.iter().map(Table::descriptor).collect::<Vec<_>>();
        assert_eq!(descriptors(&again), descriptors(&tables(&read)), "{}", case.display());
    }
}
