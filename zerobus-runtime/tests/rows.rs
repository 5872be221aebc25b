//! Rows on their way into a request: none is corrupted, what cannot be sent is refused alone, and a row's own code may
//! do what it likes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod scripted;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use proptest::prelude::*;
use scripted::{Call, Row, Scripted, Server, recording};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::json;
use zerobus_runtime::message::MessageSchema;
use zerobus_runtime::{Encoder, ErrorKind, IngestStream, JsonStream, RawJson, ZerobusMessage};

/// Serves, and acknowledges all.
async fn acking() -> Server {
    recording().await.0
}

async fn json_stream(server: &Server) -> JsonStream {
    server.client().json_stream("main.test.rows").open().await.unwrap()
}

/// The largest row of the property, its key and its length of three bytes included.
const LARGEST: usize = 20_000;

/// Lengths of rows, most of them where the length of a length changes or the limit is.
fn lengths() -> impl Strategy<Value = Vec<usize>> {
    let around = |edge: usize| edge - 2..edge + 3;
    let length = prop_oneof![
        4 => 0_usize..300,
        2 => around(128),
        2 => around(16_384),
        2 => around(LARGEST - 4),
        1 => LARGEST..100_000,
    ];
    proptest::collection::vec(length, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn requests_hold_exactly_the_accepted_rows_whatever_was_refused_between_them(
        lengths in lengths(), batch in prop_oneof![1_usize..400, 10_000_usize..60_000], seed: u8,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (server, records) = recording().await;
            let stream = server.client().encoded_stream("main.test.rows", &Row::descriptor());
            let stream = stream.max_batch_bytes(batch).max_row_bytes(LARGEST).open().await.unwrap();
            let mut accepted = Vec::new();
            for (n, length) in lengths.into_iter().enumerate() {
                let row: Vec<u8> = (0..length).map(|at| (at ^ n).to_le_bytes()[0] ^ seed).collect();
                match stream.send(&row).await {
                    Ok(_) => accepted.push(row),
                    Err(error) => assert_eq!((error.kind(), length > LARGEST - 4), (ErrorKind::Rejected, true), "{error}"),
                }
            }
            let report = stream.close().await.unwrap();
            assert_eq!(report.rows, accepted.len() as u64);
            assert!(*records.lock().unwrap() == accepted, "other rows arrived than were accepted");
        });
    }
}

#[tokio::test]
async fn a_row_of_256_mebibytes_is_refused_and_leaves_those_around_it_as_they_are() {
    let (server, records) = recording().await;
    let stream = server.client().encoded_stream("main.test.rows", &Row::descriptor());
    let stream = stream.linger(Duration::from_secs(60)).open().await.unwrap();
    stream.send(b"before").await.unwrap();
    let refused = stream.send(&vec![7_u8; 1 << 28]).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Rejected);
    stream.send(b"after").await.unwrap();
    stream.close().await.unwrap();
    assert_eq!(*records.lock().unwrap(), [b"before".to_vec(), b"after".to_vec()]);
}

#[tokio::test]
async fn a_json_stream_takes_objects_alone_and_says_what_it_was_given() {
    let server = acking().await;
    let stream = json_stream(&server).await;
    for (row, found) in [
        (json!("{\"n\":1}"), "a text; JSON that is text already goes as `RawJson`"),
        (json!([1]), "an array"),
        (json!(null), "null"),
        (json!(true), "a boolean"),
        (json!(1), "a number"),
    ] {
        let error = stream.send(&row).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected);
        assert!(error.to_string().contains(found), "{error}");
    }
    assert_eq!(stream.close().await.unwrap().rows, 0);
}

#[tokio::test]
async fn json_that_is_text_already_goes_as_it_stands() {
    let (server, records) = recording().await;
    let stream = json_stream(&server).await;
    let text = "{\"n\": 1,  \"pad\": \"\\u00e4\"}";
    stream.send(&RawJson(text)).await.unwrap();
    stream.send(&RawJson(text.to_owned())).await.unwrap();
    for wrong in ["{\"n\": 1", "{\"n\": 1} {}", "[]", "", "null", "{n: 1}"] {
        assert_eq!(stream.send(&RawJson(wrong)).await.unwrap_err().kind(), ErrorKind::Rejected, "{wrong}");
    }
    stream.close().await.unwrap();
    assert_eq!(*records.lock().unwrap(), [text.as_bytes(), text.as_bytes()]);
}

#[derive(Serialize)]
struct Reading {
    sensor: String,
    values: Vec<Point>,
}

#[derive(Serialize)]
struct Point {
    value: f64,
}

