//! Generated files: they are written only when they change, checked without regard to line ends, and not changed by
//! rustfmt.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use tempfile::TempDir;
use zerobus_codegen::cli::{Outcome, run};
use zerobus_codegen::{Files, Options, Snapshots, Table, configure, rust};

/// The snapshots of the goldens of valid tables, and the files generated from them.
struct Generated {
    schemas: TempDir,
    out: TempDir,
    arguments: Vec<&'static str>,
}

impl Generated {
    fn new(arguments: &[&'static str]) -> Self {
        let generated = Self {
            schemas: tempfile::tempdir().unwrap(),
            out: tempfile::tempdir().unwrap(),
            arguments: arguments.to_vec(),
        };
        for case in ["geo_earthquakes", "sales_orders", "types_every_type", "edge_deep"] {
            let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(case).join("input.json");
            fs::copy(golden, generated.schemas.path().join(case).with_extension("json")).unwrap();
        }
        generated.run("generate");
        generated
    }

    fn run(&self, command: &str) -> Outcome {
        let (schemas, out) = (self.schemas.path().to_str().unwrap(), self.out.path().to_str().unwrap());
        let fixed = ["zerobus-codegen", command, "--schemas", schemas];
        let outputs = ["--rust-out", out, "--proto-out", out, "--descriptor-out", out];
        run([&fixed[..], &outputs[..], &self.arguments].concat())
    }

    fn check(&self, expected: &str) {
        let outcome = self.run("check");
        assert_eq!(outcome.code, u8::from(!expected.is_empty()), "{}{}", outcome.out, outcome.err);
        assert!(outcome.err.contains(expected), "{expected}: {}", outcome.err);
    }

    /// The number of files that a run changes.
    fn changed(&self) -> String {
        let outcome = self.run("generate");
        let last = outcome.out.lines().last().unwrap().to_owned();
        last.rsplit(", ").next().unwrap().to_owned()
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for folder in [self.out.path().to_owned(), self.out.path().join("zerobus_tables")] {
            let Ok(entries) = fs::read_dir(folder) else { continue };
            files.extend(entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()));
        }
        files.sort();
        files
    }
}

#[test]
fn each_table_has_its_own_file_on_request() {
    let generated = Generated::new(&["--files", "per-table"]);
    let files = generated.files();
    let names = files.iter().map(|path| path.strip_prefix(generated.out.path()).unwrap().to_str().unwrap());
    let mut names: Vec<&str> =
        names.filter(|name| Path::new(name).extension().is_some_and(|ending| ending == "rs")).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "zerobus_tables.rs",
            "zerobus_tables/main.edge.deep.rs",
            "zerobus_tables/main.geo.earthquakes.rs",
            "zerobus_tables/main.sales.orders.rs",
            "zerobus_tables/main.types.every_type.rs",
        ]
    );
    generated.check("");
    assert_eq!(generated.changed(), "0 files changed");
    fs::remove_file(generated.schemas.path().join("edge_deep.json")).unwrap();
    generated.check("zerobus_tables/main.edge.deep.rs has no snapshot; remove it, or fetch its table");
}

#[test]
fn the_files_together_are_the_one_file() {
    let one = Generated::new(&[]);
    let many = Generated::new(&["--files", "per-table"]);
    let root = fs::read_to_string(many.out.path().join("zerobus_tables.rs")).unwrap();
    let included: Vec<String> = root
        .lines()
        .map(|line| match line.trim().strip_prefix("::core::include!(\"") {
            None => line.trim().to_owned(),
            Some(path) => fs::read_to_string(many.out.path().join(path.strip_suffix("\");").unwrap())).unwrap(),
        })
        .collect();
    // Whether a type is broken into lines depends on its indentation; if so, its last argument is followed by a comma.
    let tokens =
        |text: &str| text.parse::<proc_macro2::TokenStream>().unwrap().to_string().replace(", >", ">").replace(' ', "");
    let one = fs::read_to_string(one.out.path().join("zerobus_tables.rs")).unwrap();
    assert!(tokens(&included.join("\n")) == tokens(&one));
}

#[test]
fn text_made_a_table_at_a_time_is_formatted_as_a_whole() {
    let generated = Generated::new(&["--serde", "--setters"]);
    let snapshots = Snapshots::read([generated.schemas.path()]).unwrap();
    let tables: Vec<&Table> = snapshots.tables.iter().map(|snapshot| &snapshot.table).collect();
    for (tables, module) in [(&tables[..], None), (&tables[..], Some("a::b")), (&tables[..1], None), (&[], Some("a"))] {
        let mut options = Options::default();
        options.module = module.map(str::to_owned);
        let text = rust::file_with(tables, &options).unwrap();
        let (header, code) = text.split_once('\n').unwrap();
        assert!(header.starts_with("// @generated"));
        std::thread::scope(|scope| {
            let whole = || prettyplease::unparse(&syn::parse_file(code).unwrap());
            let thread = std::thread::Builder::new().stack_size(32 << 20).spawn_scoped(scope, whole).unwrap();
            assert_eq!(thread.join().unwrap(), code);
        });
    }
}

