//! `zerobus replay`: files with more rows than are under way at a time, and files that cannot be replayed.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::support::{Bench, TABLE, figures};

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
    assert!(bench.rows().await.is_empty());
    // With its unit named, the first row is what its file said. The second, once fixed, has the unit of its own letter.
    let dead = bench.read("dead.ndjson");
    let fixed = dead.lines().map(|line| {
        let mut letter: Value = serde_json::from_str(line).unwrap();
        let row = String::from_utf8(BASE64_STANDARD.decode(letter["row"].as_str().unwrap()).unwrap()).unwrap();
        letter["row"] = BASE64_STANDARD.encode(row.replace("\"name\":2", "\"name\":null")).into();
        format!("{letter}\n")
    });
    bench.write("dead.ndjson", fixed.collect::<String>());
    let run = bench.run(&["replay", "dead.ndjson", "--time-unit", "secs", "--json"]).await;
    assert_eq!((run.code, figures(&run)), (3, (7, 2, 5)), "{run:?}");
    assert_eq!(bench.rows().await[1]["at"], 1_700_000_000_000_000_i64);
    assert_eq!(bench.rows().await[0]["at"], 1_700_000_000_000_000_i64);
}
