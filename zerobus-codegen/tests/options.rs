//! Options have the same effect in build.rs, in a file and on the command line.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

use std::fs;
use std::path::{Path, PathBuf};

use zerobus_codegen::{Configuration, Error, Flavor, Options, StampedColumns, Visibility, cli, configure};

fn golden(case: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(case).join("input.json")
}

/// The output of a build with the tables of these cases.
fn built(configuration: Configuration, cases: &[&str]) -> Result<String, Error> {
    let out = tempfile::tempdir().unwrap();
    configuration.out_dir(out.path()).compile(cases.iter().map(|case| golden(case)))?;
    Ok(fs::read_to_string(out.path().join("zerobus_tables.rs")).unwrap())
}

/// The output of the program for the tables earthquakes and orders, with these arguments.
fn generated(arguments: &[&str]) -> String {
    let out = tempfile::tempdir().unwrap();
    let (one, other) = (golden("geo_earthquakes"), golden("sales_orders"));
    let fixed = [
        "zerobus-codegen",
        "generate",
        "--schemas",
        one.to_str().unwrap(),
        "--schemas",
        other.to_str().unwrap(),
        "--rust-out",
        out.path().to_str().unwrap(),
    ];
    let outcome = cli::run([&fixed, arguments].concat());
    assert_eq!(outcome.code, 0, "{}", outcome.err);
    fs::read_to_string(out.path().join("zerobus_tables.rs")).unwrap()
}

const FILE: &str = r##"
module = "db::tables"
visibility = "crate"
runtime = "::renamed"
btree_maps = ["main.sales"]
bytes = ["."]

[derives]
"main.geo.earthquakes.location" = ["::serde::Serialize"]
[type_attributes]
"." = ["#[non_exhaustive]"]
[field_attributes]
"main.geo.earthquakes.mag" = ['#[serde(rename = "magnitude")]']
[extern_types]
"main.geo.earthquakes.time" = "::std::time::SystemTime"
"main.sales.orders.lines.element" = "crate::Line"
"##;

#[test]
fn the_file_the_program_and_build_rs_agree() {
    let by_build = configure()
        .module("db::tables")
        .visibility(Visibility::Crate)
        .runtime("::renamed")
        .btree_map("main.sales")
        .bytes(".")
        .derive("main.geo.earthquakes.location", "::serde::Serialize")
        .type_attribute(".", "#[non_exhaustive]")
        .field_attribute("main.geo.earthquakes.mag", "#[serde(rename = \"magnitude\")]")
        .extern_type("main.geo.earthquakes.time", "::std::time::SystemTime")
        .extern_type("main.sales.orders.lines.element", "crate::Line");
    let by_build = built(by_build, &["geo_earthquakes", "sales_orders"]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("zerobus.toml");
    fs::write(&file, FILE).unwrap();
    assert_eq!(generated(&["--config", file.to_str().unwrap()]), by_build);
    let by_arguments = generated(&[
        "--module",
        "db::tables",
        "--visibility",
        "crate",
        "--runtime",
        "::renamed",
        "--btree-map",
        "main.sales",
        "--bytes",
        ".",
        "--derive",
        "main.geo.earthquakes.location=::serde::Serialize",
        "--type-attribute",
        ".=#[non_exhaustive]",
        "--field-attribute",
        "main.geo.earthquakes.mag=#[serde(rename = \"magnitude\")]",
        "--extern-type",
        "main.geo.earthquakes.time=::std::time::SystemTime",
        "--extern-type",
        "main.sales.orders.lines.element=crate::Line",
    ]);
    assert_eq!(by_arguments, by_build);
    for expected in [
        "pub(crate) mod db {",
        "pub(crate) mod tables {",
        "pub(crate) mag: ::core::option::Option<f64>",
        "#[serde(rename = \"magnitude\")]",
        "pub(crate) time: ::std::time::SystemTime,",
        "pub(crate) updated: ::core::option::Option<::renamed::Timestamp>",
        "crate = ::renamed, generated)]",
        "pub(crate) lines: ::std::vec::Vec<crate::Line>",
        "::std::collections::BTreeMap<",
    ] {
        assert!(by_build.contains(expected), "{expected} is not in\n{by_build}");
    }
    assert_eq!(by_build.matches("::serde::Serialize").count(), 1);
    assert_eq!(by_build.matches("#[non_exhaustive]").count(), by_build.matches("pub(crate) struct ").count());
    assert!(!by_build.contains("LinesElement"), "a type of the user's own is not generated");
    assert!(syn::parse_file(&by_build).is_ok());
}

#[test]
fn options_are_read_from_zerobus_toml_or_cargo_toml() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(Options::read(folder.path()).unwrap(), (Options::default(), None));
    let manifest = folder.path().join("Cargo.toml");
    fs::write(&manifest, "[package]\nname = \"x\"\n[package.metadata.zerobus]\nmodule = \"tables\"\n").unwrap();
    let (options, file) = Options::read(folder.path()).unwrap();
    assert_eq!((options.module.as_deref(), file), (Some("tables"), Some(manifest)));
    fs::write(folder.path().join("zerobus.toml"), FILE).unwrap();
    let both = Options::read(folder.path()).unwrap_err().to_string();
    assert!(both.contains("keep one of the two"), "{both}");
    fs::remove_file(folder.path().join("Cargo.toml")).unwrap();
    assert_eq!(Options::read(folder.path()).unwrap().0.module.as_deref(), Some("db::tables"));
}

