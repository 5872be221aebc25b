//! Refused rows go to a sink, once each, and the stream goes on.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod scripted;

use std::fs;
use std::sync::mpsc;
use std::sync::{Arc, Barrier, Mutex, OnceLock};
use std::time::Duration;

use scripted::{Call, Row, Scripted, Server, number};
use serde_json::{Value, json};
use tonic::Status;
use zerobus_runtime::{
    DeadLetter, DeadLetters, ErrorKind, Persisted, RawJson, ServerCode, StreamBuilder, StreamEvent, Undelivered,
};

const REFUSAL: &str = "a record does not decode. Error Code: 4044, Error State: 1.";

/// Refuses requests that hold a row whose bytes hold this.
async fn refusing(bad: &'static [u8]) -> Server {
    let server = Scripted::new(move |mut call: Call| async move {
        call.create().await;
        while let Some(received) = call.batch().await {
            if received.rows.iter().any(|row| row.windows(bad.len()).any(|part| part == bad)) {
                return call.fail(Status::invalid_argument(REFUSAL)).await;
            }
            call.records
                .durable
                .lock()
                .unwrap()
                .extend(received.rows.iter().map(|row| if row.starts_with(b"{") { 0 } else { number(row) }));
            call.ack(received.offset).await;
        }
    });
    server.start().await
}

fn row(n: u64) -> Row {
    let pad = if n % 10 == 7 { "bad" } else { "good" };
    Row { n, pad: pad.to_owned() }
}

fn rows(server: &Server, sink: DeadLetters) -> StreamBuilder<Row> {
    let stream = server.client().stream::<Row>().backoff(Duration::from_millis(1), Duration::from_millis(2));
    stream.dead_letters(sink)
}

/// A sink that keeps every letter.
fn keeping() -> (DeadLetters, Arc<Mutex<Vec<DeadLetter>>>) {
    let letters = Arc::<Mutex<Vec<DeadLetter>>>::default();
    let kept = Arc::clone(&letters);
    let sink = DeadLetters::callback(move |letter| {
        kept.lock().unwrap().push(letter.clone());
        Ok(())
    });
    (sink, letters)
}

/// A sink that hangs with its first letter until the sender is dropped.
fn hanging() -> (DeadLetters, mpsc::Sender<()>) {
    let (go, gone) = mpsc::channel::<()>();
    let gone = Mutex::new(gone);
    let sink = DeadLetters::callback(move |_| Ok(gone.lock().unwrap().recv()?));
    (sink, go)
}

fn json(letter: &DeadLetter) -> Value {
    serde_json::from_str(letter.json().unwrap()).unwrap()
}

#[tokio::test]
async fn each_refused_row_goes_to_the_sink_once_and_the_others_become_durable() {
    let server = refusing(b"bad").await;
    let (sink, letters) = keeping();
    let stream = rows(&server, sink).open().await.unwrap();
    stream.send_all((0..50).map(row)).await.unwrap();
    stream.flush().await.unwrap();
    assert_eq!(stream.acked().unwrap().value(), 49);
    assert!(stream.take_rejected().is_none());
    let refused = letters.lock().unwrap()[1].offset().unwrap();
    let error = stream.wait(refused).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    let report = stream.close().await.unwrap();
    assert_eq!((report.rows, report.stats.rows_returned, report.stats.dead_letters), (45, 5, 5));
    let letters = letters.lock().unwrap();
    assert_eq!(letters.iter().map(|letter| letter.offset().unwrap().value()).collect::<Vec<_>>(), [7, 17, 27, 37, 47]);
    let letter = &letters[2];
    assert_eq!((letter.table(), letter.is_json(), letter.lane()), ("main.test.rows", false, None));
    assert_eq!((number(letter.bytes()), json(letter)), (27, json!({"n": 27, "pad": "bad"})));
    assert_eq!(letter.reason().code().map(ServerCode::code), Some(4044));
    assert_eq!(letter.persisted(), Persisted::Possibly);
    assert!(letter.attempts() >= 2 && !letter.is_partial() && letter.time().is_some());
    drop(letters);
}

