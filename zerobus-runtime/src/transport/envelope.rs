//! The bytes before a batch on the wire: gRPC's frame header, and the envelope up to the records.
//!
//! ```text
//! 00 LLLLLLLL                   gRPC: not compressed, length of the message
//!   1a len  or  22 len          EphemeralStreamRequest. or PersistentStreamRequest.ingest_record_batch
//!     08 varint                 IngestRecordBatchRequest.offset_id
//!     12 len  or  1a len        IngestRecordBatchRequest.proto_encoded_batch or .json_batch
//!       0a len record ...       the batch as it was written
//! ```

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;
use prost::encoding::{encode_varint, encoded_len_varint};

use crate::core::Begin;
use crate::record_kind::RecordKind;
use crate::wire::resume_ingest_stream_request::Identifier;
use crate::wire::{CreateIngestStreamRequest, RecordType, ResumeIngestStreamRequest};

const GRPC_FRAME: usize = 5;
const CREATE_STREAM_KEY: u8 = 0x0a;
const RESUME_STREAM_KEY: u8 = 0x12;
const INGEST_RECORD_BATCH_KEY: u8 = 0x1a;
const PERSISTENT_BATCH_KEY: u8 = 0x22;
const OFFSET_ID_KEY: u8 = 0x08;
const PROTO_BATCH_KEY: u8 = 0x12;
const JSON_BATCH_KEY: u8 = 0x1a;
const LONGEST_PREFIX: usize = GRPC_FRAME + 1 + 10 + 1 + 10 + 1 + 10;

/// The service's call that carries a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rpc {
    Ephemeral,
    Persistent,
}

impl Rpc {
    pub(super) const fn of(begin: &Begin) -> Self {
        match begin {
            Begin::Ephemeral => Self::Ephemeral,
            Begin::Create | Begin::Resume(_) => Self::Persistent,
        }
    }
}

/// The bytes before a batch of this length.
pub(super) fn batch_prefix(rpc: Rpc, kind: RecordKind, wire_offset: i64, body: usize) -> Bytes {
    let body = body as u64;
    let offset = wire_offset.cast_unsigned();
    let batch = 2 + encoded_len_varint(offset) + encoded_len_varint(body);
    let inner = batch as u64 + body;
    let message = 1 + encoded_len_varint(inner) as u64 + inner;
    let mut prefix = BytesMut::with_capacity(LONGEST_PREFIX);
    put_frame(&mut prefix, message);
    prefix.put_u8(match rpc {
        Rpc::Ephemeral => INGEST_RECORD_BATCH_KEY,
        Rpc::Persistent => PERSISTENT_BATCH_KEY,
    });
    encode_varint(inner, &mut prefix);
    prefix.put_u8(OFFSET_ID_KEY);
    encode_varint(offset, &mut prefix);
    prefix.put_u8(match kind {
        RecordKind::Json => JSON_BATCH_KEY,
        RecordKind::Proto => PROTO_BATCH_KEY,
    });
    encode_varint(body, &mut prefix);
    prefix.freeze()
}

/// The request that creates a stream, without the envelope.
pub(crate) fn create_request(kind: RecordKind, table: &str, descriptor: Option<Bytes>) -> Bytes {
    let record_type = match kind {
        RecordKind::Json => RecordType::Json,
        RecordKind::Proto => RecordType::Proto,
    };
    let create = CreateIngestStreamRequest {
        table_name: Some(table.to_owned()),
        descriptor_proto: descriptor,
        record_type: Some(record_type.into()),
        avro_schema_json: None,
    };
    create.encode_to_vec().into()
}

/// The whole first message of a call, which creates or resumes the stream.
pub(crate) fn first_message(request: &[u8], begin: &Begin) -> Bytes {
    let message = match begin {
        Begin::Ephemeral => field(CREATE_STREAM_KEY, request),
        Begin::Create => field(CREATE_STREAM_KEY, &field(CREATE_STREAM_KEY, request)),
        Begin::Resume(stream_id) => {
            let CreateIngestStreamRequest { descriptor_proto, record_type, .. } =
                Message::decode(request).unwrap_or_default();
            let identifier = Some(Identifier::StreamId(stream_id.to_string()));
            let resume = ResumeIngestStreamRequest { descriptor_proto, record_type, identifier };
            field(RESUME_STREAM_KEY, &resume.encode_to_vec())
        }
    };
    let mut framed = BytesMut::with_capacity(GRPC_FRAME + message.len());
    put_frame(&mut framed, message.len() as u64);
    framed.put_slice(&message);
    framed.freeze()
}

