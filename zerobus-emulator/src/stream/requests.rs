//! The requests of a stream, of all kinds of calls.

use tonic::{Status, Streaming};
use zerobus_runtime::wire::{
    CreateIngestStreamRequest, EphemeralStreamRequest, IngestRecordBatchRequest, IngestRecordRequest,
    PersistentStreamRequest, ResumeIngestStreamRequest, ephemeral_stream_request, persistent_stream_request,
};

/// The requests of a call.
pub(super) enum Requests {
    Ephemeral(Streaming<EphemeralStreamRequest>),
    Persistent(Streaming<PersistentStreamRequest>),
}

/// One request.
#[derive(Debug)]
pub(super) enum Request {
    Batch(IngestRecordBatchRequest),
    Create(CreateIngestStreamRequest),
    CreatePersistent(CreateIngestStreamRequest),
    /// A request without a payload, or with an unknown one.
    Empty,
    Record(IngestRecordRequest),
    Resume(ResumeIngestStreamRequest),
}

impl Requests {
    /// The next request; `None` once the client has half-closed.
    pub(super) async fn message(&mut self) -> Result<Option<Request>, Status> {
        Ok(match self {
            Self::Ephemeral(requests) => requests.message().await?.map(Request::from),
            Self::Persistent(requests) => requests.message().await?.map(Request::from),
        })
    }
}

impl From<EphemeralStreamRequest> for Request {
    fn from(request: EphemeralStreamRequest) -> Self {
        use ephemeral_stream_request::Payload;
        match request.payload {
            Some(Payload::CreateStream(create)) => Self::Create(create),
            Some(Payload::IngestRecord(record)) => Self::Record(record),
            Some(Payload::IngestRecordBatch(batch)) => Self::Batch(batch),
            None => Self::Empty,
        }
    }
}

impl From<PersistentStreamRequest> for Request {
    fn from(request: PersistentStreamRequest) -> Self {
        use persistent_stream_request::Payload;
        match request.payload {
            Some(Payload::CreateStream(create)) => Self::CreatePersistent(create.create_stream.unwrap_or_default()),
            Some(Payload::ResumeStream(resume)) => Self::Resume(resume),
            Some(Payload::IngestRecord(record)) => Self::Record(record),
            Some(Payload::IngestRecordBatch(batch)) => Self::Batch(batch),
            None => Self::Empty,
        }
    }
}