#[tokio::test]
async fn rows_are_on_disk_before_they_count_as_settled() {
    let server = refusing(b"bad").await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let stream = rows(&server, DeadLetters::file(file.path()).unwrap()).open().await.unwrap();
    for n in 0..30 {
        let sent = stream.send(&row(n)).await.unwrap();
        let settled = stream.wait(sent).await;
        assert_eq!(settled.is_err(), n % 10 == 7);
        let lines = fs::read_to_string(file.path()).unwrap();
        assert_eq!(lines.lines().count() as u64, (n + 3) / 10, "after row {n}");
    }
    stream.close().await.unwrap();
    let letters: Vec<_> =
        DeadLetter::read_from(fs::read(file.path()).unwrap().as_slice()).collect::<Result<_, _>>().unwrap();
    assert_eq!(letters.iter().map(|letter| number(letter.bytes())).collect::<Vec<_>>(), [7, 17, 27]);
    // The same file, as rows to send again.
    let again = Undelivered::read_from(fs::read(file.path()).unwrap().as_slice()).unwrap();
    assert_eq!((again.table(), again.len()), ("main.test.rows", 3));
    let mut written = Vec::new();
    again.write_to(&mut written).unwrap();
    assert_eq!(written, fs::read(file.path()).unwrap());
}

#[tokio::test]
async fn a_row_is_not_settled_while_the_sink_has_it() {
    let server = refusing(b"bad").await;
    let (enter, entered) = mpsc::channel();
    let (go, gone) = mpsc::channel::<()>();
    let gone = Mutex::new(gone);
    let sink = DeadLetters::callback(move |_| {
        enter.send(()).unwrap();
        gone.lock().unwrap().recv().unwrap();
        Ok(())
    });
    let acks = Arc::<Mutex<Vec<u64>>>::default();
    let heard = Arc::clone(&acks);
    let stream = rows(&server, sink).on_ack(move |offset| heard.lock().unwrap().push(offset.value()));
    let stream = stream.open().await.unwrap();
    stream.send_all((0..10).map(row)).await.unwrap();
    tokio::task::spawn_blocking(move || entered.recv().unwrap()).await.unwrap();
    // The rows behind it are delivered meanwhile.
    while stream.stats().rows_durable < 9 {
        tokio::task::yield_now().await;
    }
    assert_eq!(stream.acked().unwrap().value(), 6);
    let flushed = tokio::time::timeout(Duration::from_millis(30), stream.flush()).await;
    assert!(flushed.is_err(), "flush waits for the sink");
    assert!(acks.lock().unwrap().iter().all(|offset| *offset <= 6));
    go.send(()).unwrap();
    stream.flush().await.unwrap();
    assert_eq!(stream.acked().unwrap().value(), 9);
    stream.close().await.unwrap();
    assert_eq!(acks.lock().unwrap().last(), Some(&9));
}

#[tokio::test]
async fn a_sink_that_fails_leaves_the_row_with_the_stream() {
    let server = refusing(b"bad").await;
    let events = Arc::<Mutex<Vec<String>>>::default();
    let heard = Arc::clone(&events);
    let tries = Mutex::new(0);
    let sink = DeadLetters::callback(move |letter| {
        *tries.lock().unwrap() += 1;
        match letter.offset().unwrap().value() {
            7 => Err("no space left".into()),
            17 => panic!("a bug"),
            _ => Ok(()),
        }
    });
    let stream = rows(&server, sink).on_event(move |event| {
        if let StreamEvent::DeadLetterFailed { offset, reason, .. } = event {
            let source = std::error::Error::source(reason).unwrap();
            heard.lock().unwrap().push(format!("{} {:?} {source}", offset.unwrap().value(), reason.kind()));
        }
    });
    let stream = stream.open().await.unwrap();
    stream.send_all((0..30).map(row)).await.unwrap();
    let error = stream.flush().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    let taken = stream.take_rejected().unwrap();
    assert_eq!(taken.rows().map(|row| number(&row.bytes)).collect::<Vec<_>>(), [7, 17]);
    stream.send_all((30..40).map(row)).await.unwrap();
    let report = stream.close().await.unwrap();
    assert_eq!((report.rows, report.stats.dead_letters), (36, 2));
    assert_eq!(*events.lock().unwrap(), ["7 Storage no space left", "17 Storage the callback panicked"]);
}

