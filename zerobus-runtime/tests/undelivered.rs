//! Rows that were not delivered: written to bytes, read back elsewhere, and sent again.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod scripted;

use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use scripted::gate::Gate;
use scripted::{Call, Row, Scripted, Server, client, number};
use tonic::Status;
use zerobus_runtime::{
    ErrorKind, IngestStream, Persisted, RawJson, ServerCode, StreamBuilder, Undelivered, ZerobusMessage,
};

const SOON: Duration = Duration::from_millis(30);
const TABLE: &str = "main.test.rows";

fn builder(server: &Server) -> StreamBuilder<Row> {
    server.client().stream::<Row>().backoff(Duration::from_millis(1), Duration::from_millis(2))
}

fn bytes_of(rows: &Undelivered) -> Vec<u8> {
    let mut bytes = Vec::new();
    rows.write_to(&mut bytes).unwrap();
    bytes
}

fn read(bytes: &[u8]) -> Undelivered {
    Undelivered::read_from(bytes).unwrap()
}

fn numbers(rows: &Undelivered) -> Vec<u64> {
    rows.rows().map(|row| number(&row.bytes)).collect()
}

/// What is left of a stream that closes while its rows are on their way.
async fn left<T>(stream: &IngestStream<T>) -> Undelivered {
    stream.close_within(SOON).await.unwrap_err().into_undelivered().unwrap()
}

async fn left_of(server: &Server, rows: u64) -> Undelivered {
    let stream = builder(server).open().await.unwrap();
    stream.send_all((0..rows).map(|n| Row::padded(n, 20))).await.unwrap();
    left(&stream).await
}

#[tokio::test]
async fn rows_read_back_are_the_rows_that_were_written() {
    let server = Scripted::new(|mut call: Call| async move {
        call.create().await;
        call.batch().await;
        call.fail(Status::permission_denied("MODIFY is missing. Error Code: 3, Error State: 1.")).await;
    });
    let server = server.start().await;
    let stream = builder(&server).open().await.unwrap();
    stream.send_all((0..5).map(Row::new)).await.unwrap();
    let written = stream.close().await.unwrap_err().into_undelivered().unwrap();
    let read = read(&bytes_of(&written));
    assert_eq!((read.table(), read.len()), (TABLE, 5));
    for (before, after) in written.rows().zip(read.rows()) {
        assert_eq!((before.offset, &before.bytes, before.persisted), (after.offset, &after.bytes, after.persisted));
        assert_eq!((before.reason.kind(), before.reason.code()), (after.reason.kind(), after.reason.code()));
        assert_eq!(after.reason.code().map(ServerCode::code), Some(3));
        assert!(after.reason.to_string().contains("MODIFY is missing"), "{}", after.reason);
    }
    assert_eq!(bytes_of(&read), bytes_of(&written), "and can be written again");
}

#[tokio::test]
async fn json_text_of_any_layout_survives() {
    let received = Arc::<Mutex<Vec<Vec<u8>>>>::default();
    let gate = Gate::closed();
    let server = {
        let (received, gate) = (Arc::clone(&received), gate.clone());
        Scripted::new(move |mut call: Call| {
            let (received, gate) = (Arc::clone(&received), gate.clone());
            async move {
                call.create().await;
                while let Some(batch) = call.batch().await {
                    if call.n > 0 {
                        received.lock().unwrap().extend(batch.rows);
                        call.ack(batch.offset).await;
                    } else {
                        gate.passed().await;
                    }
                }
            }
        })
    };
    let server = server.start().await;
    let texts =
        ["{\n  \"n\": 1,\r\n\t\"pad\": \"a\\nb\"\n}", " { } ", "{\"pad\":\"\u{2028}ä\\u0000\"}", "{\"n\":1e400}"];
    let stream = server.client().json_stream(TABLE).open().await.unwrap();
    for text in texts {
        stream.send(&RawJson(text)).await.unwrap();
    }
    let bytes = bytes_of(&left(&stream).await);
    assert_eq!(bytes.split_inclusive(|byte| *byte == b'\n').count(), texts.len(), "a line a row");
    let next = server.client().json_stream(TABLE).open().await.unwrap();
    next.send_undelivered(&mut read(&bytes)).await.unwrap();
    next.close().await.unwrap();
    let received = received.lock().unwrap();
    let received: Vec<_> = received.iter().map(|row| std::str::from_utf8(row).unwrap()).collect();
    // What surrounds an object is not a part of it.
    assert_eq!(received, texts.map(str::trim));
}

