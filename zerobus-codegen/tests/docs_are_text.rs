//! rustdoc renders an untrusted comment as text: it causes no warning, doctest, link or HTML.
#![cfg(feature = "generate")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// The items of the runtime that generated code needs, so that rustdoc needs no other crate.
const RUNTIME: &str = "//! A crate.\n#![deny(missing_docs, rustdoc::all)]\n\
    #![allow(dead_code, reason = \"only the docs matter\")]\n\
    extern crate self as zerobus_runtime;\n";
const VALUES: &str = "/// A value.\n#[derive(Clone, Debug, PartialEq, Eq, Hash)]\npub struct";

/// The golden as a separate crate.
fn as_crate(case: &str) -> String {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(case).join("expected.rs");
    let golden = fs::read_to_string(golden).unwrap().replace("::zerobus_runtime::ZerobusMessage", "");
    let code: Vec<&str> = golden.lines().filter(|line| !line.trim_start().starts_with("#[zerobus(")).collect();
    let values = ["Date", "Timestamp", "TimestampNtz", "Variant", "Decimal<const P: u8, const S: u8>"];
    let values: Vec<String> = values.iter().map(|name| format!("{VALUES} {name};\n")).collect();
    format!("{RUNTIME}{}{}", values.concat(), code.join("\n"))
}

fn rustdoc(file: &Path, out: &Path, more: &[&str]) -> Output {
    let rustdoc = std::env::var_os("RUSTDOC").unwrap_or_else(|| "rustdoc".into());
    Command::new(rustdoc).args(["--edition", "2024", "--out-dir"]).arg(out).arg(file).args(more).output().unwrap()
}

#[test]
fn hostile_comments_are_text() {
    for case in ["edge_markdown", "edge_hostile_comments", "edge_keywords", "types_every_type"] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("golden.rs");
        fs::write(&file, as_crate(case)).unwrap();
        let docs = rustdoc(&file, folder.path(), &[]);
        let warnings = String::from_utf8_lossy(&docs.stderr);
        assert!(docs.status.success() && warnings.is_empty(), "{case}: {warnings}");
        let doctests = rustdoc(&file, folder.path(), &["--test"]);
        let found = String::from_utf8_lossy(&doctests.stdout);
        assert!(found.contains("running 0 tests"), "{case}: {found}");
    }
}

#[test]
fn a_comment_reads_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("golden.rs");
    fs::write(&file, as_crate("edge_markdown")).unwrap();
    assert!(rustdoc(&file, folder.path(), &[]).status.success());
    let page = folder.path().join("golden/main/edge/struct.Markdown.html");
    let page = fs::read_to_string(page).unwrap();
    for expected in [
        "see [Vec] and [missing] and &lt;b&gt;html&lt;/b&gt; &amp; &amp;amp; https://example.com/x_y",
        "*emph* _emph_ snake_case __x__ `code` ``` fence",
        "# heading\n- list\n1. one\n&gt; quote",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "\\u{202e}override \\u{7} bell",
    ] {
        assert!(page.contains(expected), "{expected} is not in\n{page}");
    }
}
