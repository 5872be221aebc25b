//! A raw client: the wire's messages over tonic, and ureq for the REST side. No rule of a client is kept here, so that
//! tests can break each of them.

#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod persistent;
#[cfg(feature = "cli")]
pub(crate) mod program;

use std::path::PathBuf;

use bytes::Bytes;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use prost_types::{DescriptorProto, FileDescriptorProto};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status, Streaming};
use tonic_prost::ProstCodec;
use zerobus_codegen::{Table, TableInfo};
use zerobus_emulator::Emulator;
use zerobus_runtime::wire::ephemeral_stream_request::Payload;
use zerobus_runtime::wire::ephemeral_stream_response::Payload as Answer;
use zerobus_runtime::wire::ingest_record_batch_request::Batch;
use zerobus_runtime::wire::ingest_record_request::Record;
use zerobus_runtime::wire::{
    CreateIngestStreamRequest, EPHEMERAL_STREAM, EphemeralStreamRequest, EphemeralStreamResponse,
    IngestRecordBatchRequest, IngestRecordRequest, JsonBatch, ProtoEncodedBatch, RecordType, TABLE_NAME_HEADER,
};

/// The folder of table JSON.
pub(crate) fn tables() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/tables")
}

/// A table of the folder.
pub(crate) fn table(name: &str) -> Table {
    let text = std::fs::read(tables().join(format!("{name}.json"))).unwrap();
    let info: TableInfo = serde_json::from_slice(&text).unwrap();
    Table::try_from(&info).unwrap()
}

/// The message of a descriptor, for encoding records.
pub(crate) fn message(descriptor: &DescriptorProto) -> MessageDescriptor {
    let file = FileDescriptorProto {
        name: Some("t.proto".to_owned()),
        message_type: vec![descriptor.clone()],
        ..Default::default()
    };
    let mut pool = DescriptorPool::new();
    pool.add_file_descriptor_proto(file).unwrap();
    pool.get_message_by_name(descriptor.name()).unwrap()
}

/// A row of `main.types.every_type` with a value in every column, at an end of its range.
pub(crate) fn every_type() -> Value {
    json!({
        "c_byte": -128, "c_short": -32768, "c_int": i32::MIN, "c_long": i64::MIN,
        "c_float": 0.1, "c_double": -2.5e300, "c_boolean": true, "c_string": "größe \u{1F30D}", "c_binary": "AAEC/w==",
        "c_date": -719_162, "c_timestamp": -62_135_596_800_000_000_i64, "c_timestamp_ntz": 253_402_300_799_999_999_i64,
        "c_decimal": "-12345678.90", "c_decimal_wide": "12345678901234567890.123456789012345678", "c_varchar": "ab",
        "c_variant": "{\"a\":[1,2.5,null,\"x\"],\"b\":{\"c\":true}}",
        "c_array": [1, -2, 3], "c_map": { "k": 1.5, "l": -0.0 }, "c_struct": { "a": 7, "b": "y" },
        "n_byte": 127, "n_short": 32767, "n_int": 0, "n_long": 0, "n_float": "NaN", "n_double": "-Infinity",
        "n_boolean": false, "n_string": "", "n_binary": "", "n_date": 0, "n_timestamp": 1, "n_timestamp_ntz": -1,
        "n_decimal": "0.00", "n_variant": "null", "n_array": [0, -1], "n_map": { "-5": 20000 },
        "n_struct": { "at": -1, "day": -1 },
    })
}

/// A record from JSON, by a table's own descriptor.
pub(crate) fn record(table: &Table, json: &Value) -> Bytes {
    let message = DynamicMessage::deserialize(message(&table.descriptor()), json).unwrap();
    message.encode_to_vec().into()
}

/// An HTTP answer: status and body.
pub(crate) async fn http(
    build: impl FnOnce(&ureq::Agent) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> + Send + 'static,
) -> (u16, Value) {
    tokio::task::spawn_blocking(move || {
        let agent = ureq::Agent::new_with_config(ureq::config::Config::builder().http_status_as_error(false).build());
        let mut response = build(&agent).unwrap();
        let body = response.body_mut().read_to_string().unwrap();
        (response.status().as_u16(), serde_json::from_str(&body).unwrap_or(Value::String(body)))
    })
    .await
    .unwrap()
}