#[tokio::test]
async fn another_process_sends_the_rows() {
    let gate = Gate::closed();
    let server = gate.server().start().await;
    let rows = left_of(&server, 3).await;
    gate.open();
    let file = tempfile::NamedTempFile::new().unwrap();
    rows.write_to(file.as_file()).unwrap();
    let before = server.records.durable().len();
    let (url, path) = (server.url.clone(), file.path().to_owned());
    let child = tokio::task::spawn_blocking(move || {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "in_another_process", "--ignored"])
            .env("TEST_ENDPOINT", url)
            .env("TEST_ROWS", path)
            .output()
            .unwrap()
    });
    let output = child.await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let durable = server.records.durable();
    assert!(durable.len() >= before + 3 && durable.ends_with(&[0, 1, 2]), "{durable:?}");
}

#[tokio::test]
#[ignore = "`another_process_sends_the_rows` runs it"]
async fn in_another_process() {
    let file = std::fs::File::open(std::env::var_os("TEST_ROWS").unwrap()).unwrap();
    let mut rows = Undelivered::read_from(std::io::BufReader::new(file)).unwrap();
    let client = client(&std::env::var("TEST_ENDPOINT").unwrap()).build().unwrap();
    let stream = client.stream::<Row>().open().await.unwrap();
    stream.send_undelivered(&mut rows).await.unwrap();
    assert_eq!(stream.close().await.unwrap().rows, 3);
}

#[tokio::test]
async fn rows_go_on_any_stream_of_their_table_and_encoding_and_on_no_other() {
    let gate = Gate::closed();
    let server = gate.server().start().await;
    let mut rows = left_of(&server, 3).await;
    gate.open();
    let client = server.client();

    let other = builder(&server).table("main.test.others").open().await.unwrap();
    let refused = other.send_undelivered(&mut rows).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Configuration);
    let text = refused.to_string();
    assert!(text.contains(TABLE) && text.contains("main.test.others"), "{text}");

    let json = client.json_stream(TABLE).open().await.unwrap();
    let refused = json.send_undelivered(&mut rows).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Configuration);
    assert_eq!(rows.len(), 3, "what is refused stays");

    let encoded = client.encoded_stream("Main.Test.Rows", &Row::descriptor()).open().await.unwrap();
    encoded.send_undelivered(&mut rows).await.unwrap();
    assert!(rows.is_empty());
    assert_eq!(encoded.close().await.unwrap().rows, 3);
    assert_eq!(encoded.send_undelivered(&mut rows).await.unwrap(), None, "nothing is left to refuse");
}

#[tokio::test]
async fn rows_go_on_no_stream_whose_fields_have_other_numbers() {
    let gate = Gate::closed();
    let server = gate.server().start().await;
    let rows = left_of(&server, 3).await;
    gate.open();
    let client = server.client();

    // Another name of the message, and another order of the same fields.
    let mut same = Row::descriptor();
    same.name = Some("Other".to_owned());
    same.field.reverse();
    let mut swapped = Row::descriptor();
    let numbers: Vec<_> = swapped.field.iter().rev().map(|field| field.number).collect();
    swapped.field.iter_mut().zip(numbers).for_each(|(field, number)| field.number = number);
    let mut renamed = Row::descriptor();
    renamed.field[1].name = Some("padding".to_owned());
    for mut rows in [rows.clone(), read(&bytes_of(&rows))] {
        for other in [&swapped, &renamed] {
            let stream = client.encoded_stream(TABLE, other).open().await.unwrap();
            let refused = stream.send_undelivered(&mut rows).await.unwrap_err();
            assert_eq!((refused.kind(), rows.len()), (ErrorKind::Configuration, 3), "{refused}");
            assert!(refused.to_string().contains("zerobus replay"), "{refused}");
        }
        let stream = client.encoded_stream(TABLE, &same).open().await.unwrap();
        stream.send_undelivered(&mut rows).await.unwrap();
        assert_eq!(stream.close().await.unwrap().rows, 3);
    }
}

#[tokio::test]
async fn a_row_that_may_be_in_the_table_stays_so_on_every_way() {
    let gate = Gate::closed();
    let server = {
        let gate = gate.clone();
        Scripted::new(move |mut call: Call| {
            let gate = gate.clone();
            async move {
                call.create().await;
                // Later streams are open, and take no request: their connection ends at the first.
                if call.n == 0 {
                    return gate.serve(&mut call).await;
                }
                call.fail(Status::unavailable("going down")).await;
            }
        })
    };
    let server = server.start().await;
    let mut rows = left_of(&server, 2).await;
    assert!(rows.rows().all(|row| row.persisted == Persisted::Possibly));
    for _ in 0..3 {
        rows = read(&bytes_of(&rows));
        let stream = builder(&server).max_attempts(None).linger(Duration::from_secs(3600)).open().await.unwrap();
        stream.send_undelivered(&mut rows).await.unwrap();
        stream.send(&Row::new(9)).await.unwrap();
        rows = left(&stream).await;
        let possibly = rows.rows().filter(|row| number(&row.bytes) != 9).map(|row| row.persisted);
        assert_eq!(possibly.collect::<Vec<_>>(), [Persisted::Possibly; 2]);
        let mut rest = rows.rows().filter(|row| number(&row.bytes) == 9);
        assert!(rest.next().is_some());
        drop(rest);
        // Only the first two go on.
        let mut kept = Vec::new();
        for line in bytes_of(&rows).split_inclusive(|byte| *byte == b'\n').take(2) {
            kept.extend_from_slice(line);
        }
        rows = read(&kept);
    }
}

