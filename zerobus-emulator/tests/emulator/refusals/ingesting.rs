//! Refusals of requests in an open stream.

use super::*;

#[tokio::test]
async fn a_second_create_stream_and_a_request_without_payload() {
    let emulator = emulator().await;
    let mut call = Call::json(&emulator, ORDERS).await;
    call.create(ORDERS, RecordType::Json, None).await;
    expect(&call.refusal().await, Code::InvalidArgument, 4001, "create_stream came a second time");
    let mut call = Call::json(&emulator, ORDERS).await;
    call.send_empty().await;
    expect(&call.refusal().await, Code::InvalidArgument, 4001, "no payload");
    let mut call = Call::json(&emulator, ORDERS).await;
    call.send(Payload::IngestRecord(IngestRecordRequest { offset_id: Some(0), record: None })).await;
    expect(&call.refusal().await, Code::InvalidArgument, 4001, "ingest_record has no record");
}

#[tokio::test]
async fn records_of_another_encoding() {
    let emulator = emulator().await;
    let mut call = Call::json(&emulator, ORDERS).await;
    call.send_proto(0, record(&table(ORDERS), &order())).await;
    expect(&call.refusal().await, Code::InvalidArgument, 4001, "the stream was opened for JSON records");
    let mut call = Call::json(&emulator, ORDERS).await;
    let batch = zerobus_runtime::wire::ingest_record_batch_request::Batch::AvroBatch(AvroBatch::default());
    call.send(Payload::IngestRecordBatch(IngestRecordBatchRequest { offset_id: Some(0), batch: Some(batch) })).await;
    expect(&call.refusal().await, Code::Unimplemented, 4003, "AVRO");
}

#[tokio::test]
async fn offsets_that_do_not_count_up_from_0() {
    let emulator = emulator().await;
    for (sent, text) in [
        (vec![1], "Non-sequential offset_id: expected 0, found 1"),
        (vec![0, 2], "Non-sequential offset_id: expected 1, found 2"),
        (vec![0, 0], "Non-sequential offset_id: expected 1, found 0"),
        (vec![-1], "Non-sequential offset_id: expected 0, found -1"),
    ] {
        let mut call = Call::json(&emulator, ORDERS).await;
        for offset in sent {
            call.send_json(offset, &order()).await;
        }
        expect(&call.refusal().await, Code::InvalidArgument, 4002, text);
    }
    let mut call = Call::json(&emulator, ORDERS).await;
    let record = zerobus_runtime::wire::ingest_record_request::Record::JsonRecord(order().to_string());
    call.send(Payload::IngestRecord(IngestRecordRequest { offset_id: None, record: Some(record) })).await;
    expect(&call.refusal().await, Code::InvalidArgument, 4001, "no offset_id");
}

#[tokio::test]
async fn requests_beyond_the_limits() {
    let emulator = limited(|limits| (limits.record_bytes, limits.records_per_request) = (100, 3)).await;
    let mut call = Call::json(&emulator, ORDERS).await;
    call.send_jsons(0, &[order(), order()]).await;
    expect(&call.refusal().await, Code::InvalidArgument, 4045, "more than 100");
    let mut call = Call::json(&emulator, ORDERS).await;
    call.send_jsons(0, &[json!({}), json!({}), json!({}), json!({})]).await;
    expect(&call.refusal().await, Code::InvalidArgument, 4045, "4 records, more than 3");
    let mut call = Call::json(&emulator, ORDERS).await;
    call.send_json(0, &json!({ "note": "x".repeat(2 << 20) })).await;
    expect(&call.refusal().await, Code::InvalidArgument, 4045, "");
}

#[tokio::test]
async fn more_than_a_quota_within_a_second() {
    let emulator = limited(|limits| limits.records_per_second = Some(2)).await;
    let mut call = Call::json(&emulator, ORDERS).await;
    call.send_jsons(0, &[order(), order(), order()]).await;
    expect(&call.refusal().await, Code::ResourceExhausted, 4029, "3 records came within a second, more than 2");
    let emulator = limited(|limits| limits.bytes_per_second = Some(10)).await;
    let mut call = Call::json(&emulator, ORDERS).await;
    call.send_jsons(0, &[order()]).await;
    expect(&call.refusal().await, Code::ResourceExhausted, 4029, "more than 10");
}