/// The authorization details of a stream's token.
pub(crate) fn details(table: &str) -> String {
    let parts: Vec<&str> = table.split('.').collect();
    json!([
        { "type": "unity_catalog_privileges", "privileges": ["USE CATALOG"], "object_type": "CATALOG", "object_full_path": parts[0] },
        { "type": "unity_catalog_privileges", "privileges": ["USE SCHEMA"], "object_type": "SCHEMA", "object_full_path": format!("{}.{}", parts[0], parts[1]) },
        { "type": "unity_catalog_privileges", "privileges": ["SELECT", "MODIFY"], "object_type": "TABLE", "object_full_path": table, "operations": ["zerobuswrite"] },
    ])
    .to_string()
}

/// Asks the token endpoint with a form.
pub(crate) async fn ask_token(emulator: impl Into<Credentials>, form: Vec<(&'static str, String)>) -> (u16, Value) {
    let url = format!("{}/oidc/v1/token", emulator.into().url);
    http(move |agent| agent.post(&url).send_form(form)).await
}

/// Where an emulator is, and who may call it.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) url: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
}

impl From<&Emulator> for Credentials {
    fn from(emulator: &Emulator) -> Self {
        Self {
            url: emulator.url().to_owned(),
            client_id: emulator.client_id().to_owned(),
            client_secret: emulator.client_secret().to_owned(),
        }
    }
}

impl From<&Credentials> for Credentials {
    fn from(credentials: &Credentials) -> Self {
        credentials.clone()
    }
}

/// A token for a table's streams, or for the REST API without a table.
pub(crate) async fn token(emulator: impl Into<Credentials>, table: Option<&str>) -> String {
    let credentials = emulator.into();
    let mut form = vec![
        ("grant_type", "client_credentials".to_owned()),
        ("scope", "all-apis".to_owned()),
        ("client_id", credentials.client_id.clone()),
        ("client_secret", credentials.client_secret.clone()),
    ];
    if let Some(table) = table {
        form.push(("resource", "api://databricks/workspaces/127/zerobusDirectWriteApi".to_owned()));
        form.push(("authorization_details", details(table)));
    }
    let (status, body) = ask_token(credentials, form).await;
    assert_eq!(status, 200, "{body}");
    body["access_token"].as_str().unwrap().to_owned()
}

/// One call, spoken by hand.
pub(crate) struct Call {
    requests: mpsc::Sender<EphemeralStreamRequest>,
    responses: Streaming<EphemeralStreamResponse>,
}

impl Call {
    /// Starts the call with a token and a table in its metadata.
    pub(crate) async fn start(url: &str, token: &str, table: &str) -> Result<Self, Status> {
        let channel: Channel = Endpoint::from_shared(url.to_owned())
            .unwrap()
            // The smallest window: what a client does not read stays with the server.
            .initial_stream_window_size(65_535)
            .connect()
            .await
            .unwrap();
        let mut grpc = Grpc::new(channel).max_encoding_message_size(64 << 20);
        grpc.ready().await.unwrap();
        let (requests, receiver) = mpsc::channel(16);
        let mut request = Request::new(ReceiverStream::new(receiver));
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        request.metadata_mut().insert(TABLE_NAME_HEADER, table.parse().unwrap());
        let codec: ProstCodec<EphemeralStreamRequest, EphemeralStreamResponse> = ProstCodec::default();
        let response = grpc.streaming(request, EPHEMERAL_STREAM.parse().unwrap(), codec).await?;
        Ok(Self { requests, responses: response.into_inner() })
    }

    /// Calls another method, with an empty message.
    pub(crate) async fn unary(url: &str, method: &str) -> Result<(), Status> {
        let channel: Channel = Endpoint::from_shared(url.to_owned()).unwrap().connect().await.unwrap();
        let mut grpc = Grpc::new(channel);
        grpc.ready().await.unwrap();
        let codec: ProstCodec<EphemeralStreamRequest, EphemeralStreamResponse> = ProstCodec::default();
        let request = Request::new(EphemeralStreamRequest { payload: None });
        grpc.unary(request, method.parse().unwrap(), codec).await.map(drop)
    }

    /// A stream of PROTO records by the table's own descriptor.
    pub(crate) async fn proto(emulator: &Emulator, table: &Table) -> Self {
        let descriptor = table.descriptor();
        Self::open(emulator, &table.name.to_string(), RecordType::Proto, Some(&descriptor)).await.unwrap()
    }

    /// A stream of JSON records.
    pub(crate) async fn json(emulator: &Emulator, table: &str) -> Self {
        Self::open(emulator, table, RecordType::Json, None).await.unwrap()
    }

