//! UI tests of the derive: one mistake per file, with the compiler's output as a golden beside it.
//!
//! `TRYBUILD=overwrite cargo test -p zerobus-codegen-macros --test mistakes` updates the goldens. The compiler's
//! output changes between releases, so they are compared on one release only.

use std::path::Path;
use std::process::Command;
use std::{env, fs, io};

/// The release of the compiler that wrote the goldens.
const GOLDENS_OF: &str = "rustc 1.95.";

#[test]
fn every_mistake_is_reported_at_its_span() -> io::Result<()> {
    // The derive looks for snapshots in the package that is compiled, here the one that trybuild generates.
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let package =
        Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("tests/trybuild/zerobus-codegen-macros/schemas");
    fs::create_dir_all(&package)?;
    for snapshot in fs::read_dir(root.join("tests/schemas"))? {
        let snapshot = snapshot?;
        fs::copy(snapshot.path(), package.join(snapshot.file_name()))?;
    }
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui_pass/*.rs");
    let compiler = compiler()?;
    if compiler.starts_with(GOLDENS_OF) {
        cases.compile_fail("tests/ui/*.rs");
    } else {
        println!("the goldens are not compared: they need {GOLDENS_OF}x, this is {compiler}");
    }
    Ok(())
}

/// The compiler's version.
fn compiler() -> io::Result<String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
