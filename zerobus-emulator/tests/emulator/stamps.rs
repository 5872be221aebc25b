//! Columns that the runtime fills in: in a table with duplicates, each row is known by them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto};
use serde_json::{Value, json};
use zerobus_emulator::Emulator;
use zerobus_runtime::{Client, Error, StampColumns, StreamBuilder, ZerobusMessage};

const TABLE: &str = "main.test.stamped";

async fn emulator(folder: &Path) -> Emulator {
    let ddl = folder.join("tables.sql");
    let columns = "n BIGINT NOT NULL, producer STRING, epoch BIGINT, sequence BIGINT NOT NULL";
    std::fs::write(&ddl, format!("CREATE TABLE {TABLE} ({columns});")).unwrap();
    Emulator::builder().ddl(ddl).linger(Duration::from_millis(1)).seed(11).start().await.unwrap()
}

fn client(emulator: &Emulator) -> Client {
    let client = Client::builder().endpoint(emulator.url()).workspace_url(emulator.url());
    client.credentials(emulator.client_id(), emulator.client_secret()).build().unwrap()
}

fn descriptor() -> DescriptorProto {
    let field = |name: &str, number, kind: Type, label: Label| FieldDescriptorProto {
        name: Some(name.to_owned()),
        number: Some(number),
        r#type: Some(kind.into()),
        label: Some(label.into()),
        ..Default::default()
    };
    DescriptorProto {
        name: Some("Stamped".to_owned()),
        field: vec![
            field("n", 1, Type::Int64, Label::Required),
            field("producer", 2, Type::String, Label::Optional),
            field("epoch", 3, Type::Int64, Label::Optional),
            field("sequence", 4, Type::Int64, Label::Required),
        ],
        ..Default::default()
    }
}

/// The rows by their stamps.
async fn by_stamp(emulator: &Emulator) -> (usize, BTreeMap<(String, i64, i64), BTreeSet<i64>>) {
    let mut by_stamp = BTreeMap::<_, BTreeSet<i64>>::new();
    let rows = emulator.rows(TABLE).await.unwrap();
    for row in &rows {
        let number = |name: &str| row[name].as_i64().unwrap();
        let stamp = (row["producer"].as_str().unwrap().to_owned(), number("epoch"), number("sequence"));
        by_stamp.entry(stamp).or_default().insert(number("n"));
    }
    (rows.len(), by_stamp)
}

#[tokio::test]
async fn rows_that_came_twice_have_one_stamp_over_faults_and_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = emulator(folder.path()).await;
    for fault in ["reset chance=0.05", "ack-drop chance=0.2"] {
        emulator.inject(fault.parse().unwrap());
    }
    let spool = folder.path().join("spool");
    let mut next = 0;
    for run in 0..6 {
        let stream =
            client(&emulator).encoded_stream(TABLE, &descriptor()).spool(&spool).stamp(StampColumns::default());
        let stream = stream.backoff(Duration::from_millis(1), Duration::from_millis(4)).max_batch_rows(7);
        let stream = stream.ack_timeout(Duration::from_millis(200)).open().await.unwrap();
        for _ in 0..200 {
            // What a row says of its own stamp is overwritten.
            stream.send(&[8, u8::try_from(next % 128).unwrap(), 0x20, 99]).await.unwrap();
            next += 1;
        }
        if run < 5 {
            let _ = stream.close_within(Duration::from_millis(10)).await;
        } else {
            emulator.clear_faults();
            stream.close().await.unwrap();
        }
    }
    let (rows, by_stamp) = by_stamp(&emulator).await;
    assert!(rows > next, "the faults made no duplicate: {rows}");
    assert_eq!(by_stamp.len(), next, "a stamp for each row");
    assert!(by_stamp.values().all(|rows| rows.len() == 1), "two rows have one stamp");
    let producers: BTreeSet<_> = by_stamp.keys().map(|(producer, ..)| producer).collect();
    assert_eq!(producers.len(), 1, "the folder keeps its producer");
    let mut sequences: Vec<_> = by_stamp.keys().map(|(_, _, sequence)| *sequence).collect();
    sequences.sort_unstable();
    assert_eq!(sequences, (0..i64::try_from(next).unwrap()).collect::<Vec<_>>(), "no gap");
    let epochs: BTreeSet<_> = by_stamp.keys().map(|(_, epoch, _)| *epoch).collect();
    assert_eq!(epochs.len(), 6);
    emulator.shutdown().await;
}

/// A row that names its stamps itself; what its own fields say of them does not count.
#[derive(ZerobusMessage)]
#[zerobus(table = "main.test.stamped", unchecked)]
struct Stamped {
    n: i64,
    #[zerobus(stamp = "producer")]
    producer: Option<String>,
    #[zerobus(stamp = "epoch")]
    epoch: Option<i64>,
    #[zerobus(name = "sequence", stamp = "sequence")]
    number: i64,
}

