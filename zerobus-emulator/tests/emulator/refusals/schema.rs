//! Refusals of a schema: the table, the descriptor, and what differs between them.

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
