//! The command line, as a person or a CI job calls it.
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
fn good_tables_are_written_whatever_is_wrong_with_the_others() {
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
fn a_folder_of_good_tables_gives_zero() {
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/geo_earthquakes/input.json");
    let outcome = zerobus_codegen(&["generate", "--schemas", schemas.to_str().unwrap()]);
    assert_eq!((outcome.code, outcome.err.as_str()), (0, ""));
}

#[test]
fn arguments_that_make_no_sense_give_two_and_help_gives_zero() {
    assert_eq!(zerobus_codegen(&["generate"]).code, 2);
    assert_eq!(zerobus_codegen(&["nothing"]).code, 2);
    for command in ["fetch", "generate"] {
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
