//! One mistake a file: the compiler's words for each are goldens beside it.
//!
//! `TRYBUILD=overwrite cargo test -p zerobus-codegen-macros --test mistakes` writes them anew.

use std::path::Path;
use std::{fs, io};

#[test]
fn every_mistake_is_told_at_its_place() -> io::Result<()> {
    // The derive looks for snapshots in the package that it compiles, which is the one that trybuild makes up.
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let package =
        Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("tests/trybuild/zerobus-codegen-macros/schemas");
    fs::create_dir_all(&package)?;
    for snapshot in fs::read_dir(root.join("tests/schemas"))? {
        let snapshot = snapshot?;
        fs::copy(snapshot.path(), package.join(snapshot.file_name()))?;
    }
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
    cases.pass("tests/ui_pass/*.rs");
    Ok(())
}
