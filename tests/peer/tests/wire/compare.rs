//! Compares two recordings after a small normalisation; each difference has a name.
//!
//! Normalised are the port in `host`, the length of a body, and the order of JSON keys and headers. Properties of a
//! descriptor beyond names and types of fields (the package in type names, `proto3_optional`, `json_name`) are separate
//! differences.

#[path = "../../../../zerobus-codegen/tests/judged/mod.rs"]
mod judged;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use bytes::Bytes;
use judged::Judged;
use prost::Message;
use prost_types::{DescriptorProto, FieldDescriptorProto};
use serde_json::Value;
use zerobus_peer::recorder::{Call, Recording, Script, TokenRequest};
use zerobus_runtime::wire::ephemeral_stream_request::Payload;
use zerobus_runtime::wire::ingest_record_batch_request::Batch;
use zerobus_runtime::wire::ingest_record_request::Record;
use zerobus_runtime::wire::{CreateIngestStreamRequest, EphemeralStreamRequest};

/// The differences by name, with the values of both sides.
pub(crate) fn differences(script: Script, ours: &Recording, theirs: &Recording) -> BTreeMap<String, String> {
    let mut compare = Compare { script, differences: BTreeMap::new() };
    compare.equal("number of tokens", &ours.tokens.len(), &theirs.tokens.len());
    for (ours, theirs) in ours.tokens.iter().zip(&theirs.tokens) {
        compare.token(ours, theirs);
    }
    compare.equal("number of calls", &ours.calls.len(), &theirs.calls.len());
    for (ours, theirs) in ours.calls.iter().zip(&theirs.calls) {
        compare.call(ours, theirs);
    }
    // For a client that gave up earlier, the number of calls is the difference.
    if ours.calls.len() == theirs.calls.len() {
        compare.rows(ours, theirs);
    }
    compare.equal("HTTP/2 pings", &ours.pings, &theirs.pings);
    compare.differences
}

struct Compare {
    script: Script,
    differences: BTreeMap<String, String>,
}

impl Compare {
    fn equal<T: PartialEq + Debug + ?Sized>(&mut self, name: &str, ours: &T, theirs: &T) {
        if ours != theirs {
            self.differences.entry(name.to_owned()).or_insert(format!("ours {ours:?}, theirs {theirs:?}"));
        }
    }

    fn maps<T: PartialEq + Debug>(&mut self, what: &str, ours: &BTreeMap<String, T>, theirs: &BTreeMap<String, T>) {
        let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
        for name in names {
            self.equal(&format!("{what} {name}"), &ours.get(name), &theirs.get(name));
        }
    }

    fn token(&mut self, ours: &TokenRequest, theirs: &TokenRequest) {
        self.equal("token method", &ours.method, &theirs.method);
        self.equal("token path", &ours.path, &theirs.path);
        let headers = |request: &TokenRequest| {
            let mut headers = request.headers.clone();
            headers.retain(|name, _| name != "host" && name != "content-length");
            headers
        };
        self.maps("token header", &headers(ours), &headers(theirs));
        self.maps("token field", &ours.form, &theirs.form);
    }

    fn call(&mut self, ours: &Call, theirs: &Call) {
        self.equal("path", &ours.path, &theirs.path);
        self.maps("metadata", &ours.metadata, &theirs.metadata);
        self.equal("sends before the response's headers", &ours.sends_before_headers, &theirs.sends_before_headers);
        self.equal("end", &ours.end, &theirs.end);
        self.equal("opens the next call before the end", &ours.next_call_first, &theirs.next_call_first);
        let (ours, theirs) = (self.requests(&ours.messages), self.requests(&theirs.messages));
        // In the official client it is a race which call sends a row that comes with the signal.
        if self.script != Script::CloseSignal {
            self.equal("number of requests", &ours.len(), &theirs.len());
        }
        for pair in ours.into_iter().zip(theirs) {
            match pair {
                (Request::Create(ours), Request::Create(theirs)) => self.create(&ours, &theirs),
                (Request::Ingest(ours), Request::Ingest(theirs)) => self.ingest(&ours, &theirs),
                (ours, theirs) => self.equal("order of requests", &ours.kind(), &theirs.kind()),
            }
        }
    }

    fn create(&mut self, ours: &CreateIngestStreamRequest, theirs: &CreateIngestStreamRequest) {
        let rest =
            |create: &CreateIngestStreamRequest| CreateIngestStreamRequest { descriptor_proto: None, ..create.clone() };
        self.equal("create_stream", &rest(ours), &rest(theirs));
        if ours.descriptor_proto == theirs.descriptor_proto {
            return;
        }
        let read = |create: &CreateIngestStreamRequest| {
            create.descriptor_proto.as_ref().map(|bytes| DescriptorProto::decode(bytes.clone()).unwrap())
        };
        match (read(ours), read(theirs)) {
            (Some(ours), Some(theirs)) => self.descriptor(&ours, &theirs),
            (ours, theirs) => self.equal("create_stream", &ours, &theirs),
        }
    }

