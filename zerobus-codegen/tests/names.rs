//! Names of tables in the outputs: each depends only on its own table, and all are different.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;

use proptest::collection::btree_set;
use proptest::prelude::*;
use serde_json::json;
use zerobus_codegen::{Table, TableInfo, TableName, cli, proto};

fn table(catalog: &str, schema: &str, name: &str) -> TableInfo {
    let column = json!({"name": "id", "type_text": "bigint", "position": 0});
    serde_json::from_value(json!({"name": name, "catalog_name": catalog, "schema_name": schema, "columns": [column]}))
        .unwrap()
}

/// Every file that the program writes for these tables, by its path in the folder.
fn written(tables: &[TableInfo], arguments: &[&str]) -> BTreeMap<String, String> {
    let (schemas, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (i, info) in tables.iter().enumerate() {
        fs::write(schemas.path().join(format!("{i}.json")), serde_json::to_string(info).unwrap()).unwrap();
    }
    let folder = |folder: &tempfile::TempDir| folder.path().to_str().unwrap().to_owned();
    let (schemas, folder) = (folder(&schemas), folder(&out));
    let fixed = ["zerobus-codegen", "generate", "--schemas", &schemas, "--rust-out", &folder, "--proto-out", &folder];
    let outcome = cli::run([&fixed, arguments].concat());
    assert_eq!(outcome.code, 0, "{}", outcome.err);
    let mut files = BTreeMap::new();
    collect(out.path(), out.path(), &mut files);
    files
}

fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
            files.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
}

/// Names that are likely to get the same spelling.
fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[ab1_]{1,4}", "[a-c]{1,2}_?[0-9]{1,2}", "self", "crate", "type", "_?events_?2024_?"]
}

