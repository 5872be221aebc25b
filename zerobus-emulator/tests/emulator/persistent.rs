//! Persistent streams: offsets that go on over connections and restarts, with every row in the table exactly once.

use crate::support::persistent::{Persistent, retire};
use crate::support::{tables, token};
use serde_json::{Value, json};
use tonic::Code;
use zerobus_emulator::{Emulator, Fault};

const ORDERS: &str = "main.sales.orders";
const QUAKES: &str = "main.geo.earthquakes";

fn order(id: i64) -> Value {
    json!({ "order_id": id, "placed_at": 1, "lines": [], "currency": "EUR" })
}

async fn ids(emulator: &Emulator) -> Vec<i64> {
    let rows = emulator.rows(ORDERS).await.unwrap();
    rows.iter().map(|row| row["order_id"].as_i64().unwrap()).collect()
}

/// Runs a test on each sink.
async fn on_each_sink(test: impl AsyncFn(Emulator)) {
    test(Emulator::builder().schemas(tables()).start().await.unwrap()).await;
    #[cfg(feature = "delta")]
    {
        let data = tempfile::tempdir().unwrap();
        test(Emulator::builder().schemas(tables()).data(data.path()).start().await.unwrap()).await;
    }
}

async fn send(call: &mut Persistent, offsets: std::ops::Range<i64>) {
    for offset in offsets.clone() {
        call.send_json(offset, &order(offset)).await;
    }
    call.acked(offsets.end - 1).await.unwrap();
}

#[tokio::test]
async fn offsets_go_on_over_connections() {
    on_each_sink(async |emulator| {
        let (call, id) = Persistent::create(&emulator, ORDERS).await.unwrap();
        assert_eq!(call.finish().await.unwrap(), None);
        let (mut call, committed) = Persistent::resume(&emulator, ORDERS, &id).await.unwrap();
        assert_eq!(committed, None);
        send(&mut call, 0..3).await;
        call.finish().await.unwrap();
        let (mut call, committed) = Persistent::resume(&emulator, ORDERS, &id).await.unwrap();
        assert_eq!(committed, Some(2));
        send(&mut call, 3..5).await;
        // A connection that is lost, and not closed.
        drop(call);
        let (call, committed) = Persistent::resume(&emulator, ORDERS, &id).await.unwrap();
        assert_eq!((committed, call.finish().await.unwrap()), (Some(4), None));
        assert_eq!(ids(&emulator).await, [0, 1, 2, 3, 4]);
    })
    .await;
}

#[tokio::test]
async fn a_request_that_does_not_follow_the_last_committed_one_is_refused() {
    on_each_sink(async |emulator| {
        let (mut call, id) = Persistent::create(&emulator, ORDERS).await.unwrap();
        send(&mut call, 0..3).await;
        call.finish().await.unwrap();
        for offset in [0, 2, 4, -1, i64::MAX, i64::MIN] {
            let (mut call, _) = Persistent::resume(&emulator, ORDERS, &id).await.unwrap();
            call.send_json(offset, &order(offset)).await;
            let status = call.refusal().await;
            assert_eq!(status.code(), Code::InvalidArgument, "{offset}");
            assert!(status.message().starts_with("Non-sequential offset_id: expected 3"), "{}", status.message());
        }
        assert_eq!(ids(&emulator).await, [0, 1, 2]);
    })
    .await;
}

