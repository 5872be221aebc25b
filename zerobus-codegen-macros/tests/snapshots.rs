//! How the derive reads the file of a snapshot, in a separate package: a changed file causes a rebuild, an unchanged
//! one does not, and a missing or broken one is reported with its path.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const MAIN: &str = r#"
use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
#[zerobus(table = "main.test.rows")]
struct Row {
    id: i64,
}

fn main() {
    let _ = (Row { id: 1 }).id;
}
"#;

/// A package with its snapshots in the folder that its zerobus.toml names.
struct Package(PathBuf);

impl Package {
    fn new(name: &str) -> Self {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("src")).unwrap();
        fs::create_dir_all(folder.join("tables")).unwrap();
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n\
             [dependencies]\nzerobus-runtime = {{ path = '{}' }}\n",
            workspace.join("zerobus-runtime").display()
        );
        fs::write(folder.join("Cargo.toml"), manifest).unwrap();
        fs::copy(workspace.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
        fs::write(folder.join("zerobus.toml"), "schemas = \"tables\"\n").unwrap();
        fs::write(folder.join("src/main.rs"), MAIN).unwrap();
        Self(folder)
    }

    /// The path of the snapshot.
    fn file(&self) -> PathBuf {
        self.0.join("tables/main.test.rows.json")
    }

    /// Writes a snapshot of a table with a column of this type.
    fn snapshot(&self, column_type: &str) {
        let json = format!(
            r#"{{"name": "rows", "catalog_name": "main", "schema_name": "test",
                "columns": [{{"name": "id", "type_text": "{column_type}", "nullable": false, "position": 0}}]}}"#
        );
        fs::write(self.file(), json).unwrap();
    }

    /// Runs `cargo check`; returns whether it passed, and its output.
    fn check(&self) -> (bool, String) {
        let output = Command::new(env!("CARGO"))
            .args(["check", "--offline", "--color", "never", "--target-dir"])
            .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("snapshots-target"))
            .current_dir(&self.0)
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    }
}

#[test]
fn a_changed_snapshot_rebuilds_and_an_unchanged_one_does_not() {
    let package = Package::new("rebuild");
    package.snapshot("bigint");
    let (passes, output) = package.check();
    assert!(passes, "{output}");
    let (passes, output) = package.check();
    assert!(passes && !output.contains("Checking rebuild"), "nothing has changed: {output}");
    package.snapshot("string");
    let (passes, output) = package.check();
    assert!(!passes, "the column became a STRING: {output}");
    assert!(output.contains("column main.test.rows.id is STRING, field `id: i64` encodes BIGINT"), "{output}");
}

#[test]
fn a_missing_or_broken_snapshot_is_reported_with_its_path() {
    let package = Package::new("broken");
    let path = package.file();
    let assert_reported = |error: &str| {
        let (passes, output) = package.check();
        assert!(!passes, "{output}");
        let place = " --> src/main.rs:5:19\n  |\n5 | #[zerobus(table = \"main.test.rows\")]\n  |                   ^^^^^^^^^^^^^^^^\n";
        assert!(output.contains(&format!("error: {error}\n{place}")), "{output}");
    };
    assert_reported(&format!(
        "cannot read the snapshot of main.test.rows at {}: No such file or directory (os error 2); run \
         `zerobus-codegen fetch main.test.rows --out tables`, or add `unchecked` to skip the check",
        path.display()
    ));
    package.snapshot("bigint");
    fs::rename(&path, path.with_file_name("main.test.row.json")).unwrap();
    assert_reported(&format!(
        "cannot read the snapshot of main.test.rows at {}: No such file or directory (os error 2); did you mean \
         \"main.test.row\"? Otherwise run `zerobus-codegen fetch main.test.rows --out tables`, or add `unchecked` to skip \
         the check",
        path.display()
    ));
    fs::write(&path, "{\"name\":\n").unwrap();
    assert_reported(&format!(
        "cannot parse the snapshot {}: EOF while parsing a value at line 2 column 0; run `zerobus-codegen fetch \
         main.test.rows --out tables`",
        path.display()
    ));
}

#[test]
fn a_byte_order_mark_is_ignored() {
    let package = Package::new("marked");
    package.snapshot("bigint");
    let text = fs::read_to_string(package.file()).unwrap();
    fs::write(package.file(), format!("\u{feff}{text}")).unwrap();
    let (passes, output) = package.check();
    assert!(passes, "{output}");
}

#[test]
fn the_options_are_read_as_the_generator_reads_them() {
    let package = Package::new("options");
    package.snapshot("bigint");
    let options = package.0.join("zerobus.toml");
    fs::write(&options, "schemas = \"tables\"\nvisibility = \"crate\"\n").unwrap();
    let (passes, output) = package.check();
    assert!(passes, "{output}");
    fs::write(&options, "schemas = \"tables\"\nmodul = \"x\"\n").unwrap();
    let (passes, output) = package.check();
    assert!(!passes && output.contains("unknown field `modul`"), "{output}");
    fs::write(&options, "schemas = \"tables\"\n").unwrap();
    let manifest = package.0.join("Cargo.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, format!("{text}[package.metadata.zerobus]\nschemas = \"tables\"\n")).unwrap();
    let (passes, output) = package.check();
    assert!(!passes && output.contains("keep one of the two"), "{output}");
}
