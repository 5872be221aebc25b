//! Builds without changes are fresh according to cargo.
#![cfg(feature = "generate")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

const MANIFEST: &str = r#"
[package]
name = "fresh"
version = "0.0.0"
edition = "2024"

[workspace]

[build-dependencies]
zerobus-codegen = { path = "ZEROBUS_CODEGEN" }
"#;

const BUILD: &str = "fn main() -> Result<(), zerobus_codegen::Error> {
    zerobus_codegen::configure().compile([\"schemas\"])
}
";

/// The types would need the runtime, so this package only includes their text as a string.
const MAIN: &str = "fn main() {
    print!(\"{}\", include_str!(concat!(env!(\"OUT_DIR\"), \"/zerobus_tables.rs\")));
}
";

/// Packages share a target folder, so they are built one at a time.
static TURN: Mutex<()> = Mutex::new(());

struct Package {
    _turn: MutexGuard<'static, ()>,
    folder: tempfile::TempDir,
    target: PathBuf,
}

impl Package {
    /// A package with one snapshot, built in the target folder of this test's own build.
    fn new() -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().unwrap();
        let codegen = Path::new(env!("CARGO_MANIFEST_DIR"));
        let write = |path: &str, text: &str| fs::write(folder.path().join(path), text).unwrap();
        fs::create_dir_all(folder.path().join("src")).unwrap();
        fs::create_dir_all(folder.path().join("schemas")).unwrap();
        write("Cargo.toml", &MANIFEST.replace("ZEROBUS_CODEGEN", codegen.to_str().unwrap()));
        write("build.rs", BUILD);
        write("src/main.rs", MAIN);
        // The workspace's lock file, so that cargo does not access a registry.
        fs::copy(codegen.join("../Cargo.lock"), folder.path().join("Cargo.lock")).unwrap();
        let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("fresh");
        let package = Self { _turn: turn, folder, target };
        package.copy("geo_earthquakes");
        package
    }

    fn copy(&self, case: &str) {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(case).join("input.json");
        fs::copy(golden, self.folder.path().join("schemas").join(case).with_extension("json")).unwrap();
    }

    /// Builds, and returns the packages that cargo rebuilt.
    fn build(&self) -> Vec<String> {
        self.run().0
    }

    /// Builds; returns the packages that were not fresh, and cargo's standard error.
    fn run(&self) -> (Vec<String>, String) {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(["build", "--offline", "--message-format=json"]).current_dir(self.folder.path());
        let output = command.env("CARGO_TARGET_DIR", &self.target).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let messages = String::from_utf8(output.stdout).unwrap();
        let messages = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let built = messages
            .filter(|message| message["reason"] == "compiler-artifact" && message["fresh"] == false)
            .map(|message| message["target"]["name"].as_str().unwrap().to_owned())
            .collect();
        (built, String::from_utf8(output.stderr).unwrap())
    }

    /// The generated file's modification time.
    fn written(&self) -> SystemTime {
        let mut newest = None;
        for folder in fs::read_dir(self.target.join("debug/build")).unwrap() {
            let file = folder.unwrap().path().join("out/zerobus_tables.rs");
            newest = newest.max(fs::metadata(file).and_then(|file| file.modified()).ok());
        }
        newest.unwrap()
    }
}

#[test]
fn a_build_that_changes_nothing_is_fresh() {
    let package = Package::new();
    assert!(package.build().contains(&"fresh".to_owned()));
    let written = package.written();
    assert_eq!(package.build(), Vec::<String>::new(), "nothing changed");

    // The script runs again, finds the same bytes, and does not touch the file.
    let snapshot = package.folder.path().join("schemas/geo_earthquakes.json");
    let text = fs::read_to_string(&snapshot).unwrap();
    fs::write(&snapshot, text.replace("\"owner\": \"data-platform@example.com\"", "\"owner\": \"somebody\"")).unwrap();
    package.build();
    assert_eq!(package.written(), written);

    package.copy("sales_orders");
    assert!(package.build().contains(&"fresh".to_owned()), "a new snapshot is noticed");
    assert!(package.written() > written);
}

#[test]
fn what_the_service_refuses_a_table_for_is_a_warning_of_the_build() {
    let package = Package::new();
    package.copy("edge_generated_columns");
    let (_, output) = package.run();
    let expected =
        "edge_generated_columns.json: table main.edge.generated_columns: day: a generated column, which a row";
    assert!(output.contains("warning: fresh@0.0.0: ") && output.contains(expected), "{output}");
}

#[test]
#[cfg(unix)]
fn options_that_come_change_and_go_are_noticed() {
    let package = Package::new();
    let notices = |why: &str| {
        assert!(package.build().contains(&"fresh".to_owned()), "{why}");
        assert_eq!(package.build(), Vec::<String>::new(), "nothing changed after: {why}");
    };
    notices("the first build");
    let (options, manifest) = (package.folder.path().join("zerobus.toml"), package.folder.path().join("Cargo.toml"));
    fs::write(&options, "module = \"tables\"\n").unwrap();
    notices("the file is there");
    fs::write(&options, "module = \"others\"\n").unwrap();
    notices("the file is another");
    fs::remove_file(&options).unwrap();
    notices("the file is gone");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.clone() + "[package.metadata.zerobus]\nmodule = \"tables\"\n").unwrap();
    notices("the manifest has options");
    fs::write(&manifest, text).unwrap();
    notices("the manifest has none");
    fs::write(&options, "module = \"tables\"\n").unwrap();
    notices("the file is there again");
}