#[test]
fn invalid_options_are_reported() {
    let cases = &["geo_earthquakes"];
    for (configuration, expected) in [
        (configure().runtime("not a path"), "option runtime: `not a path` is not valid here"),
        (configure().module("a b"), "option module: `a b`"),
        (configure().derive(".", "a b"), "option derives: `a b`"),
        (configure().type_attribute(".", "struct Evil;"), "option type_attributes: `struct Evil;`"),
        (configure().field_attribute(".", "#[a"), "option field_attributes: `#[a`"),
        (configure().extern_type("main.geo.earthquakes.time", "}"), "option extern_types: `}`"),
    ] {
        let error = built(configuration, cases).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("zerobus.toml"), "modul = \"x\"\n").unwrap();
    let error = Options::read(folder.path()).unwrap_err().to_string();
    assert!(error.contains("zerobus.toml") && error.contains("unknown field `modul`"), "{error}");
}

#[test]
fn two_types_for_one_path_are_an_error_and_the_later_options_win() {
    let folder = tempfile::tempdir().unwrap();
    let types = "[extern_types]\n\"main.a.b.c\" = \"i64\"\n\"main.A.b.c\" = \"i32\"\n";
    fs::write(folder.path().join("zerobus.toml"), types).unwrap();
    let error = Options::read(folder.path()).unwrap_err().to_string();
    assert!(error.contains("`main.a.b.c` and `main.A.b.c` are one path"), "{error}");
    let of = |text: &str| -> Options {
        fs::write(folder.path().join("zerobus.toml"), text).unwrap();
        Options::read(folder.path()).unwrap().0
    };
    let (first, second) =
        (of("extern_types = {\"MAIN.a.b.c\" = \"i64\"}"), of("extern_types = {\"main.a.b.c\" = \"i32\"}"));
    let merged: Vec<_> = first.merged(second).extern_types.into_iter().collect();
    assert_eq!(merged, [("main.a.b.c".to_owned(), "i32".to_owned())]);
}