#[tokio::test]
async fn streams_of_one_table_do_not_mix() {
    on_each_sink(async |emulator| {
        let (mut one, first) = Persistent::create(&emulator, ORDERS).await.unwrap();
        let (mut other, second) = Persistent::create(&emulator, ORDERS).await.unwrap();
        for offset in 0..20 {
            one.send_json(offset, &order(offset)).await;
            other.send_json(offset, &order(100 + offset)).await;
        }
        one.acked(19).await.unwrap();
        other.send_json(20, &order(120)).await;
        other.acked(20).await.unwrap();
        let (_, committed) = Persistent::resume(&emulator, ORDERS, &first).await.unwrap();
        let (_, of_other) = Persistent::resume(&emulator, ORDERS, &second).await.unwrap();
        assert_eq!((committed, of_other), (Some(19), Some(20)));
        let mut ids = ids(&emulator).await;
        ids.sort_unstable();
        assert_eq!(ids, (0..20).chain(100..121).collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test]
async fn a_retired_stream_is_gone_and_stays_so() {
    on_each_sink(async |emulator| {
        let (mut call, id) = Persistent::create(&emulator, ORDERS).await.unwrap();
        send(&mut call, 0..3).await;
        retire(&emulator, ORDERS, &id).await.unwrap();
        // The connection that wrote to it has ended.
        assert_eq!(call.refusal().await.code(), Code::Aborted);
        retire(&emulator, ORDERS, &id).await.unwrap();
        let status = Persistent::resume(&emulator, ORDERS, &id).await.map(drop).unwrap_err();
        assert_eq!(status.code(), Code::NotFound);
        assert!(status.message().contains("was retired"), "{}", status.message());
        assert_eq!(ids(&emulator).await, [0, 1, 2]);
    })
    .await;
}

#[tokio::test]
async fn a_stream_belongs_to_its_table() {
    on_each_sink(async |emulator| {
        let (mut call, id) = Persistent::create(&emulator, ORDERS).await.unwrap();
        let long = "x".repeat(100_000);
        for (table, id) in [(QUAKES, &*id), (ORDERS, "made-up"), (ORDERS, ""), (ORDERS, "../../x\n"), (ORDERS, &*long)]
        {
            let status = Persistent::resume(&emulator, table, id).await.map(drop).unwrap_err();
            assert_eq!(status.code(), Code::NotFound, "{table} {}", status.message());
            let status = retire(&emulator, table, id).await.unwrap_err();
            assert_eq!(status.code(), Code::NotFound, "{table} {}", status.message());
        }
        // Whoever asked for it elsewhere has not ended it here.
        send(&mut call, 0..1).await;
        call.finish().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn the_connection_that_resumes_last_writes_and_the_one_before_is_ended() {
    on_each_sink(async |emulator| {
        let (mut first, id) = Persistent::create(&emulator, ORDERS).await.unwrap();
        send(&mut first, 0..2).await;
        let mut next = 2;
        for _ in 0..10 {
            // Requests that are on their way when the stream is resumed.
            for offset in next..next + 5 {
                first.send_json(offset, &order(offset)).await;
            }
            let (mut second, committed) = Persistent::resume(&emulator, ORDERS, &id).await.unwrap();
            let committed = committed.unwrap();
            assert!((next - 1..next + 5).contains(&committed), "{committed}");
            assert_eq!(first.refusal().await.code(), Code::Aborted);
            next = committed + 1;
            send(&mut second, next..next + 3).await;
            next += 3;
            first = second;
        }
        assert_eq!(ids(&emulator).await, (0..next).collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test]
async fn faults_strike_persistent_streams_and_lose_and_double_no_row() {
    const ROWS: i64 = 200;
    on_each_sink(async |emulator| {
        // Before the faults: the answer that holds the id must not be lost.
        let (mut call, id) = Persistent::create(&emulator, ORDERS).await.unwrap();
        emulator.inject("reset chance=0.1".parse::<Fault>().unwrap());
        emulator.inject("ack-repeat chance=0.2".parse::<Fault>().unwrap());
        let mut next = 0;
        while next < ROWS {
            for offset in next..ROWS {
                call.send_json(offset, &order(offset)).await;
                if offset % 8 == 7 && call.next().await.is_err() {
                    break;
                }
            }
            // Ends well or not: what counts is what the table holds.
            let _ = call.finish().await;
            let committed;
            (call, committed) = resume(&emulator, &id).await;
            next = committed + 1;
        }
        assert_eq!(ids(&emulator).await, (0..ROWS).collect::<Vec<_>>());
        assert!(emulator.struck_faults().len() > 5);
    })
    .await;
}

/// Resumes the stream however often a fault resets the connection before.
async fn resume(emulator: &Emulator, id: &str) -> (Persistent, i64) {
    loop {
        if let Ok((call, committed)) = Persistent::resume(emulator, ORDERS, id).await {
            return (call, committed.unwrap_or(-1));
        }
    }
}

#[tokio::test]
async fn retiring_needs_the_token_of_the_table() {
    use crate::support::persistent::retire_with;
    let emulator = Emulator::builder().schemas(tables()).start().await.unwrap();
    let (_, id) = Persistent::create(&emulator, ORDERS).await.unwrap();
    let other = token(&emulator, Some(QUAKES)).await;
    let status = retire_with(emulator.url(), &other, ORDERS, &id).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    let status = retire_with(emulator.url(), "made-up", ORDERS, &id).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
}

#[cfg(feature = "delta")]
mod on_disk {
    use std::path::Path;

    use super::*;

    fn builder(data: &Path) -> zerobus_emulator::Builder {
        Emulator::builder().schemas(tables()).data(data)
    }

    /// What the commits of the log say of persistent streams, and how many rows each adds.
    fn commits(emulator: &Emulator) -> Vec<(Option<i64>, i64)> {
        let log = emulator.table_path(ORDERS).unwrap().join("_delta_log");
        let mut files: Vec<_> = std::fs::read_dir(log).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
        files.sort();
        files.iter().map(|file| commit(&std::fs::read_to_string(file).unwrap())).collect()
    }

    fn commit(text: &str) -> (Option<i64>, i64) {
        let (mut version, mut rows) = (None, 0);
        for line in text.lines() {
            let action: Value = serde_json::from_str(line).unwrap();
            if let Some(txn) = action.get("txn") {
                assert!(version.replace(txn["version"].as_i64().unwrap()).is_none());
            }
            if let Some(add) = action.get("add") {
                let stats: Value = serde_json::from_str(add["stats"].as_str().unwrap()).unwrap();
                rows += stats["numRecords"].as_i64().unwrap();
            }
        }
        (version, rows)
    }

    #[tokio::test]
    async fn the_offset_is_in_the_commit_of_the_rows() {
        let data = tempfile::tempdir().unwrap();
        let emulator = builder(data.path()).start().await.unwrap();
        let (mut call, _) = Persistent::create(&emulator, ORDERS).await.unwrap();
        for round in 0..3 {
            send(&mut call, round * 5..round * 5 + 5).await;
        }
        let commits = commits(&emulator);
        // The table, then the stream.
        assert_eq!(commits[..2], [(None, 0), (Some(-1), 0)]);
        let mut rows = 0;
        for (version, added) in &commits[2..] {
            rows += added;
            assert_eq!(*version, Some(rows - 1));
        }
        assert_eq!(rows, 15);
    }

    #[tokio::test]
    async fn the_offset_survives_restarts_checkpoints_and_merges() {
        let data = tempfile::tempdir().unwrap();
        let mut emulator = builder(data.path()).start().await.unwrap();
        let (call, id) = Persistent::create(&emulator, ORDERS).await.unwrap();
        let (call2, retired) = Persistent::create(&emulator, ORDERS).await.unwrap();
        drop((call, call2));
        retire(&emulator, ORDERS, &retired).await.unwrap();
        let mut next = 0;
        for _ in 0..4 {
            let (mut call, committed) = Persistent::resume(&emulator, ORDERS, &id).await.unwrap();
            assert_eq!(committed.map_or(0, |offset| offset + 1), next);
            for offset in next..next + 60 {
                call.send_json(offset, &order(offset)).await;
                call.acked(offset).await.unwrap();
            }
            next += 60;
            emulator.shutdown().await;
            emulator = builder(data.path()).start().await.unwrap();
        }
        let status = Persistent::resume(&emulator, ORDERS, &retired).await.map(drop).unwrap_err();
        assert!(status.message().contains("was retired"), "{}", status.message());
        assert_eq!(ids(&emulator).await, (0..next).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_stream_of_a_table_that_was_removed_goes_on_in_the_new_one() {
        let data = tempfile::tempdir().unwrap();
        let emulator = builder(data.path()).start().await.unwrap();
        let (mut call, id) = Persistent::create(&emulator, ORDERS).await.unwrap();
        send(&mut call, 0..3).await;
        std::fs::remove_dir_all(emulator.table_path(ORDERS).unwrap()).unwrap();
        send(&mut call, 3..5).await;
        let (call, committed) = Persistent::resume(&emulator, ORDERS, &id).await.unwrap();
        assert_eq!(committed, Some(4));
        call.finish().await.unwrap();
        assert_eq!(ids(&emulator).await, [3, 4]);
    }
}
