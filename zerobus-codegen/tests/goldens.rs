//! Goldens by folder: `goldens/<case>/input.json` and the generated outputs.
//!
//! A valid table has `expected.rs`, `expected_prost.rs`, `expected.proto`, and `report.txt` if it has notes; an invalid
//! one only has `report.txt` with its problems. `UPDATE_GOLDENS=1` updates them.
#![cfg(feature = "prost")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

use std::fs;
use std::path::{Path, PathBuf};

use zerobus_codegen::{Flavor, Options, Table, TableInfo, proto, rust};

#[test]
fn every_case_matches_its_golden() {
    let cases = cases();
    assert!(cases.len() >= 11, "only {} cases", cases.len());
    let wrong: Vec<String> = cases.iter().flat_map(|case| check(case)).collect();
    assert!(wrong.is_empty(), "if the change is intended, run with UPDATE_GOLDENS=1:\n{}", wrong.join("\n"));
}

/// The differences of one case.
fn check(case: &Path) -> Vec<String> {
    let json = fs::read_to_string(case.join("input.json")).expect("each case has an input.json");
    let info: TableInfo = serde_json::from_str(&json).expect("each input is the JSON of a table");
    let outputs = match Table::try_from(&info) {
        Ok(table) => {
            let warnings = table.warnings.iter().map(|warning| format!("warning: {warning}"));
            let notes = table.notes.iter().map(ToString::to_string);
            let notes = warnings.chain(notes).collect::<Vec<_>>().join("\n");
            [
                ("expected.rs", Some(rust::file(&[&table]))),
                ("expected_prost.rs", Some(prost_flavor(&table))),
                ("expected.proto", Some(proto::file(&table))),
                ("report.txt", (!notes.is_empty()).then(|| format!("{notes}\n"))),
            ]
        }
        Err(report) => [
            ("expected.rs", None),
            ("expected_prost.rs", None),
            ("expected.proto", None),
            ("report.txt", Some(format!("{report}\n"))),
        ],
    };
    outputs.into_iter().filter_map(|(name, text)| compare(&case.join(name), text.as_deref())).collect()
}

fn prost_flavor(table: &Table) -> String {
    let mut options = Options::default();
    options.flavor = Some(Flavor::Prost);
    rust::file_with(&[table], &options).expect("the options are good")
}

fn compare(path: &Path, text: Option<&str>) -> Option<String> {
    let found = fs::read_to_string(path).ok();
    if found.as_deref() == text {
        return None;
    }
    if std::env::var_os("UPDATE_GOLDENS").is_some() {
        match text {
            Some(text) => fs::write(path, text).expect("a golden can be written"),
            None => fs::remove_file(path).expect("a golden can be removed"),
        }
        return None;
    }
    let line = match (&found, text) {
        (Some(found), Some(text)) => {
            let at = found.lines().zip(text.lines()).take_while(|(a, b)| a == b).count();
            format!("line {}: expected {:?}, got {:?}", at + 1, found.lines().nth(at), text.lines().nth(at))
        }
        (None, _) => "it is not there".to_owned(),
        (_, None) => "it should not be there".to_owned(),
    };
    Some(format!("{}: {line}", path.display()))
}

fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens");
    let mut cases: Vec<_> = fs::read_dir(root).expect("there are goldens").map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}