    /// Opens a stream, up to its id.
    pub(crate) async fn open(
        emulator: impl Into<Credentials>,
        table: &str,
        kind: RecordType,
        descriptor: Option<&DescriptorProto>,
    ) -> Result<Self, Status> {
        let credentials = emulator.into();
        let token = token(&credentials, Some(table)).await;
        let mut call = Self::start(&credentials.url, &token, table).await?;
        call.create(table, kind, descriptor.map(|descriptor| descriptor.encode_to_vec().into())).await;
        match call.next().await? {
            Some(Answer::CreateStreamResponse(response)) => assert!(!response.stream_id().is_empty()),
            other => panic!("not a stream id: {other:?}"),
        }
        Ok(call)
    }

    pub(crate) async fn create(&mut self, table: &str, kind: RecordType, descriptor_proto: Option<Bytes>) {
        self.send(Payload::CreateStream(CreateIngestStreamRequest {
            table_name: Some(table.to_owned()),
            descriptor_proto,
            record_type: Some(kind.into()),
            avro_schema_json: None,
        }))
        .await;
    }

    pub(crate) async fn send(&mut self, payload: Payload) {
        // A stream that the server has ended takes nothing: the test reads why.
        let _ = self.requests.send(EphemeralStreamRequest { payload: Some(payload) }).await;
    }

    pub(crate) async fn send_empty(&mut self) {
        let _ = self.requests.send(EphemeralStreamRequest { payload: None }).await;
    }

    pub(crate) async fn send_proto(&mut self, offset: i64, record: Bytes) {
        let record = Some(Record::ProtoEncodedRecord(record));
        self.send(Payload::IngestRecord(IngestRecordRequest { offset_id: Some(offset), record })).await;
    }

    pub(crate) async fn send_protos(&mut self, offset: i64, records: Vec<Bytes>) {
        let batch = Some(Batch::ProtoEncodedBatch(ProtoEncodedBatch { records }));
        self.send(Payload::IngestRecordBatch(IngestRecordBatchRequest { offset_id: Some(offset), batch })).await;
    }

    pub(crate) async fn send_json(&mut self, offset: i64, record: &Value) {
        let record = Some(Record::JsonRecord(record.to_string()));
        self.send(Payload::IngestRecord(IngestRecordRequest { offset_id: Some(offset), record })).await;
    }

    /// Whether the request could be sent: the server takes no more from a client that does not read.
    pub(crate) async fn offer_json(&mut self, offset: i64, record: &Value) -> bool {
        let record = Some(Record::JsonRecord(record.to_string()));
        let payload = Some(Payload::IngestRecord(IngestRecordRequest { offset_id: Some(offset), record }));
        let sent = self.requests.send(EphemeralStreamRequest { payload });
        tokio::time::timeout(std::time::Duration::from_secs(1), sent).await.is_ok_and(|sent| sent.is_ok())
    }

    pub(crate) async fn send_jsons(&mut self, offset: i64, records: &[Value]) {
        let batch = Some(Batch::JsonBatch(JsonBatch { records: records.iter().map(Value::to_string).collect() }));
        self.send(Payload::IngestRecordBatch(IngestRecordBatchRequest { offset_id: Some(offset), batch })).await;
    }

    /// The next answer; none at the end of a stream that ended well.
    pub(crate) async fn next(&mut self) -> Result<Option<Answer>, Status> {
        Ok(self.responses.message().await?.map(|response| response.payload.unwrap()))
    }

    /// Reads acks up to this offset.
    pub(crate) async fn acked(&mut self, offset: i64) {
        loop {
            match self.next().await.unwrap() {
                Some(Answer::IngestRecordResponse(ack)) if ack.durability_ack_up_to_offset() == offset => return,
                Some(Answer::IngestRecordResponse(ack)) => assert!(ack.durability_ack_up_to_offset() < offset),
                other => panic!("not an ack: {other:?}"),
            }
        }
    }

    /// Ends the requests.
    pub(crate) fn half_close(&mut self) {
        self.requests = mpsc::channel(1).0;
    }

    /// Half-closes, and reads to the end: the last offset that was acked.
    pub(crate) async fn finish(mut self) -> Result<Option<i64>, Status> {
        self.half_close();
        let mut last = None;
        while let Some(answer) = self.next().await? {
            match answer {
                Answer::IngestRecordResponse(ack) => last = Some(ack.durability_ack_up_to_offset()),
                other => panic!("not an ack: {other:?}"),
            }
        }
        Ok(last)
    }

    /// Reads to the refusal that ends the stream.
    pub(crate) async fn refusal(mut self) -> Status {
        refusal(&mut self.responses).await
    }
}

/// Reads the answers of any kind of stream to the refusal that ends it.
async fn refusal<T>(responses: &mut Streaming<T>) -> Status {
    loop {
        match responses.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the stream ended well"),
            Err(status) => return status,
        }
    }
}
