//! Descriptors of users: refused before anything is sent if the service could not read them, and made so that it can.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod scripted;

use std::sync::{Arc, Mutex};

use prost::Message;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet};
use scripted::Scripted;
use tonic::Status;
use zerobus_runtime::{ErrorKind, descriptor_of};

fn field(name: &str, type_name: Option<&str>) -> FieldDescriptorProto {
    let kind = if type_name.is_some() { Type::Message } else { Type::Int64 };
    FieldDescriptorProto {
        name: Some(name.to_owned()),
        number: Some(1),
        label: Some(Label::Optional.into()),
        r#type: Some(kind.into()),
        type_name: type_name.map(str::to_owned),
        ..FieldDescriptorProto::default()
    }
}

fn message(name: &str, field: FieldDescriptorProto) -> DescriptorProto {
    DescriptorProto { name: Some(name.to_owned()), field: vec![field], ..DescriptorProto::default() }
}

/// What protoc makes of
/// `package shop; message Order { optional Line line = 1; } message Line { optional int64 n = 1; }`.
fn shop() -> FileDescriptorSet {
    let messages = vec![message("Order", field("line", Some(".shop.Line"))), message("Line", field("n", None))];
    let package = Some("shop".to_owned());
    FileDescriptorSet { file: vec![FileDescriptorProto { package, message_type: messages, ..Default::default() }] }
}

#[tokio::test]
async fn a_descriptor_that_is_not_self_contained_is_refused_before_anything_is_sent() {
    let server = Scripted::new(scripted::Call::serve).start().await;
    for (descriptor, named) in [
        (shop().file[0].message_type[0].clone(), "field Order.line has type `.shop.Line`"),
        (message("Order", field("line", Some("Line"))), "field Order.line has type `Line`"),
        (message("Order", field("at", Some(".google.protobuf.Timestamp"))), "field Order.at"),
    ] {
        let error = server.client().encoded_stream("main.shop.orders", &descriptor).open().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains(named), "{error}");
        assert!(error.remedy().unwrap().contains("descriptor_of"), "{error}");
    }
    assert_eq!(server.records.calls(), 0);
}

#[tokio::test]
async fn a_message_of_a_file_opens_a_stream_with_all_that_it_uses() {
    let opened_with: Arc<Mutex<Option<Vec<u8>>>> = Arc::default();
    let seen = Arc::clone(&opened_with);
    let server = Scripted::new(move |mut call: scripted::Call| {
        let seen = Arc::clone(&seen);
        async move {
            let create = call.create().await;
            *seen.lock().unwrap() = create.descriptor_proto.map(|bytes| bytes.to_vec());
            call.serve_created().await;
        }
    });
    let server = server.start().await;
    let descriptor = descriptor_of(&shop().encode_to_vec(), "shop.Order").unwrap();
    assert_eq!(descriptor, descriptor_of(&shop(), ".shop.Order").unwrap());
    assert_eq!(descriptor.field[0].type_name(), ".Order.Line");
    let stream = server.client().encoded_stream("main.shop.orders", &descriptor).open().await.unwrap();
    stream.close().await.unwrap();
    assert_eq!(opened_with.lock().unwrap().as_deref(), Some(&descriptor.encode_to_vec()[..]));
}

/// What prost generates of `message Order { required uint64 n = 1; }`.
#[derive(Clone, PartialEq, prost::Message)]
struct Order {
    #[prost(uint64, required, tag = "1")]
    n: u64,
}

#[tokio::test]
async fn messages_that_prost_generated_are_rows() {
    let server = Scripted::new(scripted::Call::serve).start().await;
    let descriptor = message("Order", field("n", None));
    let stream = server.client().prost_stream::<Order>("main.shop.orders", &descriptor).open().await.unwrap();
    stream.send(&Order { n: 7 }).await.unwrap();
    stream.send_all((8..10).map(|n| Order { n })).await.unwrap();
    stream.send_all(&[Order { n: 300 }]).await.unwrap();
    stream.close().await.unwrap();
    assert_eq!(server.records.durable(), [7, 8, 9, 300]);
    let foreign = message("Order", field("line", Some(".shop.Line")));
    let error = server.client().prost_stream::<Order>("main.shop.orders", &foreign).open().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
}

#[test]
fn bytes_of_something_else_and_missing_messages_are_errors_with_a_remedy() {
    let error = descriptor_of(b"\xff\xff", "shop.Order").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("not a FileDescriptorSet"), "{error}");
    let error = descriptor_of(&shop(), "Order").unwrap_err();
    assert!(error.to_string().contains("no message Order; they have shop.Line, shop.Order"), "{error}");
}

/// The error that a client makes of the server's refusal to open.
async fn refused(message: &'static str) -> zerobus_runtime::Error {
    let server = Scripted::new(move |call: scripted::Call| async move {
        call.fail(Status::invalid_argument(message)).await;
    });
    let server = server.start().await;
    server.client().json_stream("main.shop.orders").open().await.unwrap_err()
}

#[tokio::test]
async fn a_refused_descriptor_is_a_matter_of_the_schema() {
    let error =
        refused("Proto not self-contained for field 'place' with type name 'Place'. Error Code: 4033, Error State: 4.")
            .await;
    assert_eq!((error.kind(), error.code().unwrap().code()), (ErrorKind::Schema, 4033));
    assert_eq!(error.code().unwrap().state(), Some(4));
    assert!(error.remedy().unwrap().contains("descriptor_of"), "{error}");
}

#[tokio::test]
async fn a_remedy_follows_the_servers_own_words() {
    let error = refused("Cannot write to the table. Error Code: 4024, Error State: 1.").await;
    let remedy = error.remedy().unwrap();
    let (grants, storage) = (remedy.find("MODIFY explicitly").unwrap(), remedy.find("default storage").unwrap());
    assert!(grants < storage, "{remedy}");
    for said in [
        "Unsupported table kind: table main.shop.orders is of type VIEW. Error Code: 4024, Error State: 0.",
        "Missing explicit grants: MODIFY on main.shop.orders. Error Code: 4024, Error State: 0.",
        "The table has generated columns: day. Error Code: 1022, Error State: 0.",
    ] {
        let error = refused(said).await;
        assert_eq!((error.kind(), error.remedy()), (ErrorKind::Schema, None), "{error}");
    }
}
