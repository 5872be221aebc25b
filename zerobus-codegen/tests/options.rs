//! The options: from build.rs, from a file, from the command line, all to the same effect.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

use std::fs;
use std::path::{Path, PathBuf};

use zerobus_codegen::{Configuration, Error, Options, Visibility, cli, configure};

fn golden(case: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(case).join("input.json")
}

/// What a build makes of the tables of these cases.
fn built(configuration: Configuration, cases: &[&str]) -> Result<String, Error> {
    let out = tempfile::tempdir().unwrap();
    configuration.out_dir(out.path()).compile(cases.iter().map(|case| golden(case)))?;
    Ok(fs::read_to_string(out.path().join("zerobus_tables.rs")).unwrap())
}

/// What the program makes of the earthquakes and the orders, with these arguments.
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
    // Nothing is generated inside of a type of one's own.
    let own = configure().extern_type("main.geo.earthquakes.location", "crate::Place");
    assert!(matches(own.clone()));
    assert!(!matches(own.type_attribute("main.geo.earthquakes.location", "#[non_exhaustive]")));
}