#[test]
fn a_path_that_matches_nothing_is_an_error() {
    let configuration = configure()
        .btree_map("main.sales.orders.id")
        .bytes("main.geo.earthquakes.mag")
        .derive("main.geo.earthquake", "::core::cmp::PartialOrd")
        .extern_type("main.geo.earthquakes", "crate::Quake")
        .extern_type("main.geo.earthquakes.location", "crate::Place")
        .field_attribute("main.geo.earthquakes.location.depth", "#[allow(dead_code)]")
        .field_attribute("main.geos.earthquakes.mag", "#[allow(dead_code)]")
        .type_attribute("main.nowhere", "#[non_exhaustive]");
    let error = built(configuration, &["geo_earthquakes", "sales_orders"]).unwrap_err().to_string();
    let nothing = "correct the path, or remove it";
    assert_eq!(
        error.lines().collect::<Vec<_>>(),
        [
            &format!("option btree_maps: `main.sales.orders.id` matches no MAP column; {nothing}"),
            &format!("option bytes: `main.geo.earthquakes.mag` matches no BINARY column; {nothing}"),
            "option derives: `main.geo.earthquake` matches no struct; did you mean `main.geo.earthquakes`?",
            &format!(
                "option extern_types: `main.geo.earthquakes` matches no column, element, key or value; \
                 {nothing}"
            ),
            &format!("option field_attributes: `main.geo.earthquakes.location.depth` matches no field; {nothing}"),
            "option field_attributes: `main.geos.earthquakes.mag` matches no field; \
             did you mean `main.geo.earthquakes.mag`?",
            &format!("option type_attributes: `main.nowhere` matches no struct; {nothing}"),
        ]
    );
}

#[test]
fn skip_names_tables_that_are_there() {
    let skips = |path: &str| built(configure().skip(path), &["geo_earthquakes", "sales_orders"]);
    assert_eq!(
        skips("main.geo.earthquake").unwrap_err().to_string(),
        "option skip: `main.geo.earthquake` matches no table; did you mean `main.geo.earthquakes`?"
    );
    assert_eq!(
        skips("main.geo").unwrap_err().to_string(),
        "option skip: `main.geo` matches no table; correct the path, or remove it"
    );
    assert!(!skips("MAIN.geo.earthquakes").unwrap().contains("Earthquakes"));
    assert!(!skips("main.geo.earthquakes.MAG").unwrap().contains("mag:"));
}

#[test]
fn a_path_matches_without_regard_to_case_and_by_whole_names() {
    let matches = |configuration| built(configuration, &["geo_earthquakes"]).is_ok();
    for path in [".", "main", "MAIN.Geo", "main.geo.EARTHQUAKES", "main.geo.earthquakes.LOCATION"] {
        assert!(matches(configure().type_attribute(path, "#[non_exhaustive]")), "{path}");
    }
    for path in ["mai", "main.", "main.ge", "main.geo.earthquakes.loc", "main..geo", "", "main.geo.earthquakes.mag"] {
        assert!(!matches(configure().type_attribute(path, "#[non_exhaustive]")), "{path}");
    }
    assert!(matches(configure().extern_type("MAIN.GEO.EARTHQUAKES.TIME", "crate::Time")));
    // Nothing is generated inside of a user's type.
    let own = configure().extern_type("main.geo.earthquakes.location", "crate::Place");
    assert!(matches(own.clone()));
    assert!(!matches(own.type_attribute("main.geo.earthquakes.location", "#[non_exhaustive]")));
}

const STAMPED: &str = "CREATE TABLE main.iot.readings (n INT, producer STRING, Run BIGINT, sequence BIGINT NOT NULL);
CREATE TABLE main.iot.others (producer STRING, epoch BIGINT, sequence BIGINT);
CREATE TABLE main.shop.orders (id BIGINT);";

/// The output of a build with the tables above.
fn stamped(configuration: Configuration) -> Result<String, Error> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("tables.sql"), STAMPED).unwrap();
    configuration.out_dir(folder.path()).compile([folder.path().join("tables.sql")])?;
    Ok(fs::read_to_string(folder.path().join("zerobus_tables.rs")).unwrap())
}

#[test]
fn stamps_are_named_by_table_and_the_longest_path_counts() {
    let of_run = StampedColumns { epoch: "run".to_owned(), ..StampedColumns::default() };
    let both = || configure().stamp("main.iot", StampedColumns::default()).stamp("MAIN.iot.readings", of_run.clone());
    let text = stamped(both()).unwrap();
    for attribute in ["stamp = \"producer\"", "stamp = \"epoch\"", "stamp = \"sequence\""] {
        assert_eq!(text.matches(attribute).count(), 2, "{attribute}: {text}");
    }
    let text = stamped(both().flavor(Flavor::Prost)).unwrap();
    assert_eq!(text.matches("const STAMPS: ").count(), 2, "{text}");
    // The name is spelled as in the table.
    assert!(text.contains("epoch: \"Run\""), "{text}");
    assert!(!stamped(configure()).unwrap().contains("stamp"));
}

