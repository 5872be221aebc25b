//! The program's behaviour with `--quiet`, in JSON, after a kill, and with wrong arguments.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use zerobus_codegen::cli::{Outcome, run};

fn zerobus_codegen(arguments: &[&str]) -> Outcome {
    run([&["zerobus-codegen"], arguments].concat())
}

fn path(folder: &tempfile::TempDir) -> &str {
    folder.path().to_str().unwrap()
}

/// A folder with one table in SQL.
fn tables(sql: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("tables.sql"), sql).unwrap();
    folder
}

#[test]
fn nothing_compared_is_not_reported_as_success() {
    let schemas = tables("CREATE TABLE main.geo.quakes (id BIGINT);");
    let checked = zerobus_codegen(&["check", "--schemas", path(&schemas)]);
    let expected = "1 tables good; nothing was compared with them: name --rust-out, --proto-out or --descriptor-out, or add --live\n";
    assert_eq!((checked.code, checked.out.as_str()), (0, expected));
    let out = tempfile::tempdir().unwrap();
    zerobus_codegen(&["generate", "--schemas", path(&schemas), "--proto-out", path(&out)]);
    let checked = zerobus_codegen(&["check", "--schemas", path(&schemas), "--proto-out", path(&out)]);
    assert_eq!((checked.code, checked.out.as_str()), (0, "1 files match 1 tables\n"));
}

#[test]
fn quiet_prints_errors_and_the_requested_output() {
    let schemas = tables(
        "CREATE TABLE main.geo.quakes (id BIGINT, at TIMESTAMP, day DATE GENERATED ALWAYS AS (CAST(at AS DATE)));",
    );
    let out = tempfile::tempdir().unwrap();
    let generated = zerobus_codegen(&["-q", "generate", "--schemas", path(&schemas), "--proto-out", path(&out)]);
    assert_eq!((generated.code, generated.out.as_str()), (0, ""));
    assert!(generated.err.starts_with("warning: "), "{}", generated.err);
    let same = zerobus_codegen(&["diff", path(&schemas), path(&schemas), "--quiet"]);
    assert_eq!((same.code, same.out.as_str()), (0, ""));
    let other = tables("CREATE TABLE main.geo.quakes (at TIMESTAMP);");
    let drifted = zerobus_codegen(&["diff", path(&schemas), path(&other), "--quiet"]);
    assert!(drifted.out.contains("id: dropped"), "{}", drifted.out);
    let printed = zerobus_codegen(&["ddl", "--quiet", "--schemas", path(&other)]);
    assert!(printed.out.starts_with("CREATE TABLE"), "{}", printed.out);
}

#[test]
fn generate_reports_to_programs_as_json() {
    let schemas =
        tables("CREATE TABLE main.geo.quakes (id BIGINT, tags ARRAY<STRING>); CREATE TABLE main.geo.bad (t TIME);");
    let out = tempfile::tempdir().unwrap();
    let generate =
        || zerobus_codegen(&["generate", "--schemas", path(&schemas), "--proto-out", path(&out), "--format", "json"]);
    let outcome = generate();
    assert_eq!((outcome.code, outcome.err.as_str()), (1, ""));
    let json: Value = serde_json::from_str(&outcome.out).unwrap();
    assert_eq!((&json["tables"][0]["table"], &json["tables"][0]["columns"]), (&"main.geo.quakes".into(), &2.into()));
    assert!(json["tables"][0]["notes"][0].as_str().unwrap().starts_with("tags: null and empty"));
    assert!(json["changed"][0].as_str().unwrap().ends_with("main.geo.quakes.proto"));
    assert!(json["errors"][0].as_str().unwrap().contains("t: type TIME"));
    let again: Value = serde_json::from_str(&generate().out).unwrap();
    assert_eq!(again["changed"], serde_json::json!([]));
}

