//! Writes the modules with every golden of zerobus-codegen that `tests/goldens_compile.rs` and `tests/flavors.rs`
//! compile, and the snapshots and types that `tests/end_to_end.rs` and `tests/stamped.rs` use.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a build script's panic is its message")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use zerobus_codegen::{Files, Flavor, StampedColumns, configure};

/// A table with stamped columns.
const STAMPED: &str = r#"{"name":"stamped","catalog_name":"main","schema_name":"iot","table_type":"MANAGED",
"data_source_format":"DELTA","columns":[
{"name":"n","type_name":"LONG","type_text":"bigint","position":0,"nullable":false},
{"name":"producer","type_name":"STRING","type_text":"string","position":1,"nullable":true},
{"name":"epoch","type_name":"LONG","type_text":"bigint","position":2,"nullable":true},
{"name":"sequence","type_name":"LONG","type_text":"bigint","position":3,"nullable":false}]}"#;

fn main() {
    let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("../zerobus-codegen/tests/goldens");
    println!("cargo::rerun-if-changed={}", goldens.display());
    let out: PathBuf = std::env::var_os("OUT_DIR").unwrap().into();
    let mut cases: Vec<PathBuf> = fs::read_dir(&goldens).unwrap().map(|case| case.unwrap().path()).collect();
    cases.retain(|case| case.join("expected.rs").exists());
    cases.sort();

    let (mut plain, mut prost) = (String::new(), String::new());
    for case in &cases {
        let (name, file) =
            (case.file_name().unwrap().to_str().unwrap(), case.join("expected.rs").canonicalize().unwrap());
        // Writing to a String cannot fail.
        let _ = writeln!(plain, "mod {name} {{ use super::shadows::*; include!({:?}); }}", file.to_str().unwrap());
        let file = file.with_file_name("expected_prost.rs");
        let _ = writeln!(prost, "mod {name} {{ use super::shadows::*; include!({:?}); }}", file.to_str().unwrap());
    }
    fs::write(out.join("goldens.rs"), plain).unwrap();
    fs::write(out.join("goldens_prost.rs"), prost).unwrap();

    // Snapshots are named after their tables; the emulator reads a folder of them.
    let schemas = out.join("schemas");
    fs::create_dir_all(&schemas).unwrap();
    for table in ["main.edge.a_view", "main.geo.earthquakes", "main.sales.orders", "main.types.every_type"] {
        let case = table.trim_start_matches("main.").replace('.', "_");
        fs::copy(goldens.join(case).join("input.json"), schemas.join(format!("{table}.json"))).unwrap();
    }
    let tables = ["main.geo.earthquakes", "main.sales.orders", "main.types.every_type"];
    let tables = tables.map(|table| schemas.join(format!("{table}.json")));
    configure().out_dir(out.join("plain")).compile(tables).unwrap();

    for (flavor, folder) in [(Flavor::Typed, "renamed"), (Flavor::Prost, "renamed_prost")] {
        let inputs = cases.iter().map(|case| case.join("input.json"));
        configure().flavor(flavor).runtime("crate::renamed").out_dir(out.join(folder)).compile(inputs).unwrap();
    }

    let stamped = out.join("stamped");
    fs::create_dir_all(&stamped).unwrap();
    fs::write(stamped.join("main.iot.stamped.json"), STAMPED).unwrap();
    for (flavor, folder) in [(Flavor::Typed, "stamped_typed"), (Flavor::Prost, "stamped_prost")] {
        let columns = StampedColumns::default();
        let stamping = configure().flavor(flavor).stamp("main.iot.stamped", columns).out_dir(out.join(folder));
        stamping.compile([&stamped]).unwrap();
    }

    // With every option that adds convenience, and one file per table.
    let cases = ["geo_earthquakes", "sales_orders", "types_every_type", "types_map_keys", "edge_names"];
    for (flavor, folder) in [(Flavor::Typed, "useful"), (Flavor::Prost, "useful_prost")] {
        let inputs = cases.map(|case| goldens.join(case).join("input.json"));
        let useful = configure().flavor(flavor).serde().setters().files(Files::PerTable).out_dir(out.join(folder));
        useful.compile(inputs).unwrap();
    }
}
