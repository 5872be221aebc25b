//! One EphemeralStream call without any checks, so that probes can break every rule.

use bytes::Bytes;
use prost::Message as _;
use prost_types::DescriptorProto;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::client::Grpc;
use tonic::{Request, Status, Streaming};
use tonic_prost::ProstCodec;
use zerobus_runtime::wire::ephemeral_stream_request::Payload;
use zerobus_runtime::wire::ephemeral_stream_response::Payload as Answer;
use zerobus_runtime::wire::ingest_record_batch_request::Batch;
use zerobus_runtime::wire::ingest_record_request::Record;
use zerobus_runtime::wire::{
    CreateIngestStreamRequest, EPHEMERAL_STREAM, EphemeralStreamRequest, EphemeralStreamResponse,
    IngestRecordBatchRequest, IngestRecordRequest, JsonBatch, ProtoEncodedBatch, RecordType, TABLE_NAME_HEADER,
};

use super::{Outcome, Target};

type Codec = ProstCodec<EphemeralStreamRequest, EphemeralStreamResponse>;

/// An open call.
pub(super) struct Call {
    requests: mpsc::Sender<EphemeralStreamRequest>,
    responses: Streaming<EphemeralStreamResponse>,
}

/// The metadata of a call.
pub(super) struct Metadata<'a> {
    pub(super) token: Option<&'a str>,
    pub(super) table: Option<&'a str>,
}

impl Call {
    /// Begins a call with this metadata.
    pub(super) async fn with(target: &Target, metadata: Metadata<'_>) -> Result<Self, Outcome> {
        let mut grpc = Grpc::new(target.channel().await.map_err(Outcome::Failed)?).max_encoding_message_size(64 << 20);
        grpc.ready().await.map_err(|error| Outcome::Failed(error.to_string()))?;
        let (requests, receiver) = mpsc::channel(64);
        let mut request = Request::new(ReceiverStream::new(receiver));
        let bearer = metadata.token.map(|token| format!("Bearer {token}"));
        for (name, value) in [("authorization", bearer.as_deref()), (TABLE_NAME_HEADER, metadata.table)] {
            if let Some(value) = value {
                let value = value.parse().map_err(|_| Outcome::Failed(format!("{name} is no header's value")))?;
                request.metadata_mut().insert(name, value);
            }
        }
        let path = http::uri::PathAndQuery::from_static(EPHEMERAL_STREAM);
        let response = grpc.streaming(request, path, Codec::default()).await;
        let responses = response.map_err(|status| Outcome::refused(&status))?.into_inner();
        Ok(Self { requests, responses })
    }

    /// Begins a call with a table's token.
    pub(super) async fn start(target: &Target, table: &str) -> Result<Self, Outcome> {
        let token = target.table_token(table).await?;
        Self::with(target, Metadata { token: Some(&token), table: Some(table) }).await
    }

    /// An open stream of JSON rows.
    pub(super) async fn json(target: &Target) -> Result<Self, Outcome> {
        let table = target.rows();
        let mut call = Self::start(target, &table).await?;
        call.send(create(&table, Some(RecordType::Json), None)).await;
        call.opened().await?;
        Ok(call)
    }

    /// An open stream of PROTO rows by this descriptor.
    pub(super) async fn proto(target: &Target, descriptor: &DescriptorProto) -> Result<Self, Outcome> {
        let table = target.rows();
        let mut call = Self::start(target, &table).await?;
        let bytes = descriptor.encode_to_vec().into();
        call.send(create(&table, Some(RecordType::Proto), Some(bytes))).await;
        call.opened().await?;
        Ok(call)
    }

    /// Opens a stream of JSON rows, sends these requests and half-closes; `Taken` if the last offset is acked.
    pub(super) async fn json_with(target: &Target, requests: Vec<Option<Payload>>, last: i64) -> Outcome {
        match Self::json(target).await {
            Ok(mut call) => {
                for payload in requests {
                    call.send(payload).await;
                }
                call.finish(last).await
            }
            Err(outcome) => outcome,
        }
    }

    pub(super) async fn send(&mut self, payload: impl Into<Option<Payload>>) {
        // If the server has ended the stream, the probe reads the reason.
        let _ = self.requests.send(EphemeralStreamRequest { payload: payload.into() }).await;
    }

    /// The next response; `None` at the end of a stream that ended with OK.
    pub(super) async fn next(&mut self) -> Result<Option<Answer>, Outcome> {
        let answer = self.responses.message().await.map_err(|status: Status| Outcome::refused(&status))?;
        Ok(answer.and_then(|answer| answer.payload))
    }

    /// Reads the response that opens the stream.
    pub(super) async fn opened(&mut self) -> Result<String, Outcome> {
        match self.next().await? {
            Some(Answer::CreateStreamResponse(created)) => Ok(created.stream_id().to_owned()),
            other => Err(Outcome::Failed(format!("the first answer is {other:?}"))),
        }
    }

    /// Half-closes and reads to the end; `Taken` if every request up to this offset was acked.
    pub(super) async fn finish(mut self, last: i64) -> Outcome {
        self.requests = mpsc::channel(1).0;
        let mut acked = -1;
        loop {
            match self.next().await {
                Ok(Some(Answer::IngestRecordResponse(ack))) => acked = ack.durability_ack_up_to_offset(),
                Ok(Some(_)) => {}
                Ok(None) if acked == last => return Outcome::Taken,
                Ok(None) => return Outcome::Failed(format!("ended well, with offset {acked} acknowledged of {last}")),
                Err(outcome) => return outcome,
            }
        }
    }
}

/// The request that creates a stream.
pub(super) fn create(table: &str, kind: Option<RecordType>, descriptor: Option<Bytes>) -> Payload {
    Payload::CreateStream(CreateIngestStreamRequest {
        table_name: Some(table.to_owned()),
        descriptor_proto: descriptor,
        record_type: kind.map(Into::into),
        avro_schema_json: None,
    })
}

/// A request of one JSON row.
pub(super) fn json_row(offset: Option<i64>, row: &impl ToString) -> Payload {
    let record = Some(Record::JsonRecord(row.to_string()));
    Payload::IngestRecord(IngestRecordRequest { offset_id: offset, record })
}

/// A request of JSON rows.
pub(super) fn json_rows(offset: i64, records: Vec<String>) -> Payload {
    let batch = Some(Batch::JsonBatch(JsonBatch { records }));
    Payload::IngestRecordBatch(IngestRecordBatchRequest { offset_id: Some(offset), batch })
}

/// A request of one PROTO row.
pub(super) fn proto_row(offset: i64, record: Bytes) -> Payload {
    let batch = Some(Batch::ProtoEncodedBatch(ProtoEncodedBatch { records: vec![record] }));
    Payload::IngestRecordBatch(IngestRecordBatchRequest { offset_id: Some(offset), batch })
}

/// Calls any method with an empty message.
pub(super) async fn other_method(target: &Target, method: &'static str) -> Outcome {
    let channel = match target.channel().await {
        Ok(channel) => channel,
        Err(error) => return Outcome::Failed(error),
    };
    let mut grpc = Grpc::new(channel);
    if let Err(error) = grpc.ready().await {
        return Outcome::Failed(error.to_string());
    }
    let request = Request::new(EphemeralStreamRequest { payload: None });
    match grpc.unary(request, http::uri::PathAndQuery::from_static(method), Codec::default()).await {
        Ok(_) => Outcome::Taken,
        Err(status) => Outcome::refused(&status),
    }
}