#[tokio::test]
async fn a_float_that_json_cannot_hold_is_refused_with_its_column_and_never_sent_as_null() {
    let (server, records) = recording().await;
    let stream = json_stream(&server).await;
    for (value, text) in [(f64::NAN, "NaN"), (f64::INFINITY, "infinite"), (f64::NEG_INFINITY, "infinite")] {
        let row = Reading { sensor: "a".to_owned(), values: vec![Point { value: 1.0 }, Point { value }] };
        let error = stream.send(&row).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected);
        assert!(error.to_string().contains("values[1].value") && error.to_string().contains(text), "{error}");
    }
    stream.send(&Reading { sensor: "a".to_owned(), values: vec![Point { value: 1.5 }] }).await.unwrap();
    stream.close().await.unwrap();
    assert_eq!(*records.lock().unwrap(), [br#"{"sensor":"a","values":[{"value":1.5}]}"#.to_vec()]);
}

/// A map whose keys and values are written one by one.
struct Apart(f64);

impl Serialize for Apart {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_key("value")?;
        map.serialize_value(&self.0)?;
        map.end()
    }
}

#[tokio::test]
async fn a_map_whose_keys_and_values_are_written_apart_is_checked_as_any_other() {
    let (server, records) = recording().await;
    let stream = json_stream(&server).await;
    assert_eq!(stream.send(&Apart(f64::NAN)).await.unwrap_err().kind(), ErrorKind::Rejected);
    stream.send(&Apart(1.5)).await.unwrap();
    stream.close().await.unwrap();
    assert_eq!(*records.lock().unwrap(), [br#"{"value":1.5}"#.to_vec()]);
}

#[tokio::test]
async fn what_has_a_form_for_people_is_written_so_in_json() {
    let (server, records) = recording().await;
    let stream = json_stream(&server).await;
    stream.send(&BTreeMap::from([("host", std::net::Ipv4Addr::LOCALHOST)])).await.unwrap();
    stream.close().await.unwrap();
    assert_eq!(*records.lock().unwrap(), [br#"{"host":"127.0.0.1"}"#.to_vec()]);
}

#[tokio::test]
async fn rows_that_were_not_sent_say_how_many_they_are() {
    let server = acking().await;
    let stream = json_stream(&server).await;
    let unsent = stream.send_all([json!({"n": 1}), json!([1]), json!({"n": 2})]).await.unwrap_err();
    assert_eq!((unsent.accepted(), unsent.size_hint()), (1, (2, Some(2))));
    stream.close().await.unwrap();
}

/// What a row does while it is encoded.
type Act = Box<dyn Fn() + Send + Sync>;

/// A row that does something while it is encoded, as JSON or as a message.
struct Acting(Act);

impl Serialize for Acting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.0)();
        json!({"n": 1}).serialize(serializer)
    }
}

impl ZerobusMessage for Acting {
    const TABLE: Option<&'static str> = Row::TABLE;
    const SCHEMA: &'static MessageSchema = Row::SCHEMA;

    fn encode_to(&self, out: &mut Encoder) {
        (self.0)();
        Row::new(1).encode_to(out);
    }
}

#[tokio::test]
async fn a_serialize_may_use_its_own_stream() {
    let server = acking().await;
    let stream = json_stream(&server).await;
    let own = stream.clone();
    let row = Acting(Box::new(move || {
        own.try_send(&json!({"n": own.stats().rows_accepted})).unwrap();
    }));
    stream.send(&row).await.unwrap();
    stream.try_send(&row).unwrap();
    stream.send_timeout(&row, Duration::from_secs(1)).await.unwrap();
    drop(row);
    assert_eq!(stream.close().await.unwrap().rows, 6);
}

#[tokio::test]
async fn an_encode_to_may_use_its_own_stream() {
    let server = acking().await;
    let stream = server.client().stream::<Acting>().open().await.unwrap();
    let own = stream.clone();
    let row = Acting(Box::new(move || {
        own.try_send(&Acting(Box::new(|| ()))).unwrap();
        assert!(!own.is_closed() && own.stats().rows_accepted > 0);
    }));
    stream.send(&row).await.unwrap();
    stream.try_send(&row).unwrap();
    drop(row);
    assert_eq!(stream.close().await.unwrap().rows, 4);
}

#[tokio::test]
async fn a_row_whose_code_panics_takes_nothing_with_it() {
    let (server, records) = recording().await;
    let stream = json_stream(&server).await;
    stream.send(&json!({"n": 0})).await.unwrap();
    let panicking = {
        let stream = stream.clone();
        tokio::spawn(async move { stream.send(&Acting(Box::new(|| panic!("a row's own fault")))).await })
    };
    assert!(panicking.await.unwrap_err().is_panic());
    stream.send(&json!({"n": 2})).await.unwrap();
    assert_eq!(stream.close().await.unwrap().rows, 2);
    assert_eq!(*records.lock().unwrap(), [br#"{"n":0}"#.to_vec(), br#"{"n":2}"#.to_vec()]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_slow_serialize_holds_up_neither_other_rows_nor_their_acknowledgements() {
    let server = acking().await;
    let stream = json_stream(&server).await;
    let (go, wait) = mpsc::channel::<()>();
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let (begun, wait) = (Mutex::new(Some(begun)), Mutex::new(wait));
    let slow = Acting(Box::new(move || {
        let begun = begun.lock().unwrap().take();
        begun.unwrap().send(()).unwrap();
        wait.lock().unwrap().recv().unwrap();
    }));
    let sending = {
        let stream = stream.clone();
        tokio::spawn(async move { stream.send(&slow).await })
    };
    has_begun.await.unwrap();
    let other = stream.send(&json!({"n": 2})).await.unwrap();
    let durable = tokio::time::timeout(Duration::from_secs(10), stream.wait(other)).await;
    durable.expect("a row is durable while another is encoded").unwrap();
    go.send(()).unwrap();
    sending.await.unwrap().unwrap();
    assert_eq!(stream.close().await.unwrap().rows, 2);
}

/// Sends until there is no room, as a full stream of these options has it.
async fn full(permitted: Arc<AtomicBool>) -> (Server, IngestStream<Row>) {
    let server = Scripted::new(move |mut call: Call| {
        let permitted = Arc::clone(&permitted);
        async move {
            call.create().await;
            while !permitted.load(Ordering::SeqCst) {
                tokio::task::yield_now().await;
            }
            call.serve_created().await;
        }
    });
    let server = server.start().await;
    let stream = server.client().stream::<Row>().max_unacked_bytes(10_000).open().await.unwrap();
    while stream.try_send(&Row::padded(0, 900)).is_ok() {}
    (server, stream)
}

/// Polls a future once.
async fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|cx| {
        let polled = std::pin::Pin::new(&mut *future).poll(cx);
        std::task::Poll::Ready(match polled {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

#[tokio::test]
async fn a_send_that_is_polled_after_it_was_ready_accepts_no_second_row() {
    let permitted = Arc::<AtomicBool>::default();
    let (_server, stream) = full(Arc::clone(&permitted)).await;
    let accepted = stream.stats().rows_accepted;
    // One that waited, and one that found room.
    let row = Row::padded(1, 900);
    let mut waiting = Box::pin(stream.send(&row));
    assert!(poll_once(&mut waiting).await.is_none());
    permitted.store(true, Ordering::SeqCst);
    waiting.as_mut().await.unwrap();
    stream.flush().await.unwrap();
    let mut ready = Box::pin(stream.send(&row));
    poll_once(&mut ready).await.expect("there is room").unwrap();
    for _ in 0..100 {
        assert!(poll_once(&mut waiting).await.is_none() && poll_once(&mut ready).await.is_none());
    }
    drop((waiting, ready));
    assert_eq!(stream.close().await.unwrap().rows, accepted + 2);
}

#[tokio::test]
async fn room_is_given_in_the_order_in_which_it_was_asked_for_and_a_large_row_is_not_starved() {
    let permitted = Arc::<AtomicBool>::default();
    let (_server, stream) = full(Arc::clone(&permitted)).await;
    let first = stream.stats().rows_accepted;
    let mut waiting = tokio::task::JoinSet::new();
    for n in 0..100 {
        // Every tenth row takes nearly all of the room.
        let (stream, row) = (stream.clone(), Row::padded(n, if n % 10 == 5 { 9_000 } else { 20 }));
        waiting.spawn(async move { (n, stream.send(&row).await.unwrap().value()) });
    }
    // Each of them is polled once, in order.
    tokio::task::yield_now().await;
    permitted.store(true, Ordering::SeqCst);
    let offsets = async {
        let mut offsets = Vec::new();
        while let Some(sent) = waiting.join_next().await {
            offsets.push(sent.unwrap());
            // Small rows come all the time.
            let _ = stream.try_send(&Row::new(1000));
        }
        offsets
    };
    let offsets = tokio::time::timeout(Duration::from_secs(30), offsets).await.expect("everybody gets room");
    assert!(offsets.is_sorted_by_key(|(n, _)| *n) && offsets.is_sorted_by_key(|(_, offset)| *offset), "{offsets:?}");
    assert!(offsets[0].1 >= first);
    stream.close().await.unwrap();
}
