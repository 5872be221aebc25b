//! Every rule of the stream, broken once: the service's status, its code and a text that names the thing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod support;

use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto};
use serde_json::{Value, json};
use support::{Call, record, table, tables, token};
use tonic::{Code, Status};
use zerobus_codegen::{Table, TableInfo};
use zerobus_emulator::{ColumnOrder, Emulator, Limits};
use zerobus_runtime::wire::ephemeral_stream_request::Payload;
use zerobus_runtime::wire::ephemeral_stream_response::Payload as Answer;
use zerobus_runtime::wire::{
    AvroBatch, CreateIngestStreamRequest, IngestRecordBatchRequest, IngestRecordRequest, RecordType,
};

const ORDERS: &str = "main.sales.orders";
const EVERY: &str = "main.types.every_type";

async fn emulator() -> Emulator {
    Emulator::builder().schemas(tables()).start().await.unwrap()
}

async fn limited(change: impl FnOnce(&mut Limits)) -> Emulator {
    let mut limits = Limits::default();
    change(&mut limits);
    Emulator::builder().schemas(tables()).limits(limits).start().await.unwrap()
}

#[track_caller]
fn expect(status: &Status, code: Code, number: u32, text: &str) {
    let message = status.message();
    assert_eq!(status.code(), code, "{message}");
    assert!(message.contains(text), "`{text}` is not in: {message}");
    let end = format!("Error Code: {number}, Error State: 0.");
    assert!(message.ends_with(&end), "`{end}` does not end: {message}");
}

fn order() -> Value {
    json!({ "order_id": 1, "placed_at": 1_700_000_000_000_000_i64, "lines": [], "currency": "EUR" })
}

mod call {
    use super::*;

    async fn refused(token: &str, table: &str) -> Status {
        let emulator = emulator().await;
        Call::start(emulator.url(), token, table).await.err().unwrap()
    }

    #[tokio::test]
    async fn a_token_that_was_not_handed_out_here() {
        expect(&refused("made-up", ORDERS).await, Code::Unauthenticated, 16, "the token is refused");
    }

    #[tokio::test]
    async fn a_token_past_its_time() {
        let emulator = limited(|limits| limits.token_lifetime = Duration::ZERO).await;
        let token = token(&emulator, Some(ORDERS)).await;
        let status = Call::start(emulator.url(), &token, ORDERS).await.err().unwrap();
        expect(&status, Code::Unauthenticated, 16, "expired");
    }

    #[tokio::test]
    async fn a_token_of_another_table_or_of_the_rest_api() {
        let emulator = emulator().await;
        for token in [token(&emulator, Some(EVERY)).await, token(&emulator, None).await] {
            let status = Call::start(emulator.url(), &token, ORDERS).await.err().unwrap();
            expect(&status, Code::PermissionDenied, 3, ORDERS);
        }
    }
}

mod opening {
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
}

mod schema {
    use super::*;

    /// `google.rpc.Status` and `google.rpc.ErrorInfo`, as far as the test reads them.
    #[derive(Clone, PartialEq, prost::Message)]
    struct Details {
        #[prost(message, repeated, tag = "3")]
        details: Vec<prost_types::Any>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    struct ErrorInfo {
        #[prost(string, tag = "1")]
        reason: String,
        #[prost(map = "string, string", tag = "3")]
        metadata: std::collections::HashMap<String, String>,
    }

