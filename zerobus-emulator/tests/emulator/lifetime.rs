//! The life of a stream and of the emulator: signals, graces, starting and stopping.

use std::time::Duration;

use crate::support::{Call, tables};
use serde_json::{Value, json};
use tonic::Code;
use zerobus_emulator::{CatalogError, Emulator, Limits, RowsError, StartError};
use zerobus_runtime::wire::ephemeral_stream_response::Payload as Answer;

const ORDERS: &str = "main.sales.orders";

fn order(id: i64) -> Value {
    json!({ "order_id": id, "placed_at": 1, "lines": [], "currency": "EUR" })
}

async fn emulator(change: impl FnOnce(&mut Limits)) -> Emulator {
    let mut limits = Limits::default();
    change(&mut limits);
    Emulator::builder().schemas(tables()).limits(limits).start().await.unwrap()
}

async fn signal(call: &mut Call) -> Duration {
    loop {
        match call.next().await.unwrap() {
            Some(Answer::CloseStreamSignal(signal)) => return signal.duration.unwrap().try_into().unwrap(),
            Some(_) => {}
            None => panic!("the stream ended without a signal"),
        }
    }
}

#[tokio::test]
async fn a_stream_is_asked_to_close_and_may_send_until_it_does() {
    let emulator = emulator(|limits| limits.stream_lifetime = Duration::ZERO).await;
    let mut call = Call::json(&emulator, ORDERS).await;
    assert_eq!(signal(&mut call).await, Duration::from_secs(30));
    call.send_json(0, &order(1)).await;
    assert_eq!(call.finish().await.unwrap(), Some(0));
    assert_eq!(emulator.rows(ORDERS).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_stream_that_does_not_heed_the_signal_is_ended() {
    let emulator = emulator(|limits| {
        limits.stream_lifetime = Duration::ZERO;
        limits.close_grace = Duration::from_millis(20);
    })
    .await;
    let mut call = Call::json(&emulator, ORDERS).await;
    call.send_json(0, &order(1)).await;
    assert_eq!(signal(&mut call).await, Duration::from_millis(20));
    let status = call.refusal().await;
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().ends_with("Error Code: 6002, Error State: 0."), "{}", status.message());
}

#[tokio::test]
async fn a_client_that_does_not_read_is_ended_in_time() {
    let emulator = emulator(|limits| limits.read_grace = Duration::from_millis(100)).await;
    let mut call = Call::json(&emulator, ORDERS).await;
    // Acks beyond what the client's window and the server's queue hold.
    for offset in 0..100_000 {
        if !call.offer_json(offset, &order(offset)).await {
            break;
        }
    }
    let ended = tokio::time::timeout(Duration::from_secs(20), async {
        while emulator.refusals().iter().all(|refusal| !refusal.contains("did not read its responses")) {
            tokio::task::yield_now().await;
        }
    });
    ended.await.unwrap();
    drop(call);
    emulator.shutdown().await;
}

#[tokio::test]
async fn shutdown_stores_and_acks_what_has_arrived() {
    let data = tempfile::tempdir().unwrap();
    let emulator = Emulator::builder().schemas(tables()).data(data.path()).start().await.unwrap();
    let mut call = Call::json(&emulator, ORDERS).await;
    call.send_json(0, &order(1)).await;
    call.send_json(1, &order(2)).await;
    let (stopped, acked) = tokio::join!(emulator.shutdown(), async move {
        signal(&mut call).await;
        call.finish().await.unwrap()
    });
    let () = stopped;
    assert!(acked.is_none_or(|offset| offset == 1));
    let emulator = Emulator::builder().schemas(tables()).data(data.path()).start().await.unwrap();
    assert_eq!(emulator.rows(ORDERS).await.unwrap().len(), 2);
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_failed_start_reports_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let start = |path: std::path::PathBuf| async move { Emulator::builder().schemas(path).start().await.unwrap_err() };
    let error = start(folder.path().join("missing")).await;
    assert!(matches!(error, StartError::Catalog(CatalogError::Io { .. })), "{error}");
    let error = start(folder.path().to_owned()).await;
    assert!(matches!(error, StartError::Catalog(CatalogError::Empty { .. })), "{error}");
    std::fs::write(folder.path().join("broken.json"), "{\"name\":").unwrap();
    let error = start(folder.path().to_owned()).await;
    assert!(error.to_string().contains("broken.json is not the JSON of a table"), "{error}");
    let taken = Emulator::builder().start().await.unwrap();
    let port = taken.url().rsplit(':').next().unwrap().parse().unwrap();
    let error = Emulator::builder().port(port).start().await.unwrap_err();
    assert!(matches!(error, StartError::Bind { .. }), "{error}");
    let file = folder.path().join("broken.json");
    let error = Emulator::builder().data(&file).start().await.unwrap_err();
    assert!(matches!(error, StartError::Data { .. }), "{error}");
}

#[tokio::test]
async fn rows_of_an_unknown_table_are_an_error_and_of_an_untouched_one_none() {
    let data = tempfile::tempdir().unwrap();
    let emulator = Emulator::builder().schemas(tables()).data(data.path()).start().await.unwrap();
    assert!(matches!(emulator.rows("main.sales.missing").await, Err(RowsError::UnknownTable { .. })));
    assert!(matches!(emulator.rows("main.edge.a_view").await, Err(RowsError::UnknownTable { .. })));
    assert_eq!(emulator.rows(ORDERS).await.unwrap(), Vec::<Value>::new());
    assert_eq!(emulator.table_path("no name"), None);
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_folder_whose_table_has_other_columns_is_refused_at_the_opening() {
    let (data, schemas) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = schemas.path().join("orders.json");
    let mut info: Value =
        serde_json::from_slice(&std::fs::read(tables().join("main.sales.orders.json")).unwrap()).unwrap();
    std::fs::write(&file, info.to_string()).unwrap();
    let emulator = Emulator::builder().schemas(&file).data(data.path()).start().await.unwrap();
    Call::json(&emulator, ORDERS).await.finish().await.unwrap();
    emulator.shutdown().await;
    info["columns"].as_array_mut().unwrap().pop();
    std::fs::write(&file, info.to_string()).unwrap();
    let emulator = Emulator::builder().schemas(&file).data(data.path()).start().await.unwrap();
    let kind = zerobus_runtime::wire::RecordType::Json;
    let status = Call::open(&emulator, ORDERS, kind, None).await.err().unwrap();
    assert_eq!(status.code(), Code::Internal);
    assert!(status.message().contains("has other columns than the snapshot"), "{}", status.message());
    emulator.shutdown().await;
}

#[cfg(feature = "ddl")]
#[tokio::test]
async fn tables_come_from_create_table_statements_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tables.sql");
    let ddl = "CREATE TABLE main.shop.carts (id BIGINT NOT NULL, total DECIMAL(10,2), day DATE) PARTITIONED BY (day);\n\
               CREATE TABLE main.shop.visits (at TIMESTAMP NOT NULL, page STRING);";
    std::fs::write(&file, ddl).unwrap();
    let emulator = Emulator::builder().ddl(&file).data(folder.path().join("data")).start().await.unwrap();
    let mut call = Call::json(&emulator, "main.shop.carts").await;
    call.send_json(0, &json!({ "id": 1, "total": "9.5", "day": 20_000 })).await;
    assert_eq!(call.finish().await.unwrap(), Some(0));
    let rows = emulator.rows("main.shop.carts").await.unwrap();
    assert_eq!(rows, [json!({ "id": 1, "total": "9.50", "day": 20_000 })]);
    assert!(emulator.table_path("main.shop.carts").unwrap().join("day=2024-10-04").is_dir());
    emulator.shutdown().await;
    std::fs::write(&file, "DROP TABLE x").unwrap();
    let error = Emulator::builder().ddl(&file).start().await.unwrap_err();
    assert!(matches!(error, StartError::Catalog(CatalogError::Empty { .. })), "{error}");
    std::fs::write(&file, "CREATE TABLE main.shop.carts (id").unwrap();
    let error = Emulator::builder().ddl(&file).start().await.unwrap_err();
    assert!(matches!(error, StartError::Catalog(CatalogError::Ddl { .. })), "{error}");
}