impl Stamped {
    fn new(n: i64) -> Self {
        Self { n, producer: Some("nobody".to_owned()), epoch: None, number: -1 }
    }
}

#[tokio::test]
async fn rows_that_name_their_stamps_are_stamped_without_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = emulator(folder.path()).await;
    let fast = |stream: StreamBuilder<Stamped>| stream.backoff(Duration::from_millis(1), Duration::from_millis(4));
    let spooled = || fast(client(&emulator).stream::<Stamped>()).spool(folder.path().join("spool")).max_batch_rows(7);
    // What was durable in the table, and not acknowledged, comes again from the spool of a later run.
    emulator.inject("ack-drop".parse().unwrap());
    let stream = spooled().open().await.unwrap();
    for n in 0..100 {
        stream.send_spooled(&Stamped::new(n)).await.unwrap();
    }
    while emulator.rows(TABLE).await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    stream.close_within(Duration::from_millis(10)).await.unwrap_err();
    emulator.clear_faults();
    spooled().open().await.unwrap().close().await.unwrap();
    let (rows, found) = by_stamp(&emulator).await;
    assert!(rows > 100, "the fault made no duplicate: {rows}");
    let numbers: Vec<i64> = found.keys().map(|(_, _, number)| *number).collect();
    assert_eq!(numbers, (0..100).collect::<Vec<_>>());
    assert!(found.values().all(|rows| rows.len() == 1));
    assert!(found.keys().all(|(producer, epoch, _)| producer != "nobody" && *epoch > 0));

    // The same columns by another way in, and each lane with a name of its own.
    let lanes = client(&emulator).stream::<Stamped>().producer("gateway").lanes(2.try_into().unwrap());
    let lanes = lanes.open().await.unwrap();
    for n in 100..150 {
        lanes.send(&n, &Stamped::new(n)).await.unwrap();
    }
    lanes.close().await.unwrap();
    let (_, found) = by_stamp(&emulator).await;
    assert_eq!(found.len(), 150);
    assert_eq!(found.keys().filter(|(producer, ..)| producer.starts_with("gateway/")).count(), 50);
    emulator.shutdown().await;
}

#[tokio::test]
async fn json_rows_and_lanes_are_stamped_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = emulator(folder.path()).await;
    let stream = client(&emulator).json_stream(TABLE).stamp(StampColumns::default()).producer("a \"gateway\"");
    let lanes = stream.lanes(2.try_into().unwrap()).open().await.unwrap();
    for n in 0..100 {
        lanes.send(&n, &json!({ "n": n })).await.unwrap();
    }
    lanes.close().await.unwrap();
    let (rows, by_stamp) = by_stamp(&emulator).await;
    assert_eq!((rows, by_stamp.len()), (100, 100));
    let producers: BTreeSet<_> = by_stamp.keys().map(|(producer, ..)| producer.as_str()).collect();
    assert_eq!(producers, BTreeSet::from(["a \"gateway\"/0", "a \"gateway\"/1"]));
    emulator.shutdown().await;
}

#[tokio::test]
async fn rows_that_are_sent_again_keep_their_stamp() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = emulator(folder.path()).await;
    emulator.inject("ack-drop".parse().unwrap());
    let stamped = |emulator: &Emulator| client(emulator).json_stream(TABLE).stamp(StampColumns::default());
    let stream = stamped(&emulator).open().await.unwrap();
    stream.send(&json!({ "n": 1 })).await.unwrap();
    while emulator.rows(TABLE).await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    let error = stream.close_within(Duration::from_millis(50)).await.unwrap_err();
    emulator.clear_faults();
    let stream = stamped(&emulator).open().await.unwrap();
    stream.send(&json!({ "n": 2 })).await.unwrap();
    stream.send_undelivered(&mut error.into_undelivered().unwrap()).await.unwrap();
    stream.close().await.unwrap();
    let (rows, by_stamp) = by_stamp(&emulator).await;
    assert_eq!((rows, by_stamp.len()), (3, 2));
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_type_without_the_columns_is_refused_when_the_stream_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = emulator(folder.path()).await;
    let open = async |columns: StampColumns| -> Error {
        client(&emulator).encoded_stream(TABLE, &descriptor()).stamp(columns).open().await.unwrap_err()
    };
    let missing = StampColumns { sequence: "row".to_owned(), ..StampColumns::default() };
    let text = open(missing).await.to_string();
    assert!(text.contains("`row` is not a value that stamp can have: a BIGINT column of the row's type"), "{text}");
    let other = StampColumns { producer: "n".to_owned(), ..StampColumns::default() };
    let text = open(other).await.to_string();
    assert!(text.contains("`n`") && text.contains("a STRING column"), "{text}");
    assert_eq!(emulator.rows(TABLE).await.unwrap(), Vec::<Value>::new());
    emulator.shutdown().await;
}