#[test]
fn an_unchanged_file_is_left_alone_and_another_replaced() {
    let generated = Generated::new(&[]);
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    for file in generated.files() {
        fs::File::options().write(true).open(&file).unwrap().set_modified(long_ago).unwrap();
    }
    assert_eq!(generated.changed(), "0 files changed");
    for file in generated.files() {
        assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), long_ago);
        let bytes = fs::read(&file).unwrap();
        let half = bytes.len() / 2;
        let mut other = bytes.clone();
        other[half] ^= 1;
        let longer = [&bytes[..], b"\n"].concat();
        for wrong in [&bytes[..half], &longer, &other, b""] {
            fs::write(&file, wrong).unwrap();
            generated.check(&format!("{} differs from the snapshots; run `zerobus-codegen generate`", file.display()));
            assert_eq!(generated.changed(), "1 files changed");
            assert_eq!(fs::read(&file).unwrap(), bytes);
        }
        fs::remove_file(&file).unwrap();
        generated.check(&format!("{} cannot be read", file.display()));
        assert_eq!(generated.changed(), "1 files changed");
        assert_eq!(fs::read(&file).unwrap(), bytes);
    }
    generated.check("");
}

#[test]
fn text_with_the_other_end_of_lines_is_the_same_text() {
    let generated = Generated::new(&["--files", "per-table"]);
    let text_files = || generated.files().into_iter().filter(|path| path.extension().unwrap() != "binpb");
    for file in text_files() {
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text.replace('\n', "\r\n")).unwrap();
    }
    generated.check("");
    assert_eq!(generated.changed(), "0 files changed");
    for file in text_files() {
        let text = fs::read_to_string(&file).unwrap();
        // A replaced file has the same line end throughout.
        fs::write(&file, text.replacen("main", "niam", 2)).unwrap();
        generated.check(&format!("{} differs", file.display()));
        assert_eq!(generated.changed(), "1 files changed");
        assert!(!fs::read_to_string(&file).unwrap().contains('\r'));
    }
}

#[test]
fn rustfmt_leaves_the_files_as_they_are() {
    for arguments in [&[][..], &["--module", "a::b"], &["--files", "per-table"], &["--flavor", "prost"]] {
        let generated = Generated::new(arguments);
        let root = generated.out.path().join("zerobus_tables.rs");
        let before = fs::read(&root).unwrap();
        let rustfmt = std::env::var_os("RUSTFMT").unwrap_or_else(|| "rustfmt".into());
        let output = Command::new(rustfmt).args(["--edition", "2024"]).arg(&root).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(fs::read(&root).unwrap() == before, "{arguments:?}");
    }
}

#[test]
fn an_option_that_is_wrong_leaves_every_file_as_it_is() {
    let generated = Generated::new(&[]);
    let before: Vec<_> = generated.files().iter().map(|file| fs::read(file).unwrap()).collect();
    let wrong = Generated { arguments: vec!["--derive", ".=a b"], ..generated };
    let outcome = wrong.run("generate");
    assert_eq!(outcome.code, 1);
    assert!(outcome.err.contains("option derives: `a b`"), "{}", outcome.err);
    let after: Vec<_> = wrong.files().iter().map(|file| fs::read(file).unwrap()).collect();
    assert!(before == after);
}

#[test]
fn a_build_script_writes_the_same_files() {
    let generated = Generated::new(&["--files", "per-table"]);
    let out = tempfile::tempdir().unwrap();
    configure().files(Files::PerTable).out_dir(out.path()).compile([generated.schemas.path()]).unwrap();
    for file in generated.files().iter().filter(|file| file.extension().unwrap() == "rs") {
        let other = out.path().join(file.strip_prefix(generated.out.path()).unwrap());
        assert_eq!(fs::read_to_string(file).unwrap(), fs::read_to_string(other).unwrap());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// For any content of the file: a run corrects it, and a check reports it correctly before and after.
    #[test]
    fn any_file_becomes_what_it_should_be(kept in 0.0..1.0_f64, rest in "[\r\n a/]{0,20}") {
        let generated = Generated::new(&[]);
        let file = generated.out.path().join("main.geo.earthquakes.proto");
        let text = fs::read_to_string(&file).unwrap();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a share")]
        let kept = (text.len() as f64 * kept) as usize;
        let found = text[..kept].replace('\n', "\r\n") + &rest;
        fs::write(&file, &found).unwrap();
        let is_same = found.replace("\r\n", "\n") == text;
        prop_assert_eq!(generated.run("check").code == 0, is_same);
        generated.run("generate");
        let after = fs::read_to_string(&file).unwrap();
        prop_assert_eq!(&after, if is_same { &found } else { &text });
    }
}
