//! Generated rows of a table with stamped columns, in both flavors: the stream fills in the columns.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

use std::collections::BTreeSet;
use std::path::Path;

use zerobus_emulator::Emulator;
use zerobus_runtime::{Client, ZerobusMessage};

const TABLE: &str = "main.iot.stamped";

#[allow(dead_code, unreachable_pub, missing_docs, clippy::pedantic, reason = "generated code of a table used in part")]
mod typed_flavor {
    include!(concat!(env!("OUT_DIR"), "/stamped_typed/zerobus_tables.rs"));
}

#[allow(dead_code, unreachable_pub, missing_docs, clippy::pedantic, reason = "generated code of a table used in part")]
mod prost_flavor {
    include!(concat!(env!("OUT_DIR"), "/stamped_prost/zerobus_tables.rs"));
}

use prost_flavor::main::iot::Stamped as Prost;
use typed_flavor::main::iot::Stamped as Typed;

/// Sends ten rows with other values in the stamped columns, on two streams with the same spool folder.
async fn send<T: ZerobusMessage>(emulator: &Emulator, spool: &Path, row: impl Fn(i64) -> T) {
    let client = Client::builder().endpoint(emulator.url()).workspace_url(emulator.url());
    let client = client.credentials(emulator.client_id(), emulator.client_secret()).build().unwrap();
    for from in [0, 5] {
        let stream = client.stream::<T>().spool(spool).open().await.unwrap();
        for n in from..from + 5 {
            stream.send(&row(n)).await.unwrap();
        }
        stream.close().await.unwrap();
    }
}

/// Checks that the rows have the stamps of one producer and two runs, unique for each row.
async fn check_stamps(emulator: &Emulator) {
    let rows = emulator.rows(TABLE).await.unwrap();
    let numbers = |name: &str| rows.iter().map(|row| row[name].as_i64().unwrap()).collect::<BTreeSet<_>>();
    let producers: BTreeSet<_> = rows.iter().map(|row| row["producer"].as_str().unwrap()).collect();
    assert_eq!(rows.len(), 10);
    assert!(producers.len() == 1 && !producers.contains("nobody"), "{producers:?}");
    assert_eq!((numbers("n"), numbers("sequence")), ((0..10).collect(), (0..10).collect()));
    let epochs = numbers("epoch");
    assert!(epochs.len() == 2 && !epochs.contains(&-1), "{epochs:?}");
}

async fn emulator() -> Emulator {
    Emulator::builder().schemas(Path::new(env!("OUT_DIR")).join("stamped")).start().await.unwrap()
}

#[tokio::test]
async fn rows_of_the_prost_flavor_are_stamped() {
    let (emulator, spool) = (emulator().await, tempfile::tempdir().unwrap());
    let row = |n| Prost { n, producer: Some("nobody".to_owned()), epoch: Some(-1), sequence: -1 };
    send(&emulator, spool.path(), row).await;
    check_stamps(&emulator).await;
    emulator.shutdown().await;
}

#[tokio::test]
async fn rows_of_the_typed_flavor_are_stamped() {
    let (emulator, spool) = (emulator().await, tempfile::tempdir().unwrap());
    let row = |n| Typed { n, producer: Some("nobody".to_owned()), epoch: None, sequence: -1 };
    send(&emulator, spool.path(), row).await;
    check_stamps(&emulator).await;
    emulator.shutdown().await;
}
