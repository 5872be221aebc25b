//! The table of rules names tests that are there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

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
        let Some((file, path)) = name.split_once("::") else { continue };
        let path = path.rsplit("::").next().unwrap();
        // `Limits::column_order` and the like are no tests; nor is the pattern that the text explains.
        let Ok(tests) = std::fs::read_to_string(root.join("tests").join(format!("{file}.rs"))) else { continue };
        if path != "…" {
            assert!(tests.contains(&format!("fn {path}()")), "{name} is not in tests/{file}.rs");
            checked += 1;
        }
    }
    assert!(checked > 40, "only {checked} names found");
}
