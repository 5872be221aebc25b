//! `zerobus send` and `zerobus replay`: the emulator holds the rows of the files, and every row is accounted for.

use std::io::Write as _;
use std::process::Stdio;

#[cfg(unix)]
use crate::support::signal;
use crate::support::{Bench, Run, TABLE, figures, finish, lines};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn ndjson_arrives_as_it_is_and_the_receipt_says_so() {
    let bench = Bench::new().await;
    bench.write(
        "orders.ndjson",
        "\u{feff}{\"ID\": 1, \"price\": 19.99, \"at\": \"2018-02-07T01:26:13.84Z\", \"day\": \"1970-01-02\", \"tags\": [\"a\"], \
         \"place\": {\"lat\": 1.5}, \"extra\": {\"k\":[1]}}\r\n\n{\"id\":2,\"name\":null}",
    );
    let run = bench.run(&["send", TABLE, "orders.ndjson", "--json"]).await;
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(figures(&run), (2, 2, 0));
    assert_eq!(run.json()["stream_ids"].as_array().unwrap().len(), 1);
    let rows = bench.rows().await;
    assert_eq!(rows[0]["price"], "19.99");
    assert_eq!(rows[0]["at"], 1_517_966_773_840_000_i64);
    assert_eq!((&rows[0]["day"], &rows[0]["tags"], &rows[0]["place"]["lat"]), (&json!(1), &json!(["a"]), &json!(1.5)));
    assert_eq!(serde_json::from_str::<Value>(rows[0]["extra"].as_str().unwrap()).unwrap(), json!({"k": [1]}));
    assert_eq!(rows[1]["id"], 2);
    // As text.
    let run = bench.run(&["send", TABLE, "orders.ndjson", "--ddl", "tables.sql"]).await;
    assert!(run.out.starts_with("rows read            2\nrows durable         2\nrows refused         0\n"), "{run:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_is_read_with_quotes_line_ends_empty_cells_and_semicolons() {
    let bench = Bench::new().await;
    bench.write(
        "a.csv",
        "\u{feff}id,name,price,at,tags,place\r\n1,\"a, \"\"b\"\"\nc\",1.5,2018-02-07 01:26:13.84,\"[\"\"x\"\"]\",\"{\"\"lat\"\": 2}\"\r\n2,,,,,\r\n",
    );
    bench.write("b.csv", "name;id;price\nn;3;-1,5\n");
    let run = bench.run(&["send", TABLE, "a.csv", "--json"]).await;
    assert_eq!((run.code, figures(&run)), (0, (2, 2, 0)), "{run:?}");
    let run = bench.run(&["send", TABLE, "b.csv", "--decimal-comma", "--json"]).await;
    assert_eq!((run.code, figures(&run)), (0, (1, 1, 0)), "{run:?}");
    let rows = bench.rows().await;
    assert_eq!(rows[0]["name"], "a, \"b\"\nc");
    assert_eq!(
        (&rows[0]["at"], &rows[0]["tags"], &rows[0]["place"]["lat"]),
        (&json!(1_517_966_773_840_000_i64), &json!(["x"]), &json!(2.0))
    );
    assert!(rows[1].get("name").is_none_or(Value::is_null));
    assert_eq!((&rows[2]["id"], &rows[2]["price"]), (&json!(3), &json!("-1.50")));
}

#[tokio::test(flavor = "multi_thread")]
async fn compressed_files_patterns_and_standard_input_are_read() {
    let bench = Bench::new().await;
    std::fs::create_dir(bench.path("days")).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(lines(0..1_000).as_bytes()).unwrap();
    // Two members, as `cat a.gz b.gz` makes them.
    let mut members = gzip.finish().unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(lines(1_000..2_000).as_bytes()).unwrap();
    members.extend(gzip.finish().unwrap());
    bench.write("days/a.ndjson.gz", members);
    // A frame that is skipped, as `pzstd` and seekable files have them, and one of rows.
    let mut frames = b"\x5a\x2a\x4d\x18\x03\0\0\0abc".to_vec();
    frames.extend(zstd::encode_all(lines(2_000..3_000).as_bytes(), 1).unwrap());
    bench.write("days/b.jsonl.zst", frames);
    bench.write("days/c.jsonl.zst", zstd::encode_all(lines(3_000..4_000).as_bytes(), 1).unwrap());
    let run = bench.run(&["send", TABLE, "days/*", "--json"]).await;
    assert_eq!((run.code, figures(&run)), (0, (4_000, 4_000, 0)), "{run:?}");

    let mut command = bench.program(&["send", TABLE, "--json"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    // The first row arrives while the pipe is open.
    input.write_all(lines(4_000..4_001).as_bytes()).unwrap();
    while bench.ids().await.len() < 4_001 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    input.write_all(lines(4_001..4_010).as_bytes()).unwrap();
    drop(input);
    let run: Run = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap().into()).await.unwrap();
    assert_eq!((run.code, figures(&run)), (0, (10, 10, 0)), "{run:?}");
    assert_eq!(bench.ids().await, (0..4_010).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_rows_go_to_dead_letters_and_come_back_by_replay() {
    let bench = Bench::new().await;
    bench.write(
        "orders.ndjson",
        "{\"id\":1}\n{\"id\":\"x\",\"name\":\"later\"}\nno json\n{\"id\":2,\"price\":0.001}\n{\"id\":3}\n",
    );
    let arguments = ["send", TABLE, "orders.ndjson", "--json", "--dead-letters", "dead.ndjson", "--max-rejected", "10"];
    let run = bench.run(&arguments).await;
    assert_eq!((run.code, figures(&run)), (3, (5, 2, 3)), "{run:?}");
    assert_eq!(bench.ids().await, [1, 3]);
    let dead = bench.read("dead.ndjson");
    let letters: Vec<Value> = dead.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(letters.len(), 3);
    assert_eq!(letters[0]["reason"], "column id: found the text \"x\", expected BIGINT");
    assert_eq!((&letters[0]["column"], &letters[0]["table"]), (&json!("id"), &json!(TABLE)));
    assert_eq!(letters[0]["source"], "orders.ndjson, line 2");
    assert_eq!(letters[0]["json"], json!({"id": "x", "name": "later"}));
    assert!(letters[1]["reason"].as_str().unwrap().contains("is no JSON"));
    // The runtime reads the same lines.
    let read: Result<Vec<_>, _> = zerobus_runtime::DeadLetter::read_from(dead.as_bytes()).collect();
    let read = read.unwrap();
    assert_eq!((read.len(), read[0].table(), read[0].source()), (3, TABLE, Some("orders.ndjson, line 2")));

    // The first letter is corrected in the file, the others stay as they are.
    let mended = dead.replacen("eyJpZCI6IngiLCJuYW1lIjoibGF0ZXIifQ==", "eyJpZCI6NywibmFtZSI6ImxhdGVyIn0=", 1);
    let mended = mended.replacen("{\"id\":\"x\",", "{\"id\":7,", 1);
    assert_ne!(mended, dead);
    bench.write("dead.ndjson", mended);
    let run = bench.run(&["replay", "dead.ndjson", "--json"]).await;
    assert_eq!((run.code, figures(&run)), (3, (3, 1, 2)), "{run:?}");
    assert_eq!(bench.ids().await, [1, 3, 7]);
    assert_eq!(bench.read("dead.ndjson").lines().count(), 2);
    bench.write("dead.ndjson", "");
    assert_eq!(bench.run(&["replay", "dead.ndjson"]).await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_refused_rows_stop_it_and_those_before_are_durable() {
    let bench = Bench::new().await;
    bench.write("orders.ndjson", format!("{}{{\"id\":null}}\n{}", lines(0..100), lines(100..200)));
    let run = bench.run(&["send", TABLE, "orders.ndjson", "--json"]).await;
    assert_eq!(run.code, 1, "{run:?}");
    assert!(
        run.err.contains("refused: orders.ndjson, line 101: column id: found null, expected BIGINT NOT NULL"),
        "{run:?}"
    );
    assert!(run.json()["error"].as_str().unwrap().contains("--max-rejected allows 0"), "{run:?}");
    assert_eq!(bench.ids().await, (0..100).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_the_server_refuses_are_found_kept_and_counted() {
    // The schema from --ddl has a wider type than the table, so only the server can refuse the rows.
    let ddl = "CREATE TABLE main.shop.small (n TINYINT) USING DELTA;";
    let bench = Bench::with(ddl, |builder| builder).await;
    bench.write("wide.sql", ddl.replace("TINYINT", "INT"));
    bench.write("rows.csv", "n\n1\n1000\n2\n-1000\n3\n");
    let arguments =
        ["send", "main.shop.small", "rows.csv", "--ddl", "wide.sql", "--json", "--dead-letters", "dead.ndjson"];
    let run = bench.run(&[&arguments[..], &["--max-rejected", "5"]].concat()).await;
    assert_eq!((run.code, figures(&run)), (3, (5, 3, 2)), "{run:?}");
    let rows: Vec<i64> =
        bench.emulator.rows("main.shop.small").await.unwrap().iter().filter_map(|row| row["n"].as_i64()).collect();
    assert_eq!(rows.len(), 3, "{rows:?}");
    let dead = bench.read("dead.ndjson");
    assert_eq!(dead.lines().count(), 2, "{dead}");
    assert!(dead.lines().all(|line| line.contains("\"encoding\":\"proto\"")), "{dead}");
    // They are refused again, and stay.
    let run = bench.run(&["replay", "dead.ndjson", "--json"]).await;
    assert_eq!((run.code, figures(&run)), (3, (2, 0, 2)), "{run:?}");
    assert_eq!(bench.read("dead.ndjson").lines().count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_row_that_the_server_refuses_takes_no_other_with_it() {
    let ddl = "CREATE TABLE main.shop.small (n INT, t TINYINT) USING DELTA;";
    let bench = Bench::with(ddl, |builder| builder).await;
    bench.write("wide.sql", ddl.replace("TINYINT", "INT"));
    let row = |n: i64, t: i64| format!("{{\"n\":{n},\"t\":{t}}}\n");
    let rows = |t: i64| (0..10_000).map(|n| row(n, if n == 8_000 { t } else { 1 })).collect::<String>();
    for letters in [true, false] {
        bench.emulator.rows("main.shop.small").await.unwrap();
        bench.write("rows.ndjson", rows(1_000));
        let checkpoint = format!("state-{letters}");
        let mut arguments = vec!["send", "main.shop.small", "rows.ndjson", "--ddl", "wide.sql", "--json"];
        arguments.extend(["--checkpoint", &checkpoint]);
        if letters {
            arguments.extend(["--dead-letters", "dead.ndjson"]);
        }
        let before = bench.emulator.rows("main.shop.small").await.unwrap().len();
        let run = bench.run(&arguments).await;
        assert_eq!((run.code, figures(&run).2), (1, 1), "{run:?}");
        // With a dead letter the same command continues after the row, else with the row, once it is fixed.
        bench.write("rows.ndjson", rows(1));
        let run = bench.run(&arguments).await;
        assert_eq!(run.code, 0, "{run:?}");
        let stored = bench.emulator.rows("main.shop.small").await.unwrap();
        let mut numbers: Vec<i64> = stored[before..].iter().map(|row| row["n"].as_i64().unwrap()).collect();
        numbers.sort_unstable();
        if letters {
            assert_eq!(numbers, (0..10_000).filter(|n| *n != 8_000).collect::<Vec<_>>());
            let dead = bench.read("dead.ndjson");
            assert!(dead.lines().count() == 1 && dead.contains("8000"), "{dead}");
        } else {
            numbers.dedup();
            assert_eq!(numbers, (0..10_000).collect::<Vec<_>>());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_goes_on_where_rows_are_durable_and_takes_what_a_file_grew_by() {
    let bench = Bench::new().await;
    bench.write("orders.ndjson", lines(0..500));
    let arguments = ["send", TABLE, "orders.ndjson", "--json", "--checkpoint", "state.json"];
    assert_eq!(figures(&bench.run(&arguments).await), (500, 500, 0));
    assert_eq!(figures(&bench.run(&arguments).await), (0, 0, 0));
    bench.write("orders.ndjson", lines(0..600));
    assert_eq!(figures(&bench.run(&arguments).await), (100, 100, 0));
    assert_eq!(bench.ids().await, (0..600).collect::<Vec<_>>());
    bench.write("orders.ndjson", lines(0..10));
    let run = bench.run(&arguments).await;
    assert_eq!(run.code, 1);
    assert!(run.err.contains("it is not the checkpoint's file, since it is shorter"), "{run:?}");
    let other = bench.run(&["send", "main.shop.other", "orders.ndjson", "--checkpoint", "state.json"]).await;
    assert!(other.err.contains("the checkpoint is of main.shop.orders"), "{other:?}");
    let full = bench.run(&["send", TABLE, "orders.ndjson", "--checkpoint", "/proc/state.json"]).await;
    assert_eq!(full.code, 1);
    assert!(full.err.contains("cannot write the checkpoint /proc/state.json"), "{full:?}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_the_same_command_sends_the_rest() {
    let bench = Bench::new().await;
    bench.write("orders.ndjson", lines(0..20_000));
    let arguments = ["send", TABLE, "orders.ndjson", "--json", "--checkpoint", "state.json"];
    let mut command = bench.program(&[&arguments[..], &["--rate", "4000"]].concat());
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    while bench.ids().await.len() < 6_000 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    signal(&child, "-KILL");
    tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap();
    let run = bench.run(&arguments).await;
    assert_eq!(run.code, 0, "{run:?}");
    let (read, durable, _) = figures(&run);
    assert!(read == durable && (1..20_000).contains(&read), "it began anew, or was done before: {run:?}");
    let mut ids = bench.ids().await;
    ids.dedup();
    assert_eq!(ids, (0..20_000).collect::<Vec<_>>());
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_signal_lets_what_was_read_become_durable() {
    for name in ["-INT", "-TERM"] {
        let bench = Bench::new().await;
        let mut command = bench.program(&["send", TABLE, "-", "--json"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(lines(0..10).as_bytes()).unwrap();
        while bench.ids().await.is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        signal(&child, name);
        let run: Run = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap().into()).await.unwrap();
        drop(input);
        assert_eq!(run.code, 1, "{run:?}");
        assert!(run.json()["error"].as_str().unwrap().contains("it was stopped"), "{run:?}");
        let (read, durable, refused) = figures(&run);
        assert_eq!((durable, refused), (read, 0), "{run:?}");
        assert_eq!(bench.ids().await.len() as u64, durable);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_file_is_an_error_of_one_sentence() {
    let bench = Bench::new().await;
    bench.write("a.txt", "x");
    bench.write("bad.ndjson", b"{\"id\":1}\n{\"id\":2,\"name\":\"\xff\"}\n");
    bench.write("wide.ndjson", b"\xff\xfe{\0}\0");
    bench.write("cut.ndjson.gz", b"\x1f\x8b\x08\0\0\0\0\0\0\x03abc");
    bench.write("rows.parquet", b"PAR1\x15\x04..");
    bench.write("rows.arrow", b"ARROW1..");
    bench.write("rows.arrows", b"no arrow");
    bench.write("header.csv", "id,names\n1,a\n");
    for (arguments, expected) in [
        (&["a.txt"][..], "name it with --format"),
        (&["none.ndjson"], "there is no file none.ndjson"),
        (&["bad.ndjson"], "bad.ndjson, line 2: found text that is no JSON"),
        (&["bad.ndjson", "bad.ndjson"], "is named twice"),
        (&["wide.ndjson"], "wide.ndjson: it cannot be read: it is UTF-16"),
        (&["cut.ndjson.gz"], "cut.ndjson.gz: "),
        (&["rows.parquet", "--format", "ndjson"], "it is a Parquet file; `--format parquet` reads it"),
        (&["rows.parquet"], "rows.parquet: it cannot be read: "),
        (&["rows.arrow"], "rows.arrow: it cannot be read: "),
        (&["rows.arrows"], "rows.arrows: it cannot be read: "),
        (&["-", "--format", "parquet"], "standard input: Parquet is read from its end, so it has to be a file"),
        (&["header.csv"], "`name` is one"),
        (&["-", "--checkpoint", "c"], "standard input cannot be read twice"),
        (&["bad.ndjson", "--ddl", "none.sql"], "none.sql"),
    ] {
        let run = bench.run(&[&["send", TABLE][..], arguments].concat()).await;
        assert_eq!(run.code, 1, "{arguments:?}: {run:?}");
        assert!(run.err.contains(expected), "{arguments:?}: {run:?}");
    }
    assert_eq!(bench.ids().await, [1], "the row before is durable");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_of_a_hundred_megabytes_is_one_refused_row() {
    let bench = Bench::new().await;
    let long = "x".repeat(100_000_000);
    bench.write("orders.ndjson", format!("{{\"id\":1}}\n{{\"id\":2,\"name\":\"{long}\"}}\n{{\"id\":3}}\n"));
    let arguments = ["send", TABLE, "orders.ndjson", "--json", "--max-rejected", "1"];
    let run = finish(bench.program(&arguments)).await;
    assert_eq!((run.code, figures(&run)), (3, (3, 2, 1)), "{run:?}");
    assert!(
        run.err.contains("orders.ndjson, line 2: found a line of 100000018 bytes"),
        "{}",
        &run.err[..run.err.len().min(300)]
    );
    assert_eq!(bench.ids().await, [1, 3]);
}

#[cfg(feature = "codegen")]
#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_codegen_are_there_under_this_name() {
    let bench = Bench::new().await;
    let run = bench.run(&["fetch", TABLE, "--out", "schemas"]).await;
    assert_eq!(run.code, 0, "{run:?}");
    let run = bench.run(&["ddl", "--schemas", "schemas"]).await;
    assert!(run.out.contains("CREATE TABLE"), "{run:?}");
    let help = bench.run(&["fetch", "--help"]).await;
    assert!(
        help.out.contains("zerobus fetch main.geo.earthquakes") && !help.out.contains("zerobus-codegen fetch"),
        "{}",
        help.out
    );
    bench.write("orders.ndjson", "{\"id\":1}");
    let run = bench.run(&["send", TABLE, "orders.ndjson", "--schemas", "schemas"]).await;
    assert_eq!(run.code, 0, "{run:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lanes_share_the_rows_and_a_checkpoint_covers_them_all() {
    let bench = Bench::new().await;
    bench.write("orders.ndjson", lines(0..60_000));
    let arguments = ["send", TABLE, "orders.ndjson", "--json", "--lanes", "3", "--checkpoint", "state.json"];
    let run = bench.run(&arguments).await;
    assert_eq!((run.code, figures(&run)), (0, (60_000, 60_000, 0)), "{run:?}");
    assert_eq!(run.json()["stream_ids"].as_array().unwrap().len(), 3);
    assert_eq!(bench.ids().await, (0..60_000).collect::<Vec<_>>());
    assert_eq!(figures(&bench.run(&arguments).await), (0, 0, 0));
    let none = bench.run(&["send", TABLE, "orders.ndjson", "--lanes", "0"]).await;
    assert_eq!(none.code, 2);
    assert!(none.err.contains("a number from 1 to 64"), "{none:?}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_one_lane_refused_is_kept_while_another_lane_is_waited_for() {
    let ddl = "CREATE TABLE main.shop.small (t TINYINT) USING DELTA;";
    for signals in [&["-KILL"][..], &["-INT", "-INT"]] {
        let bench = Bench::with(ddl, |builder| builder).await;
        bench.write("wide.sql", ddl.replace("TINYINT", "INT"));
        bench.write("refused.ndjson", "{\"t\": 1000}\n");
        bench.write("unsettled.ndjson", "{\"t\": 1}\n");
        bench.emulator.inject("ack-delay=600s".parse().unwrap());
        // The answers come when the lanes are being closed.
        bench.emulator.inject("latency=50ms".parse().unwrap());
        // A lane without rows, one with each file.
        let arguments =
            ["send", "main.shop.small", "refused.ndjson", "unsettled.ndjson", "--ddl", "wide.sql", "--json"];
        let kept = ["--lanes", "3", "--checkpoint", "state.json", "--dead-letters", "dead", "--max-rejected", "5"];
        let mut command = bench.program(&[&arguments[..], &kept].concat());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let settled = |state: &str| state.contains("\"file\":\"refused.ndjson\",\"rows\":1");
        while !std::fs::read_to_string(bench.path("state.json")).is_ok_and(|state| settled(&state)) {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        for name in signals {
            signal(&child, name);
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        }
        let run: Run = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap().into()).await.unwrap();
        let dead = bench.read("dead");
        assert!(dead.lines().count() == 1 && dead.contains("1000"), "{signals:?}: {dead} {run:?}");
        if signals.len() > 1 {
            assert_eq!((run.code, figures(&run)), (1, (2, 0, 1)), "{run:?}");
            assert_eq!(run.json()["rows_undelivered"], 1, "{run:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn input_that_is_nearly_right_is_named() {
    let bench = Bench::new().await;
    bench.write("array.json", "\n [{\"id\": 1},\n {\"id\": 2}]\n");
    let mut open = "id,name\n1,a\n2,\"b\n".to_owned();
    open.push_str(&"3,c\n".repeat(5_000_000));
    bench.write("open.csv", open);
    bench.write("pretty.ndjson", "{\n  \"id\": 1\n}\n");
    bench.write("twice.ndjson", "{\"id\": 1, \"ID\": 2}\n");
    bench.write("year.csv", "id,at\n1,10000-01-01 00:00:00\n");
    bench.write("nan.ndjson", "{\"id\": NaN}\n");
    bench.write("huge.ndjson", "{\"id\": 1e400}\n");
    bench.write("deep.ndjson", format!("{{\"id\": 1, \"tags\": {}1{}}}\n", "[".repeat(5_000), "]".repeat(5_000)));
    bench.write("short.csv", "id,name\n1\n");
    bench.write("wide.csv", "id,name\n1,a,b\n");
    bench.write("more.ndjson", "{\"id\": 1, \"nome\": \"x\"}\n");
    for (file, expected) in [
        ("array.json", "it is a JSON array, and NDJSON has one object per line"),
        ("open.csv", "line 3 cannot be read: found a row above 16777216 bytes"),
        ("pretty.ndjson", "pretty.ndjson, line 1: found text that is no JSON"),
        ("twice.ndjson", "column id: found it twice"),
        ("year.csv", "column at: found the text \"10000-01-01 00:00:00\""),
        ("nan.ndjson", "line 1: found text that is no JSON"),
        ("huge.ndjson", "line 1: "),
        ("deep.ndjson", "line 1: "),
        ("short.csv", "found 1 cells, expected 2"),
        ("wide.csv", "found 3 cells, expected 2"),
        ("more.ndjson", "column nome: found a value for it, expected a column of the table; `name` is one"),
    ] {
        let run = bench.run(&["send", TABLE, file]).await;
        assert_eq!(run.code, 1, "{file}: {run:?}");
        assert!(run.err.contains(expected), "{file}: {run:?}");
        assert!(!run.err.contains("panicked"), "{file}: {run:?}");
    }
    assert_eq!(bench.ids().await, [1], "the row before the open quote is durable");
    // A compressed file that was cut off.
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(lines(10..30_000).as_bytes()).unwrap();
    let mut cut = gzip.finish().unwrap();
    cut.truncate(cut.len() / 2);
    bench.write("cut.ndjson.gz", cut);
    let run = bench.run(&["send", TABLE, "cut.ndjson.gz", "--json", "--checkpoint", "c"]).await;
    let (read, durable, _) = figures(&run);
    assert!(run.json()["error"].as_str().unwrap().contains("cannot be read"), "{run:?}");
    assert!(read > 5_000 && durable == read, "{run:?}");
    assert_eq!(bench.ids().await.len() as u64, durable + 1);
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_under_the_dead_letters_stops_it_and_the_rows_before_are_durable() {
    let bench = Bench::new().await;
    bench.write("orders.ndjson", format!("{}{{\"id\":null}}\n{}", lines(0..100), lines(100..200)));
    let arguments = [
        "send",
        TABLE,
        "orders.ndjson",
        "--json",
        "--dead-letters",
        "/dev/full",
        "--max-rejected",
        "9",
        "--checkpoint",
        "c",
    ];
    let run = bench.run(&arguments).await;
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.json()["error"].as_str().unwrap().contains("cannot write the dead letters to /dev/full"), "{run:?}");
    assert_eq!(bench.ids().await, (0..100).collect::<Vec<_>>());
    // The refused row is not kept, so it does not count as done.
    let arguments =
        ["send", TABLE, "orders.ndjson", "--json", "--dead-letters", "d", "--max-rejected", "9", "--checkpoint", "c"];
    let run = bench.run(&arguments).await;
    assert_eq!((run.code, figures(&run)), (3, (101, 100, 1)), "{run:?}");
    assert_eq!(bench.ids().await, (0..200).collect::<Vec<_>>());
    assert_eq!(bench.read("d").lines().count(), 1);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn who_reads_may_go_away() {
    let bench = Bench::new().await;
    bench.write("orders.ndjson", lines(0..10));
    for arguments in [&["send", TABLE, "orders.ndjson"][..], &["doctor"], &["man"]] {
        let mut command = bench.program(arguments);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        command.stdout(writer);
        let run = finish_with_stderr(command).await;
        assert_eq!(run.code, 0, "{arguments:?}: {run:?}");
        assert!(run.err.is_empty() || !run.err.contains("panicked"), "{run:?}");
    }
}

#[cfg(unix)]
async fn finish_with_stderr(mut command: std::process::Command) -> Run {
    command.stderr(Stdio::piped());
    tokio::task::spawn_blocking(move || command.spawn().unwrap().wait_with_output().unwrap().into()).await.unwrap()
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_the_wait_for_rows_that_do_not_become_durable() {
    let bench = Bench::new().await;
    bench.emulator.inject("ack-delay=600s".parse().unwrap());
    let mut command = bench.program(&["send", TABLE, "-", "--json", "--grace", "600"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(lines(0..10).as_bytes()).unwrap();
    while bench.ids().await.is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    signal(&child, "-INT");
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    signal(&child, "-INT");
    let run: Run = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap().into()).await.unwrap();
    drop(input);
    assert_eq!(run.code, 1, "{run:?}");
    assert_eq!((figures(&run).1, run.json()["rows_undelivered"].as_u64()), (0, Some(10)), "{run:?}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_run_leaves_in_the_spool_is_sent_first_by_the_next() {
    let bench = Bench::new().await;
    let mut command = bench.program(&["send", TABLE, "-", "--json", "--spool", "spool", "--rate", "1000"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(lines(0..5_000).as_bytes()).unwrap();
    while bench.ids().await.len() < 500 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    signal(&child, "-KILL");
    tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap();
    drop(input);
    let run = bench.run(&["send", TABLE, "-", "--json", "--spool", "spool"]).await;
    assert_eq!((run.code, figures(&run).0), (0, 0), "{run:?}");
    let recovered = run.json()["rows_recovered"].as_u64().unwrap();
    assert!(recovered > 0, "{run:?}");
    let mut ids = bench.ids().await;
    ids.dedup();
    // The table has the rows that were read, without a gap.
    assert!(ids.len() > 500, "{}", ids.len());
    assert_eq!(ids, (0..i64::try_from(ids.len()).unwrap()).collect::<Vec<_>>());
    let both = bench.run(&["send", TABLE, "a.ndjson", "--spool", "spool", "--checkpoint", "c"]).await;
    assert_eq!(both.code, 2, "{both:?}");
}

/// How many rows wait in the first lane of a spool, whether a program has it open or not.
#[cfg(unix)]
fn waiting(bench: &Bench) -> Option<u64> {
    let copy = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(bench.path("spool/lane-0")).ok()? {
        let file = file.ok()?;
        std::fs::copy(file.path(), copy.path().join(file.file_name())).ok()?;
    }
    let files = zerobus_runtime::SpoolFolder::open(copy.path()).ok()?.verify().ok()?;
    Some(files.iter().map(|file| file.waiting).sum())
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_row_stays_in_the_spool_until_its_dead_letter_is_on_disk() {
    let ddl = "CREATE TABLE main.shop.small (t TINYINT) USING DELTA;";
    let bench = Bench::with(ddl, |builder| builder).await;
    bench.write("wide.sql", ddl.replace("TINYINT", "INT"));
    bench.emulator.inject("latency=100ms".parse().unwrap());
    let arguments = ["send", "main.shop.small", "-", "--ddl", "wide.sql", "--json", "--spool", "spool"];
    let arguments = [&arguments[..], &["--dead-letters", "dead", "--max-rejected", "5"]].concat();
    let mut command = bench.program(&arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"{\"t\": 1000}\n").unwrap();
    for rows in [1, 0] {
        while waiting(&bench) != Some(rows) {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }
    signal(&child, "-KILL");
    tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap();
    drop(input);
    let dead = bench.read("dead");
    assert!(dead.lines().count() == 1 && dead.contains("1000"), "{dead}");
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_rows_of_a_spool_are_kept_once_and_too_many_stop_it() {
    let ddl = "CREATE TABLE main.shop.small (t TINYINT) USING DELTA;";
    let bench = Bench::with(ddl, |builder| builder).await;
    bench.write("wide.sql", ddl.replace("TINYINT", "INT"));
    // The first is refused before it is sent, two by the server.
    bench.write("rows.ndjson", "{\"t\": \"x\"}\n{\"t\": 1}\n{\"t\": 1000}\n{\"t\": 2}\n{\"t\": 2000}\n");
    for (most, expected, is_over) in [("3", (3, (5, 2, 3)), false), ("2", (1, (5, 2, 3)), true)] {
        let arguments = ["send", "main.shop.small", "rows.ndjson", "--ddl", "wide.sql", "--json", "--spool", "spool"];
        let arguments = [&arguments[..], &["--lanes", "2", "--dead-letters", most, "--max-rejected", most]].concat();
        let run = bench.run(&arguments).await;
        assert_eq!((run.code, figures(&run)), expected, "{run:?}");
        let receipt = run.json();
        let error = receipt["error"].as_str().unwrap_or_default();
        assert_eq!(error.contains("3 rows were refused, and --max-rejected allows 2"), is_over, "{run:?}");
        assert_eq!((&receipt["rows_undelivered"], &receipt["rows_spooled"]), (&json!(0), &json!(0)), "{run:?}");
        let letters = bench.read(most);
        let sources = letters.matches("\"source\":\"rows.ndjson, line 1\"").count();
        assert_eq!((letters.lines().count(), sources), (3, 1), "{letters}");
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_spool_of_more_lanes_is_sent_whole() {
    let bench = Bench::new().await;
    bench.emulator.inject("ack-delay=600s".parse().unwrap());
    bench.write("orders.ndjson", lines(0..3_000));
    let arguments = ["send", TABLE, "orders.ndjson", "--json", "--spool", "spool", "--lanes", "3", "--grace", "0"];
    let mut command = bench.program(&arguments);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while bench.ids().await.len() < 3_000 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    signal(&child, "-KILL");
    tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap();
    let next = Bench::new().await;
    std::fs::rename(bench.path("spool"), next.path("spool")).unwrap();
    let run = next.run(&["send", TABLE, "-", "--json", "--spool", "spool", "--lanes", "1"]).await;
    assert_eq!((run.code, run.json()["rows_recovered"].as_u64()), (0, Some(3_000)), "{run:?}");
    assert_eq!(next.ids().await, (0..3_000).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_last_row_that_was_cut_short_is_not_taken_for_one_that_grew() {
    let bench = Bench::new().await;
    // The start of the file, by which it is known, stays the same.
    let rows = format!(
        "id,name\n{}4000,whole",
        (0..4_000).fold(String::new(), |rows, id| rows + &format!("{id},some longer name\n"))
    );
    assert!(rows.len() > 64 * 1024);
    let arguments = ["send", TABLE, "orders.csv", "--json", "--checkpoint", "state.json"];
    for (text, sent) in [(&rows[..], 4_001), (&rows[..rows.len() - 2], 0)] {
        bench.write("orders.csv", text);
        let run = bench.run(&arguments).await;
        assert_eq!((run.code, figures(&run)), (0, (sent, sent, 0)), "{run:?}");
    }
    assert_eq!(bench.ids().await.len(), 4_001);
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_row_whose_letter_cannot_be_written_stays_in_the_spool() {
    let ddl = "CREATE TABLE main.shop.small (n INT, t TINYINT) USING DELTA;";
    let bench = Bench::with(ddl, |builder| builder).await;
    bench.write("wide.sql", ddl.replace("TINYINT", "INT"));
    bench.write("rows.ndjson", "{\"n\":1,\"t\":5}\n{\"n\":2,\"t\":300}\n{\"n\":3,\"t\":6}\n");
    let arguments = |file, letters| {
        let common = ["--ddl", "wide.sql", "--json", "--spool", "spool", "--max-rejected", "9", "--grace", "1"];
        [&["send", "main.shop.small", file, "--dead-letters", letters], &common[..]].concat()
    };
    let run = bench.run(&arguments("rows.ndjson", "/dev/full")).await;
    assert_eq!(run.code, 1, "{run:?}");
    let (receipt, error) = (run.json(), run.json()["error"].to_string());
    assert!(error.contains("cannot write the dead letters to /dev/full"), "{run:?}");
    assert!(receipt["rows_spooled"].as_u64() >= Some(1) && receipt["rows_undelivered"] == 0, "{run:?}");
    let run = bench.run(&arguments("-", "dead.ndjson")).await;
    assert_eq!((run.code, run.json()["rows_refused"].as_u64()), (3, Some(1)), "{run:?}");
    assert!(bench.read("dead.ndjson").contains("300"), "{}", bench.read("dead.ndjson"));
    let run = bench.run(&arguments("-", "dead.ndjson")).await;
    assert_eq!((run.code, run.json()["rows_recovered"].as_u64()), (0, Some(0)), "{run:?}");
}
