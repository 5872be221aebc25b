//! Sources of tables: every encoding, every kind of file and folder; a bad source does not hide valid tables.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use zerobus_codegen::cli::{Outcome, run};
use zerobus_codegen::{Error, Snapshots, configure, file_text};

const SQL: &str = "CREATE TABLE main.iot.größe (\r\n  id BIGINT NOT NULL COMMENT 'Größe',\r\n  name STRING\r\n);\r\n";
const GOOD: &str = "CREATE TABLE main.iot.good (id BIGINT);";

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn json(name: &str) -> String {
    format!(
        r#"{{"name": "{name}", "catalog_name": "main", "schema_name": "iot", "columns": [{{"name": "id", "type_text": "int"}}]}}"#
    )
}

fn generate(path: &Path) -> Outcome {
    run(["zerobus-codegen", "generate", "--ddl", path.to_str().unwrap()])
}

/// The tables of a path and its failures, one per line.
fn read(path: &Path) -> (Vec<String>, Vec<String>) {
    let read = Snapshots::read([path]).unwrap();
    let tables = read.tables.iter().map(|snapshot| snapshot.table.name.to_string()).collect();
    (tables, read.failures.iter().map(ToString::to_string).collect())
}

fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

#[test]
fn every_encoding_reads_as_the_same_table() {
    let sql = SQL.replace("größe", "sizes");
    let marked = |mark: &[u8], text: Vec<u8>| [mark, &text].concat();
    for (what, bytes) in [
        ("UTF-8", sql.clone().into_bytes()),
        ("UTF-8 with a mark", marked(b"\xef\xbb\xbf", sql.clone().into_bytes())),
        ("UTF-16, little", marked(b"\xff\xfe", utf16(&sql, u16::to_le_bytes))),
        ("UTF-16, big", marked(b"\xfe\xff", utf16(&sql, u16::to_be_bytes))),
        ("UTF-16 without a mark", utf16(&sql, u16::to_le_bytes)),
        ("UTF-16, big, without a mark", utf16(&sql, u16::to_be_bytes)),
        ("lines that end in CR", sql.replace("\r\n", "\r").into_bytes()),
    ] {
        let folder = folder(&[("t.sql", &bytes)]);
        let read = Snapshots::read([folder.path().join("t.sql")]).unwrap();
        assert!(read.failures.is_empty(), "{what}: {:?}", read.failures);
        let columns = read.tables[0].table.columns();
        assert_eq!(columns[0].comment.as_deref(), Some("Größe"), "{what}");
        assert_eq!(columns.len(), 2, "{what}");
    }
    let snapshot = utf16(&json("a"), u16::to_le_bytes);
    let folder = folder(&[("a.json", &marked(b"\xff\xfe", snapshot))]);
    assert_eq!(read(folder.path()), (vec!["main.iot.a".to_owned()], vec![]));
}

#[test]
fn text_in_another_encoding_is_an_error_with_its_line() {
    let latin1 = b"CREATE TABLE main.iot.a (\n  id BIGINT COMMENT 'Gr\xf6\xdfe'\n);";
    let folder = folder(&[("t.sql", latin1)]);
    let outcome = generate(&folder.path().join("t.sql"));
    assert_eq!(outcome.code, 1);
    assert!(outcome.err.contains("t.sql: line 2 is not UTF-8; save the file as UTF-8"), "{}", outcome.err);
}