#[test]
fn what_a_killed_run_left_is_removed_and_what_another_run_writes_is_not() {
    let schemas = tables("CREATE TABLE main.geo.quakes (id BIGINT);");
    let out = tempfile::tempdir().unwrap();
    let file = |name: &str| out.path().join(name);
    for name in ["zerobus_tables.rs.4711.tmp", "main.geo.gone.proto.1.tmp", "x.binpb.99.tmp"] {
        fs::write(file(name), "half a fi").unwrap();
    }
    for name in ["notes.txt.12.tmp", "a.rs.tmp", "a.rs.12x.tmp", "12.tmp"] {
        fs::write(file(name), "somebody else's").unwrap();
    }
    // Another run is writing this one.
    let busy = File::create(file("zerobus_tables.rs.4712.tmp")).unwrap();
    busy.lock().unwrap();
    let folders = ["--rust-out", path(&out), "--proto-out", path(&out)];
    let generated = zerobus_codegen(&[&["generate", "--schemas", path(&schemas)][..], &folders].concat());
    assert_eq!(generated.code, 0, "{}", generated.err);
    let mut left: Vec<String> =
        fs::read_dir(out.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    left.sort();
    let expected = [
        "12.tmp",
        "a.rs.12x.tmp",
        "a.rs.tmp",
        "main.geo.quakes.proto",
        "notes.txt.12.tmp",
        "zerobus_tables.rs",
        "zerobus_tables.rs.4712.tmp",
    ];
    assert_eq!(left, expected);
}

#[test]
fn invalid_arguments_exit_with_2() {
    let schemas = tables("CREATE TABLE main.geo.quakes (id BIGINT);");
    let schemas = path(&schemas);
    for arguments in [
        &["fetch", "main"][..],
        &["fetch", "main.ge*.x"],
        &["fetch", "main.geo.x", "--timeout", "0"],
        &["diff"],
        &["diff", schemas],
        &["diff", schemas, schemas, schemas],
        &["diff", "--git", "HEAD", schemas, schemas],
        &["diff", schemas, schemas, "--fail-on", "everything"],
        &["diff", schemas, schemas, "--format", "xml"],
        &["generate", "--schemas", schemas, "--derive", "no_pair"],
        &["completions", "cmd"],
        &["man", "nothing"],
    ] {
        let outcome = zerobus_codegen(arguments);
        assert_eq!((outcome.code, outcome.out.as_str()), (2, ""), "{arguments:?}");
        assert!(outcome.err.starts_with("error: "), "{}", outcome.err);
    }
}

#[test]
fn the_program_describes_itself() {
    for (shell, expected) in
        [("bash", "complete -F"), ("zsh", "#compdef"), ("fish", "complete -c"), ("powershell", "Register")]
    {
        let script = zerobus_codegen(&["completions", shell]);
        assert!(script.code == 0 && script.out.contains(expected) && script.out.contains("fail-on"), "{}", script.out);
    }
    let page = zerobus_codegen(&["man"]);
    assert!(page.out.contains(".TH zerobus-codegen 1"), "{}", page.out);
    let page = zerobus_codegen(&["man", "fetch"]);
    assert!(page.out.contains(".TH zerobus-codegen-fetch 1") && page.out.contains("prune"), "{}", page.out);
}

#[test]
fn invalid_options_of_drift_are_reported() {
    let schemas = tables("CREATE TABLE main.geo.quakes (id BIGINT);");
    let rule = |line: &str| {
        format!("[[drift.allow]]\nchange = \"added\"\npath = \".\"\nreason = \"r\"\nuntil = 2030-01-01\n{line}")
    };
    let without = |line: &str| rule("").replace(line, "");
    for (options, expected) in [
        (
            "[drift]\nfail-on = \"everything\"".to_owned(),
            "`everything` is not a class of drift; expected one of safe, some-rows-refused",
        ),
        ("[drift]\nfail_at = \"safe\"".to_owned(), "unknown field `fail_at`"),
        (rule("").replace("\"added\"", "\"retypd\""), "did you mean `retyped`?"),
        (rule("").replace("\"added\"", "[]"), "the list of changes is empty"),
        (rule("").replace("\"r\"", "\" \""), "say why the change is allowed"),
        (rule("").replace("2030-01-01", "\"2030-02-30\""), "`2030-02-30` is not a date"),
        (rule("").replace("2030-01-01", "2030-01-01T00:00:00Z"), "is not a date; write it as 2027-06-30"),
        (without("until = 2030-01-01"), "missing field `until`"),
        (without("reason = \"r\""), "missing field `reason`"),
        (rule("who = \"me\""), "unknown field `who`"),
    ] {
        let config = schemas.path().join("options.toml");
        fs::write(&config, &options).unwrap();
        let outcome = zerobus_codegen(&["diff", path(&schemas), path(&schemas), "--config", config.to_str().unwrap()]);
        assert_eq!(outcome.code, 1, "{options}");
        assert!(outcome.err.contains(expected), "{options}\n{}", outcome.err);
    }
}

/// Runs git in a folder, with a fixed author.
fn git(folder: &Path, arguments: &[&str]) {
    let identity = ["-c", "user.name=n", "-c", "user.email=e@example.com", "-c", "init.defaultBranch=main"];
    let output = Command::new("git").arg("-C").arg(folder).args(identity).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Runs the program in a folder.
fn program(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_zerobus-codegen")).args(arguments).current_dir(folder).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_branch_is_compared_with_a_commit_of_git() {
    let repository = tempfile::tempdir().unwrap();
    let folder = repository.path().join("service/schemas");
    fs::create_dir_all(&folder).unwrap();
    let write = |file: &str, sql: &str| fs::write(folder.join(file), sql).unwrap();
    git(repository.path(), &["init", "-q"]);
    write("1_a ä.sql", "CREATE TABLE main.geo.a (id BIGINT);");
    write("2_b.sql", "CREATE TABLE main.geo.b (id BIGINT);");
    git(repository.path(), &["add", "."]);
    git(repository.path(), &["commit", "-qm", "one"]);
    git(repository.path(), &["tag", "v1"]);
    write("1_a ä.sql", "CREATE TABLE main.geo.a (id BIGINT, x INT);");
    fs::remove_file(folder.join("2_b.sql")).unwrap();
    write("3_c.sql", "CREATE TABLE main.geo.c (id BIGINT);");
    let service = repository.path().join("service");
    // The default path, a relative one, a file, and an absolute one from elsewhere.
    let (code, out, err) = program(&service, &["diff", "--git", "v1"]);
    assert_eq!(code, 4, "{err}");
    let expected = "main.geo.a: safe\n  safe      x: added as INT; a program that leaves it out writes NULL\n\
                    main.geo.c: safe\n  safe      the table is new; no program writes to it yet\n\
                    main.geo.b: breaking\n  breaking  the table is gone; the service refuses to open a stream to it\n";
    assert_eq!(out, expected);
    assert_eq!(program(repository.path(), &["diff", "--git", "v1", "service/schemas"]).1, expected);
    assert_eq!(program(Path::new("/"), &["diff", "--git", "v1", folder.to_str().unwrap()]).1, expected);
    let (code, out, _) = program(&folder, &["diff", "--git", "HEAD", "1_a ä.sql"]);
    assert_eq!((code, out.lines().next()), (3, Some("main.geo.a: safe")));
    // The place of a dropped table is its path on disk.
    let (_, out, _) = program(&service, &["diff", "--git", "v1", "--format", "github"]);
    assert!(out.contains("::error file=schemas/2_b.sql,title=breaking drift of main.geo.b::"), "{out}");
    // The tables of a folder that did not exist are new; a folder that exists on neither side is an error.
    fs::create_dir(service.join("more")).unwrap();
    fs::write(service.join("more/d.sql"), "CREATE TABLE main.geo.d (id BIGINT);").unwrap();
    assert_eq!(program(&service, &["diff", "--git", "v1", "more"]).0, 3);
    let (code, _, err) = program(&service, &["diff", "--git", "v1", "nowhere"]);
    assert!(code == 1 && err.contains("nowhere"), "{err}");
    // References that git does not have, and one that looks like an option.
    for reference in ["nothing", "--help", "v1:service"] {
        let (code, out, err) = program(&service, &["diff", &format!("--git={reference}")]);
        assert_eq!((code, out.as_str()), (1, ""), "{err}");
        assert!(err.contains(&format!("error: git cannot read `{reference}`")), "{err}");
    }
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("t.sql"), "CREATE TABLE main.geo.d (id BIGINT);").unwrap();
    let (code, _, err) = program(outside.path(), &["diff", "--git", "v1", "t.sql"]);
    assert!(code == 1 && err.contains("git"), "{err}");
}

#[test]
fn a_skipped_column_that_is_gone_is_no_drift() {
    let old = tables("CREATE TABLE main.geo.a (id BIGINT, shape GEOGRAPHY(4326));");
    let new = tables("CREATE TABLE main.geo.a (id BIGINT);");
    let config = old.path().join("options.toml");
    fs::write(&config, "skip = [\"main.geo.a.shape\"]").unwrap();
    let outcome = zerobus_codegen(&["diff", path(&old), path(&new), "--config", config.to_str().unwrap()]);
    assert_eq!((outcome.code, outcome.out.as_str()), (0, "main.geo.a: none\n"));
}