/// A message with a single field, which holds a message.
fn field(key: u8, content: &[u8]) -> BytesMut {
    let mut message = BytesMut::with_capacity(content.len() + LONGEST_PREFIX);
    message.put_u8(key);
    encode_varint(content.len() as u64, &mut message);
    message.put_slice(content);
    message
}

fn put_frame(out: &mut BytesMut, message: u64) {
    out.put_u8(0);
    // A request is bounded far below 4 GiB when the stream is set up.
    out.put_u32(u32::try_from(message).unwrap_or(u32::MAX));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ephemeral_stream_request::Payload;
    use crate::wire::ingest_record_batch_request::Batch;
    use crate::wire::{
        CreatePersistentStreamRequest, EphemeralStreamRequest, IngestRecordBatchRequest, JsonBatch,
        PersistentStreamRequest, ProtoEncodedBatch, persistent_stream_request,
    };

    #[test]
    fn prefix_and_body_are_the_message_that_prost_writes() {
        for (offset, sizes) in [(0, vec![0]), (127, vec![1, 200]), (128, vec![70_000]), (i64::MAX, vec![])] {
            for (kind, rpc) in [
                (RecordKind::Json, Rpc::Ephemeral),
                (RecordKind::Proto, Rpc::Ephemeral),
                (RecordKind::Json, Rpc::Persistent),
            ] {
                let records: Vec<String> = sizes.iter().map(|len| "x".repeat(*len)).collect();
                let batch = match kind {
                    RecordKind::Json => Batch::JsonBatch(JsonBatch { records: records.clone() }),
                    RecordKind::Proto => Batch::ProtoEncodedBatch(ProtoEncodedBatch {
                        records: records.iter().cloned().map(Bytes::from).collect(),
                    }),
                };
                let body = JsonBatch { records }.encode_to_vec();
                let request = IngestRecordBatchRequest { offset_id: Some(offset), batch: Some(batch) };
                let message = match rpc {
                    Rpc::Ephemeral => {
                        EphemeralStreamRequest { payload: Some(Payload::IngestRecordBatch(request)) }.encode_to_vec()
                    }
                    Rpc::Persistent => {
                        let payload = Some(persistent_stream_request::Payload::IngestRecordBatch(request));
                        PersistentStreamRequest { payload }.encode_to_vec()
                    }
                };
                let mut written = batch_prefix(rpc, kind, offset, body.len()).to_vec();
                written.extend(&body);
                assert_eq!(written[..5], [&[0][..], &u32::try_from(message.len()).unwrap().to_be_bytes()].concat());
                assert_eq!(written[5..], message);
            }
        }
    }

    #[test]
    fn a_call_begins_with_the_message_that_prost_writes() {
        let create = CreateIngestStreamRequest {
            table_name: Some("main.test.rows".to_owned()),
            descriptor_proto: Some(Bytes::from_static(b"a descriptor")),
            record_type: Some(RecordType::Proto.into()),
            avro_schema_json: None,
        };
        let request = create.encode_to_vec();
        let persistent = |payload| PersistentStreamRequest { payload: Some(payload) }.encode_to_vec();
        let resume = ResumeIngestStreamRequest {
            identifier: Some(Identifier::StreamId("a stream".to_owned())),
            descriptor_proto: create.descriptor_proto.clone(),
            record_type: create.record_type,
        };
        let created = CreatePersistentStreamRequest { create_stream: Some(create.clone()) };
        for (begin, message) in [
            (Begin::Ephemeral, EphemeralStreamRequest { payload: Some(Payload::CreateStream(create)) }.encode_to_vec()),
            (Begin::Create, persistent(persistent_stream_request::Payload::CreateStream(created))),
            (Begin::Resume("a stream".into()), persistent(persistent_stream_request::Payload::ResumeStream(resume))),
        ] {
            let written = first_message(&request, &begin);
            assert_eq!(written[..5], [&[0][..], &u32::try_from(message.len()).unwrap().to_be_bytes()].concat());
            assert_eq!(written[5..], message);
        }
    }
}