#[test]
fn a_file_or_folder_without_a_table_is_an_error() {
    let empty: &[(&str, &[u8])] = &[("a.sql", b""), ("b.sql", b"-- nothing\nGRANT SELECT ON TABLE a.b.c TO `x`;\n")];
    for (name, text) in empty {
        let folder = folder(&[(name, text)]);
        let file = folder.path().join(name);
        let outcome = generate(&file);
        assert_eq!(outcome.code, 1, "{name}");
        assert!(outcome.err.contains("creates no table; write CREATE TABLE catalog.schema.table"), "{}", outcome.err);
        let build = configure().out_dir(folder.path()).compile([&file]).unwrap_err();
        assert!(matches!(build, Error::NoSnapshot { .. }), "{build}");
    }
    let nothing = tempfile::tempdir().unwrap();
    let list = folder(&[("a.json", b"[]")]);
    for folder in [nothing.path(), list.path()] {
        assert_eq!(run(["zerobus-codegen", "generate", "--schemas", folder.to_str().unwrap()]).code, 1);
        assert_eq!(run(["zerobus-codegen", "check", "--schemas", folder.to_str().unwrap()]).code, 1);
    }
    let none: [&str; 0] = [];
    assert!(matches!(configure().out_dir(nothing.path()).compile(none), Err(Error::NoSource)));
}

#[test]
fn one_bad_source_hides_no_good_one() {
    let mixed = folder(&[
        ("a.json", json("a").as_bytes()),
        ("b.json", b"{ broken"),
        ("c.sql", b"CREATE TABLE main.iot.bad (id BIGNIT);"),
        ("d.sql", b"\xff\xfe\x00"),
        ("e.sql", GOOD.as_bytes()),
    ]);
    fs::create_dir(mixed.path().join("f.json")).unwrap();
    let (tables, failures) = read(mixed.path());
    assert_eq!(tables, ["main.iot.a", "main.iot.good"]);
    assert_eq!(failures.len(), 4, "{failures:?}");
    let out = mixed.path().join("out");
    let arguments =
        ["generate", "--schemas", mixed.path().to_str().unwrap(), "--schemas", "no/such/folder", "--proto-out"];
    let outcome = run([&["zerobus-codegen"], &arguments[..], &[out.to_str().unwrap()]].concat());
    assert_eq!(outcome.code, 1);
    assert!(outcome.err.contains("cannot read no/such/folder"), "{}", outcome.err);
    assert!(outcome.err.contains("caused by: No such file or directory"), "{}", outcome.err);
    assert!(out.join("main.iot.a.proto").exists() && out.join("main.iot.good.proto").exists());
}