#[tokio::test]
async fn close_returns_what_the_sink_did_not_take() {
    let server = refusing(b"bad").await;
    let stream = rows(&server, DeadLetters::callback(|_| Err("never".into()))).open().await.unwrap();
    stream.send_all((0..10).map(row)).await.unwrap();
    let rows = stream.close().await.unwrap_err().into_undelivered().unwrap();
    assert_eq!(rows.rows().map(|row| number(&row.bytes)).collect::<Vec<_>>(), [7]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callback_may_use_its_own_stream_even_close_it() {
    let server = refusing(b"bad").await;
    let own = Arc::<OnceLock<zerobus_runtime::IngestStream<Row>>>::default();
    let (runtime, inside) = (tokio::runtime::Handle::current(), Arc::clone(&own));
    let sink = DeadLetters::callback(move |letter| {
        let stream = inside.get().unwrap();
        let offset = letter.offset().unwrap();
        stream.try_send(&Row::new(offset.value() + 1000))?;
        runtime.block_on(async {
            assert_eq!(stream.wait(offset).await.unwrap_err().kind(), ErrorKind::Rejected);
            stream.flush().await.unwrap();
            assert!(stream.take_rejected().is_none());
            if offset.value() == 17 {
                stream.close().await.unwrap();
            }
        });
        Ok(())
    });
    let stream = rows(&server, sink).open().await.unwrap();
    own.set(stream.clone()).unwrap();
    stream.send_all((0..20).map(row)).await.unwrap();
    stream.flush().await.unwrap();
    let report = stream.close().await.unwrap();
    assert_eq!((report.rows, report.stats.dead_letters), (20, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callback_may_use_the_lanes_that_share_it_even_close_them() {
    let server = refusing(b"bad").await;
    let own = Arc::<OnceLock<zerobus_runtime::Lanes<Row>>>::default();
    let (runtime, inside) = (tokio::runtime::Handle::current(), Arc::clone(&own));
    let both = Barrier::new(2);
    let sink = DeadLetters::callback(move |_| {
        let lanes = inside.get().unwrap();
        // From here on, the sink has a row of each lane.
        both.wait();
        runtime.block_on(async {
            lanes.flush().await.unwrap();
            lanes.close().await.unwrap();
        });
        Ok(())
    });
    let lanes = rows(&server, sink).lanes(2.try_into().unwrap()).open().await.unwrap();
    own.set(lanes.clone()).unwrap();
    let sent = [lanes.send_unkeyed(&row(7)).await.unwrap(), lanes.send_unkeyed(&row(17)).await.unwrap()];
    assert_ne!(sent[0].lane(), sent[1].lane());
    let closed = tokio::time::timeout(Duration::from_secs(10), lanes.close()).await;
    let reports = closed.expect("each callback waits for the other").unwrap();
    assert_eq!(reports.iter().map(|report| report.stats.dead_letters).collect::<Vec<_>>(), [1, 1]);
}

#[tokio::test]
async fn a_sink_that_hangs_does_not_hold_up_close_within() {
    let server = refusing(b"bad").await;
    let (sink, go) = hanging();
    let stream = rows(&server, sink).open().await.unwrap();
    stream.send_all((0..20).map(row)).await.unwrap();
    let left = stream.close_within(Duration::from_millis(50)).await.unwrap_err().into_undelivered().unwrap();
    assert!(left.rows().any(|row| number(&row.bytes) == 7));
    drop(go);
}

#[tokio::test]
async fn close_within_returns_each_refused_row_behind_a_sink_that_hangs() {
    let server = refusing(b"bad").await;
    let (sink, go) = hanging();
    let stream = rows(&server, sink).max_rejected_bytes(1 << 20).open().await.unwrap();
    let large = |n| Row { n, pad: format!("bad{}", "x".repeat(400_000)) };
    stream.send_all((0..5).map(large)).await.unwrap();
    // Until it has refused those that it takes.
    while stream.stats().rows_returned < 5 {
        tokio::task::yield_now().await;
    }
    let left = stream.close_within(Duration::from_millis(50)).await.unwrap_err().into_undelivered().unwrap();
    assert_eq!(left.rows().map(|row| number(&row.bytes)).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    drop(go);
    assert!(stream.close().await.unwrap_err().undelivered().is_none(), "each was returned");
}

#[test]
fn blocking_handles_and_lanes_share_a_sink() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(refusing(b"bad"));
    let file = tempfile::NamedTempFile::new().unwrap();
    let sink = DeadLetters::file(file.path()).unwrap();
    let stream = rows(&server, sink.clone()).open_blocking().unwrap();
    stream.send_all((0..20).map(row)).unwrap();
    stream.close().unwrap();
    let lanes = rows(&server, sink).lanes(2.try_into().unwrap()).open_blocking().unwrap();
    lanes.send_all((20..60).map(|n| (n, row(n)))).unwrap();
    lanes.flush().unwrap();
    lanes.close().unwrap();
    let letters: Vec<_> =
        DeadLetter::read_from(fs::read(file.path()).unwrap().as_slice()).collect::<Result<_, _>>().unwrap();
    let mut numbers: Vec<_> = letters.iter().map(|letter| number(letter.bytes())).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [7, 17, 27, 37, 47, 57]);
    assert!(letters[2..].iter().all(|letter| letter.lane().is_some()));
}

#[tokio::test]
async fn dropping_a_stream_gives_the_sink_its_rows() {
    let server = refusing(b"bad").await;
    let (done, is_done) = tokio::sync::oneshot::channel();
    let done = Mutex::new(Some(done));
    let sink = DeadLetters::callback(move |letter| {
        let _ = done.lock().unwrap().take().unwrap().send(number(letter.bytes()));
        Ok(())
    });
    let stream = rows(&server, sink).open().await.unwrap();
    stream.send_all((0..10).map(row)).await.unwrap();
    drop(stream);
    assert_eq!(is_done.await.unwrap(), 7);
}

#[tokio::test]
async fn json_that_send_refuses_goes_to_the_sink_and_send_all_goes_on() {
    let server = refusing(b"bad").await;
    let (sink, letters) = keeping();
    let stream = server.client().json_stream("main.test.rows").dead_letters(sink).open().await.unwrap();
    let texts = [r#"{"n": 1}"#, "{\"n\": ", "[2]", r#"{"n": 3}"#];
    let last = stream.send_all(texts.map(RawJson)).await.unwrap();
    assert_eq!(last.unwrap().value(), 1);
    assert_eq!(stream.send(&RawJson("17")).await.unwrap_err().kind(), ErrorKind::Rejected);
    let report = stream.close().await.unwrap();
    assert_eq!((report.rows, report.stats.dead_letters), (2, 3));
    let letters = letters.lock().unwrap();
    let texts: Vec<_> = letters.iter().map(|letter| std::str::from_utf8(letter.bytes()).unwrap()).collect();
    assert_eq!(texts, ["{\"n\": ", "[2]", "17"]);
    assert!(letters.iter().all(|letter| letter.is_json() && letter.offset().is_none() && letter.attempts() == 0));
    assert!(letters.iter().all(|letter| !letter.is_partial() && letter.persisted() == Persisted::No));
}

#[tokio::test]
async fn send_all_stops_at_a_row_that_the_sink_does_not_take_or_not_as_a_whole() {
    let server = refusing(b"bad").await;
    let failing = DeadLetters::callback(|_| Err("full".into()));
    let stream = server.client().json_stream("main.test.rows").dead_letters(failing).open().await.unwrap();
    let unsent = stream.send_all([RawJson("{}"), RawJson("no"), RawJson("{}")]).await.unwrap_err();
    assert_eq!((unsent.accepted(), unsent.count()), (1, 2));
    stream.close().await.unwrap();

    let (sink, letters) = keeping();
    let stream = server.client().json_stream("main.test.rows").dead_letters(sink).open().await.unwrap();
    let unsent = stream.send_all([json!({"x": 1.5}), json!(2)].map(|row| Half(row.to_string()))).await.unwrap_err();
    assert_eq!((unsent.accepted(), unsent.count()), (0, 2), "a NaN is not in the JSON of its row");
    stream.close().await.unwrap();
    assert!(letters.lock().unwrap()[0].is_partial());
}

/// A row whose value no JSON has.
struct Half(#[allow(dead_code, reason = "it has a length")] String);

impl serde::Serialize for Half {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([("x", f64::NAN)])
    }
}

#[tokio::test]
async fn a_row_that_is_too_large_goes_to_the_sink() {
    let server = refusing(b"bad").await;
    let (sink, letters) = keeping();
    let stream = rows(&server, sink).max_row_bytes(100).open().await.unwrap();
    stream.send_all([Row::new(1), Row::padded(2, 200), Row::new(3)]).await.unwrap();
    assert_eq!(stream.close().await.unwrap().rows, 2);
    let letters = letters.lock().unwrap();
    assert_eq!(json(&letters[0]), json!({"n": 2, "pad": "x".repeat(200)}));
}

/// Three rows with their keys, of which the second is too large for a stream with `max_row_bytes(100)`.
fn one_too_large() -> [(u64, Row); 3] {
    [(1, Row::new(1)), (2, Row::padded(2, 200)), (3, Row::new(3))]
}

fn numbers(letters: &Mutex<Vec<DeadLetter>>) -> Vec<u64> {
    letters.lock().unwrap().drain(..).map(|letter| number(letter.bytes())).collect()
}

#[tokio::test]
async fn lanes_go_on_behind_a_row_that_the_sink_took_and_stop_at_one_that_it_did_not() {
    let server = refusing(b"bad").await;
    let (sink, letters) = keeping();
    let lanes = rows(&server, sink).max_row_bytes(100).lanes(2.try_into().unwrap()).open().await.unwrap();
    lanes.send_all(one_too_large()).await.unwrap();
    assert_eq!(lanes.close().await.unwrap().iter().map(|report| report.rows).sum::<u64>(), 2);
    assert_eq!(numbers(&letters), [2]);

    let failing = DeadLetters::callback(|_| Err("full".into()));
    let lanes = rows(&server, failing).max_row_bytes(100).lanes(2.try_into().unwrap()).open().await.unwrap();
    let unsent = lanes.send_all(one_too_large()).await.unwrap_err();
    assert_eq!((unsent.accepted(), unsent.count()), (1, 2));
    lanes.close().await.unwrap();
}

#[test]
fn blocking_handles_go_on_behind_a_row_that_the_sink_took_and_stop_at_one_that_it_did_not() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(refusing(b"bad"));
    let small = |sink| rows(&server, sink).max_row_bytes(100);
    let (sink, letters) = keeping();
    let stream = small(sink.clone()).open_blocking().unwrap();
    let last = stream.send_all(one_too_large().map(|(_, row)| row)).unwrap();
    assert_eq!((last.unwrap().value(), stream.close().unwrap().rows), (1, 2));
    assert_eq!(numbers(&letters), [2]);
    let lanes = small(sink).lanes(2.try_into().unwrap()).open_blocking().unwrap();
    lanes.send_all(one_too_large()).unwrap();
    assert_eq!(lanes.close().unwrap().iter().map(|report| report.rows).sum::<u64>(), 2);
    assert_eq!(numbers(&letters), [2]);

    let failing = DeadLetters::callback(|_| Err("full".into()));
    let stream = small(failing.clone()).open_blocking().unwrap();
    let unsent = stream.send_all(one_too_large().map(|(_, row)| row)).unwrap_err();
    assert_eq!((unsent.accepted(), unsent.count()), (1, 2));
    stream.close().unwrap();
    let lanes = small(failing).lanes(2.try_into().unwrap()).open_blocking().unwrap();
    let unsent = lanes.send_all(one_too_large()).unwrap_err();
    assert_eq!((unsent.accepted(), unsent.count()), (1, 2));
    lanes.close().unwrap();
}

#[tokio::test]
async fn another_table_takes_dead_letters_and_its_own_refusals_do_not_loop() {
    let server = refusing(b"bad").await;
    let letters = Arc::<Mutex<Vec<Value>>>::default();
    let kept = Arc::clone(&letters);
    let table = Scripted::new(move |mut call: Call| {
        let kept = Arc::clone(&kept);
        async move {
            call.create().await;
            while let Some(received) = call.batch().await {
                let rows = received.rows.iter().map(|row| serde_json::from_slice::<Value>(row).unwrap());
                let rows: Vec<_> = rows.collect();
                if rows.iter().any(|row| row["offset"] == 17) {
                    return call.fail(Status::invalid_argument(REFUSAL)).await;
                }
                kept.lock().unwrap().extend(rows);
                call.ack(received.offset).await;
            }
        }
    });
    let table = table.start().await;
    let refused = table.client().json_stream("main.ops.dead_letters").open().await.unwrap();
    let stream = rows(&server, DeadLetters::table(refused.clone())).open().await.unwrap();
    stream.send_all((0..30).map(row)).await.unwrap();
    // The letter of row 17 is refused by its table: the row stays here, the letter there.
    let left = stream.close().await.unwrap_err().into_undelivered().unwrap();
    assert_eq!(left.rows().map(|row| number(&row.bytes)).collect::<Vec<_>>(), [17]);
    let own = refused.close().await.unwrap_err().into_undelivered().unwrap();
    assert_eq!(own.len(), 1);
    let letters = letters.lock().unwrap();
    assert_eq!(letters.len(), 2);
    assert_eq!((&letters[0]["table"], &letters[0]["offset"]), (&json!("main.test.rows"), &json!(7)));
    assert_eq!((&letters[0]["code"], &letters[0]["partial"]), (&json!(4044), &json!(false)));
    assert!(letters[0]["time"].is_i64(), "microseconds: {}", letters[0]);
}

#[tokio::test]
async fn too_many_refused_rows_still_end_the_stream() {
    let server = refusing(b"bad").await;
    let (sink, letters) = keeping();
    let stream = rows(&server, sink).max_rejected_rows(2).open().await.unwrap();
    stream.send_all((0..40).map(row)).await.unwrap();
    let error = stream.close().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected, "{error}");
    let left = error.into_undelivered().unwrap();
    assert_eq!(number(&left.rows().next().unwrap().bytes), 27, "what is not durable and not with the sink");
    assert_eq!(letters.lock().unwrap().len(), 2);
}

#[test]
fn a_file_is_locked_and_what_a_killed_process_left_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("refused.ndjson");
    fs::write(&path, format!("{LETTER}\n{}", &LETTER[..30])).unwrap();
    let sink = DeadLetters::file(&path).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{LETTER}\n"));
    let locked = DeadLetters::file(&path).unwrap_err();
    assert_eq!(locked.kind(), ErrorKind::Storage);
    assert!(format!("{locked:?}").contains("another process has it open"), "{locked:?}");
    drop(sink);
    fs::write(&path, "a,b\n1,2").unwrap();
    let other = DeadLetters::file(&path).unwrap_err();
    assert!(format!("{other:?}").contains("no dead letter"), "{other:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "a,b\n1,2", "a file that is not ours is left alone");
}

const LETTER: &str =
    r#"{"table":"a.b.c","encoding":"json","persisted":"no","kind":"rejected","reason":"x","row":"e30="}"#;

#[test]
fn reading_ends_at_an_error_of_the_input_and_goes_on_behind_a_line_that_is_no_letter() {
    /// Gives these bytes and then fails for good.
    struct Failing(&'static [u8], std::io::ErrorKind);

    impl std::io::Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if self.0.is_empty() { Err(self.1.into()) } else { self.0.read(buffer) }
        }
    }

    for kind in [std::io::ErrorKind::TimedOut, std::io::ErrorKind::InvalidData] {
        let text = [b"\xff\n{}\n", LETTER.as_bytes(), b"\r\n\n{"].concat().leak();
        let letters = DeadLetter::read_from(std::io::BufReader::new(Failing(text, kind)));
        let found: Vec<_> = letters.take(9).map(|letter| letter.map_err(|error| error.to_string())).collect();
        let errors = found.iter().map(|letter| letter.as_ref().err().map_or("", |error| error));
        let expected = ["line 1 of", "line 2 of", "", "line 5 of"];
        assert!(errors.clone().zip(expected).all(|(error, expected)| error.starts_with(expected)), "{found:?}");
        assert_eq!(found.len(), 4, "{found:?}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_loses_no_row() {
    let server = refusing(b"bad").await;
    let stream = rows(&server, DeadLetters::file("/dev/full").unwrap()).open().await.unwrap();
    stream.send_all((0..20).map(row)).await.unwrap();
    let left = stream.close().await.unwrap_err().into_undelivered().unwrap();
    assert_eq!(left.rows().map(|row| number(&row.bytes)).collect::<Vec<_>>(), [7, 17]);
}

#[cfg(feature = "spool")]
#[tokio::test]
async fn a_spool_keeps_a_refused_row_until_the_sink_has_it() {
    let server = refusing(b"bad").await;
    let (spool, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (sink, go) = hanging();
    let stream = rows(&server, sink).spool(spool.path()).open().await.unwrap();
    stream.send_all((0..10).map(row)).await.unwrap();
    while stream.stats().rows_durable < 9 {
        tokio::task::yield_now().await;
    }
    // What a process leaves that is killed now.
    let files = || fs::read_dir(spool.path()).unwrap().map(|file| file.unwrap().path()).filter(|file| file.is_file());
    for file in files().filter(|file| !file.ends_with("lock")) {
        fs::copy(&file, copy.path().join(file.file_name().unwrap())).unwrap();
    }
    let (sink, letters) = keeping();
    let next = rows(&server, sink).spool(copy.path()).open().await.unwrap();
    next.close().await.unwrap();
    assert_eq!(letters.lock().unwrap().iter().map(|letter| number(letter.bytes())).collect::<Vec<_>>(), [7]);
    go.send(()).unwrap();
    stream.close().await.unwrap();
    let settled = zerobus_runtime::SpoolFolder::open(spool.path()).unwrap();
    assert_eq!(settled.export(std::io::sink()).unwrap(), 0, "the sink has the row, so the spool has none");
}

#[cfg(feature = "spool")]
#[tokio::test]
async fn close_within_leaves_rows_that_the_sink_did_not_take_in_the_spool() {
    let server = refusing(b"bad").await;
    let spool = tempfile::tempdir().unwrap();
    let (go, gone) = mpsc::channel::<()>();
    let gone = Mutex::new(gone);
    let sink = DeadLetters::callback(move |letter| match letter.offset().unwrap().value() {
        7 => Err("no".into()),
        _ => Ok(gone.lock().unwrap().recv()?),
    });
    let stream = rows(&server, sink).spool(spool.path()).open().await.unwrap();
    stream.send_all((0..40).map(row)).await.unwrap();
    while stream.stats().rows_durable < 36 {
        tokio::task::yield_now().await;
    }
    // The sink failed for row 7, and hangs with row 17.
    let error = stream.close_within(Duration::from_millis(50)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.to_string().starts_with("3 rows stay in the spool"), "{error}");
    let left = error.into_undelivered().unwrap();
    assert_eq!(left.rows().map(|row| number(&row.bytes)).collect::<Vec<_>>(), [7]);
    let (sink, letters) = keeping();
    let next = rows(&server, sink).spool(spool.path()).open().await.unwrap();
    next.close().await.unwrap();
    assert_eq!(numbers(&letters), [17, 27, 37], "each row is returned, or in the folder");
    drop(go);
}
