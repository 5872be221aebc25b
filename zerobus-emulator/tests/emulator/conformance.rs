//! The table of rules names tests that are there.

use std::path::Path;

#[test]
fn every_test_that_the_table_of_rules_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = std::fs::read_to_string(root.join("CONFORMANCE.md")).unwrap();
    let mut checked = 0;
    for name in table.split('`').skip(1).step_by(2) {
        if name.starts_with("tests/clients/") {
            assert!(root.join(name).is_file(), "{name}");
        }
        let Some((module, function)) = name.rsplit_once("::") else { continue };
        // `Limits::column_order` and the like are no tests; nor is the pattern that the text explains.
        let Some(tests) = text_of(&root.join("tests/emulator"), module) else { continue };
        if function != "…" {
            assert!(tests.contains(&format!("fn {function}()")), "{name} is not there");
            checked += 1;
        }
    }
    assert!(checked > 40, "only {checked} names found");
}

/// The file of a module, or of the nearest one around it that has a file.
fn text_of(folder: &Path, module: &str) -> Option<String> {
    let file = folder.join(module.replace("::", "/")).with_extension("rs");
    std::fs::read_to_string(file).ok().or_else(|| text_of(folder, module.rsplit_once("::")?.0))
}