fn full_names() -> impl Strategy<Value = Vec<(String, String, String)>> {
    let part = || prop_oneof![3 => Just("main".to_owned()), 1 => "[ab1_-]{1,3}"];
    btree_set((part(), part(), name()), 2..12).prop_map(|names| names.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_further_table_changes_nothing_of_another(names in full_names(), last in any::<prop::sample::Index>()) {
        let mut tables: Vec<_> = names.iter().map(|(catalog, schema, name)| table(catalog, schema, name)).collect();
        let all = written(&tables, &["--files", "per-table"]);
        tables.remove(last.index(tables.len()));
        let most = written(&tables, &["--files", "per-table"]);
        prop_assert_eq!(all.len(), most.len() + 2, "a .proto and a .rs more");
        for (file, text) in &most {
            if file != "zerobus_tables.rs" {
                prop_assert_eq!(Some(text), all.get(file), "{}", file);
            }
        }
        // The file that includes the others has some more lines.
        let lines = |files: &BTreeMap<String, String>| -> HashSet<String> {
            files["zerobus_tables.rs"].lines().skip(1).map(|line| line.trim().to_owned()).collect()
        };
        prop_assert!(lines(&most).is_subset(&lines(&all)));
    }

    #[test]
    fn messages_and_files_of_a_folder_are_distinct_as_a_whole(names in full_names()) {
        let (mut messages, mut files, mut classes) = (HashSet::new(), HashSet::new(), HashSet::new());
        let tables: Vec<_> = names.iter().map(|(catalog, schema, name)| table(catalog, schema, name)).collect();
        for info in &tables {
            let table = Table::try_from(info).unwrap();
            let message = format!("{}.{}", proto::package(&table), table.descriptor().name());
            prop_assert!(messages.insert(message.clone()), "{}", message);
            let text = proto::file(&table);
            let class = text.lines().find(|line| line.contains("java_outer_classname")).unwrap().to_lowercase();
            prop_assert!(classes.insert(format!("{}{class}", proto::package(&table))), "{}", class);
        }
        let is_proto = |file: &String| Path::new(file).extension().is_some_and(|ending| ending == "proto");
        for file in written(&tables, &[]).into_keys().filter(is_proto) {
            // In the name of a Python module a hyphen becomes an underscore, and some disks ignore case.
            let module: String = file.to_lowercase().chars().map(|c| if c == '-' { '_' } else { c }).collect();
            prop_assert!(files.insert(module), "{}", file);
        }
        prop_assert_eq!(files.len(), tables.len());
    }
}

#[test]
fn an_escaped_name_is_reported() {
    let tables = [table("main", "geo", "events_2024"), table("main", "geo", "events2024"), table("main", "s-1", "x")];
    let schemas = tempfile::tempdir().unwrap();
    for (i, info) in tables.iter().enumerate() {
        fs::write(schemas.path().join(format!("{i}.json")), serde_json::to_string(info).unwrap()).unwrap();
    }
    let outcome = cli::run(["zerobus-codegen", "generate", "--schemas", schemas.path().to_str().unwrap()]);
    assert_eq!(
        outcome.out,
        "main.geo.events2024: 1 columns\nmain.geo.events_2024: 1 columns\n  \
         note: the Rust name is main::geo::Events_2024, which is unique to this table\nmain.s-1.x: 1 columns\n  \
         note: the Rust name is main::s_1__0xu2dx0::X, which is unique to this table\n3 tables good, 0 with problems, 0 files changed\n"
    );
}

#[test]
fn files_are_named_so_that_python_finds_what_protoc_makes_of_them() {
    for (catalog, schema, file) in [
        ("main", "geo", "main.geo.t.proto"),
        ("string", "string", "string_.string.t.proto"),
        ("test", "import", "test_.import_.t.proto"),
        ("class", "test", "class_.test.t.proto"),
        ("google", "class_a", "google_.class_a.t.proto"),
    ] {
        let files = written(&[table(catalog, schema, "t")], &[]);
        assert!(files.contains_key(file), "{:?}", files.keys());
        let package = format!("package {catalog}.{schema};");
        assert!(files[file].contains(&package), "{}", files[file]);
    }
}

#[test]
fn a_full_name_that_could_lead_elsewhere_is_refused() {
    for good in ["main.geo.quakes", "ma-in.größe.t", "a.b.%2e"] {
        assert_eq!(good.parse::<TableName>().unwrap().to_string(), good);
    }
    for (wrong, why) in [
        ("main.geo", "three parts"),
        ("main.geo.a.b", "three parts"),
        ("main..a", "is empty"),
        (".geo.a", "is empty"),
        ("main.geo.a/b", "a slash"),
        ("main.geo.a\\b", "a slash"),
        ("main.`geo`.a", "a backtick"),
        ("main.geo.a b", "a space"),
        ("main.geo.a\u{1b}", "a control character"),
        ("main.geo.\u{202e}a", "a control character"),
    ] {
        let error = wrong.parse::<TableName>().unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    assert!(TableName::new("main", "geo", "a.b").unwrap_err().to_string().contains("a dot"));
}

#[test]
fn nesting_too_deep_for_protoc_is_reported() {
    let nested = |depth: usize| {
        let inner = (0..depth).fold("int".to_owned(), |inner, _| format!("struct<a:{inner}>"));
        let column = json!({"name": "top", "type_text": inner, "position": 0});
        let info = json!({"name": "deep", "catalog_name": "c", "schema_name": "s", "columns": [column]});
        Table::try_from(&serde_json::from_value::<TableInfo>(info).unwrap()).unwrap()
    };
    assert!(proto::warnings(&nested(30)).is_empty(), "31 messages");
    let text = "protoc refuses this .proto: its messages nest 32 deep, and protoc accepts 31; use the descriptor";
    assert_eq!(proto::warnings(&nested(31)), [text]);
    assert!(proto::file(&nested(31)).contains(&format!("\n// {text}\n")));
}

#[test]
fn a_struct_named_as_its_table_is_reported_for_java() {
    let column = json!({"name": "location", "type_text": "struct<a:int>", "position": 0});
    let info = json!({"name": "location", "catalog_name": "c", "schema_name": "default", "columns": [column]});
    let table = Table::try_from(&serde_json::from_value::<TableInfo>(info).unwrap()).unwrap();
    let text = proto::file(&table);
    assert!(
        text.contains("// Java refuses the class of this .proto: a message inside Location is called Location too")
    );
    assert!(
        text.contains("option java_package = \"c.default_\";\noption java_outer_classname = \"Location_Proto\";\n")
    );
    assert!(text.contains("package c.default;\n"));
}
