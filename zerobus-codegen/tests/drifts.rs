//! Goldens of drift: `drifts/<case>/old.sql`, `new.sql` and optionally `zerobus.toml`, and the output of `diff` in
//! every format in `expected.*`.
//!
//! `UPDATE_GOLDENS=1` updates them.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use zerobus_codegen::cli::{Outcome, run};

const FORMATS: [&str; 6] = ["text", "json", "github", "sarif", "junit", "markdown"];

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/drifts");
    let mut cases: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

fn diff(case: &Path, format: &str) -> Outcome {
    let (old, new, config) = (case.join("old.sql"), case.join("new.sql"), case.join("zerobus.toml"));
    let mut arguments = vec!["zerobus-codegen", "diff", old.to_str().unwrap(), new.to_str().unwrap()];
    arguments.extend(["--format", format]);
    // Options in the working directory must not matter.
    let config = if config.exists() { config } else { case.join("../none.toml") };
    if config.exists() {
        arguments.extend(["--config", config.to_str().unwrap()]);
    }
    run(arguments)
}

/// The report in one format, with the case's folder as `CASE`.
fn report(case: &Path, format: &str) -> String {
    let outcome = diff(case, format);
    let encoded = case.display().to_string();
    format!("{}{}exit code {}\n", outcome.out, outcome.err, outcome.code)
        .replace(&format!("file://{encoded}"), "CASE")
        .replace(&encoded, "CASE")
}

#[test]
fn every_case_matches_its_golden() {
    let mut wrong = Vec::new();
    for case in cases() {
        for format in FORMATS {
            // One case has every format; text is enough for the others.
            if format != "text" && !case.ends_with("allowed") {
                continue;
            }
            let (found, expected) = (report(&case, format), case.join(format!("expected.{format}")));
            if fs::read_to_string(&expected).ok().as_ref() == Some(&found) {
                continue;
            }
            if std::env::var_os("UPDATE_GOLDENS").is_some() {
                fs::write(&expected, &found).unwrap();
            } else {
                wrong.push(format!("{} as {format}:\n{found}", case.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "if the change is intended, run with UPDATE_GOLDENS=1:\n{}", wrong.join("\n"));
}

#[test]
fn every_format_has_the_same_exit_code_and_is_well_formed() {
    for case in cases() {
        let [text, json, github, sarif, junit, markdown] = FORMATS.map(|format| diff(&case, format));
        for outcome in [&json, &github, &sarif, &junit, &markdown] {
            assert_eq!((outcome.code, outcome.err.as_str()), (text.code, ""), "{}", case.display());
        }
        let json: Value = serde_json::from_str(&json.out).unwrap();
        let changes: usize =
            json["tables"].as_array().unwrap().iter().map(|table| table["changes"].as_array().unwrap().len()).sum();
        let sarif: Value = serde_json::from_str(&sarif.out).unwrap();
        let results = sarif["runs"][0]["results"].as_array().unwrap();
        let rules = sarif["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
        assert!(results.iter().all(|result| rules.iter().any(|rule| rule["id"] == result["ruleId"])));
        assert_eq!(
            results.iter().filter(|result| !["error", "warning"].contains(&result["ruleId"].as_str().unwrap())).count(),
            changes
        );
        let junit = roxmltree::Document::parse(&junit.out).unwrap();
        let count = |name: &str| junit.descendants().filter(|node| node.has_tag_name(name)).count().to_string();
        let suite = junit.descendants().find(|node| node.has_tag_name("testsuite")).unwrap();
        for (attribute, tag) in
            [("tests", "testcase"), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")]
        {
            assert_eq!(suite.attribute(attribute).unwrap(), count(tag), "{attribute} of {}", case.display());
        }
        let rows = markdown.out.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| |")).count();
        assert_eq!(rows, changes, "{}", markdown.out);
        assert_eq!(github.out.lines().filter(|line| line.contains(" drift of ")).count(), changes);
    }
}