    fn field<'a>(message: &'a mut DescriptorProto, name: &str) -> &'a mut FieldDescriptorProto {
        message.field.iter_mut().find(|field| field.name() == name).unwrap()
    }

    fn nested<'a>(message: &'a mut DescriptorProto, name: &str) -> &'a mut DescriptorProto {
        message.nested_type.iter_mut().find(|nested| nested.name() == name).unwrap()
    }

    fn extra(name: &str, number: i32) -> FieldDescriptorProto {
        FieldDescriptorProto {
            name: Some(name.to_owned()),
            number: Some(number),
            label: Some(Label::Optional.into()),
            r#type: Some(Type::String.into()),
            ..Default::default()
        }
    }

    async fn refused(emulator: &Emulator, change: impl FnOnce(&mut DescriptorProto)) -> Status {
        let mut descriptor = table(ORDERS).descriptor();
        change(&mut descriptor);
        Call::open(emulator, ORDERS, RecordType::Proto, Some(&descriptor)).await.err().unwrap()
    }

    #[track_caller]
    fn expect_causes(status: &Status, causes: &str, text: &str) {
        expect(status, Code::InvalidArgument, 8001, text);
        let details = Details::decode(status.details()).unwrap();
        assert_eq!(details.details[0].type_url, "type.googleapis.com/google.rpc.ErrorInfo");
        let info = ErrorInfo::decode(details.details[0].value.as_slice()).unwrap();
        assert_eq!((info.reason.as_str(), info.metadata["causes"].as_str()), ("SCHEMA_VALIDATION_FAILED", causes));
    }

    #[tokio::test]
    async fn a_field_that_is_no_column() {
        let emulator = emulator().await;
        let status = refused(&emulator, |row| row.field.push(extra("colour", 90))).await;
        expect_causes(&status, "FIELD_NOT_IN_TABLE", "field colour is not a column of the table");
        let status = refused(&emulator, |row| nested(row, "Customer").field.push(extra("age", 90))).await;
        expect_causes(&status, "FIELD_NOT_IN_TABLE", "field customer.age is not a column");
    }

    #[tokio::test]
    async fn a_not_null_column_that_is_no_field() {
        let emulator = emulator().await;
        let status = refused(&emulator, |row| row.field.retain(|field| field.name() != "placed_at")).await;
        expect_causes(&status, "MISSING_REQUIRED_COLUMN", "column placed_at is NOT NULL");
        let status =
            refused(&emulator, |row| nested(row, "LinesElement").field.retain(|field| field.name() != "sku")).await;
        expect_causes(&status, "MISSING_REQUIRED_COLUMN", "column lines.element.sku is NOT NULL");
    }

    #[tokio::test]
    async fn a_type_that_does_not_carry_the_column() {
        let emulator = emulator().await;
        let status = refused(&emulator, |row| field(row, "placed_at").r#type = Some(Type::String.into())).await;
        expect_causes(&status, "TYPE_INCOMPATIBLE", "column placed_at is TIMESTAMP");
        let status = refused(&emulator, |row| field(row, "order_id").r#type = Some(Type::Int32.into())).await;
        expect_causes(&status, "TYPE_INCOMPATIBLE", "field order_id of type int32");
        let status = refused(&emulator, |row| field(row, "note").label = Some(Label::Repeated.into())).await;
        expect_causes(&status, "TYPE_INCOMPATIBLE", "field note of type repeated string");
        let status = refused(&emulator, |row| {
            let lines = field(row, "lines");
            (lines.r#type, lines.type_name) = (Some(Type::String.into()), None);
        })
        .await;
        expect_causes(&status, "TYPE_INCOMPATIBLE", "column lines is ARRAY<");
    }

    #[tokio::test]
    async fn all_findings_in_one_answer() {
        let status = refused(&emulator().await, |row| {
            row.field.push(extra("colour", 90));
            row.field.retain(|field| field.name() != "placed_at");
        })
        .await;
        expect_causes(&status, "FIELD_NOT_IN_TABLE,MISSING_REQUIRED_COLUMN", "colour");
    }

    #[tokio::test]
    async fn order_and_number_of_columns_where_they_count() {
        let emulator = limited(|limits| limits.column_order = ColumnOrder::Strict).await;
        let status = refused(&emulator, |row| row.field.swap(0, 1)).await;
        expect_causes(&status, "FIELD_OUT_OF_ORDER", "field placed_at is where the table has column order_id");
        let status = refused(&emulator, |row| row.field.retain(|field| field.name() != "note")).await;
        expect_causes(&status, "FIELD_COUNT_MISMATCH", "the table has 7 columns and the descriptor 6 fields");
    }

    #[tokio::test]
    async fn nullable_columns_may_be_missing_and_the_order_is_free_by_default() {
        let emulator = emulator().await;
        let mut descriptor = table(ORDERS).descriptor();
        descriptor.field.retain(|field| !matches!(field.name(), "note" | "customer" | "totals"));
        descriptor.field.reverse();
        let mut call = Call::open(&emulator, ORDERS, RecordType::Proto, Some(&descriptor)).await.unwrap();
        call.send_proto(0, record(&table(ORDERS), &order())).await;
        call.finish().await.unwrap();
        assert_eq!(emulator.rows(ORDERS).await.unwrap()[0]["note"], Value::Null);
    }

    #[tokio::test]
    async fn type_names_that_carry_the_clients_package() {
        let emulator = emulator().await;
        let mut descriptor = table(ORDERS).descriptor();
        rename_types(&mut descriptor, &|name| format!(".acme.shop{name}"));
        let mut call = Call::open(&emulator, ORDERS, RecordType::Proto, Some(&descriptor)).await.unwrap();
        let row = json!({
            "order_id": 1, "placed_at": 2, "currency": "EUR",
            "customer": { "id": 7, "name": "n" },
            "lines": [{ "sku": "s", "quantity": 1, "unit_price": "1.5", "attributes": { "a": "b" }, "shipped": [3] }],
        });
        call.send_proto(0, record(&table(ORDERS), &row)).await;
        call.finish().await.unwrap();
        let stored = &emulator.rows(ORDERS).await.unwrap()[0];
        assert_eq!(stored["lines"][0]["attributes"], json!({ "a": "b" }));
        assert_eq!(stored["lines"][0]["unit_price"], json!("1.5000"));
    }

    #[tokio::test]
    async fn descriptors_that_are_not_self_contained() {
        let emulator = emulator().await;
        let relative = |name: &str| name.rsplit('.').next().unwrap().to_owned();
        let status = refused(&emulator, |row| rename_types(row, &relative)).await;
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(
            status.message(),
            "Proto not self-contained for field 'customer' with type name 'Customer'. Error Code: 4033, Error State: 4."
        );
        let imported = |row: &mut DescriptorProto| {
            let mut ts = extra("ts", 90);
            (ts.r#type, ts.type_name) = (Some(Type::Message.into()), Some(".google.protobuf.Timestamp".to_owned()));
            row.field.push(ts);
        };
        let status = refused(&emulator, imported).await;
        assert_eq!(
            status.message(),
            "Proto not self-contained for field 'ts' with type name '.google.protobuf.Timestamp'. \
             Error Code: 4033, Error State: 4."
        );
    }

    #[tokio::test]
    async fn a_message_that_holds_itself_is_held_against_the_table() {
        let emulator = emulator().await;
        let itself = |row: &mut DescriptorProto| {
            let customer = nested(row, "Customer");
            let mut parent = extra("parent", 90);
            (parent.r#type, parent.type_name) = (Some(Type::Message.into()), Some(".Orders.Customer".to_owned()));
            customer.field.push(parent);
        };
        let status = refused(&emulator, itself).await;
        expect_causes(&status, "FIELD_NOT_IN_TABLE", "field customer.parent is not a column");
    }

    #[tokio::test]
    async fn a_descriptor_of_30_000_fields_is_refused_with_a_text_that_fits_into_a_header() {
        let emulator = emulator().await;
        let wide = |row: &mut DescriptorProto| row.field.extend((20_000..50_000).map(|n| extra(&format!("f{n}"), n)));
        let status = refused(&emulator, wide).await;
        expect_causes(&status, "FIELD_NOT_IN_TABLE", "field f20000 is not a column of the table");
        assert!(status.message().contains("and 29980 more"), "{}", status.message());
        let long = "x".repeat(100_000);
        let status = refused(&emulator, |row| row.field.push(extra(&long, 90))).await;
        assert!(status.message().len() < 3_000, "{} bytes", status.message().len());
    }

    #[tokio::test]
    async fn a_map_whose_entry_has_the_name_of_a_column_is_still_a_map() {
        let json = json!({ "catalog_name": "main", "schema_name": "shop", "name": "clash", "columns": [
            { "name": "tags", "type_text": "map<string,int>", "position": 0 },
            { "name": "TagsEntry", "type_text": "string", "position": 1 },
        ] });
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("main.shop.clash.json"), json.to_string()).unwrap();
        let emulator = Emulator::builder().schemas(folder.path()).start().await.unwrap();
        let table = Table::try_from(&serde_json::from_value::<TableInfo>(json).unwrap()).unwrap();
        let mut call = Call::proto(&emulator, &table).await;
        // The entry is an ordinary message to whoever writes the row; on the wire it is a map.
        let row = json!({ "tags": [{ "key": "a", "value": 1 }], "TagsEntry": "t" });
        call.send_proto(0, record(&table, &row)).await;
        call.finish().await.unwrap();
        let mut call = Call::json(&emulator, "main.shop.clash").await;
        call.send_json(0, &json!({ "tags": { "b": 2 } })).await;
        call.finish().await.unwrap();
        let rows = emulator.rows("main.shop.clash").await.unwrap();
        assert_eq!((&rows[0]["tags"], &rows[1]["tags"]), (&json!({ "a": 1 }), &json!({ "b": 2 })));
    }

    fn rename_types(message: &mut DescriptorProto, rename: &dyn Fn(&str) -> String) {
        for field in &mut message.field {
            field.type_name = field.type_name.as_deref().map(rename);
        }
        message.nested_type.iter_mut().for_each(|nested| rename_types(nested, rename));
    }
}

mod ingesting {
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
        call.send(Payload::IngestRecordBatch(IngestRecordBatchRequest { offset_id: Some(0), batch: Some(batch) }))
            .await;
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
}

mod records {
    use super::*;

    /// Whether the record alone is refused with this text.
    async fn refused_proto(emulator: &Emulator, record: Vec<u8>, text: &str) {
        let mut call = Call::proto(emulator, &table(EVERY)).await;
        call.send_proto(0, record.into()).await;
        expect(&call.refusal().await, Code::InvalidArgument, 4044, text);
    }

    async fn refused_json(emulator: &Emulator, column: &str, value: Value, text: &str) {
        let mut row = every();
        row[column] = value;
        let mut call = Call::json(emulator, EVERY).await;
        call.send_json(0, &row).await;
        expect(&call.refusal().await, Code::InvalidArgument, 4044, text);
    }

    fn every() -> Value {
        json!({
            "c_byte": 1, "c_short": 1, "c_int": 1, "c_long": 1, "c_float": 1, "c_double": 1, "c_boolean": true,
            "c_string": "", "c_binary": "", "c_date": 1, "c_timestamp": 1, "c_timestamp_ntz": 1, "c_decimal": "1",
            "c_decimal_wide": "1", "c_varchar": "", "c_variant": "1", "c_struct": { "a": 1 },
        })
    }

    #[tokio::test]
    async fn bytes_that_are_not_the_message() {
        let emulator = emulator().await;
        let good = record(&table(EVERY), &every()).to_vec();
        refused_proto(&emulator, good[..good.len() - 1].to_vec(), "does not decode").await;
        // Field 1 is an int32; here it comes as bytes.
        let wrong_wire_type = [&[0x0a, 0x01, 0x41], &good[2..]].concat();
        refused_proto(&emulator, wrong_wire_type, "wire type").await;
        let bad_utf8 = [&good[..], &[0x42, 0x01, 0xff]].concat();
        refused_proto(&emulator, bad_utf8, "UTF-8").await;
        let unknown = [&good[..], &[0xf8, 0x3f, 0x01]].concat();
        refused_proto(&emulator, unknown, "field number 1023 is not in the descriptor").await;
        refused_proto(&emulator, Vec::new(), "column c_byte: it is NOT NULL").await;
    }

    #[tokio::test]
    async fn json_that_is_not_the_row() {
        let emulator = emulator().await;
        refused_json(&emulator, "colour", json!(1), "unrecognized field").await;
        refused_json(&emulator, "c_timestamp", json!("2026-01-01T00:00:00Z"), "record 0 of the request at offset 0")
            .await;
        refused_json(&emulator, "c_long", json!(1.5), "does not decode").await;
        refused_json(&emulator, "c_binary", json!("*"), "does not decode").await;
        refused_json(&emulator, "c_int", json!(3_000_000_000_i64), "does not decode").await;
        let mut call = Call::json(&emulator, EVERY).await;
        call.send_jsons(0, &[every(), json!("text")]).await;
        expect(&call.refusal().await, Code::InvalidArgument, 4044, "record 1 of the request at offset 0");
    }

    #[tokio::test]
    async fn a_not_null_column_left_out_or_null() {
        let emulator = emulator().await;
        refused_json(&emulator, "c_string", Value::Null, "column c_string: it is NOT NULL").await;
        refused_json(&emulator, "c_struct", json!({}), "column c_struct.a: it is NOT NULL").await;
    }

    #[tokio::test]
    async fn values_out_of_the_columns_range() {
        let emulator = emulator().await;
        for (column, value, text) in [
            ("c_byte", json!(128), "column c_byte: 128 is out of the range of TINYINT"),
            ("c_short", json!(-32_769), "column c_short: -32769 is out of the range of SMALLINT"),
            ("c_date", json!(2_932_897), "column c_date: 2932897 is out of the range of DATE"),
            ("c_timestamp", json!(253_402_300_800_000_000_i64), "out of the range of TIMESTAMP"),
            ("c_timestamp_ntz", json!(i64::MIN), "out of the range of TIMESTAMP_NTZ"),
            ("c_decimal", json!("1.234"), "column c_decimal: `1.234` is not a DECIMAL(10,2)"),
            ("c_decimal", json!("123456789"), "`123456789` is not a DECIMAL(10,2)"),
            ("c_decimal", json!("1e2"), "`1e2` is not a DECIMAL(10,2)"),
            ("c_varchar", json!("x".repeat(65)), "column c_varchar: 65 characters do not fit into VARCHAR(64)"),
            ("c_variant", json!("{a:1}"), "column c_variant: the VARIANT is not JSON"),
            ("n_array", json!([0, i64::MAX]), "column n_array.element: "),
            ("n_map", json!({ "1": 9_999_999 }), "column n_map.value: 9999999 is out of the range of DATE"),
            ("n_struct", json!({ "at": 1, "day": -800_000 }), "column n_struct.day: "),
        ] {
            refused_json(&emulator, column, value, text).await;
        }
    }

    #[tokio::test]
    async fn a_bad_record_takes_its_request_with_it_and_nothing_before() {
        let emulator = emulator().await;
        let mut call = Call::json(&emulator, ORDERS).await;
        call.send_json(0, &order()).await;
        call.send_jsons(1, &[order(), order(), json!({ "order_id": 1 })]).await;
        call.send_json(2, &order()).await;
        call.acked(0).await;
        expect(&call.refusal().await, Code::InvalidArgument, 4044, "record 2 of the request at offset 1");
        assert_eq!(emulator.rows(ORDERS).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn text_of_strangers_is_made_safe_to_print() {
        let emulator = emulator().await;
        let mut call = Call::json(&emulator, ORDERS).await;
        call.send_json(0, &json!({ "\u{1b}[2J": 1 })).await;
        let status = call.refusal().await;
        assert!(!status.message().contains('\u{1b}'), "{}", status.message());
    }
}
