//! Refusals of the opening message.

use super::*;

async fn opened(table_name: &str, kind: RecordType, descriptor: Option<Bytes>) -> Status {
    let emulator = emulator().await;
    let token = token(&emulator, Some(table_name)).await;
    let mut call = Call::start(emulator.url(), &token, table_name).await.unwrap();
    call.create(table_name, kind, descriptor).await;
    call.refusal().await
}

#[tokio::test]
async fn rows_before_create_stream() {
    let emulator = emulator().await;
    let token = token(&emulator, Some(ORDERS)).await;
    let mut call = Call::start(emulator.url(), &token, ORDERS).await.unwrap();
    call.send_json(0, &order()).await;
    expect(&call.refusal().await, Code::InvalidArgument, 4001, "the first request is not create_stream");
}

#[tokio::test]
async fn another_table_than_the_metadata_names() {
    let emulator = emulator().await;
    let token = token(&emulator, Some(ORDERS)).await;
    let mut call = Call::start(emulator.url(), &token, ORDERS).await.unwrap();
    call.create(EVERY, RecordType::Json, None).await;
    expect(&call.refusal().await, Code::InvalidArgument, 4001, "create_stream names table main.types.every_type");
}

#[tokio::test]
async fn record_types_that_are_not_carried() {
    let status = opened(ORDERS, RecordType::Avro, None).await;
    expect(&status, Code::Unimplemented, 4003, "record type AVRO is not supported");
    let status = opened(ORDERS, RecordType::Unspecified, None).await;
    expect(&status, Code::Unimplemented, 4003, "RECORD_TYPE_UNSPECIFIED");
}

#[tokio::test]
async fn an_absent_record_type_is_proto() {
    let emulator = emulator().await;
    let token = token(&emulator, Some(ORDERS)).await;
    let mut call = Call::start(emulator.url(), &token, ORDERS).await.unwrap();
    let descriptor_proto = Some(table(ORDERS).descriptor().encode_to_vec().into());
    let create = CreateIngestStreamRequest {
        table_name: Some(ORDERS.to_owned()),
        descriptor_proto,
        record_type: None,
        avro_schema_json: None,
    };
    call.send(Payload::CreateStream(create)).await;
    call.send_proto(0, record(&table(ORDERS), &order())).await;
    call.half_close();
    assert!(matches!(call.next().await, Ok(Some(Answer::CreateStreamResponse(_)))));
    call.acked(0).await;
}

#[tokio::test]
async fn grpc_methods_that_are_not_served() {
    let emulator = emulator().await;
    for method in [
        "/arrow.flight.protocol.FlightService/DoPut",
        "/grpc.health.v1.Health/Check",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/databricks.zerobus.Zerobus/Nothing",
    ] {
        let status = Call::unary(emulator.url(), method).await.unwrap_err();
        assert_eq!(status.code(), Code::Unimplemented, "{method}");
        assert!(status.message().contains(&format!("{method} is not served here")), "{}", status.message());
    }
}

#[tokio::test]
async fn names_are_compared_without_regard_to_case() {
    let emulator = emulator().await;
    for name in ["MAIN.Sales.ORDERS", "main.sales.orders", "main.SALES.orders"] {
        let mut call = Call::json(&emulator, name).await;
        call.send_json(0, &order()).await;
        assert_eq!(call.finish().await.unwrap(), Some(0), "{name}");
    }
    assert_eq!(emulator.rows("Main.Sales.Orders").await.unwrap().len(), 3);
}

#[tokio::test]
async fn properties_that_the_service_does_not_write_to() {
    let refused = [
        ("delta.feature.catalogManaged", "supported", "Error Code: 4024"),
        ("delta.columnMapping.mode", "name", "Error Code: 4024"),
        ("delta.enableChangeDataFeed", "true", "Error Code: 4024"),
        ("delta.constraints.positive", "order_id > 0", "Error Code: 4024"),
        ("delta.enableRowTracking", "true", "Error Code: 1022"),
    ];
    let text = std::fs::read(tables().join("main.sales.orders.json")).unwrap();
    for (key, value, code) in refused {
        let mut table: Value = serde_json::from_slice(&text).unwrap();
        table["properties"] = json!({ key: value });
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("t.json"), table.to_string()).unwrap();
        let emulator = Emulator::builder().schemas(folder.path()).start().await.unwrap();
        let status = Call::open(&emulator, ORDERS, RecordType::Json, None).await.map(drop).unwrap_err();
        assert!(status.message().contains(code), "{key}: {}", status.message());
    }
}

#[tokio::test]
async fn a_table_that_does_not_exist() {
    let emulator = Emulator::builder().schemas(tables()).fixed_token("any").start().await.unwrap();
    let mut call = Call::start(emulator.url(), "any", "main.sales.nowhere").await.unwrap();
    call.create("main.sales.nowhere", RecordType::Json, None).await;
    expect(&call.refusal().await, Code::NotFound, 4024, "Table \"main.sales.nowhere\" cannot be found");
}

#[tokio::test]
async fn tables_that_take_no_rows() {
    let status = opened("main.edge.a_view", RecordType::Json, None).await;
    expect(&status, Code::InvalidArgument, 4024, "unsupported table kind: table main.edge.a_view is of type VIEW");
    let status = opened("main.edge.generated_columns", RecordType::Json, None).await;
    expect(&status, Code::InvalidArgument, 1022, "generated or identity columns: id, day");
    let status = opened("main.edge.unsupported_scalars", RecordType::Json, None).await;
    expect(&status, Code::InvalidArgument, 8001, "span: type INTERVAL DAY TO SECOND");
}

#[tokio::test]
async fn a_proto_stream_without_a_descriptor_or_with_one_that_is_none() {
    let status = opened(ORDERS, RecordType::Proto, None).await;
    expect(&status, Code::InvalidArgument, 8001, "a PROTO stream needs one");
    let status = opened(ORDERS, RecordType::Proto, Some(Bytes::from_static(b"\xff\xff"))).await;
    expect(&status, Code::InvalidArgument, 8001, "the descriptor_proto cannot be read");
}
