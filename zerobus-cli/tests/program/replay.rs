//! `zerobus replay`: files with more rows than are under way at a time, and files that cannot be replayed.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

#[cfg(target_os = "linux")]
use crate::support::finish;
#[cfg(unix)]
use crate::support::signal;
use crate::support::{Bench, Run, TABLE, figures};

/// The line of a dead letter with a refused row of the table.
fn letter(table: &str, row: &str) -> String {
    let line = json!({
        "table": table, "encoding": "json", "kind": "rejected", "reason": "the table had no such column", "attempts": 1, "persisted": "no",
        "row": BASE64_STANDARD.encode(row),
    });
    format!("{line}\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn more_rows_than_are_held_are_sent_and_those_that_fail_again_stay_in_their_order() {
    const ROWS: i64 = 20_000;
    let bench = Bench::new().await;
    let row = |id: i64| {
        let row = if id % 1_000 == 7 { format!("{{\"id\":\"row {id}\"}}") } else { format!("{{\"id\":{id}}}") };
        letter(TABLE, &row)
    };
    let unknown = letter("main.shop.gone", "{\"id\":1}");
    bench.write("dead.ndjson", (0..ROWS).map(row).collect::<String>());
    let run = bench.run(&["replay", "dead.ndjson", "--json"]).await;
    assert_eq!((run.code, figures(&run)), (3, (20_000, 19_980, 20)), "{run:?}");
    assert_eq!(bench.ids().await, (0..ROWS).filter(|id| id % 1_000 != 7).collect::<Vec<_>>());
    let left: Vec<Value> = bench.read("dead.ndjson").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let reasons: Vec<&str> = left.iter().map(|letter| letter["reason"].as_str().unwrap()).collect();
    let expected: Vec<String> =
        (0..20).map(|n| format!("column id: found the text \"row {}\", expected BIGINT", n * 1_000 + 7)).collect();
    assert_eq!(reasons, expected);

    // A row of a table that does not exist keeps its reason; rows of other tables are still sent.
    bench.write("dead.ndjson", [row(ROWS), row(7), unknown.clone(), row(ROWS + 1)].concat());
    let run = bench.run(&["replay", "dead.ndjson", "--json"]).await;
    assert_eq!((run.code, figures(&run)), (1, (4, 2, 1)), "{run:?}");
    assert_eq!(run.json()["rows_undelivered"], 1);
    assert!(run.json()["error"].as_str().unwrap().contains("main.shop.gone"), "{run:?}");
    let dead = bench.read("dead.ndjson");
    let left: Value = serde_json::from_str(dead.lines().last().unwrap()).unwrap();
    assert_eq!((&left["table"], &left["reason"]), (&json!("main.shop.gone"), &json!("the table had no such column")));
    assert_eq!(bench.ids().await.len(), 19_982);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_read_whole_stays_as_it_is_and_none_of_its_rows_is_sent() {
    let bench = Bench::new().await;
    let content = [letter(TABLE, "{\"id\":1}"), "no letter\n".to_owned(), letter(TABLE, "{\"id\":2}")].concat();
    bench.write("dead.ndjson", &content);
    let run = bench.run(&["replay", "dead.ndjson"]).await;
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.err.contains("dead.ndjson") && run.err.contains("line 2"), "{run:?}");
    assert_eq!(bench.read("dead.ndjson"), content);
    assert!(bench.rows().await.is_empty());
    std::fs::create_dir(bench.path("folder")).unwrap();
    let run = bench.run(&["replay", "folder"]).await;
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.err.contains("folder is not a file"), "{run:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_row_never_returns_as_another_row() {
    let bench = Bench::new().await;
    bench.write("times.ndjson", "{\"id\":1,\"at\":1700000000}\n");
    bench.write("millis.ndjson", "{\"id\":2,\"at\":1700000000000,\"name\":2}\n");
    bench.write("wide.csv", "id,name\n3,a,b\n4\n");
    bench.write("comma.csv", "id;price\n5;1.234\n");
    bench.write("nested.csv", "id,extra,place\n6,abc,\n7,1,\"{\"\"lat\"\":1,\"\"lat\"\":2}\"\n");
    for file in [
        &["times.ndjson"][..],
        &["millis.ndjson", "--time-unit", "millis"],
        &["wide.csv"],
        &["comma.csv", "--decimal-comma"],
        &["nested.csv"],
    ] {
        let kept = ["--dead-letters", "dead.ndjson", "--max-rejected", "9", "--json"];
        let run = bench.run(&[&["send", TABLE], file, &kept].concat()).await;
        assert_eq!((run.code, figures(&run).1), (3, 0), "{run:?}");
    }
    let letters = bench.read("dead.ndjson");
    assert_eq!(letters.lines().count(), 7);
    let run = bench.run(&["replay", "dead.ndjson", "--json"]).await;
    assert_eq!((run.code, figures(&run)), (3, (7, 0, 7)), "{run:?}");
    assert!(run.err.contains("4 of the rows that stay are `partial`"), "{run:?}");
    assert!(bench.rows().await.is_empty());
    // With its unit named, the first row is what its file said. The second, once fixed, has the unit of its own letter.
    let dead = bench.read("dead.ndjson");
    let fixed = dead.lines().map(|line| {
        let mut letter: Value = serde_json::from_str(line).unwrap();
        let row = String::from_utf8(BASE64_STANDARD.decode(letter["row"].as_str().unwrap()).unwrap()).unwrap();
        letter["row"] = BASE64_STANDARD.encode(row.replace("\"name\":2", "\"name\":null")).into();
        letter.as_object_mut().unwrap().remove("json");
        format!("{letter}\n")
    });
    bench.write("dead.ndjson", fixed.collect::<String>());
    let run = bench.run(&["replay", "dead.ndjson", "--time-unit", "secs", "--json"]).await;
    assert_eq!((run.code, figures(&run)), (3, (7, 2, 5)), "{run:?}");
    assert_eq!(bench.rows().await[1]["at"], 1_700_000_000_000_000_i64);
    assert_eq!(bench.rows().await[0]["at"], 1_700_000_000_000_000_i64);
}

/// The lines of a file of dead letters.
fn letters(bench: &Bench, name: &str) -> Vec<Value> {
    bench.read(name).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A table and the dead letters of rows that the server refused, since the columns were wider in the program's schema.
async fn refused_by_the_server(ddl: &str, rows: &str) -> Bench {
    let bench = Bench::with(ddl, |builder| builder).await;
    bench.write("wide.sql", ddl.replace("TINYINT", "INT"));
    bench.write("rows.ndjson", rows);
    let arguments = ["send", "main.shop.small", "rows.ndjson", "--ddl", "wide.sql"];
    let run = bench.run(&[&arguments[..], &["--dead-letters", "dead.ndjson", "--max-rejected", "1000"]].concat()).await;
    assert_eq!(run.code, 3, "{run:?}");
    assert!(letters(&bench, "dead.ndjson").iter().all(|letter| letter["encoding"] == "proto"));
    bench
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_returns_by_the_names_of_its_columns_after_they_have_moved() {
    let ddl =
        "CREATE TABLE main.shop.small (n TINYINT, a STRING, b STRING, at TIMESTAMP, v VARIANT, m MAP<STRING, INT>);";
    let row =
        "{\"n\":1000,\"a\":\"A\",\"b\":\"B\",\"at\":\"2026-01-31T12:00:00Z\",\"v\":{\"k\":[1.50]},\"m\":{\"\":0}}\n";
    let before = refused_by_the_server(ddl, row).await;
    let moved =
        "CREATE TABLE main.shop.small (m MAP<STRING, INT>, v VARIANT, b STRING, a STRING, n INT, at TIMESTAMP);";
    let (bench, run) = replayed_into(moved, &before).await;
    assert_eq!((run.code, figures(&run)), (0, (1, 1, 0)), "{run:?}");
    let stored = bench.emulator.rows("main.shop.small").await.unwrap();
    let expected = json!({
        "n": 1000, "a": "A", "b": "B", "at": 1_769_860_800_000_000_i64, "v": "{\"k\":[1.5]}", "m": {"": 0},
    });
    assert_eq!(stored, [expected]);

    // Without a descriptor that is known and without JSON, nobody can tell what the numbers of its fields mean.
    let mut letter = letters(&before, "dead.ndjson").remove(0);
    letter.as_object_mut().unwrap().retain(|key, _| key != "json");
    bench.write("dead.ndjson", format!("{letter}\n"));
    let run = bench.run(&["replay", "dead.ndjson", "--json"]).await;
    assert_eq!((run.code, figures(&run)), (3, (1, 0, 1)), "{run:?}");
    let left = letters(&bench, "dead.ndjson");
    assert!(left[0]["reason"].as_str().unwrap().contains("a message with another descriptor"), "{left:?}");
    assert_eq!((&left[0]["row"], &left[0]["schema"]), (&letter["row"], &letter["schema"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variant_returns_as_it_was_meant() {
    let bench = Bench::new().await;
    // A JSON stream has JSON as a text, and `send` has the value.
    let text = "{\"id\":1,\"extra\":\"{\\\"a\\\":1}\"}";
    bench.write("json.ndjson", letter(TABLE, text));
    bench.write(
        "rows.ndjson",
        format!("{}\n{{\"id\":3,\"name\":3,\"extra\":{{\"a\":1}}}}\n", text.replace("\"id\":1", "\"id\":2,\"name\":2")),
    );
    let sent = ["send", TABLE, "rows.ndjson", "--dead-letters", "sent.ndjson", "--max-rejected", "9", "--json"];
    let run = bench.run(&sent).await;
    assert_eq!((run.code, figures(&run)), (3, (2, 0, 2)), "{run:?}");
    let fixed = letters(&bench, "sent.ndjson").into_iter().map(|mut letter| {
        let row = String::from_utf8(BASE64_STANDARD.decode(letter["row"].as_str().unwrap()).unwrap()).unwrap();
        letter["row"] = BASE64_STANDARD.encode(row.replace("\"name\":2,", "").replace("\"name\":3,", "")).into();
        letter.as_object_mut().unwrap().remove("json");
        format!("{letter}\n")
    });
    bench.write("sent.ndjson", fixed.collect::<String>());
    for file in ["json.ndjson", "sent.ndjson"] {
        let run = bench.run(&["replay", file, "--json"]).await;
        assert_eq!((run.code, figures(&run).2), (0, 0), "{run:?}");
    }
    let stored: Vec<Value> = bench.rows().await.into_iter().map(|row| row["extra"].clone()).collect();
    // The emulator shows a VARIANT as its JSON text: an object, a text, an object.
    assert_eq!(stored, ["{\"a\":1}", "\"{\\\"a\\\":1}\"", "{\"a\":1}"]);

    // A value that a JSON stream cannot have meant as JSON is refused, and names its column.
    bench.write(
        "json.ndjson",
        [letter(TABLE, "{\"id\":1,\"extra\":7}"), letter(TABLE, "{\"id\":1,\"extra\":\"{\"}")].concat(),
    );
    let run = bench.run(&["replay", "json.ndjson", "--json"]).await;
    assert_eq!((run.code, figures(&run)), (3, (2, 0, 2)), "{run:?}");
    for letter in letters(&bench, "json.ndjson") {
        assert!(letter["reason"].as_str().unwrap().starts_with("column extra: found"), "{letter}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_stays_where_its_column_means_something_else_now() {
    let cases = [
        ("DATE", "TIMESTAMP_NTZ", "\"2026-01-31\""),
        ("ARRAY<DATE>", "ARRAY<TIMESTAMP>", "[\"2026-01-31\"]"),
        ("INT", "DATE", "20484"),
        ("BIGINT", "TIMESTAMP", "1769860800"),
        ("TIMESTAMP", "BIGINT", "\"2026-01-31T12:00:00Z\""),
        ("STRING", "BINARY", "\"abcd\""),
        ("STRUCT<v: STRING>", "STRUCT<v: VARIANT>", "{\"v\":\"123\"}"),
        ("FLOAT", "DOUBLE", "0.1"),
    ];
    for (before, after, value) in cases {
        let (bench, run) = altered(before, after, value).await;
        assert_eq!((run.code, figures(&run)), (3, (1, 0, 1)), "{before} to {after}: {run:?}");
        let reason = letters(&bench, "dead.ndjson")[0]["reason"].as_str().unwrap().to_owned();
        assert!(reason.starts_with("column c") && reason.contains("as the column was"), "{reason}");
    }
    // Wider types of the same kind are fine.
    for (before, after, value) in
        [("INT", "BIGINT", "7"), ("DECIMAL(4,2)", "DECIMAL(9,2)", "1.25"), ("VARCHAR(3)", "STRING", "\"a\"")]
    {
        let (_, run) = altered(before, after, value).await;
        assert_eq!((run.code, figures(&run)), (0, (1, 1, 0)), "{before} to {after}: {run:?}");
    }
}

/// Replays a refused row after its column `c` has changed from one type to another.
async fn altered(before: &str, after: &str, value: &str) -> (Bench, Run) {
    let ddl = |t: &str| format!("CREATE TABLE main.shop.small (n TINYINT, c {t});");
    let refused = refused_by_the_server(&ddl(before), &format!("{{\"n\":1000,\"c\":{value}}}\n")).await;
    replayed_into(&ddl(after).replace("TINYINT", "INT"), &refused).await
}

/// Replays the dead letters of another bench into a table of its own.
async fn replayed_into(ddl: &str, other: &Bench) -> (Bench, Run) {
    let bench = Bench::with(ddl, |builder| builder).await;
    bench.write("dead.ndjson", other.read("dead.ndjson"));
    let run = bench.run(&["replay", "dead.ndjson", "--json"]).await;
    (bench, run)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_is_mended_by_hand_in_its_json() {
    let ddl = "CREATE TABLE main.shop.small (n TINYINT, a STRING);";
    let bench = refused_by_the_server(ddl, "{\"n\":1000,\"a\":\"A\"}\n").await;
    let refused = letters(&bench, "dead.ndjson").remove(0);
    let edited = |json: Value, keeps_row: bool| {
        let mut letter = refused.clone();
        letter["json"] = json;
        if !keeps_row {
            letter.as_object_mut().unwrap().remove("row");
        }
        format!("{letter}\n")
    };
    // The letter holds two rows, and only one of them was edited.
    bench.write("dead.ndjson", edited(json!({"n": 7, "a": "A"}), true));
    for ddl in [&[][..], &["--ddl", "wide.sql"]] {
        let run = bench.run(&[&["replay", "dead.ndjson", "--json"][..], ddl].concat()).await;
        assert_eq!((run.code, figures(&run)), (3, (1, 0, 1)), "{run:?}");
    }
    let reason = letters(&bench, "dead.ndjson")[0]["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("a `json` that differs from `row`"), "{reason}");
    bench.write("dead.ndjson", edited(json!({"a": "A", "n": 7}), false));
    let run = bench.run(&["replay", "dead.ndjson", "--json"]).await;
    assert_eq!((run.code, figures(&run)), (0, (1, 1, 0)), "{run:?}");
    assert_eq!(bench.emulator.rows("main.shop.small").await.unwrap(), [json!({"n": 7, "a": "A"})]);
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_lists_that_must_not_be_null_return() {
    let columns = "l ARRAY<INT> NOT NULL, m MAP<STRING, INT> NOT NULL, s STRUCT<a: ARRAY<INT> NOT NULL>";
    let ddl = format!("CREATE TABLE main.shop.small (n TINYINT, {columns});");
    let before = refused_by_the_server(&ddl, "{\"n\":1000,\"l\":[],\"m\":{},\"s\":{\"a\":[]}}\n").await;
    let moved = format!("CREATE TABLE main.shop.small (q INT, n INT, {columns});");
    let (_, run) = replayed_into(&moved, &before).await;
    assert_eq!((run.code, figures(&run)), (0, (1, 1, 0)), "{run:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_large_rows_that_are_refused_again_hold_up_none_behind_them() {
    let ddl = "CREATE TABLE main.shop.small (n TINYINT, pad STRING);";
    let pad = "x".repeat(2_000_000);
    let rows = format!("{{\"n\":1000,\"pad\":\"{pad}\"}}\n").repeat(10);
    let bench = refused_by_the_server(ddl, &rows).await;
    let good = letter("main.shop.small", "{\"n\":7}");
    bench.write("dead.ndjson", bench.read("dead.ndjson") + &good);
    // With the schema that the rows have, only the server can refuse them.
    let run = bench.run(&["replay", "dead.ndjson", "--ddl", "wide.sql", "--json"]).await;
    assert_eq!((run.code, figures(&run)), (3, (11, 1, 10)), "{run:?}");
    let left = letters(&bench, "dead.ndjson");
    assert_eq!(left.len(), 10);
    // Each was sent before, and again.
    assert!(left.iter().all(|letter| letter["attempts"].as_u64().unwrap() >= 2 && letter["persisted"] == "possibly"));
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_that_is_stopped_keeps_what_is_not_durable_and_the_next_counts_it() {
    let bench = Bench::new().await;
    bench.emulator.inject("ack-delay=600s".parse().unwrap());
    bench.write("dead.ndjson", (0..10).map(|id| letter(TABLE, &format!("{{\"id\":{id}}}"))).collect::<String>());
    let mut command = bench.program(&["replay", "dead.ndjson", "--json", "--grace", "0"]);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let child = command.spawn().unwrap();
    while bench.ids().await.len() < 10 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    signal(&child, "-INT");
    let run: Run = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap().into()).await.unwrap();
    assert_eq!((run.code, figures(&run)), (1, (10, 0, 0)), "{run:?}");
    assert_eq!(run.json()["rows_undelivered"], 10);
    assert!(run.json()["error"].as_str().unwrap().starts_with("it was stopped; the same command"), "{run:?}");
    let left = letters(&bench, "dead.ndjson");
    assert_eq!(left.len(), 10);
    assert!(left.iter().all(|letter| letter["persisted"] == "possibly" && letter["attempts"] == 2), "{left:?}");

    let next = Bench::new().await;
    next.write("dead.ndjson", bench.read("dead.ndjson"));
    let run = next.run(&["replay", "dead.ndjson", "--json"]).await;
    assert_eq!((run.code, figures(&run)), (0, (10, 10, 0)), "{run:?}");
    assert_eq!(run.json()["rows_possibly_twice"], 10, "{run:?}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_the_file_stays_a_link() {
    let bench = Bench::new().await;
    std::fs::create_dir(bench.path("folder")).unwrap();
    bench.write("folder/dead.ndjson", [letter(TABLE, "{\"id\":1}"), letter(TABLE, "{\"id\":\"x\"}")].concat());
    std::os::unix::fs::symlink("folder/dead.ndjson", bench.path("second")).unwrap();
    std::os::unix::fs::symlink("second", bench.path("first")).unwrap();
    for file in ["first", "folder/dead.ndjson"] {
        let run = bench.run(&["replay", file]).await;
        assert_eq!(run.code, 3, "{run:?}");
        assert_eq!(letters(&bench, "folder/dead.ndjson").len(), 1, "{file}");
    }
    assert_eq!(bench.ids().await, [1]);
    assert!(bench.path("first").is_symlink() && bench.path("second").is_symlink());
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_does_not_take_what_is_left_is_named_and_what_is_durable_is_counted() {
    let bench = Bench::new().await;
    let rows: String = (0..20)
        .map(|id| letter(TABLE, &format!("{{\"id\":{}}}", if id < 10 { id.to_string() } else { format!("\"x{id}\"") })))
        .collect();
    bench.write("dead.ndjson", &rows);
    // A limit of one KiB on the length of files; the signal that comes with it is ignored.
    let program = bench.program(&["replay", "dead.ndjson", "--json"]);
    let mut limited = std::process::Command::new("/bin/sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\""]).arg(program.get_program());
    limited.args(program.get_args()).current_dir(bench.folder.path()).env_clear();
    limited.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let run = finish(limited).await;
    assert_eq!((run.code, figures(&run).1), (1, 10), "{run:?}");
    let error = run.json()["error"].as_str().unwrap().to_owned();
    assert!(
        error.contains("cannot write what is left to dead.ndjson") && error.contains("was not replaced"),
        "{error}"
    );
    assert_eq!(bench.read("dead.ndjson"), rows);
    assert_eq!(bench.ids().await.len(), 10);
}