    /// protoc's descriptor of our `.proto` has a package in its type names and no `proto3_optional`; Python omits
    /// `json_name`.
    fn descriptor(&mut self, ours: &DescriptorProto, theirs: &DescriptorProto) {
        let name = theirs.field.iter().find_map(|field| field.type_name.clone()).unwrap_or_default();
        let package = name.split(&format!(".{}.", theirs.name())).next().unwrap_or_default();
        self.equal("descriptor package", "", package);
        let optional = |field: &FieldDescriptorProto| field.proto3_optional.map(|is_optional| is_optional.to_string());
        self.equal("descriptor proto3_optional", &of_fields(ours, &optional), &of_fields(theirs, &optional));
        let json_name = |field: &FieldDescriptorProto| field.json_name.clone();
        self.equal("descriptor json_name", &of_fields(ours, &json_name), &of_fields(theirs, &json_name));
        let judged = Judged::compare(&without_json_names(ours), &without_json_names(theirs), package);
        let differences: Vec<_> = judged.differences().iter().chain(judged.entries()).collect();
        self.equal("descriptor", &Vec::<&String>::new(), &differences);
    }

    fn ingest(&mut self, ours: &Ingest, theirs: &Ingest) {
        self.equal("offset_id", &ours.offset, &theirs.offset);
        self.equal("a single row's request", &ours.payload, &theirs.payload);
        if self.script != Script::CloseSignal {
            self.equal("records", &ours.records, &theirs.records);
        }
    }

    /// Compares the rows of all calls, in order; a row that is sent again after a late acknowledgement counts once.
    fn rows(&mut self, ours: &Recording, theirs: &Recording) {
        let mut rows = |recording: &Recording| {
            let requests = recording.calls.iter().flat_map(|call| self.requests(&call.messages)).collect::<Vec<_>>();
            let records = requests.into_iter().filter_map(|request| match request {
                Request::Create(_) => None,
                Request::Ingest(ingest) => Some(ingest.records),
            });
            records.flatten().fold(Vec::new(), |mut rows, row| {
                if !rows.contains(&row) {
                    rows.push(row);
                }
                rows
            })
        };
        let (ours, theirs) = (rows(ours), rows(theirs));
        self.equal("records", &ours, &theirs);
    }

    /// Reads messages. If prost encodes one differently, it has unknown content.
    fn requests(&mut self, messages: &[Bytes]) -> Vec<Request> {
        let mut requests = Vec::new();
        for message in messages {
            let request = EphemeralStreamRequest::decode(message.clone()).unwrap();
            self.equal("bytes of a request", &request.encode_to_vec(), &message.to_vec());
            requests.push(Request::from(request));
        }
        requests
    }
}

/// A property of every field, including those of nested messages.
fn of_fields(message: &DescriptorProto, of: &dyn Fn(&FieldDescriptorProto) -> Option<String>) -> Vec<Option<String>> {
    message.field.iter().map(of).chain(message.nested_type.iter().flat_map(|nested| of_fields(nested, of))).collect()
}

fn without_json_names(message: &DescriptorProto) -> DescriptorProto {
    let field = message.field.iter().map(|field| FieldDescriptorProto { json_name: None, ..field.clone() });
    DescriptorProto {
        field: field.collect(),
        nested_type: message.nested_type.iter().map(without_json_names).collect(),
        ..message.clone()
    }
}

#[derive(Debug)]
enum Request {
    Create(CreateIngestStreamRequest),
    Ingest(Ingest),
}

/// The rows of a request of any kind.
#[derive(Debug)]
struct Ingest {
    offset: Option<i64>,
    payload: &'static str,
    records: Vec<Content>,
}

#[derive(Debug, PartialEq)]
enum Content {
    Json(Value),
    Proto(Bytes),
}

impl Request {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Create(_) => "create_stream",
            Self::Ingest(_) => "rows",
        }
    }
}

impl From<EphemeralStreamRequest> for Request {
    fn from(request: EphemeralStreamRequest) -> Self {
        let json = |text: &String| Content::Json(serde_json::from_str(text).unwrap());
        let (offset, payload, records) = match request.payload.unwrap() {
            Payload::CreateStream(create) => return Self::Create(create),
            Payload::IngestRecord(request) => {
                let record = match request.record.unwrap() {
                    Record::JsonRecord(text) => json(&text),
                    Record::ProtoEncodedRecord(bytes) => Content::Proto(bytes),
                    Record::AvroEncodedRecord(_) => panic!("nobody sends AVRO here"),
                };
                (request.offset_id, "ingest_record", vec![record])
            }
            Payload::IngestRecordBatch(request) => {
                let records = match request.batch.unwrap() {
                    Batch::JsonBatch(batch) => batch.records.iter().map(json).collect(),
                    Batch::ProtoEncodedBatch(batch) => batch.records.into_iter().map(Content::Proto).collect(),
                    Batch::AvroBatch(_) => panic!("nobody sends AVRO here"),
                };
                (request.offset_id, "ingest_record_batch", records)
            }
        };
        Self::Ingest(Ingest { offset, payload, records })
    }
}
