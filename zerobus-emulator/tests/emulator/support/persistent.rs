//! A raw client of persistent streams.

use serde_json::Value;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status, Streaming};
use tonic_prost::ProstCodec;
use zerobus_runtime::wire::persistent_stream_request::Payload;
pub(crate) use zerobus_runtime::wire::persistent_stream_response::Payload as Answer;
use zerobus_runtime::wire::{
    CreateIngestStreamRequest, CreatePersistentStreamRequest, IngestRecordRequest, PERSISTENT_STREAM,
    PersistentStreamRequest, PersistentStreamResponse, RETIRE_STREAM, RecordType, ResumeIngestStreamRequest,
    RetireStreamRequest, RetireStreamResponse, TABLE_NAME_HEADER, ingest_record_request, resume_ingest_stream_request,
    retire_stream_request,
};

use super::{Credentials, token};

/// One connection of a persistent stream of JSON records.
pub(crate) struct Persistent {
    requests: mpsc::Sender<PersistentStreamRequest>,
    responses: Streaming<PersistentStreamResponse>,
}

impl Persistent {
    /// Creates a stream; returns its id.
    pub(crate) async fn create(emulator: impl Into<Credentials>, table: &str) -> Result<(Self, String), Status> {
        let mut call = Self::start(&emulator.into(), table).await?;
        let create = CreateIngestStreamRequest {
            table_name: Some(table.to_owned()),
            record_type: Some(RecordType::Json.into()),
            ..Default::default()
        };
        call.send(Payload::CreateStream(CreatePersistentStreamRequest { create_stream: Some(create) })).await;
        match call.next().await? {
            Some(Answer::CreateStreamResponse(response)) => Ok((call, response.stream_id.unwrap())),
            other => panic!("not a stream id: {other:?}"),
        }
    }

    /// Resumes a stream; returns the last committed offset.
    pub(crate) async fn resume(
        emulator: impl Into<Credentials>,
        table: &str,
        id: &str,
    ) -> Result<(Self, Option<i64>), Status> {
        let mut call = Self::start(&emulator.into(), table).await?;
        call.send(Payload::ResumeStream(ResumeIngestStreamRequest {
            identifier: Some(resume_ingest_stream_request::Identifier::StreamId(id.to_owned())),
            descriptor_proto: None,
            record_type: Some(RecordType::Json.into()),
        }))
        .await;
        match call.next().await? {
            Some(Answer::ResumeStreamResponse(response)) => Ok((call, response.last_committed_offset)),
            other => panic!("not a resumed stream: {other:?}"),
        }
    }

    async fn start(credentials: &Credentials, table: &str) -> Result<Self, Status> {
        let mut grpc = Grpc::new(channel(&credentials.url).await);
        grpc.ready().await.unwrap();
        let (requests, receiver) = mpsc::channel(16);
        let token = token(credentials, Some(table)).await;
        let request = with_metadata(ReceiverStream::new(receiver), &token, table);
        let codec: ProstCodec<PersistentStreamRequest, PersistentStreamResponse> = ProstCodec::default();
        let response = grpc.streaming(request, PERSISTENT_STREAM.parse().unwrap(), codec).await?;
        Ok(Self { requests, responses: response.into_inner() })
    }

    pub(crate) async fn send(&mut self, payload: Payload) {
        // A stream that the server has ended takes nothing: the test reads why.
        let _ = self.requests.send(PersistentStreamRequest { payload: Some(payload) }).await;
    }

    pub(crate) async fn send_json(&mut self, offset: i64, record: &Value) {
        let record = Some(ingest_record_request::Record::JsonRecord(record.to_string()));
        self.send(Payload::IngestRecord(IngestRecordRequest { offset_id: Some(offset), record })).await;
    }

    /// The next answer; none at the end of a stream that ended well.
    pub(crate) async fn next(&mut self) -> Result<Option<Answer>, Status> {
        Ok(self.responses.message().await?.map(|response| response.payload.unwrap()))
    }

    /// Reads acks up to this offset.
    pub(crate) async fn acked(&mut self, offset: i64) -> Result<(), Status> {
        loop {
            match self.next().await? {
                Some(Answer::IngestRecordResponse(ack)) if ack.durability_ack_up_to_offset() == offset => return Ok(()),
                Some(Answer::IngestRecordResponse(ack)) => assert!(ack.durability_ack_up_to_offset() < offset),
                other => panic!("not an ack: {other:?}"),
            }
        }
    }

    /// Half-closes, and reads to the end: the last offset that was acked.
    pub(crate) async fn finish(mut self) -> Result<Option<i64>, Status> {
        self.requests = mpsc::channel(1).0;
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
        super::refusal(&mut self.responses).await
    }
}

/// Retires a stream.
pub(crate) async fn retire(emulator: impl Into<Credentials>, table: &str, id: &str) -> Result<(), Status> {
    let credentials = emulator.into();
    let token = token(&credentials, Some(table)).await;
    retire_with(&credentials.url, &token, table, id).await
}

/// Retires a stream with this token.
pub(crate) async fn retire_with(url: &str, token: &str, table: &str, id: &str) -> Result<(), Status> {
    let mut grpc = Grpc::new(channel(url).await);
    grpc.ready().await.unwrap();
    let retire = RetireStreamRequest {
        table_name: Some(table.to_owned()),
        identifier: Some(retire_stream_request::Identifier::StreamId(id.to_owned())),
    };
    let codec: ProstCodec<RetireStreamRequest, RetireStreamResponse> = ProstCodec::default();
    grpc.unary(with_metadata(retire, token, table), RETIRE_STREAM.parse().unwrap(), codec).await.map(drop)
}

async fn channel(url: &str) -> Channel {
    Endpoint::from_shared(url.to_owned()).unwrap().connect().await.unwrap()
}

fn with_metadata<T>(message: T, token: &str, table: &str) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request.metadata_mut().insert(TABLE_NAME_HEADER, table.parse().unwrap());
    request
}