#[test]
fn a_stamp_without_its_column_says_what_is_wrong_with_each_table() {
    let text = stamped(configure().stamp("main", StampedColumns::default())).unwrap_err().to_string();
    assert!(text.contains("option stamps: the rows of table main.iot.readings cannot be stamped\n  epoch: the table has no such column"), "{text}");
    assert!(
        text.contains("table main.shop.orders cannot be stamped\n  producer: the table has no such column\n    help: add a column of the type STRING"),
        "{text}"
    );
    assert!(!text.contains("main.iot.others"), "{text}");
    let of = |epoch: &str| StampedColumns { epoch: epoch.to_owned(), ..StampedColumns::default() };
    let text = stamped(configure().stamp("main.iot.readings", of("n"))).unwrap_err().to_string();
    assert!(
        text.contains("main.iot.readings cannot be stamped\n  n: the column is INT, and its stamp a BIGINT"),
        "{text}"
    );
    let text = stamped(configure().stamp("main.iot.readings", of("SEQUENCE"))).unwrap_err().to_string();
    assert!(text.contains("the column has another stamp as well"), "{text}");
    let text = stamped(configure().stamp("main.iot.reading", of("run"))).unwrap_err().to_string();
    assert!(
        text.contains("option stamps: `main.iot.reading` matches no table; did you mean `main.iot.readings`?"),
        "{text}"
    );
}

#[test]
fn the_file_the_arguments_and_build_rs_name_the_same_stamps() {
    let folder = tempfile::tempdir().unwrap();
    let (tables, config) = (folder.path().join("tables.sql"), folder.path().join("zerobus.toml"));
    fs::write(&tables, STAMPED).unwrap();
    fs::write(&config, "[stamps]\n\"main.iot.readings\" = { epoch = \"Run\" }\n").unwrap();
    let run = |arguments: &[&str]| {
        let fixed = ["zerobus-codegen", arguments[0], "--schemas", tables.to_str().unwrap()];
        let outcome = cli::run([&fixed, &arguments[1..]].concat());
        (outcome.code, outcome.out, outcome.err)
    };
    let out = folder.path().join("out");
    let generated = |arguments: &[&str]| {
        let (code, _, err) = run(&[&["generate", "--rust-out", out.to_str().unwrap()], arguments].concat());
        assert_eq!(code, 0, "{err}");
        fs::read_to_string(out.join("zerobus_tables.rs")).unwrap()
    };
    let by_file = generated(&["--config", config.to_str().unwrap()]);
    assert_eq!(generated(&["--stamp", "main.iot.readings=producer,Run,sequence"]), by_file);
    let of_run = StampedColumns { epoch: "Run".to_owned(), ..StampedColumns::default() };
    assert_eq!(stamped(configure().stamp("main.iot.readings", of_run)).unwrap(), by_file);
    // The statements use the stamped columns of the types.
    let (code, out, _) = run(&["ddl", "--dedup", "--config", config.to_str().unwrap()]);
    assert!(code == 0 && out.contains("PARTITION BY producer, Run, sequence"), "{out}");
    assert_eq!(out.matches("CREATE OR REPLACE VIEW").count(), 1, "the tables that are stamped alone");
    let (code, _, err) = run(&["ddl", "--dedup", "--stamped", "producer", "epoch", "sequence"]);
    assert!(code == 1 && err.contains("the rows of table main.shop.orders cannot be stamped"), "{err}");
    let (code, _, err) = run(&["generate", "--rust-out", "x", "--stamp", "main.iot=producer"]);
    assert!(code == 2 && err.contains("expected PATH=PRODUCER,EPOCH,SEQUENCE"), "{err}");
}