#[test]
fn a_file_may_hold_a_list_of_tables() {
    for text in [
        format!("[{}, {}]", json("a"), json("b")),
        format!(r#" {{"tables": [{}, {}], "next_page_token": ""}}"#, json("a"), json("b")),
    ] {
        let folder = folder(&[("all.json", text.as_bytes())]);
        assert_eq!(read(folder.path()).0, ["main.iot.a", "main.iot.b"]);
    }
}

#[test]
fn a_file_of_any_name_holds_statements_unless_its_text_is_json() {
    let notebook = "# Databricks notebook source\n# MAGIC %sql\n# MAGIC CREATE TABLE main.iot.a (id INT)\n";
    let list = format!("\n[{}]", json("a"));
    for (name, text) in [
        ("notebook.py", notebook),
        ("tables.ddl", "CREATE TABLE main.iot.a (id INT)"),
        ("tables", "-- one\nCREATE TABLE main.iot.a (id INT)"),
        ("tables.txt", &list),
    ] {
        let folder = folder(&[(name, text.as_bytes())]);
        assert_eq!(read(&folder.path().join(name)).0, ["main.iot.a"], "{name}");
    }
}

#[test]
fn migrations_are_read_by_number_and_what_undoes_them_is_not() {
    let folder = folder(&[
        ("V1__create.sql", b"CREATE TABLE main.iot.a (one INT);"),
        ("V2__add.sql", b"ALTER TABLE main.iot.a ADD COLUMN two INT;"),
        ("V10__add.sql", b"ALTER TABLE main.iot.a ADD COLUMN ten INT;"),
        ("R__comment.sql", b"COMMENT ON TABLE main.iot.a IS 'at the end';"),
        ("U10__undo.sql", b"DROP TABLE main.iot.a;"),
        ("11_x.up.sql", b"CREATE TABLE main.iot.b (id INT);"),
        ("11_x.down.sql", b"DROP TABLE main.iot.b;"),
        (".hidden.sql", b"broken"),
        ("README.md", b"broken"),
    ]);
    let read = Snapshots::read([folder.path()]).unwrap();
    assert!(read.failures.is_empty(), "{:?}", read.failures);
    let table = &read.tables[0].table;
    let columns: Vec<&str> = table.columns().iter().map(|column| column.name.as_str()).collect();
    assert_eq!(columns, ["one", "two", "ten"]);
    assert_eq!(table.comment.as_deref(), Some("at the end"));
    assert!(read.tables[0].path.ends_with("V1__create.sql"));
    assert_eq!(read.tables[1].table.name.to_string(), "main.iot.b");
}

#[test]
fn a_table_of_a_snapshot_and_of_a_statement_is_reported() {
    let folder = folder(&[("good.json", json("good").as_bytes()), ("good.sql", GOOD.as_bytes())]);
    let (tables, failures) = read(folder.path());
    assert_eq!(tables, ["main.iot.good"]);
    assert!(failures[0].contains("good.sql: table main.iot.good is also in"), "{failures:?}");
}

#[test]
fn a_broken_type_json_is_a_warning_that_names_what_is_lost() {
    let snapshot = r#"{"name": "a", "catalog_name": "main", "schema_name": "iot", "columns": [
        {"name": "id", "type_text": "struct<x:int>", "type_json": "{\"name\":\"id\",\"type\":"}]}"#;
    let folder = folder(&[("a.json", snapshot.as_bytes())]);
    let outcome = run(["zerobus-codegen", "generate", "--schemas", folder.path().to_str().unwrap()]);
    assert_eq!(outcome.code, 0);
    assert!(outcome.err.starts_with("warning: "), "{}", outcome.err);
    let expected = "table main.iot.a: id: its type_json cannot be read (EOF while parsing a value";
    assert!(outcome.err.contains(expected), "{}", outcome.err);
    assert!(outcome.err.contains("its type_text is used"), "{}", outcome.err);
    assert!(outcome.err.contains("NOT NULL of nested fields, is not known; fetch the table again"), "{}", outcome.err);
    let snapshot = snapshot.replace("type_text", "type_name").replace("struct<x:int>", "LONG");
    std::fs::write(folder.path().join("a.json"), snapshot).unwrap();
    let outcome = run(["zerobus-codegen", "generate", "--schemas", folder.path().to_str().unwrap()]);
    assert!(outcome.err.contains("its type_name is used"), "{}", outcome.err);
}

#[test]
fn ten_thousand_statements_are_read_in_a_moment() {
    let each = |statement: &dyn Fn(u32) -> String| (0..5_000).map(statement).collect::<Vec<_>>().join("\n");
    let sql = each(&|i| format!("CREATE TABLE main.iot.t{i} (id INT);"));
    let more = each(&|i| format!("ALTER TABLE main.iot.t{i} ADD COLUMN x INT;"));
    let folder = folder(&[("1.sql", sql.as_bytes()), ("2.sql", more.as_bytes())]);
    let (tables, failures) = read(folder.path());
    assert_eq!((tables.len(), failures.len()), (5_000, 0));
}

#[test]
fn bytes_that_only_look_like_utf_16_are_an_error_or_left_alone() {
    for text in ["a\0\0\0", "\0a\0\0", "\0\0\0a", "\0\0a\0", "ab\0\0"] {
        assert_eq!(file_text(text.as_bytes()).unwrap(), text);
    }
    let wrong = |bytes: &[u8]| file_text(bytes).unwrap_err().to_string();
    assert_eq!(wrong(b"\xff\xfea\0\n\0\n\0\x00\xd8"), "line 3 is not UTF-16; save the file as UTF-8");
    assert_eq!(wrong(b"\xfe\xff\0a\0"), "line 1 is not UTF-16; save the file as UTF-8");
}