#[tokio::test]
async fn sending_goes_on_where_it_was_cancelled_and_sends_no_row_twice() {
    let (first, second) = (Gate::closed(), Gate::closed());
    let (one, two) = (first.server().start().await, second.server().start().await);
    let mut rows = left_of(&one, 50).await;
    let stream = builder(&two).max_unacked_bytes(200).open().await.unwrap();
    assert!(tokio::time::timeout(SOON, stream.send_undelivered(&mut rows)).await.is_err());
    let accepted = stream.stats().rows_accepted;
    assert!(accepted > 0);
    assert_eq!(rows.len() + accepted, 50);
    second.open();
    stream.send_undelivered(&mut rows).await.unwrap();
    stream.close().await.unwrap();
    assert_eq!(two.records.durable(), (0..50).collect::<Vec<_>>());
}

#[tokio::test]
async fn sending_goes_on_on_another_stream_when_one_gives_up() {
    let gate = Gate::closed();
    let server = gate.server().start().await;
    let mut rows = left_of(&server, 50).await;
    let stream = builder(&server).max_unacked_bytes(200).delivery_timeout(SOON).open().await.unwrap();
    let error = stream.send_undelivered(&mut rows).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::GaveUp);
    let mut returned = stream.close().await.unwrap_err().into_undelivered().unwrap();
    assert_eq!(rows.len() + returned.len(), 50);
    let healthy = Scripted::new(Call::serve).start().await;
    let next = builder(&healthy).open().await.unwrap();
    next.send_undelivered(&mut returned).await.unwrap();
    next.send_undelivered(&mut rows).await.unwrap();
    next.close().await.unwrap();
    assert_eq!(healthy.records.durable(), (0..50).collect::<Vec<_>>());
}

#[tokio::test]
async fn rows_that_are_refused_are_named_in_order_with_those_that_were_left() {
    let server = Scripted::new(|mut call: Call| async move {
        call.create().await;
        while let Some(received) = call.batch().await {
            let numbers: Vec<_> = received.rows.iter().map(|row| number(row)).collect();
            if numbers.contains(&1) {
                return call.fail(Status::invalid_argument("no such column")).await;
            }
            if numbers.contains(&3) {
                return call.fail(Status::permission_denied("not any more")).await;
            }
            call.keep(&received);
            call.ack(received.offset).await;
        }
    });
    let server = server.start().await;
    let stream = builder(&server).max_batch_rows(1).open().await.unwrap();
    stream.send_all((0..5).map(Row::new)).await.unwrap();
    let rows = stream.close().await.unwrap_err().into_undelivered().unwrap();
    assert_eq!(numbers(&rows), [1, 3, 4]);
    let kinds: Vec<_> = rows.rows().map(|row| row.reason.kind()).collect();
    assert_eq!(kinds, [ErrorKind::Rejected, ErrorKind::Credentials, ErrorKind::Credentials]);
    assert_eq!(server.records.durable(), [0, 2]);
}

#[tokio::test]
async fn what_is_no_line_of_undelivered_rows_is_refused_with_its_number() {
    let gate = Gate::closed();
    let server = gate.server().start().await;
    let good = bytes_of(&left_of(&server, 2).await);
    let good = std::str::from_utf8(&good).unwrap();
    let (first, second) = good.split_once('\n').unwrap();
    let torn = &second[..second.len() / 2];
    let elsewhere = second.replace(TABLE, "main.test.others");
    let as_json = second.replace("\"proto\"", "\"json\"");
    let no_row = second.replace("\"row\":\"", "\"row\":\"!");
    for (line, text) in [
        (1, String::new()),
        (1, "{}\n".to_owned()),
        (2, format!("{first}\n{torn}")),
        (2, format!("{first}\n{elsewhere}")),
        (2, format!("{first}\n{as_json}")),
        (3, format!("{first}\n\n{no_row}")),
        (2, format!("{first}\n[]")),
    ] {
        let error = Undelivered::read_from(text.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains(&format!("line {line} ")), "{error}");
    }
    let mut hostile = first.as_bytes().to_vec();
    hostile.extend_from_slice(b"\n\xff\xfe\n");
    assert!(Undelivered::read_from(&hostile[..]).unwrap_err().to_string().contains("line 2 "));
    assert_eq!(read(good.replace('\n', "\r\n").as_bytes()).len(), 2, "line ends of Windows");
}
